"""Step-size control: controllers as data, the factor they give, and Hairer's first step."""

from typing import NamedTuple

import numpy as np

from .._jit import apart, inlined, kernel
from ..activations import power
from ..tile import LANES, Real

# Places in Control.numbers.
E0, E1, E2, ON_REJECT, SAFETY, LEAST, LARGEST, ORDER, START, LEVEL, NOISE = range(11)


class Controller(NamedTuple):
    """h' = h safety q0**(-b0/k) q1**(-b1/k) q2**(-b2/k) for an error estimate of order h**k.

    q0 is the error ratio of this step and q1, q2 those of the accepted steps before. After a
    rejection only q0 counts. `start` stands for the ratios before the first step.
    """

    name: str
    exponents: tuple
    start: float
    reference: str
    fixed: tuple = (0.0, 0.0, 0.0)  # added to b/k: Hairer's beta is not divided by k


I = Controller("i", (1, 0, 0), 1.0, "Hairer, Norsett and Wanner, Solving ODEs I, II.4, eq. (4.13)")  # noqa: E741
PI = Controller(
    "pi",
    (1, 0, 0),
    1e-4,
    "Gustafsson's PI as in Hairer's DOPRI5, beta = 0.04: Hairer and Wanner, Solving ODEs II, IV.2",
    fixed=(-0.75 * 0.04, -0.04, 0.0),
)
H312 = Controller(
    "h312",
    (1 / 18, 1 / 9, 1 / 18),
    1.0,
    "Soderlind (2003), Digital filters in adaptive time-stepping, ACM TOMS 29(1), H312PID",
)

CONTROLLERS = (I, PI, H312)


def control_numbers(controller, order, dtype, *, safety=0.9, least=0.2, largest=10.0, level=0.0):
    """Return Control.numbers; the exponents are halved because kernels keep squared ratios."""
    exponents = [b / order + f for b, f in zip(controller.exponents, controller.fixed, strict=True)]
    halved = [e / 2 for e in (*exponents, 1 / order)]
    noise = (
        100 * np.finfo(dtype).eps
    ) ** 2  # a difference below, squared and relative, is rounding
    return np.array([*halved, safety, least, largest, order, controller.start, level, noise], dtype)


@inlined
def bounded(x, least, largest):
    """X between two bounds; NaN stays NaN."""
    x = least if x < least else x
    return largest if x > largest else x


@inlined
def to_the_power(q, exponent):
    """q**-exponent, q kept from 0 and infinity."""
    return power(bounded(q, Real(1e-30), Real(1e30)), -exponent)


@inlined
def factor(numbers, q0, q1, q2):
    """Return the factor after an accepted step, from squared error ratios."""
    f = numbers[SAFETY] * to_the_power(q0, numbers[E0])
    f *= to_the_power(q1, numbers[E1])
    f *= to_the_power(q2, numbers[E2])
    return bounded(f, numbers[LEAST], numbers[LARGEST])


@kernel
def factors(f, scratch, numbers, q0, q1, q2):
    """F = `factor` in every lane, in loops that vectorise; an exponent of 0 costs nothing."""
    powers(f, q0, numbers[E0])
    scale(f, numbers[SAFETY])
    if numbers[E1] != Real(0):
        powers(scratch, q1, numbers[E1])
        multiply(f, scratch)
    if numbers[E2] != Real(0):
        powers(scratch, q2, numbers[E2])
        multiply(f, scratch)
    bound(f, numbers[LEAST], numbers[LARGEST])


@apart
def powers(out, q, exponent):
    """Out = q**-exponent."""
    for lane in range(LANES):
        out[lane] = to_the_power(q[lane], exponent)


@apart
def scale(x, c):
    """X *= c."""
    for lane in range(len(x)):
        x[lane] *= c


@apart
def bound(x, least, largest):
    """Keep x between two bounds."""
    for lane in range(len(x)):
        x[lane] = bounded(x[lane], least, largest)


@apart
def multiply(out, x):
    """Out *= x."""
    for lane in range(len(out)):
        out[lane] *= x[lane]


@inlined
def factor_after_rejection(numbers, q0):
    """Return the factor after a rejected step; a ratio that is not finite gives the least."""
    f = numbers[SAFETY] * to_the_power(q0, numbers[ON_REJECT])
    f = bounded(f, numbers[LEAST], Real(1))
    return f if q0 < Real(1e30) else numbers[LEAST]


@apart
def factors_after_rejection(f, numbers, q):
    """F = `factor_after_rejection` in every lane."""
    for lane in range(LANES):
        f[lane] = factor_after_rejection(numbers, q[lane])


@kernel
def scaled_squares(squares, x, y, rtol, atol):
    """squares = sum over m of (x / (atol + rtol |y|))**2."""
    for lane in range(LANES):
        squares[lane] = Real(0)
    for m in range(y.shape[0]):
        for lane in range(LANES):
            ratio = abs(x[m, lane]) / (atol[lane] + rtol[lane] * abs(y[m, lane]))
            squares[lane] += ratio * ratio


@kernel
def first_guess(d0, d1):
    """Return h0 = d0 / 100 d1 from the squared norms of y and f: a step that moves y by 1 %."""
    tiny, small = Real(1e-10), Real(1e-6)
    h = power(d0 / d1, Real(0.5)) * Real(0.01) if d0 > tiny and d1 > tiny else small
    return h if h < Real(1e30) else small  # norms may overflow


@kernel
def first_step(h0, d1, d2, order):
    """Return Hairer's first step from h0 and the squared norms of f and of its change over h0, by h0.

    The larger norm d and h satisfy h**order d = 0.01: Hairer, Norsett and Wanner, Solving ODEs I, II.4.
    """
    d = d1 if d1 > d2 else d2
    if not d < Real(1e30):
        return h0 * Real(1e-3)
    if d <= Real(1e-30):
        h = h0 * Real(1e-3)
        h = h if h > Real(1e-6) else Real(1e-6)
    else:
        h = power(Real(1e-4) / d, Real(0.5) / order)
    most = Real(100) * h0
    return h if h < most else most
