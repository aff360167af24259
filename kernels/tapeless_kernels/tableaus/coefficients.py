"""Coefficients as papers print them: integers, fractions, decimals; rows of them, or strings with blanks."""

from fractions import Fraction
from numbers import Rational


def entries(row):
    """Return the coefficients of a row as they are printed."""
    return row.split() if isinstance(row, str) else () if row is None else row


def is_rounded(entry):
    """Whether a coefficient is a decimal, or a float."""
    if isinstance(entry, str):
        return entry.strip("+-/0123456789") != ""
    return not isinstance(entry, Rational)


def coefficient(entry):
    """Return a coefficient as a Fraction."""
    if isinstance(entry, str):
        return Fraction(entry)
    if isinstance(entry, Rational):  # int() because NumPy's integers are Rational, and overflow
        return Fraction(int(entry.numerator), int(entry.denominator))
    return Fraction(*entry.as_integer_ratio())
