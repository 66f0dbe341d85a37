"""Message formats of other people's protocols, for both ends."""
