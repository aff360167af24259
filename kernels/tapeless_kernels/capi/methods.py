"""Methods and controllers by number, and their coefficients as constants that compiled code carries along."""

from typing import NamedTuple

import numpy as np

from ..controllers.step_size import H312, PI, I, control_numbers
from ..tableaus.butcher import arrays
from ..tableaus.explicit import EXPLICIT

# The numbers are part of the ABI: new ones come last.
METHODS = (
    "tsit5", "euler", "midpoint", "heun21", "ralston2", "ralston3", "bosh3", "rk4", "rk4_38", "rkf45",
    "cash_karp", "dopri5", "vern6", "vern7", "dop853",
)  # fmt: skip
CONTROLLERS = (PI, I, H312)
# Rows of Constants.facts: those of a Method, then where its arrays a, a_transposed, c, error, pair and coupling begin.
STAGES, FSAL, N_ERRORS, ADAPTIVE, FIRST_ARRAY = range(5)
N_ARRAYS, N_NUMBERS = 6, 11


class Constants(NamedTuple):
    """What METHODS and CONTROLLERS are in one dtype."""

    facts: np.ndarray  # (methods, FIRST_ARRAY + N_ARRAYS) int64
    coefficients: np.ndarray  # all arrays of all methods, one behind the other
    numbers: np.ndarray  # (methods, controllers, N_NUMBERS)


def constants(dtype):
    """Return the Constants of a dtype."""
    by_name = {tableau.name: tableau for tableau in EXPLICIT}
    facts, coefficients, numbers, begin = [], [], [], 0
    for name in METHODS:
        tableau = by_name[name]
        places = []
        for array in arrays(tableau, dtype):
            places.append(begin)
            coefficients.append(array.ravel())
            begin += array.size
        adaptive = tableau.error is not None
        facts.append([tableau.stages, tableau.fsal, tableau.n_errors, adaptive, *places])
        order = tableau.error_exponent_order or tableau.order
        numbers.append([control_numbers(c, order, dtype) for c in CONTROLLERS])
    return Constants(np.array(facts, np.int64), np.concatenate(coefficients), np.array(numbers))
