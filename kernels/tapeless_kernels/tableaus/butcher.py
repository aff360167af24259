"""Explicit Runge-Kutta tableaus: exact rationals, and the rounded arrays that kernels take."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .coefficients import coefficient, entries, is_rounded
from .interpolant import Interpolant, between_ends, dense_powers

# Sums of rationals close exactly. Sums of decimals close to the digits printed: in the tables of
# most papers those of a double. Of the sum of the sizes, or of 1 if that is less.
DECIMAL_TOLERANCE = Fraction(1, 10**14)


@dataclass(frozen=True, slots=True)
class ButcherTableau:
    """An explicit Runge-Kutta method of S stages, in exact rationals; made by `butcher`.

    The solution is one more stage state, so row S of `a` is b, and c_S = 1::

        z_i = y + h sum_{j<i} a_ij k_j      i = 0 .. S;     y_next = z_S
        k_i = f(t + c_i h, z_i)             i = 0 .. S - 1; if FSAL also i = S
        e   = h sum_i error_i k_i           error = b - b_hat

    A method of high order may have a second estimate, of lower order, that steadies the first: the
    weights of `lower_error` then give e_l, and in the norm that steps are sized by, |e| becomes
    |e|^2 / sqrt(|e|^2 + 0.01 |e_l|^2), as in Hairer's DOP853.

    A method is FSAL, first same as last, when its error estimate or its next step uses
    k_S = f(t + h, y_next). Dormand-Prince 5(4), seven stages in the literature, has S = 6 here.

    Attributes
    ----------
    name : str
        What users and error messages call the method.
    order, embedded_order : int
        Orders of y_next and of y_next - e; the latter is None without an embedded method.
    a : tuple of tuples
        S + 1 rows; row i has i entries.
    c, error : tuple
        S + 1 entries each. `error` is None without an embedded method; its last entry, the weight
        of k_S, is 0 if the method is not FSAL.
    lower_error, lower_order : tuple, int
        Weights of the second estimate, and the order of y_next less it. None without one.
    fsal : bool
        Whether a step evaluates k_S, which is k_0 of the next step.
    exact : bool
        False where the source prints decimals: sums and order conditions then hold to its digits.
    stability_pair : tuple of two ints
        Stages x, y with c_x = c_y: |k_x - k_y| / |z_x - z_y| estimates the stiffness (Shampine,
        1977; Hairer and Wanner, Solving ODEs II, section IV.2). None if the method has none.
    stability_size : float
        The method is stable for real h lambda in [-stability_size, 0]. None as for the pair.
    reference : str
        Where the coefficients are printed.
    interpolant : Interpolant
        The method's own dense output; None where it is the cubic Hermite interpolant.
    """

    name: str
    order: int
    embedded_order: int | None
    a: tuple[tuple[Fraction, ...], ...]
    c: tuple[Fraction, ...]
    error: tuple[Fraction, ...] | None
    fsal: bool
    exact: bool
    stability_pair: tuple[int, int] | None
    stability_size: float | None
    reference: str
    lower_error: tuple[Fraction, ...] | None = None
    lower_order: int | None = None
    interpolant: Interpolant | None = None

    def __post_init__(self):
        _check(self)

    # Tableaus key the cache of `arrays`, which every solve asks; all the rationals take 100 us.
    def __hash__(self):
        return hash(self.name)

    @property
    def stages(self):
        """S, the number of slopes that make y_next."""
        return len(self.a) - 1

    @property
    def n_weights(self):
        """The number of slopes that a step knows when it ends: S, or S + 1 if FSAL."""
        return self.stages + self.fsal

    @property
    def b(self):
        """The weights of k_0 .. k_{S-1} in y_next."""
        return self.a[-1]

    @property
    def embedded(self):
        """The weights b_hat of k_0 .. k_S in the embedded method; None without one."""
        if self.error is None:
            return None
        return tuple(b - e for b, e in zip((*self.b, 0), self.error, strict=True))

    @property
    def n_errors(self):
        """The number of error estimates."""
        return (self.error is not None) + (self.lower_error is not None)

    @property
    def error_exponent_order(self):
        """The power of h in the error estimate, for controllers; None without an estimate."""
        if self.error is None:
            return None
        power = min(self.order, self.embedded_order) + 1
        return power if self.lower_error is None else 2 * power - (self.lower_order + 1)


class TableauArrays(NamedTuple):
    """A tableau as kernels take it: (S+1, S+1) `a`, its transpose, (S+1,) `c`, (2, S+1) `error`, `pair`; `coupling`."""

    a: np.ndarray
    a_transposed: np.ndarray
    c: np.ndarray
    error: np.ndarray
    pair: np.ndarray
    coupling: np.ndarray


def butcher(
    name: str,
    order: int,
    a: Sequence,
    b: Sequence | str,
    *,
    c: Sequence | str | None = None,
    embedded: Sequence | str | None = None,
    error: Sequence | str | None = None,
    embedded_order: int | None = None,
    lower: Sequence | str | None = None,
    lower_order: int | None = None,
    stability_pair: tuple[int, int] | None = None,
    stability_size: float | None = None,
    reference: str = "",
    interpolant: Interpolant | None = None,
) -> ButcherTableau:
    """Make a tableau from the table that a paper prints, and check that it is one.

    A row is a sequence of coefficients, or a string with blanks between them. A coefficient is an
    int, a Fraction, a float or a string: "44/45", or a decimal, which stands for the digits given.

    Parameters
    ----------
    name, order, embedded_order, lower_order, stability_pair, stability_size, reference, interpolant
        As in `ButcherTableau`. Orders are taken on trust: `order_conditions` checks them.
    a : sequence of rows
        The strictly lower triangle, with or without row 0, which is empty. A last row that repeats
        `b`, as tables of FSAL methods have, is recognised and becomes the row of the solution.
    b : row
        Weights of the solution.
    c : row, optional
        Nodes, which must be the row sums of `a`; by default they are computed.
    embedded, error : row, optional
        Weights b_hat of the embedded method, or the weights b - b_hat of the error estimate.
        The weight of k_S, if any, comes last. One of the two at most, and `embedded_order` with it.
    lower : row, optional
        Weights of a second embedded method, of order `lower_order`.

    Returns
    -------
    ButcherTableau

    Raises
    ------
    ValueError
        If this is no explicit Runge-Kutta method; says what is wrong, and in which row (from 0).
    """
    printed = (*a, b, c, embedded, error, lower)
    b = _parse(name, "`b`", b)
    rows = _triangle(name, a, len(b))
    repeats_b = len(b) > 1 and (*rows[-1], 0) == b
    rows = rows if repeats_b else (*rows, b)
    stages = len(rows) - 1
    if c is None:
        c = tuple(sum(row, Fraction(0)) for row in rows[:-1])
    c = _parse(name, "`c`", c, stages, last=1)
    if embedded is not None and error is not None:
        raise _malformed(name, "takes `embedded` or `error`, not both")

    def less(label, weights):
        weights = _parse(name, label, weights, stages, last=0)
        return tuple(x - x_hat for x, x_hat in zip((*rows[-1], 0), weights, strict=True))

    if embedded is not None:
        error = less("`embedded`", embedded)
    if error is not None:
        error = _parse(name, "`error`", error, stages, last=0)
    exact = not any(is_rounded(entry) for row in printed for entry in entries(row))
    return ButcherTableau(
        name=name,
        order=order,
        embedded_order=embedded_order,
        a=rows,
        c=c,
        error=error,
        fsal=repeats_b or (error is not None and error[stages] != 0),
        exact=exact,
        stability_pair=stability_pair,
        stability_size=stability_size,
        reference=reference,
        lower_error=None if lower is None else less("`lower`", lower),
        lower_order=lower_order,
        interpolant=interpolant,
    )


@lru_cache
def arrays(tableau: ButcherTableau, dtype) -> TableauArrays:
    """Round each coefficient once, to the nearest of `dtype` or, if that is complex, of its parts.

    `error` is zero without an embedded method, `pair` without a pair of stages at one time; its rows are
    a_x - a_y, which with h k is the difference of their states, and that of their slopes. All solves share the
    arrays: do not write to them. They are not read-only only because that is another type to Numba, and another
    signature.
    """
    real = np.finfo(dtype).dtype
    if dtype is not real:
        return arrays(tableau, real)
    n = tableau.stages + 1
    a = np.zeros((n, n), real)
    for i, row in enumerate(tableau.a):
        a[i, :i] = [_round(x, real) for x in row]
    c = np.array([_round(x, real) for x in tableau.c])
    error = np.zeros((2, n), real)
    for row, weights in zip(error, (tableau.error, tableau.lower_error), strict=True):
        row[:] = [_round(x, real) for x in weights or ()] or 0
    pair = np.zeros((2, n), real)
    if tableau.stability_pair is not None:
        x, y = tableau.stability_pair
        rows = ((*tableau.a[i], *[0] * (n - i)) for i in (x, y))
        pair[0] = [_round(Fraction(one - other), real) for one, other in zip(*rows, strict=True)]
        pair[1, x], pair[1, y] = 1, -1
    return TableauArrays(a, np.ascontiguousarray(a.T), c, error, pair, np.ones(1, real))


class DenseArrays(NamedTuple):
    """A tableau of R stages with the extra ones: (R, R) `a`, (R,) `c`, (degree, R) `weights`, (2, S+1) `error`."""

    a: np.ndarray
    c: np.ndarray
    weights: np.ndarray
    error: np.ndarray


@lru_cache
def arrays_with_dense(tableau: ButcherTableau, dtype) -> DenseArrays:
    """Round the coefficients of all stages, and those of the dense output as `between_ends` has them."""
    base, own, n = arrays(tableau, dtype), tableau.interpolant, tableau.stages + 1
    size = n + (own.n_extra if own else 0)
    a, c = np.zeros((size, size), dtype), np.zeros(size, dtype)
    a[:n, :n], c[:n] = base.a, base.c
    for i in range(n, size):
        row = own.a[i - n]
        a[i, : len(row)], c[i] = [_round(x, dtype) for x in row], _round(own.c[i - n], dtype)
    rows = between_ends(dense_powers(tableau), tableau.b)
    weights = np.array([[_round(x, dtype) for x in row] for row in rows])
    return DenseArrays(a, c, np.ascontiguousarray(weights.T), base.error)


def _round(x, dtype):
    """The number of `dtype` nearest to x, the even one of two; by way of a double it could miss."""
    digits = np.finfo(dtype).nmant + 1
    exponent = x.numerator.bit_length() - x.denominator.bit_length() - digits
    if abs(x) >= Fraction(2) ** (exponent + digits):
        exponent += 1
    significand = round(x / Fraction(2) ** exponent)
    return np.ldexp(dtype.type(significand), exponent)


def _malformed(name, message):
    return ValueError(f"butcher: tableau {name!r}: {message}")


def _parse(name, label, row, stages=None, last=None):
    """The row as Fractions; with `stages`, S + 1 of them, the `last` of which may be left out."""
    try:
        row = tuple(coefficient(entry) for entry in entries(row))
    except (AttributeError, TypeError, ValueError, OverflowError, ZeroDivisionError) as reason:
        raise _malformed(name, f"{label} is no row of numbers: {reason}") from None
    if stages is None or len(row) == stages + 1:
        return row
    if len(row) != stages:
        wanted = f"{stages}, or {stages + 1} with that of the solution"
        raise _malformed(name, f"{label} has {len(row)} entries, wanted {wanted}")
    return (*row, Fraction(last))


def _triangle(name, a, stages):
    """Rows 0 .. stages - 1 of `a`, row i cut to its i entries."""
    missing = stages - len(a)
    if missing not in (0, 1):
        wanted = f"wanted {stages}, or {stages - 1} without row 0, as `b` has {stages} entries"
        raise _malformed(name, f"`a` has {len(a)} rows, {wanted}")
    rows = [()] * missing
    for i, row in enumerate(a, start=missing):
        row = _parse(name, f"row {i} of `a`", row)
        if len(row) < i:
            raise _malformed(name, f"row {i} of `a` has {len(row)} entries, wanted {i}")
        if any(row[i:]):
            raise _malformed(name, f"row {i} of `a` is not strictly lower triangular")
        rows.append(row[:i])
    return tuple(rows)


def _check(tableau):
    """Raise a ValueError that names the row, unless all sums close and all parts are there."""
    name, c, error, stages = tableau.name, tableau.c, tableau.error, tableau.stages

    def require(row, wanted, what, why):
        total, size = sum(row), max(1, sum(map(abs, row)))
        if abs(total - wanted) > (0 if tableau.exact else DECIMAL_TOLERANCE * size):
            found, wanted = (x if tableau.exact else f"{float(x):.17g}" for x in (total, wanted))
            raise _malformed(name, f"{what} {found}, but {why} {wanted}")

    require([c[stages]], 1, f"c[{stages}] is", "the step ends at")
    for i, row in enumerate(tableau.a):
        label = f"row {i} of `a`" + (", the weights `b`," if i == stages else "")
        require(row, c[i], f"{label} sums to", f"c[{i}] is")
    if error is not None:
        require(error, 0, "the error weights, `b` less `embedded`, sum to", "must sum to")
    if (error is None) != (tableau.embedded_order is None):
        raise _malformed(name, "needs `embedded_order` with `embedded` or `error`, and only then")
    if tableau.lower_error is not None:
        require(tableau.lower_error, 0, "the weights `b` less `lower` sum to", "must sum to")
    if (tableau.lower_error is None) != (tableau.lower_order is None):
        raise _malformed(name, "needs `lower_order` with `lower`, and only then")
    if tableau.lower_error is not None and error is None:
        raise _malformed(name, "takes `lower` only beside `embedded` or `error`")
    if tableau.stability_pair is not None:
        x, y = tableau.stability_pair
        if not 0 <= y < x < tableau.n_weights or c[x] != c[y]:
            message = f"`stability_pair` ({x}, {y}) is no pair of evaluated stages with equal c"
            raise _malformed(name, message)
