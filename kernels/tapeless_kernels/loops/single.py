"""The loop for one trajectory that hands out each evaluation of the field: `resume` runs from one to the next.

Whoever calls it evaluates: a compiled field within the same call, a Python callable between two of
them. Steps are accepted and sized as SciPy's explicit methods do it (Hairer, Norsett and Wanner,
Solving ODEs I, II.4), so that the loop takes the same steps to rounding.
"""

import numpy as np

from .._jit import inlined, kernel
from ..controllers.step_size import (
    E1,
    E2,
    ORDER,
    factor,
    factor_after_rejection,
    factor_without_memory,
    first_guess,
    first_step,
)
from ..ieee import from_bits, to_bits
from ..interpolants.polynomial import polynomial
from ..tile import Real, combine_whole, contract_whole, put
from .single_norms import error_ratio, is_finite, look_for_stiffness, scaled_mean
from .single_state import (
    ACCEPTED,
    ADAPTIVE,
    ALWAYS,
    ARRIVED,
    ATTEMPT,
    BEGIN,
    CAPACITY,
    CODE,
    CUT,
    D1,
    DEGREE,
    DIM,
    EMIT,
    EMITTED,
    ENDED,
    EXTRA,
    FILLED,
    FIRST,
    FSAL,
    FULL,
    GUESS,
    HIGH,
    KEEP,
    LEAST,
    LOW,
    MAX_STEP,
    MAX_STEPS,
    N_STOPS,
    N_TIMES,
    NFE,
    NOT_FINITE,
    PAIR_X,
    PAIR_Y,
    PAUSE,
    PAUSED,
    PHASE,
    Q1,
    Q2,
    REJECTED,
    RETRY,
    ROWS,
    SECOND,
    SIGN,
    SLOPE,
    SLOT,
    STAGE,
    STAGES,
    STEP,
    STIFF,
    STOP,
    T_BOUND,
    T_EVALUATE,
    T_NEXT,
    TOO_MANY,
    TOO_SMALL,
    TRY,
    WANT,
    H,
    T,
)  # isort: skip  # fmt: skip
from .start import Time

EVERY = 16  # accepted steps: how often a look is taken for stiffness


@inlined
def resume(s):
    """Run to the next evaluation: s.k[slot] = f(s.x[T_EVALUATE], s.z) is wanted, for the slot returned.

    The phases of a step stand in their order, so that one passage runs through them.
    """
    n, x = s.n, s.x
    if n[PHASE] < TRY:
        if n[PHASE] == BEGIN:
            n[PHASE] = FIRST
            x[T_NEXT] = x[T]
            put(s.z, s.y)
            return ask(s, 0, 0)
        if n[PHASE] == FIRST:
            if not is_finite(s, s.k[0]):  # from which no step is short enough
                return end(n, NOT_FINITE)
            if choose_guess(s):
                return ask(s, 1, n[STAGES])  # c_S = 1
        if n[PHASE] == SECOND:
            choose_step(s)
        code = attempt(s)
        if code != 0:
            return end(n, code)
    phase = n[PHASE]
    while True:
        if phase == TRY:
            if n[STAGE] < n[STAGES] + n[FSAL]:
                n[PHASE] = TRY
                return next_stage(s)
            accepted, code = judge(s)
            if code != 0:
                return end(n, code)
            phase = SLOPE if accepted else ATTEMPT
        if phase == SLOPE:
            n[PHASE] = phase = EXTRA
            n[STAGE] = n[STAGES] + 1
            arrived = x[T_NEXT] == x[T_BOUND]
            if n[FSAL] == 0 and (not arrived or wants_dense(s)):
                put(s.z, s.y_next)
                return ask(s, n[STAGES], n[STAGES])
        if phase == EXTRA:
            if wants_dense(s):
                i = n[STAGE]
                if i < n[ROWS]:
                    n[STAGE] = i + 1
                    combine_whole(s.z, s.y, s.h, s.a[i], s.k, i)
                    return ask(s, i, i)
                for p in range(n[DEGREE]):
                    contract_whole(s.q[p], s.h, s.dense[p], s.k, 0, n[ROWS])
            phase = EMIT
            if n[PAUSE]:
                n[PHASE] = EMIT
                return PAUSED
        if phase == EMIT:
            if n[KEEP] and n[FILLED] == n[CAPACITY]:
                n[PHASE] = EMIT
                return FULL
            emit(s)
            keep(s)
            if x[T_NEXT] == x[T_BOUND]:
                return end(n, ARRIVED)
            phase = ATTEMPT
            if move(s):
                n[PHASE] = ATTEMPT
                put(s.z, s.y)
                return ask(s, 0, 0)
        if phase == ENDED:
            return n[CODE]
        code = attempt(s)
        if code != 0:
            return end(n, code)
        phase = TRY


