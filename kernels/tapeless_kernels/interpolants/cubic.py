"""The cubic Hermite interpolant of one component of a step as a polynomial: its mean, its turns, its roots.

::

    y(t + s h) = y + c s + b s**2 / 2 + a s**3 / 3
"""

from math import sqrt

from .._jit import inlined
from ..tile import Real

HALVINGS = 60  # to the last bit of a float64


@inlined
def cubic(h, start, slope, end, slope_at_end):
    """Return a, b, c of the interpolant of `hermite.hermite`, from the states and slopes at both ends."""
    rise, c, d = end - start, h * slope, h * slope_at_end
    return Real(3) * (c + d) - Real(6) * rise, Real(6) * rise - Real(4) * c - Real(2) * d, c


@inlined
def rise_at(s, a, b, c):
    """Return c s + b s**2 / 2 + a s**3 / 3."""
    return s * (c + s * (b * Real(1 / 2) + s * (a * Real(1 / 3))))


@inlined
def integral(a, b, c):
    """Return the mean of the rise over 0 <= s <= 1."""
    return c * Real(1 / 2) + b * Real(1 / 6) + a * Real(1 / 12)


@inlined
def turns(a, b, c):
    """Return where a s**2 + b s + c changes sign within (0, 1), in order; 1 stands for nowhere.

    The roots are q / a and c / q, neither of which loses digits: Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., section 1.8.
    """
    zero, one = Real(0), Real(1)
    square = b * b - Real(4) * a * c
    root = Real(sqrt(square if square > zero else zero))
    q = Real(-1 / 2) * (b + (root if b >= zero else -root))
    s, r = q / a, c / q  # infinite or NaN where there is none
    s = s if (s > zero) & (s < one) & (square > zero) else one
    r = r if (r > zero) & (r < one) & (square > zero) else one
    return (s if s < r else r), (r if s < r else s)


@inlined
def first_root(level, near, far, a, b, c, rise):
    """Return the first s in (0, 1] at which the interpolant's rise is `level`; 2 if there is none."""
    before = Real(0)
    for s in (near, far, Real(1)):
        low, high = (
            rise_at(before, a, b, c) - level,
            (rise if s == Real(1) else rise_at(s, a, b, c)) - level,
        )
        if (low < Real(0)) != (high < Real(0)) or high == Real(0):
            if high == Real(0):
                return s
            inside, outside = before, s
            for _ in range(HALVINGS):
                middle = Real(1 / 2) * (inside + outside)
                same = (rise_at(middle, a, b, c) - level < Real(0)) == (low < Real(0))
                inside, outside = (middle if same else inside), (outside if same else middle)
            return outside
        before = s
    return Real(2)
