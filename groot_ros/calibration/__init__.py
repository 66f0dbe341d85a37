"""How late a robot's streams are and how it follows its commands, estimated from bags."""
