"""Optimisers' steps as compiled for each float type."""

import numpy as np

from .. import optimisers
from .cpu import family


def norm(x):
    """Return the Euclidean norm of a flat array, inf or NaN if it holds such or its square is too large."""
    sums = np.empty(optimisers.CHAINS)
    return float(np.sqrt(family(x.dtype, 1)(optimisers.sum_of_squares)(x, sums)))


def step(kernel, theta, theta_bar, means, numbers):
    """Take a step in place; arrays are flat, contiguous, of one float type, `numbers` as `optimisers` places them."""
    first, second = means if len(means) == 2 else (means[0], means[0][:0])
    numbers = np.array(numbers, theta.dtype)
    family(theta.dtype, 1)(kernel)(theta, theta_bar, first, second, numbers)
