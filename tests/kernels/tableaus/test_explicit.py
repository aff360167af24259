"""Explicit methods: orders, forms, numbers and stability as the literature has them."""

import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import chain

import numpy as np
import pytest
import scipy.integrate

from tapeless_kernels.tableaus.butcher import arrays, butcher
from tapeless_kernels.tableaus.explicit import BOSH3, DOP853, DOPRI5, EXPLICIT
from tapeless_kernels.tableaus.order_conditions import (
    density,
    nodes,
    order_condition_residuals,
    rooted_trees,
)

every = pytest.mark.parametrize("tableau", EXPLICIT, ids=lambda tableau: tableau.name)
embedded = pytest.mark.parametrize(
    "tableau", [t for t in EXPLICIT if t.error is not None], ids=lambda tableau: tableau.name
)


def worst(a, b, c, order):
    return max(map(abs, order_condition_residuals(a, b, c, order).values()))


def tolerance(tableau):
    """Rationals meet the conditions exactly.

    Tsit5's are irrational and written to 40 decimals, DOP853's to 28 or more. The arithmetic is
    exact all the same: what remains, 2e-40 and 5e-28, is the rounding of what is written.
    """
    return (
        0
        if tableau.exact
        else {"tsit5": Fraction(1, 10**39), "dop853": Fraction(1, 10**27)}[tableau.name]
    )


@every
def test_order_is_met_and_not_exceeded(tableau):
    a, b, c = tableau.a[:-1], tableau.b, tableau.c[:-1]
    assert worst(a, b, c, tableau.order) <= tolerance(tableau)
    assert worst(a, b, c, tableau.order + 1) > (1e-4 if tableau.order < 6 else 1e-6)


@every
def test_sums_close(tableau):
    """The first column of `a` enters the order conditions through its row sums alone."""
    for row, c in zip(tableau.a, tableau.c, strict=True):
        assert abs(sum(row) - c) <= tolerance(tableau)
    assert abs(sum(tableau.error or [])) <= tolerance(tableau)


@embedded
def test_embedded_order_is_met_and_not_exceeded(tableau):
    a, b_hat, c = tableau.a, tableau.embedded, tableau.c
    assert worst(a, b_hat, c, tableau.embedded_order) <= tolerance(tableau)
    assert worst(a, b_hat, c, tableau.embedded_order + 1) > 1e-4


def test_lower_order_is_met_and_not_exceeded():
    (tableau,) = (t for t in EXPLICIT if t.lower_error is not None)
    weights = [b - e for b, e in zip((*tableau.b, 0), tableau.lower_error, strict=True)]
    assert worst(tableau.a, weights, tableau.c, tableau.lower_order) <= tolerance(tableau)
    assert worst(tableau.a, weights, tableau.c, tableau.lower_order + 1) > 1e-4


@every
def test_a_typo_in_any_coefficient_is_caught(tableau):
    """By the sums if the nodes are right, and by an order condition if they err with it."""
    typo = Fraction(1, 10**6)
    for i, row in enumerate(tableau.a):
        for j in range(i):
            a = [*tableau.a[:i], (*row[:j], row[j] + typo, *row[j + 1 :]), *tableau.a[i + 1 :]]
            c = [*tableau.c[:i], tableau.c[i] + typo, *tableau.c[i + 1 :]]
            floats = [list(map(float, row)) for row in a]
            with pytest.raises(ValueError, match=f"row {i} of `a`.* sums to"):
                butcher("typo", tableau.order, floats[:-1], floats[-1], c=tableau.c)
            missed = worst(a[:-1], a[-1], c[:-1], tableau.order)
            if tableau.error is not None:  # the last stage may serve the estimate alone
                b_hat = [b - e for b, e in zip((*a[-1], 0), tableau.error, strict=True)]
                missed = max(missed, worst(a, b_hat, c, tableau.embedded_order))
            assert missed > 1e-10


def test_rooted_trees_are_all_there_once():
    assert [len(set(rooted_trees(n))) for n in range(1, 10)] == [1, 1, 2, 4, 9, 20, 48, 115, 286]
    assert all(nodes(tree) == n for n in range(1, 10) for tree in rooted_trees(n))
    assert density(((), (), (), ())) == 5
    assert density((((((),),),),)) == 120


