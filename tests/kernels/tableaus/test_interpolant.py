"""Dense output meets its order conditions, and no typo in it goes unseen."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.integrate

from tapeless_kernels.tableaus.explicit import BOSH3, DOPRI5, EXPLICIT
from tapeless_kernels.tableaus.interpolant import between_ends, dense_order, dense_powers
from tapeless_kernels.tableaus.order_conditions import density, nodes, order_condition_residuals

every = pytest.mark.parametrize("tableau", EXPLICIT, ids=lambda tableau: tableau.name)


def dense_residual(tableau, order):
    """Return by how much the dense weights miss sum_i w_i(s) w_i(tree) = s**nodes / density, at worst."""
    own, powers = tableau.interpolant, dense_powers(tableau)
    a, c = (*tableau.a, *(own.a if own else ())), (*tableau.c, *(own.c if own else ()))
    missed = []
    for s in map(Fraction, ("1/11", "1/3", "5/7", "1")):
        weights = [sum(x * s ** (p + 1) for p, x in enumerate(row)) for row in powers]
        for tree, residual in order_condition_residuals(a, weights, c, order).items():
            missed.append(residual + Fraction(1 - s ** nodes(tree), density(tree)))
    return max(map(abs, missed))


@every
def test_the_dense_order_is_met_and_not_exceeded(tableau):
    order = min(dense_order(tableau), tableau.order)
    digits = {"tsit5": 16, "vern7": 37, "dop853": 27}  # that the sources print
    rounding = Fraction(1, 10 ** digits[tableau.name]) if tableau.name in digits else 0
    assert dense_residual(tableau, order) <= rounding
    assert dense_residual(tableau, order + 1) > 1e-8


@every
def test_dense_output_takes_the_values_of_both_ends(tableau):
    """At s = 1 the weights are b, and so is the sum that remains where `between_ends` divides."""
    powers, digits = dense_powers(tableau), Fraction(1, 10**14) * (tableau.name == "tsit5")
    digits += Fraction(1, 10**24) * (tableau.name in ("vern7", "dop853"))
    for row, (weight, *rest) in zip(powers, between_ends(powers, tableau.b), strict=True):
        assert abs(sum(row) - weight) <= digits and abs(rest[-1] + row[-1]) <= digits
        for s in (Fraction(1, 3), Fraction(6, 7)):
            value = sum(x * s ** (p + 1) for p, x in enumerate(row))
            inner = sum(x * s**p for p, x in enumerate(rest))
            assert abs(value - s * (weight + (1 - s) * inner)) <= digits


@pytest.mark.parametrize("name, ours", [("RK23", BOSH3), ("RK45", DOPRI5)])
def test_dense_weights_are_those_of_scipy(name, ours):
    found = np.array(dense_powers(ours), dtype=float)
    np.testing.assert_allclose(found, getattr(scipy.integrate, name).P, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "tableau", [t for t in EXPLICIT if t.interpolant], ids=lambda tableau: tableau.name
)
def test_a_typo_in_a_dense_coefficient_is_caught(tableau):
    own, order = tableau.interpolant, dense_order(tableau)
    for i, row in enumerate(own.rows):
        j = next(j for j, x in enumerate(row) if x != 0) if any(row) else 0
        changed = (*row[:j], row[j] + Fraction(1, 10**6), *row[j + 1 :])
        typo = replace(own, rows=(*own.rows[:i], changed, *own.rows[i + 1 :]))
        assert dense_residual(replace(tableau, interpolant=typo), order) > 1e-10
    for i, row in enumerate(own.a):
        j = next(j for j, x in enumerate(row) if x != 0 and j > 0)  # row sums are column 0's test
        changed = (*row[:j], row[j] + Fraction(1, 10**6), *row[j + 1 :])
        typo = replace(own, a=(*own.a[:i], changed, *own.a[i + 1 :]))
        assert abs(sum(row) - own.c[i]) < 1e-27 < abs(sum(changed) - own.c[i])
        assert dense_residual(replace(tableau, interpolant=typo), order) > 1e-12
