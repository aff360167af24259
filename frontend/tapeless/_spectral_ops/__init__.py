"""What `tapeless.spectral` consists of: periodic fields, Chebyshev and Legendre series, and their inner products."""
