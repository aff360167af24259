"""Runge-Kutta methods as data, with the order conditions that they must meet."""
