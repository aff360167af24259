"""The loop over steps, and its transpose."""
