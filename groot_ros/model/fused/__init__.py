"""The action head's transformer in few kernels, for one observation on a GPU."""
