"""The state of a solve of one trajectory: numbers with a name in two arrays, and the arrays of the solve."""

from typing import NamedTuple

import numpy as np


class Single(NamedTuple):
    """All that `resume` works on; R stages with the extra ones of the interpolant, times in float64."""

    n: np.ndarray  # int64, the places below; the addresses of the arrays follow
    x: np.ndarray  # float64, the places below
    numbers: np.ndarray  # (11,): `controllers.step_size` names them
    a: np.ndarray  # (R, R)
    c: np.ndarray  # (R,)
    dense: np.ndarray  # (degree, R): weights of the slopes in q
    error: np.ndarray  # (2, S+1)
    h: np.ndarray  # (1,): the step, in the dtype of the state
    y: np.ndarray  # (dim, 1), as all states here, dim being padded to a multiple of tile.WHOLE
    e: np.ndarray  # the estimate of the error
    y_next: np.ndarray
    z: np.ndarray  # where the field is evaluated
    k: np.ndarray  # (R, dim, 1)
    q: np.ndarray  # (degree, dim, 1): interpolates the step, see `interpolants.polynomial`
    pair: np.ndarray  # (2, dim, 1): states of the two stages that show stiffness
    rtol: np.ndarray  # (dim,)
    atol: np.ndarray  # (dim,)
    stops: np.ndarray  # (n_stops,): steps end there
    jumps: (
        np.ndarray
    )  # (n_stops, 2): last and first time of evaluations beside a stop; equal if no jump
    times: np.ndarray  # (n_times,)
    ys: np.ndarray  # (n_times, dim)
    kept_t: np.ndarray  # (capacity,): ends of steps
    kept_h: np.ndarray  # (capacity,)
    kept_y: np.ndarray  # (capacity, dim)
    kept_q: np.ndarray  # (capacity, degree, dim)


# Places in Single.n: what is given ...
(
    DIM, STAGES, FSAL, ROWS, DEGREE, N_ERRORS, PAIRS, ADAPTIVE, KEEP, ALWAYS, PAUSE, MAX_STEPS, N_STOPS,
    N_TIMES, CAPACITY, PAIR_X, PAIR_Y,
    # ... and what changes.
    PHASE, STAGE, SLOT, NFE, ACCEPTED, REJECTED, RETRY, EMITTED, FILLED, STOP, CUT, WANT, STIFF, CALM,
    LOOKS_STIFF, CODE,
) = range(33)  # fmt: skip
N_PLACES = 33

# Places in Single.x.
(
    T, T_NEXT, T_BOUND, SIGN, H, STEP, MAX_STEP, LEAST, LOW, HIGH, T_EVALUATE, Q1, Q2, GUESS, D1, STABILITY,
    STIFF_SINCE,
) = range(17)  # fmt: skip
X_PLACES = 17

# Phases: what `resume` does next.
BEGIN, FIRST, SECOND, TRY, SLOPE, EXTRA, EMIT, ATTEMPT, ENDED = range(9)

# What `resume` returns where no slope is asked for; a place in k is not negative.
PAUSED, FULL, ARRIVED, TOO_SMALL, TOO_MANY, NOT_FINITE, SPENT, FAILED = range(-1, -9, -1)
