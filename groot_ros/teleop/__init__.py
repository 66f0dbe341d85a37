"""What keys, sticks and leaders ask an arm for; see the README."""
