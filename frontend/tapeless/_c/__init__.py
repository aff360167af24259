"""Kernels for programs in C: what they can call, the header that declares it, and a library that needs no Python."""
