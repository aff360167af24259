"""One step of each kind of method, and its transpose."""
