"""The kernels on GPUs: a trajectory for each thread by Numba, and blocks that cooperate, in CUDA C."""
