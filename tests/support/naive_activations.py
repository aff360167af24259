"""The activations by their formulas, in the precision of their argument: not of more, nor where they cancel."""

import numpy as np


def normal(x):
    """Return the normal distribution by its series around 0, in the precision of x."""
    term = total = x
    for k in range(1, 200):
        term = term * x * x / (2 * k + 1)
        total = total + term
    return 0.5 + total * np.exp(-x * x / 2) / np.sqrt(
        2 * np.longdouble(np.pi) + np.longdouble(2.4492935982947064e-16)
    )


ACTIVATIONS = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0, x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sin": np.sin,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * normal(x),
}
