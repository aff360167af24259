"""The interpolant as a polynomial is the interpolant by weights; its mean, turns and roots are those of NumPy."""

import numpy as np
import pytest

from tapeless_kernels.interpolants.cubic import cubic, first_root, integral, rise_at, turns
from tapeless_kernels.interpolants.hermite import hermite_weights

CASES = [np.random.default_rng(seed).standard_normal(5) for seed in range(200)]
LINE = np.array([0.3, 1.0, 2.0, 2.3, 2.0])  # h, start, slope, ...: no cubic part, so no turn


def coefficients(case):
    h, start, slope, end, slope_at_end = case
    return cubic(h, start, slope, end, slope_at_end)


def polynomial(case):
    a, b, c = coefficients(case)
    return np.polynomial.Polynomial([0, c, b / 2, a / 3])


@pytest.mark.parametrize("s", [0.0, 0.3, 0.75, 1.0])
def test_polynomial_is_the_interpolant(s):
    for case in CASES:
        h, start, slope, end, slope_at_end = case
        expected = np.dot(hermite_weights(s, h), [start, slope, end, slope_at_end])
        found = start + rise_at(s, *coefficients(case))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_integral_is_that_of_the_polynomial():
    for case in CASES:
        whole = polynomial(case).integ()
        np.testing.assert_allclose(
            integral(*coefficients(case)), whole(1) - whole(0), rtol=0, atol=1e-14
        )


def test_turns_are_the_roots_of_the_derivative():
    seen = set()
    for case in [*CASES, LINE]:
        roots = polynomial(case).deriv().roots()
        inside = np.sort(roots[(np.imag(roots) == 0) & (roots.real > 0) & (roots.real < 1)].real)
        expected = np.ones(2)
        expected[: len(inside)] = inside
        seen.add(len(inside))
        np.testing.assert_allclose(turns(*coefficients(case)), expected, rtol=1e-9)
    assert seen == {0, 1, 2}


def test_first_root_is_the_first():
    seen = set()
    for case in CASES:
        p, (a, b, c) = polynomial(case), coefficients(case)
        level = 0.3 * p(1.0) + 0.05
        roots = (p - level).roots()
        inside = np.sort(
            roots[(abs(np.imag(roots)) < 1e-12) & (roots.real > 0) & (roots.real <= 1)].real
        )
        found = first_root(level, *turns(a, b, c), a, b, c, p(1.0))
        seen.add(len(inside))
        np.testing.assert_allclose(found, inside[0] if len(inside) else 2.0, rtol=1e-9)
    assert {0, 1} < seen
