"""The kernels as C functions, for programs that are not Python."""
