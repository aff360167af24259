r"""Chebyshev and Legendre polynomials by what their series need: recurrences, derivatives, integrals and norms.

.. math::
    \phi_{k+1} = \alpha_k x \phi_k + \beta_k \phi_{k-1}, \qquad
    \textstyle\int \phi_k = r_k \phi_{k+1} - l_k \phi_{k-1}, \qquad
    \phi_p' = \sum_{k = p-1, p-3, \ldots} a_p b_k \phi_k.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapeless import _check as check
from tapeless._spectral_ops.arguments import Field, Floats

Sequence = Callable[[Floats], Floats]


class Basis(NamedTuple):
    """Polynomials that are orthogonal on [-1, 1]."""

    name: str
    alpha: Sequence
    beta: Sequence
    raised: Sequence  # r
    lowered: Sequence  # l, of which that of k = 1 multiplies a constant and does not matter
    before: Sequence  # a
    after: Sequence  # b
    norms: Sequence  # integrals of the squares, with the weight of the basis


CHEBYSHEV = Basis(
    "chebyshev",
    alpha=lambda k: np.where(k == 0, 1.0, 2.0),
    beta=lambda k: np.full_like(k, -1.0),
    raised=lambda k: np.where(k == 0, 1.0, 0.5 / (k + 1)),
    lowered=lambda k: np.where(k < 2, 0.0, 0.5 / np.maximum(k - 1, 1)),
    before=lambda k: 2 * k,
    after=lambda k: np.where(k == 0, 0.5, 1.0),
    norms=lambda k: np.where(k == 0, np.pi, np.pi / 2),
)

LEGENDRE = Basis(
    "legendre",
    alpha=lambda k: (2 * k + 1) / (k + 1),
    beta=lambda k: -k / (k + 1),
    raised=lambda k: 1 / (2 * k + 1),
    lowered=lambda k: 1 / (2 * k + 1),
    before=lambda k: np.ones_like(k),
    after=lambda k: 2 * k + 1,
    norms=lambda k: 2 / (2 * k + 1),
)

POLYNOMIALS = {basis.name: basis for basis in (CHEBYSHEV, LEGENDRE)}


def polynomials_of(caller: str, basis: Any) -> Basis:
    """Return the polynomials of that name."""
    return POLYNOMIALS[check.one_of(caller, "basis", basis, tuple(POLYNOMIALS))]


def numbers(sequence: Sequence, n: int, dtype: np.dtype[Any]) -> Floats:
    """Return the first n numbers of a sequence."""
    return sequence(np.arange(n, dtype=float)).astype(dtype)


def vandermonde(basis: Basis, n: int, x: Floats) -> Floats:
    """Return the first n polynomials at points x, shape (n, *x.shape)."""
    found = np.ones((n, *x.shape), x.dtype)
    alpha, beta = (numbers(sequence, n, x.dtype) for sequence in (basis.alpha, basis.beta))
    for i in range(n - 1):
        found[i + 1] = alpha[i] * x * found[i]
        if i:
            found[i + 1] += beta[i] * found[i - 1]
    return found


def polynomial_derivative(c: Field, basis: Basis) -> Field:
    """Return the coefficients of the derivative, along the last axis: sums over every other one above."""
    n, dtype = c.shape[-1], c.real.dtype
    d = np.zeros(c.shape, c.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = numbers(basis.before, n, dtype) * c
        for odd in (0, 1):
            part = sums[..., odd::2]
            part[...] = part[..., ::-1].cumsum(axis=-1)[..., ::-1]
        d[..., :-1] = numbers(basis.after, n - 1, dtype) * sums[..., 1:]
    return d


def polynomial_derivative_vjp(bar: Field, basis: Basis) -> Field:
    """Return the cotangent of the coefficients."""
    n, dtype = bar.shape[-1], bar.real.dtype
    sums = np.zeros(bar.shape, bar.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        sums[..., 1:] = numbers(basis.after, n - 1, dtype) * bar[..., :-1]
        for odd in (0, 1):
            part = sums[..., odd::2]
            part[...] = part.cumsum(axis=-1)
        return numbers(basis.before, n, dtype) * sums
