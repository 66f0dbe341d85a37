"""What a bag or a dataset holds, and what is wrong with it."""
