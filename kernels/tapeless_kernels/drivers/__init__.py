"""What drives a step besides time: Brownian motion."""
