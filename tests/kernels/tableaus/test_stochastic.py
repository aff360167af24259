"""Weights of methods for SDEs: what they must be for the equation without noise, and for noise alone."""

import numpy as np
import pytest

from tapeless_kernels.tableaus.stochastic import (
    DERIVATIVE,
    I11,
    I111,
    NOISES,
    REVERSIBLE,
    ROOT,
    STOCHASTIC,
    H,
    W,
    arrays_of,
)  # fmt: skip

TABLEAUS = [m for m in STOCHASTIC if m.kind != REVERSIBLE]
DOUBLE = np.dtype(np.float64)


def test_names_are_unique_and_claims_are_of_known_kinds():
    assert len({m.name for m in STOCHASTIC}) == len(STOCHASTIC)
    for method in STOCHASTIC:
        assert set(method.strong) <= set(NOISES) and method.calculus in ("ito", "stratonovich")
        assert set(method.weak) == set(method.strong)
        # A method that takes a kind of noise takes the more special ones too, at least as well.
        orders = [method.strong[noise] for noise in NOISES if noise in method.strong]
        assert orders == sorted(orders, reverse=True) and "additive" in method.strong


@pytest.mark.parametrize("method", TABLEAUS, ids=lambda m: m.name)
def test_sums_of_weights(method):
    a, b, (c, d), uses = arrays_of(method, DOUBLE, 1, method.error is not None)[:4]
    solution = len(a) - 2
    assert a[solution].sum() == pytest.approx(1, abs=1e-14)  # order 1 without noise
    sums = b[solution].sum(axis=0)
    assert sums[W] == pytest.approx(1, abs=1e-14)  # constant noise is added as it is
    assert abs(sums[[H, ROOT, I11, I111]]).max() < 1e-14
    assert (
        abs(a[-1].sum()) < 1e-14 or method.name == "sriw1"
    )  # an error estimate is 0 for a constant drift
    assert abs(b[-1].sum(axis=0)).max() < 1e-14
    for weights in (a, *np.moveaxis(b, 2, 0)):
        assert (np.triu(weights[:solution]) == 0).all()
    if max(method.strong.values()) == 1.5:  # order 2 without noise
        assert a[solution] @ c == pytest.approx(0.5, abs=1e-14)
        # A diffusion linear in time: the integral of u / h over W is W / 2 - H.
        assert b[solution, :, W] @ d == pytest.approx(0.5, abs=1e-14)
        if method.name in ("sra1", "shark", "sea"):
            assert b[solution, :, H] @ d == pytest.approx(-1, abs=1e-14)
    evaluated = uses[0] == 1
    if method.kind != DERIVATIVE and method.name not in ("sea", "milstein_free", "general_shark"):
        states = a[: len(c)].sum(axis=1)
        np.testing.assert_allclose(states[evaluated], c[evaluated], atol=1e-14)


def test_what_only_the_error_estimate_reads_is_left_out():
    assert (
        arrays_of(STOCHASTIC[[m.name for m in STOCHASTIC].index("sea")], DOUBLE, 1, False).stages
        == 2
    )
    assert (
        arrays_of(STOCHASTIC[[m.name for m in STOCHASTIC].index("sea")], DOUBLE, 1, True).stages
        == 3
    )
