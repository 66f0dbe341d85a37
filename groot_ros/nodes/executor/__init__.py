"""The executor node: chunks in, commands out."""
