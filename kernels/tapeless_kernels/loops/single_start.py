"""The first step of one trajectory, from two slopes: Hairer, Norsett and Wanner, Solving ODEs I, II.4."""

from .._jit import kernel
from ..controllers.step_size import ORDER, first_guess, first_step
from ..tile import Real, combine_whole
from . import single_state as at
from .single_norms import scaled_mean
from .start import Time


@kernel
def choose_guess(s):
    """Take the first step that is given; otherwise move by a guess, and return True, for a second slope."""
    n, x = s.n, s.x
    if x[at.H] > Time(0):
        return False
    span = abs(x[at.T_BOUND] - x[at.T])
    d0 = scaled_mean(s, s.y)
    d1 = scaled_mean(s, s.k[0])
    guess = Time(first_guess(d0, d1))
    guess = guess if guess < span else span
    x[at.GUESS], x[at.D1] = guess, Time(d1)
    x[at.STEP] = x[at.SIGN] * guess
    x[at.T_NEXT] = x[at.T] + x[at.STEP]
    s.h[0] = Real(x[at.STEP])
    last = n[at.STAGES]
    combine_whole(s.z, s.y, s.h, s.c[last:], s.k, 1)
    n[at.PHASE] = at.SECOND
    return True


@kernel
def choose_step(s):
    """Choose the first step from two slopes, as Hairer does."""
    n, x = s.n, s.x
    guess = Real(x[at.GUESS])
    for m in range(n[at.DIM]):
        s.k[1, m, 0] = (s.k[1, m, 0] - s.k[0, m, 0]) / guess
    d2 = scaled_mean(s, s.k[1])
    h = Time(first_step(guess, Real(x[at.D1]), d2, s.numbers[ORDER]))
    span = abs(x[at.T_BOUND] - x[at.T])
    h = h if h < span else span
    x[at.H] = h