@kernel
def end(n, code):
    """End the solve; asked again, it returns the same code."""
    n[PHASE], n[CODE] = ENDED, code
    return code


@inlined
def next_stage(s):
    """Ask for the slope of the next stage of a step."""
    n = s.n
    i = n[STAGE]
    n[STAGE] = i + 1
    combine_whole(s.z, s.y, s.h, s.a[i], s.k, i)
    if i == n[PAIR_X] or i == n[PAIR_Y]:
        put(s.pair[1 if i == n[PAIR_X] else 0], s.z)
    return ask(s, i, i)


@inlined
def ask(s, i, node):
    """Ask for slope i at s.z, at the time of a node."""
    n, x = s.n, s.x
    c = Time(s.c[node])
    t = x[T_NEXT] if c == Time(1) else x[T] + c * x[STEP]
    # Beside a jump of the field the time stays on this side of it.
    t = x[LOW] if t < x[LOW] else t
    x[T_EVALUATE] = x[HIGH] if t > x[HIGH] else t
    n[SLOT] = i
    n[NFE] += 1
    return i


@kernel
def choose_guess(s):
    """Take the first step that is given; otherwise move by a guess, and return True, for a second slope."""
    n, x = s.n, s.x
    if x[H] > Time(0):
        return False
    span = abs(x[T_BOUND] - x[T])
    d0 = scaled_mean(s, s.y)
    d1 = scaled_mean(s, s.k[0])
    guess = Time(first_guess(d0, d1))
    guess = guess if guess < span else span
    x[GUESS], x[D1] = guess, Time(d1)
    x[STEP] = x[SIGN] * guess
    x[T_NEXT] = x[T] + x[STEP]
    s.h[0] = Real(x[STEP])
    last = n[STAGES]
    combine_whole(s.z, s.y, s.h, s.c[last:], s.k, 1)
    n[PHASE] = SECOND
    return True


@kernel
def choose_step(s):
    """Choose the first step from two slopes, as Hairer does."""
    n, x = s.n, s.x
    guess = Real(x[GUESS])
    for m in range(n[DIM]):
        s.k[1, m, 0] = (s.k[1, m, 0] - s.k[0, m, 0]) / guess
    d2 = scaled_mean(s, s.k[1])
    h = Time(first_step(guess, Real(x[D1]), d2, s.numbers[ORDER]))
    span = abs(x[T_BOUND] - x[T])
    h = h if h < span else span
    x[H] = h


@inlined
def attempt(s):
    """Decide where the next step ends; return a code if there is none."""
    n, x = s.n, s.x
    t, sign = x[T], x[SIGN]
    if n[ACCEPTED] + n[REJECTED] >= n[MAX_STEPS]:
        return TOO_MANY
    if n[RETRY] == 0:
        x[LEAST] = Time(10) * spacing(t, sign)
        if x[H] > x[MAX_STEP]:
            x[H] = x[MAX_STEP]
        elif x[H] < x[LEAST]:
            x[H] = x[LEAST]
    if not x[H] >= x[LEAST]:
        return TOO_SMALL
    target, stopped = x[T_BOUND], 0
    if n[STOP] < n[N_STOPS]:
        target, stopped = s.stops[n[STOP]], 1
    reached = t + sign * x[H]
    slack = Time(0.01) * x[H] if stopped else Time(0)  # rather a longer step than a sliver after it
    n[CUT] = 0
    if not sign * (reached - target) + slack <= Time(0):
        n[CUT] = stopped
        reached = target
    x[T_NEXT] = reached
    x[STEP] = reached - t
    s.h[0] = Real(x[STEP])
    n[STAGE] = 1
    n[PHASE] = TRY
    return 0


@inlined
def spacing(t, sign):
    """Return how far the next double is from t in the direction of `sign`."""
    if t == Time(0):
        return Time(5e-324)
    bits = to_bits(t)
    return abs(from_bits(bits + 1 if (t > Time(0)) == (sign > Time(0)) else bits - 1) - t)


