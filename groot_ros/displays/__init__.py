"""What cameras send: a file for each message type, and how video becomes pictures."""
