"""Where kernels run: families, threads, arrays in and out of tiles."""
