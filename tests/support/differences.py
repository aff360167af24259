"""Derivatives by central differences, to which gradients and tangents are held."""


def central_difference(f, h, order=2):
    """Return the derivative of f at 0, with an error of h**order: 2 or 4."""
    near = f(h) - f(-h)
    if order == 2:
        return near / (2 * h)
    return (8 * near - (f(2 * h) - f(-2 * h))) / (12 * h)
