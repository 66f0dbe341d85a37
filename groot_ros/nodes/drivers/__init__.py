"""Messages to and from the drivers of robots."""
