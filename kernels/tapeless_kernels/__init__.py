"""Steps, loops, fields and their transposes, over tiles of trajectories."""
