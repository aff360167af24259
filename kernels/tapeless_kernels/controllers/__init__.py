"""Step-size control."""