@inlined
def judge(s):
    """Accept or reject the step, and size the next; return whether it is accepted, and a code if all ends."""
    n, x = s.n, s.x
    last = n[STAGES]
    if n[FSAL]:
        put(s.y_next, s.z)
    else:
        combine_whole(s.y_next, s.y, s.h, s.a[last], s.k, last)
    if not n[ADAPTIVE]:
        n[ACCEPTED] += 1
        return True, 0 if is_finite(s, s.y_next) else NOT_FINITE
    h, q = abs(x[STEP]), error_ratio(s)
    if q < Real(1):
        f = Time(factor_of_one(s.numbers, q, x))
        f = Time(1) if n[RETRY] and f > Time(1) else f
        # A step cut short at a forced time says nothing against the longer one that it cut.
        if not (n[CUT] and h * f < x[H]):
            x[H] = h * f
        x[Q2], x[Q1] = x[Q1], Time(q if q > Real(1e-8) else Real(1e-8))
        n[RETRY] = 0
        n[ACCEPTED] += 1
        return True, 0
    x[H] = h * Time(factor_after_rejection(s.numbers, q))
    n[RETRY] = 1
    n[REJECTED] += 1
    return False, 0


@inlined
def factor_of_one(numbers, q, x):
    """Return the factor after an accepted step; a controller without memory takes one power, not three."""
    if numbers[E1] == Real(0) and numbers[E2] == Real(0):
        return factor_without_memory(numbers, q)
    return factor(numbers, q, Real(x[Q1]), Real(x[Q2]))


@inlined
def wants_dense(s):
    """Whether the interpolant of this step is needed: for an output inside it, or because it was asked for."""
    n, x = s.n, s.x
    if n[ALWAYS] or n[WANT]:
        return True
    if n[EMITTED] == n[N_TIMES]:
        return False
    return x[SIGN] * (s.times[n[EMITTED]] - x[T_NEXT]) < Time(0)


@inlined
def emit(s):
    """Write the outputs up to the end of the step, or up to the event that ends it."""
    n, x = s.n, s.x
    i = n[EMITTED]
    while i < n[N_TIMES] and x[SIGN] * (s.times[i] - x[T_NEXT]) <= Time(0):
        t = s.times[i]
        if t == x[T_NEXT]:
            for m in range(n[DIM]):
                s.ys[i, m] = s.y_next[m, 0]
        elif t == x[T]:
            for m in range(n[DIM]):
                s.ys[i, m] = s.y[m, 0]
        else:
            polynomial(s.ys[i], Real((t - x[T]) / x[STEP]), s.y, s.q)
        i += 1
    n[EMITTED] = i


@inlined
def keep(s):
    """Record the end of the step, and its interpolant if all are wanted."""
    n, x = s.n, s.x
    if n[KEEP]:
        i = n[FILLED]
        s.kept_t[i], s.kept_h[i] = x[T_NEXT], x[STEP]
        for m in range(n[DIM]):
            s.kept_y[i, m] = s.y_next[m, 0]
        if n[ALWAYS]:
            for p in range(n[DEGREE]):
                for m in range(n[DIM]):
                    s.kept_q[i, p, m] = s.q[p, m, 0]
        n[FILLED] = i + 1


@inlined
def move(s):
    """Go on from the end of the step; return whether the field may have jumped there."""
    n, x = s.n, s.x
    last = n[STAGES]
    # Once in a while, or if there was a sign of it.
    if n[PAIR_X] >= 0 and n[ADAPTIVE] and (n[STIFF] > 0 or n[ACCEPTED] % EVERY == 0):
        look_for_stiffness(s)
    put(s.y, s.y_next)
    put(s.k[0], s.k[last])
    x[T] = x[T_NEXT]
    n[WANT] = 0
    x[LOW], x[HIGH] = -Time(np.inf), Time(np.inf)
    jumped = False
    if n[STOP] < n[N_STOPS] and x[T] == s.stops[n[STOP]]:
        if s.jumps[n[STOP], 0] != s.jumps[n[STOP], 1]:
            jumped = True
            limit(x, s.jumps[n[STOP], 1], Time(-1))
        n[STOP] += 1
    if n[STOP] < n[N_STOPS]:
        limit(x, s.jumps[n[STOP], 0], Time(1))
    return jumped


@kernel
def limit(x, bound, side):
    """Keep the times of stages before a bound, for side 1, or after it."""
    if x[SIGN] * side > Time(0):
        x[HIGH] = bound
    else:
        x[LOW] = bound
