"""The loop for one trajectory that hands out each evaluation of the field: `resume` runs from one to the next.

Whoever calls it evaluates: a compiled field within the same call, a Python callable between two of
them. Steps are accepted and sized as SciPy's explicit methods do it (Hairer, Norsett and Wanner,
Solving ODEs I, II.4), so that the loop takes the same steps to rounding.
"""

import numpy as np

from .._jit import inlined, kernel
from ..controllers.step_size import (
    factor,
    factor_after_rejection,
)
from ..ieee import from_bits, to_bits
from ..interpolants.polynomial import polynomial
from ..tile import Real, combine_whole, contract_whole, put
from . import single_state as at
from .single_norms import error_ratio, is_finite, look_for_stiffness
from .single_start import choose_guess, choose_step
from .start import Time

EVERY = 16  # accepted steps: how often a look is taken for stiffness


@inlined
def resume(s):
    """Run to the next evaluation: s.k[slot] = f(s.x[T_EVALUATE], s.z) is wanted, for the slot returned.

    The phases of a step stand in their order, so that one passage runs through them.
    """
    n, x = s.n, s.x
    if n[at.PHASE] < at.TRY:
        if n[at.PHASE] == at.BEGIN:
            n[at.PHASE] = at.FIRST
            x[at.T_NEXT] = x[at.T]
            put(s.z, s.y)
            return ask(s, 0, 0)
        if n[at.PHASE] == at.FIRST:
            if not is_finite(s, s.k[0]):  # from which no step is short enough
                return end(n, at.NOT_FINITE)
            if choose_guess(s):
                return ask(s, 1, n[at.STAGES])  # c_S = 1
        if n[at.PHASE] == at.SECOND:
            choose_step(s)
        code = attempt(s)
        if code != 0:
            return end(n, code)
    phase = n[at.PHASE]
    while True:
        if phase == at.TRY:
            if n[at.STAGE] < n[at.STAGES] + n[at.FSAL]:
                n[at.PHASE] = at.TRY
                return next_stage(s)
            accepted, code = judge(s)
            if code != 0:
                return end(n, code)
            phase = at.SLOPE if accepted else at.ATTEMPT
        if phase == at.SLOPE:
            n[at.PHASE] = phase = at.EXTRA
            n[at.STAGE] = n[at.STAGES] + 1
            arrived = x[at.T_NEXT] == x[at.T_BOUND]
            if n[at.FSAL] == 0 and (not arrived or wants_dense(s)):
                put(s.z, s.y_next)
                return ask(s, n[at.STAGES], n[at.STAGES])
        if phase == at.EXTRA:
            if wants_dense(s):
                i = n[at.STAGE]
                if i < n[at.ROWS]:
                    n[at.STAGE] = i + 1
                    combine_whole(s.z, s.y, s.h, s.a[i], s.k, i)
                    return ask(s, i, i)
                for p in range(n[at.DEGREE]):
                    contract_whole(s.q[p], s.h, s.dense[p], s.k, 0, n[at.ROWS])
            phase = at.EMIT
            if n[at.PAUSE]:
                n[at.PHASE] = at.EMIT
                return at.PAUSED
        if phase == at.EMIT:
            if n[at.KEEP] and n[at.FILLED] == n[at.CAPACITY]:
                n[at.PHASE] = at.EMIT
                return at.FULL
            emit(s)
            keep(s)
            if x[at.T_NEXT] == x[at.T_BOUND]:
                return end(n, at.ARRIVED)
            phase = at.ATTEMPT
            if move(s):
                n[at.PHASE] = at.ATTEMPT
                put(s.z, s.y)
                return ask(s, 0, 0)
        if phase == at.ENDED:
            return n[at.CODE]
        code = attempt(s)
        if code != 0:
            return end(n, code)
        phase = at.TRY


@kernel
def end(n, code):
    """End the solve; asked again, it returns the same code."""
    n[at.PHASE], n[at.CODE] = at.ENDED, code
    return code


@inlined
def next_stage(s):
    """Ask for the slope of the next stage of a step."""
    n = s.n
    i = n[at.STAGE]
    n[at.STAGE] = i + 1
    combine_whole(s.z, s.y, s.h, s.a[i], s.k, i)
    if i == n[at.PAIR_X] or i == n[at.PAIR_Y]:
        put(s.pair[1 if i == n[at.PAIR_X] else 0], s.z)
    return ask(s, i, i)


@inlined
def ask(s, i, node):
    """Ask for slope i at s.z, at the time of a node."""
    n, x = s.n, s.x
    c = Time(s.c[node])
    t = x[at.T_NEXT] if c == Time(1) else x[at.T] + c * x[at.STEP]
    # Beside a jump of the field the time stays on this side of it.
    t = x[at.LOW] if t < x[at.LOW] else t
    x[at.T_EVALUATE] = x[at.HIGH] if t > x[at.HIGH] else t
    n[at.SLOT] = i
    n[at.NFE] += 1
    return i


