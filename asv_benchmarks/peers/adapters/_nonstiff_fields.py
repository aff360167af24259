"""The fields of W10 as loops that Numba compiles, the same for all that take compiled ones."""

import numba as nb
import numpy as np


@nb.njit
def lorenz(t, y, dy):
    dy[0] = 10.0 * (y[1] - y[0])
    dy[1] = y[0] * (28.0 - y[2]) - y[1]
    dy[2] = y[0] * y[1] - 8.0 / 3.0 * y[2]


@nb.njit
def pleiades(t, y, dy):
    for i in range(7):
        x_pull = 0.0
        y_pull = 0.0
        for j in range(7):
            if i != j:
                x_apart = y[j] - y[i]
                y_apart = y[7 + j] - y[7 + i]
                square = x_apart * x_apart + y_apart * y_apart
                pull = (j + 1.0) / (square * np.sqrt(square))
                x_pull += pull * x_apart
                y_pull += pull * y_apart
        dy[i] = y[14 + i]
        dy[7 + i] = y[21 + i]
        dy[14 + i] = x_pull
        dy[21 + i] = y_pull


IN_PLACE = {"lorenz": lorenz, "pleiades": pleiades}


def returning(name):
    """Return the compiled f(t, y) that returns a new array."""
    in_place = IN_PLACE[name]

    @nb.njit
    def f(t, y):
        dy = np.empty_like(y)
        in_place(t, y, dy)
        return dy

    return f
