"""What a GPU is asked once it is at hand: `scripts/gpu_check.sh`."""
