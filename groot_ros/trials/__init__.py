"""What trials of policies say: intervals, comparisons, how many are missing."""
