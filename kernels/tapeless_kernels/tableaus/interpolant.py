"""Dense output as data: weights of the slopes that are polynomials in the fraction of the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .coefficients import coefficient, entries, is_rounded

HERMITE_ORDER = 3


@dataclass(frozen=True, slots=True)
class Interpolant:
    """A method's own dense output: y(t + s h) = y + h sum_i w_i(s) k_i, from extra stages if any.

    Attributes
    ----------
    order : int
        Order of the interpolant.
    rows : tuple of tuples
        If `nested`, weights of the slopes in the coefficients F_3, F_4, .. of `nested_powers`.
        Otherwise row i holds the coefficients of s, s^2, .. in w_i(s).
    nested : bool
        How `rows` is to be read.
    a, c : tuple
        Rows and nodes of the extra stages, which are evaluated only where the interpolant is used;
        they come after k_S, the slope at the end of the step, and may use it.
    exact : bool
        False where the source prints decimals.
    reference : str
        Where the coefficients are printed.
    """

    order: int
    rows: tuple[tuple[Fraction, ...], ...]
    nested: bool
    a: tuple[tuple[Fraction, ...], ...] = ()
    c: tuple[Fraction, ...] = ()
    exact: bool = True
    reference: str = ""

    @property
    def n_extra(self):
        """The number of extra stages."""
        return len(self.a)


def interpolant(
    order: int, rows: Sequence[str], *, nested=False, a=(), c="", reference=""
) -> Interpolant:
    """Make an `Interpolant` from strings of coefficients with blanks between them."""

    def parse(row):
        return tuple(map(coefficient, entries(row)))

    exact = not any(is_rounded(x) for row in (*rows, *a, c) for x in entries(row))
    return Interpolant(
        order, tuple(map(parse, rows)), nested, tuple(map(parse, a)), parse(c), exact, reference
    )


def nested_powers(b, rows, n_slopes):
    """Return the coefficients of s, s^2, .. in the weight of each slope, of Hairer's nested form.

    ::

        y(t + s h) = y + s (F_0 + (1-s) (F_1 + s (F_2 + (1-s) (F_3 + s (F_4 + ...)))))
        F_0 = y_next - y,  F_1 = h k_0 - F_0,  F_2 = F_0 - F_1 - h k_S,  F_3+i = h sum_j rows_ij k_j

    Without rows it is the cubic Hermite interpolant: Hairer, Norsett and Wanner, Solving ODEs I
    (2nd ed., 1993), section II.6, and the codes DOPRI5 and DOP853 of its authors.
    """
    zeros = [Fraction(0)] * n_slopes
    last = len(b)
    f0 = [*b, *zeros[len(b) :]]
    f1 = [(i == 0) - x for i, x in enumerate(f0)]
    f2 = [x - y - (i == last) for i, (x, y) in enumerate(zip(f0, f1, strict=True))]
    coefficients = [f0, f1, f2, *([*row, *zeros[len(row) :]] for row in rows)]
    powers = []
    for i in range(n_slopes):
        polynomial = [Fraction(0)]  # from the innermost factor outwards, lowest power first
        for depth in range(len(coefficients) - 1, -1, -1):
            polynomial[0] += coefficients[depth][i]
            by = [0, 1] if depth % 2 == 0 else [1, -1]
            product = [Fraction(0)] * (len(polynomial) + 1)
            for m, x in enumerate(polynomial):
                product[m] += by[0] * x
                product[m + 1] += by[1] * x
            polynomial = product
        powers.append(tuple(polynomial[1:]))
    return tuple(powers)


def dense_powers(tableau):
    """Return the coefficients of s, s^2, .. in the weight of each slope, k_0 .. k_S and the extra ones.

    A method without an interpolant of its own has the cubic Hermite interpolant.
    """
    own, n = tableau.interpolant, tableau.stages + 1
    if own is None:
        return nested_powers(tableau.b, (), n)
    return nested_powers(tableau.b, own.rows, n + own.n_extra) if own.nested else own.rows


def between_ends(powers, b):
    """Return the weights of Delta and r_0, r_1, .. in y + s (Delta + (1-s) (r_0 + s (r_1 + ..))).

    The same polynomial, written so that it takes the values of both ends whatever is rounded:
    Delta = y_next - y, and the powers of s in w_i(s) / s - b_i are divided by 1 - s.
    """
    rows = []
    for i, row in enumerate(powers):
        weight = b[i] if i < len(b) else Fraction(0)
        rest = [row[0] - weight]
        for x in row[1:-1]:
            rest.append(x + rest[-1])
        rows.append((weight, *rest))
    return tuple(rows)


def dense_order(tableau):
    """Return the order of a method's dense output."""
    return HERMITE_ORDER if tableau.interpolant is None else tableau.interpolant.order