def test_order_conditions_on_methods_of_other_hands():
    thirds = Fraction(1, 3), Fraction(1)
    radau = [[Fraction(5, 12), Fraction(-1, 12)], [Fraction(3, 4), Fraction(1, 4)]]
    assert worst(radau, radau[1], thirds, 3) == 0
    assert worst(radau, radau[1], thirds, 4) > 1e-4
    dop853 = scipy.integrate.DOP853
    coefficients = dop853.A[:12, :12].tolist(), dop853.B.tolist(), dop853.C[:12].tolist()
    assert worst(*coefficients, 8) < 1e-13
    assert worst(*coefficients, 9) > 1e-7


@pytest.mark.parametrize(
    ("name", "stages", "n_weights", "fsal", "exponent"),
    [
        ("euler", 1, 1, False, None),
        ("midpoint", 2, 2, False, 2),
        ("heun21", 2, 2, False, 2),
        ("ralston2", 2, 2, False, 2),
        ("ralston3", 3, 3, False, None),
        ("bosh3", 3, 4, True, 3),
        ("rk4", 4, 4, False, None),
        ("rk4_38", 4, 4, False, None),
        ("rkf45", 6, 6, False, 5),
        ("cash_karp", 6, 6, False, 5),
        ("dopri5", 6, 7, True, 5),
        ("tsit5", 6, 7, True, 5),
        ("vern6", 8, 9, True, 6),
        ("vern7", 10, 10, False, 7),
        ("dop853", 12, 13, True, 8),
    ],
)
def test_shape_of_each_method(name, stages, n_weights, fsal, exponent):
    (tableau,) = (t for t in EXPLICIT if t.name == name)
    assert (tableau.stages, tableau.n_weights, tableau.fsal) == (stages, n_weights, fsal)
    assert tableau.error_exponent_order == exponent


@pytest.mark.parametrize("tableau", [BOSH3, DOPRI5], ids=lambda tableau: tableau.name)
@pytest.mark.parametrize("first_row", [0, 1], ids=["square", "ragged"])
@pytest.mark.parametrize("nodes_given", [True, False])
def test_fsal_is_recognised_in_the_form_of_the_literature(tableau, first_row, nodes_given):
    n = tableau.stages + 1
    same = butcher(
        tableau.name,
        tableau.order,
        a=[[*row, *[0] * (n - len(row))] for row in tableau.a[first_row:]],
        b=[*tableau.b, 0],
        c=tableau.c if nodes_given else None,
        error=tableau.error,
        embedded_order=tableau.embedded_order,
        stability_pair=tableau.stability_pair,
        stability_size=tableau.stability_size,
        reference=tableau.reference,
        interpolant=tableau.interpolant,
    )
    assert same == tableau and hash(same) == hash(tableau)


def test_fsal_needs_no_error_estimate():
    a, b = [*BOSH3.a[1:-1], BOSH3.b], (*BOSH3.b, 0)
    assert butcher("mine", 3, a, b).fsal
    assert not butcher("mine", 3, a[:-1], BOSH3.b).fsal


@every
def test_pickle_and_immutability(tableau):
    assert pickle.loads(pickle.dumps(tableau)) == tableau
    with pytest.raises(FrozenInstanceError):
        tableau.order = 1


def pair_of(tableau):
    """Return the weights of z_x - z_y and of k_x - k_y for the pair of stages at one time."""
    n = tableau.stages + 1
    if tableau.stability_pair is None:
        return [[0] * n, [0] * n]
    states = [[*tableau.a[i], *[0] * (n - i)] for i in tableau.stability_pair]
    slopes = [[int(j == i) for j in range(n)] for i in tableau.stability_pair]
    return [[x - y for x, y in zip(*rows, strict=True)] for rows in (states, slopes)]


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_arrays_are_the_nearest_numbers_of_the_dtype(tableau, dtype):
    n = tableau.stages + 1
    rounded = arrays(tableau, dtype)
    rows = [[*row, *[0] * (n - len(row))] for row in tableau.a]
    columns = zip(*rows, strict=True)
    rationals = (
        chain(*rows),
        chain(*columns),
        tableau.c,
        [*(tableau.error or [0] * n), *(tableau.lower_error or [0] * n)],
        chain(*pair_of(tableau)),
        [1],  # the coupling of a reversible method
    )
    for array, rational in zip(rounded, rationals, strict=True):
        assert array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned
        for x, exact in zip(array.flat, rational, strict=True):
            around = (np.nextafter(x, dtype(-100)), x, np.nextafter(x, dtype(100)))
            below, here, above = (abs(Fraction(*y.as_integer_ratio()) - exact) for y in around)
            assert here < below and here < above
    assert rounded.a.shape == rounded.a_transposed.shape == (n, n)
    assert rounded.c.shape == rounded.error[0].shape == (n,) and rounded.c[-1] == 1
    assert not np.triu(rounded.a).any()


