from fractions import Fraction

import numpy as np
import pytest

import tapeless
from tapeless.fields import MLP
from tapeless_kernels.tableaus.explicit import EXPLICIT

every = pytest.mark.parametrize("tableau", EXPLICIT, ids=lambda tableau: tableau.name)
SSP3 = {"a": ["1", "1/4 1/4"], "b": "1/6 1/6 2/3"}  # Shu and Osher (1988)


def check(tableau, a, convert=Fraction, **changed):
    arguments = {
        "order": tableau.order,
        "a": [list(map(convert, row)) for row in a[1:-1]],
        "b": list(map(convert, a[-1])),
        "error": tableau.error and list(map(convert, tableau.error)),
        "embedded_order": tableau.embedded_order,
    }
    if tableau.lower_error is not None:
        lower = [b - e for b, e in zip((*a[-1], 0), tableau.lower_error, strict=True)]
        arguments |= {"lower": list(map(convert, lower)), "lower_order": tableau.lower_order}
    return tapeless.check_tableau(tableau.name, **arguments | changed)


@every
def test_every_method_passes_as_floats_too(tableau):
    floats = check(tableau, tableau.a, float)
    assert not floats.exact and floats.stages == tableau.stages
    if tableau.exact:
        assert check(tableau, tableau.a).a == tableau.a


@every
def test_order_that_is_claimed_too_high_is_refused(tableau):
    for what in ("order", "embedded_order", "lower_order"):
        if getattr(tableau, what) is None:
            continue
        claimed = getattr(tableau, what) + 1
        for convert in (Fraction, float) if tableau.exact else (float,):
            with pytest.raises(ValueError, match=f"is not of order {claimed}.*lower `{what}`"):
                check(tableau, tableau.a, convert, **{what: claimed})


@pytest.mark.parametrize("tableau", [t for t in EXPLICIT if t.order < 7], ids=lambda t: t.name)
def test_a_typo_in_a_float_is_found(tableau):
    """In the sixth digit, where the nodes, computed from the rows, err with it."""
    for i, row in enumerate(tableau.a):
        for j in range(i):
            typo = Fraction(1, 10**6) * (abs(row[j]) or 1)
            a = [*tableau.a[:i], (*row[:j], row[j] + typo, *row[j + 1 :]), *tableau.a[i + 1 :]]
            with pytest.raises(ValueError, match=r"check_tableau: .*(fails|sums? to)"):
                check(tableau, a, float)


def test_condition_that_fails_is_named():
    with pytest.raises(ValueError, match=r"sum b_i c_i = 1/2 fails, the sum is 3/4\. Compare"):
        tapeless.check_tableau("ssp3", 3, **SSP3 | {"b": "1/6 2/3 1/6"})
    with pytest.raises(ValueError, match=r"sum b_i a_ij c_j = 1/6 fails, the sum is 1/3"):
        tapeless.check_tableau("ssp3", 3, ["1", "0 1/2"], SSP3["b"])
    with pytest.raises(ValueError, match="sum b_i c_i a_ij c_j = 1/8 fails, the sum is 1/12"):
        tapeless.check_tableau("ssp3", 4, **SSP3)


def test_checked_tableau_is_a_method():
    ssp3, field = tapeless.check_tableau("ssp3", 3, **SSP3), MLP(2, [3])
    theta, y0, errors = field.init(rng=0), np.ones((4, 2)), []
    exact = tapeless.solve_ode(field, (0, 1), y0, theta, method="vern7", rtol=1e-11, atol=1e-11)
    for n in (10, 20):
        sol = tapeless.solve_ode(field, (0, 1), y0, theta, method=ssp3, n_steps=n)
        errors.append(abs(sol.ys - exact.ys).max())
    assert 2.7 < np.log2(errors[0] / errors[1]) < 3.4
