"""What is looked at before a solve from C begins: that nothing in its struct leads to a crash or to garbage."""

import numpy as np

from .._jit import inlined, kernel
from ..field_abi import array_at
from ..tile import Real
from . import members as m
from .codes import BAD_NUMBER, BAD_OPTION, BAD_POINTER, BAD_SIZE, UNSORTED, WRONG_STRUCT
from .methods import ADAPTIVE, CONTROLLERS, METHODS, constants

FACTS = constants(np.dtype(np.float64)).facts  # bound for each dtype
SIZES = (m.N, m.N_PARAMS, m.N_CACHE, m.N_TIMES, m.N_STEPS, m.MAX_STEPS, m.BUDGET)
ALIGNED = (
    m.NUMBERS,
    m.TIMES,
    m.COUNTS,
    m.REACHED,
    m.RECORD,
)  # to 8 bytes, as doubles and sizes are
ALIGNED_REALS = (m.Y0, m.THETA, m.YS)
FLAGS = (m.OWN_THETA, m.OWN_TIMES, m.INTERPOLATE, m.KEEP)
N_SIZES, N_FLAGS, N_METHODS, N_CONTROLLERS = len(SIZES), len(FLAGS), len(METHODS), len(CONTROLLERS)
N_ALIGNED, N_ALIGNED_REALS = len(ALIGNED), len(ALIGNED_REALS)
ITEM = 8  # bytes of a number, bound as FACTS is
MOST = (
    1 << 40
)  # of anything: products of two do not overflow a float64's exponent, and the sum is looked at


@inlined
def blame(w, member, code):
    """Say which member an error is about, and return its code."""
    w[m.WRONG] = member * m.MEMBER_BYTES
    return code


@kernel
def check_sizes(w):
    """Return a code if a size or an option is not one."""
    if w[m.SIZE] != m.N_MEMBERS * m.MEMBER_BYTES:
        return WRONG_STRUCT
    w[m.WRONG] = 0
    for i in range(N_SIZES):
        if w[SIZES[i]] < 0 or w[SIZES[i]] > MOST:
            return blame(w, SIZES[i], BAD_SIZE)
    if w[m.DIM] < 1 or w[m.DIM] > MOST:
        return blame(w, m.DIM, BAD_SIZE)
    if w[m.N_STEPS] == 0 and w[m.MAX_STEPS] == 0:
        return blame(w, m.MAX_STEPS, BAD_SIZE)
    for i in range(N_FLAGS):
        if w[FLAGS[i]] != 0 and w[FLAGS[i]] != 1:
            return blame(w, FLAGS[i], BAD_OPTION)
    if w[m.METHOD] < 0 or w[m.METHOD] >= N_METHODS:
        return blame(w, m.METHOD, BAD_OPTION)
    if w[m.CONTROLLER] < 0 or w[m.CONTROLLER] >= N_CONTROLLERS:
        return blame(w, m.CONTROLLER, BAD_OPTION)
    if w[m.N_STEPS] == 0 and FACTS[w[m.METHOD], ADAPTIVE] == 0:
        return blame(w, m.N_STEPS, BAD_OPTION)
    return 0


@kernel
def check_pointers(w):
    """Return a code if a pointer that is needed is NULL, or is not aligned."""
    missing = -1
    for i in range(N_ALIGNED):
        if w[ALIGNED[i]] % 8 != 0:
            missing = ALIGNED[i]
    for i in range(N_ALIGNED_REALS):
        if w[ALIGNED_REALS[i]] % ITEM != 0:
            missing = ALIGNED_REALS[i]
    if w[m.THETA] == 0 and w[m.N_PARAMS] > 0:
        missing = m.THETA
    if w[m.TIMES] == 0 and w[m.N_TIMES] > 0:
        missing = m.TIMES
    if w[m.VJP] == 0 and w[m.KEEP] != 0:
        missing = m.VJP
    if w[m.FIELD] == 0:
        missing = m.FIELD
    if w[m.N] > 0 and w[m.Y0] == 0:
        missing = m.Y0
    if w[m.N] > 0 and w[m.YS] == 0:
        missing = m.YS
    return 0 if missing < 0 else blame(w, missing, BAD_POINTER)


@kernel
def all_finite(x):
    """Return whether all numbers are finite."""
    fine = True
    for i in range(x.shape[0]):
        fine = fine and x[i] * Real(0) == Real(0)
    return fine


@kernel
def check_numbers(w, numbers):
    """Return a code if a number is NaN or infinite, or is not positive where it must be; sign the first steps."""
    in_struct = w[m.NUMBERS] == 0
    for i in range(numbers.shape[1]):
        for r in range(5):
            x = numbers[r, i]
            if x * 0.0 != 0.0 or (r >= 2 and x < 0.0):
                return blame(w, m.T0 + r if in_struct else m.NUMBERS, BAD_NUMBER)
        if not numbers[3, i] + numbers[4, i] > 0.0:
            return blame(w, m.ATOL if in_struct else m.NUMBERS, BAD_NUMBER)
        if numbers[1, i] < numbers[0, i]:
            numbers[2, i] = -numbers[2, i]
    if not all_finite(array_at(w[m.Y0], Real, (w[m.N] * w[m.DIM],))):
        return blame(w, m.Y0, BAD_NUMBER)
    rows = w[m.N] if w[m.OWN_THETA] else 1
    if not all_finite(array_at(w[m.THETA], Real, (rows * w[m.N_PARAMS],))):
        return blame(w, m.THETA, BAD_NUMBER)
    return 0


@kernel
def check_times(w, numbers, times):
    """Return a code if the output times of a trajectory are not sorted, or not inside its span."""
    for i in range(w[m.N]):
        j, k = (i if numbers.shape[1] > 1 else 0), (i if times.shape[1] > 1 else 0)
        before, end = numbers[0, j], numbers[1, j]
        sign = -1.0 if end < before else 1.0
        for e in range(times.shape[0]):
            t = times[e, k]
            if not (sign * t >= sign * before and sign * t <= sign * end):
                return blame(w, m.TIMES, BAD_NUMBER if t * 0.0 != 0.0 else UNSORTED)
            before = t
    return 0