def test_arrays_are_rounded_once():
    x = 1 + Fraction(1, 2**24) + Fraction(1, 2**60)  # nearest double: a tie between two float32
    tableau = butcher("midpoint-like", 2, a=[[x]], b=[1 - 1 / (2 * x), 1 / (2 * x)])
    assert np.float32(float(x)) == 1
    assert arrays(tableau, np.float32).c[1] == 1 + np.float32(2.0**-23)
    assert arrays(tableau, np.float64).c[1] == float(x)


def test_arrays_are_cached_native_and_real():
    assert arrays(DOPRI5, np.float64) is arrays(DOPRI5, "f8") is arrays(DOPRI5, complex)
    assert arrays(DOPRI5, np.complex64) is arrays(DOPRI5, np.dtype(np.float32))
    assert arrays(DOPRI5, ">f8").a.dtype.isnative
    with pytest.raises(ValueError, match="int64"):
        arrays(DOPRI5, np.int64)


@pytest.mark.parametrize(
    ("tableau", "scipy_method"),
    [(BOSH3, scipy.integrate.RK23), (DOPRI5, scipy.integrate.RK45)],
    ids=["bosh3", "dopri5"],
)
def test_agrees_with_scipy(tableau, scipy_method):
    a, _, c, error, *_ = arrays(tableau, np.float64)
    rows, columns = scipy_method.A.shape
    np.testing.assert_array_equal(a[:rows, :columns], scipy_method.A)
    np.testing.assert_array_equal(a[-1, :-1], scipy_method.B)
    np.testing.assert_array_equal(c[:-1], scipy_method.C)
    np.testing.assert_array_equal(error[0], -scipy_method.E)
    assert not error[1].any()


def test_dop853_agrees_with_scipy():
    a, _, c, error, *_ = arrays(DOP853, np.float64)
    n, ulp = DOP853.stages, 2.0**-52
    np.testing.assert_array_equal(a[:-1, :-1], scipy.integrate.DOP853.A[:n, :n])
    np.testing.assert_array_equal(a[-1, :-1], scipy.integrate.DOP853.B)
    np.testing.assert_array_equal(c[:-1], scipy.integrate.DOP853.C[:n])
    np.testing.assert_array_equal(error[0], scipy.integrate.DOP853.E5)
    np.testing.assert_allclose(error[1], scipy.integrate.DOP853.E3, rtol=0, atol=ulp)  # b - b_hat


@every
def test_stability_size_ends_the_real_interval_of_stability(tableau):
    """R(z) = 1 + sum_j z^j b^T A^{j-1} 1 leaves [-1, 1] there for the first time."""
    if tableau.stability_size is None:
        assert tableau.stability_pair is None
        return
    coefficients, w = [1.0], [1] * tableau.stages
    for _ in range(tableau.stages):
        coefficients.append(float(sum(b * x for b, x in zip(tableau.b, w, strict=True))))
        w = [sum(x * w[j] for j, x in enumerate(row)) for row in tableau.a[:-1]]
    r = np.polynomial.Polynomial(coefficients)
    roots = np.concatenate([(r - 1).roots(), (r + 1).roots()])
    size = min(-z.real for z in roots if abs(z.imag) < 1e-9 and z.real < -1e-9)
    digits = len(str(tableau.stability_size).partition(".")[2])
    assert round(size, digits) == tableau.stability_size
    assert abs(r(-0.999 * size)) < 1 < abs(r(-1.001 * size))
