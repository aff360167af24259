"""Values between the steps, and their transposes."""