@inlined
def attempt(s):
    """Decide where the next step ends; return a code if there is none."""
    n, x = s.n, s.x
    t, sign = x[at.T], x[at.SIGN]
    if n[at.ACCEPTED] + n[at.REJECTED] >= n[at.MAX_STEPS]:
        return at.TOO_MANY
    if n[at.RETRY] == 0:
        x[at.LEAST] = Time(10) * spacing(t, sign)
        if x[at.H] > x[at.MAX_STEP]:
            x[at.H] = x[at.MAX_STEP]
        elif x[at.H] < x[at.LEAST]:
            x[at.H] = x[at.LEAST]
    if not x[at.H] >= x[at.LEAST]:
        return at.TOO_SMALL
    target, stopped = x[at.T_BOUND], 0
    if n[at.STOP] < n[at.N_STOPS]:
        target, stopped = s.stops[n[at.STOP]], 1
    reached = t + sign * x[at.H]
    slack = (
        Time(0.01) * x[at.H] if stopped else Time(0)
    )  # rather a longer step than a sliver after it
    n[at.CUT] = 0
    if not sign * (reached - target) + slack <= Time(0):
        n[at.CUT] = stopped
        reached = target
    x[at.T_NEXT] = reached
    x[at.STEP] = reached - t
    s.h[0] = Real(x[at.STEP])
    n[at.STAGE] = 1
    n[at.PHASE] = at.TRY
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
    last = n[at.STAGES]
    if n[at.FSAL]:
        put(s.y_next, s.z)
    else:
        combine_whole(s.y_next, s.y, s.h, s.a[last], s.k, last)
    if not n[at.ADAPTIVE]:
        n[at.ACCEPTED] += 1
        return True, 0 if is_finite(s, s.y_next) else at.NOT_FINITE
    h, q = abs(x[at.STEP]), error_ratio(s)
    if q < Real(1):
        f = Time(factor(s.numbers, q, Real(x[at.Q1]), Real(x[at.Q2])))
        f = Time(1) if n[at.RETRY] and f > Time(1) else f
        # A step cut short at a forced time says nothing against the longer one that it cut.
        if not (n[at.CUT] and h * f < x[at.H]):
            x[at.H] = h * f
        x[at.Q2], x[at.Q1] = x[at.Q1], Time(q if q > Real(1e-8) else Real(1e-8))
        n[at.RETRY] = 0
        n[at.ACCEPTED] += 1
        return True, 0
    x[at.H] = h * Time(factor_after_rejection(s.numbers, q))
    n[at.RETRY] = 1
    n[at.REJECTED] += 1
    return False, 0


@inlined
def wants_dense(s):
    """Whether the interpolant of this step is needed: for an output inside it, or because it was asked for."""
    n, x = s.n, s.x
    if n[at.ALWAYS] or n[at.WANT]:
        return True
    if n[at.EMITTED] == n[at.N_TIMES]:
        return False
    return x[at.SIGN] * (s.times[n[at.EMITTED]] - x[at.T_NEXT]) < Time(0)


@inlined
def emit(s):
    """Write the outputs up to the end of the step, or up to the event that ends it."""
    n, x = s.n, s.x
    i = n[at.EMITTED]
    while i < n[at.N_TIMES] and x[at.SIGN] * (s.times[i] - x[at.T_NEXT]) <= Time(0):
        t = s.times[i]
        if t == x[at.T_NEXT]:
            for m in range(n[at.DIM]):
                s.ys[i, m] = s.y_next[m, 0]
        elif t == x[at.T]:
            for m in range(n[at.DIM]):
                s.ys[i, m] = s.y[m, 0]
        else:
            polynomial(s.ys[i], Real((t - x[at.T]) / x[at.STEP]), s.y, s.q)
        i += 1
    n[at.EMITTED] = i


@inlined
def keep(s):
    """Record the end of the step, and its interpolant if all are wanted."""
    n, x = s.n, s.x
    if n[at.KEEP]:
        i = n[at.FILLED]
        s.kept_t[i], s.kept_h[i] = x[at.T_NEXT], x[at.STEP]
        for m in range(n[at.DIM]):
            s.kept_y[i, m] = s.y_next[m, 0]
        if n[at.ALWAYS]:
            for p in range(n[at.DEGREE]):
                for m in range(n[at.DIM]):
                    s.kept_q[i, p, m] = s.q[p, m, 0]
        n[at.FILLED] = i + 1


@inlined
def move(s):
    """Go on from the end of the step; return whether the field may have jumped there."""
    n, x = s.n, s.x
    last = n[at.STAGES]
    # Once in a while, or if there was a sign of it.
    if n[at.PAIR_X] >= 0 and n[at.ADAPTIVE] and (n[at.STIFF] > 0 or n[at.ACCEPTED] % EVERY == 0):
        look_for_stiffness(s)
    put(s.y, s.y_next)
    put(s.k[0], s.k[last])
    x[at.T] = x[at.T_NEXT]
    n[at.WANT] = 0
    x[at.LOW], x[at.HIGH] = -Time(np.inf), Time(np.inf)
    jumped = False
    if n[at.STOP] < n[at.N_STOPS] and x[at.T] == s.stops[n[at.STOP]]:
        if s.jumps[n[at.STOP], 0] != s.jumps[n[at.STOP], 1]:
            jumped = True
            limit(x, s.jumps[n[at.STOP], 1], Time(-1))
        n[at.STOP] += 1
    if n[at.STOP] < n[at.N_STOPS]:
        limit(x, s.jumps[n[at.STOP], 0], Time(1))
    return jumped


@kernel
def limit(x, bound, side):
    """Keep the times of stages before a bound, for side 1, or after it."""
    if x[at.SIGN] * side > Time(0):
        x[at.HIGH] = bound
    else:
        x[at.LOW] = bound
