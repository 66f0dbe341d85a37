"""What goes into the networks and comes out: pictures, words, state and actions."""
