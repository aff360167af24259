"""Burgers' equation: exact solutions, orders, and the transpose of the solve."""

import numpy as np
import pytest

from differences import central_difference
from tapeless import fft
from tapeless.pde import solve_burgers

METHODS = ("etdrk4", "ifrk4")


def grid(n, length=1.0):
    return length * np.arange(n) / n


def cole_hopf(x, t, nu, k, a=0.9):
    """Return -2 nu theta_x / theta of theta = 1 + a exp(-nu k^2 t) cos(k x), a solution of the heat equation."""
    decayed = a * np.exp(-nu * k * k * t)
    return 2 * nu * k * decayed * np.sin(k * x) / (1 + decayed * np.cos(k * x))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "length"), [(192, 1.0), (201, 2.5)])
def test_exact_solution_of_cole_and_hopf(method, n, length):
    nu, k, x = 0.05, 2 * np.pi / length, grid(n, length)
    times = np.array([0.0, 0.1, 0.55, 1.0])
    u0 = np.stack([cole_hopf(x, 0, nu, k), cole_hopf(x, 0, nu, 2 * k, -0.6)])
    sol = solve_burgers(u0, 1.0, nu, dt=1e-3, t_eval=times, length=length, method=method)
    assert sol.ys.shape == (2, 4, n) and sol.success
    for i, t in enumerate(times):
        np.testing.assert_allclose(sol.ys[0, i], cole_hopf(x, t, nu, k), atol=1e-10)
        np.testing.assert_allclose(sol.ys[1, i], cole_hopf(x, t, nu, 2 * k, -0.6), atol=1e-10)


def test_error_falls_exponentially_with_points():
    nu, k, errors = 0.05, 2 * np.pi, []
    for n in (24, 48, 96):
        sol = solve_burgers(cole_hopf(grid(n), 0, nu, k), 0.2, nu, n_steps=400)
        errors.append(np.abs(sol.ys - cole_hopf(grid(n), 0.2, nu, k)).max())
    assert errors[1] < errors[0] ** 1.8 and errors[2] < 1e-11  # which is that of time


@pytest.mark.parametrize("method", METHODS)
def test_order_in_time_is_4(method):
    rng = np.random.default_rng(0)
    x = grid(64)
    u0 = sum(rng.standard_normal() * np.sin(2 * np.pi * k * x + k) for k in range(1, 5))
    forcing = np.cos(4 * np.pi * x)
    options = {"method": method, "forcing": forcing, "adjoint": None}
    finest = solve_burgers(u0, 0.2, 0.02, n_steps=2560, **options).ys
    errors = [
        np.abs(solve_burgers(u0, 0.2, 0.02, n_steps=n, **options).ys - finest).max()
        for n in (160, 320)
    ]
    assert abs(np.log2(errors[0] / errors[1]) - 4) < 0.15


def test_energy_stays_without_viscosity_and_mean_always():
    u0 = 0.3 + np.sin(2 * np.pi * grid(50)) + 0.5 * np.cos(6 * np.pi * grid(50))
    sol = solve_burgers(u0, 0.02, 0.0, n_steps=200, t_eval=[0.0, 0.02])
    first, last = (sol.ys**2).sum(axis=1)
    assert np.abs(sol.ys[1] - sol.ys[0]).max() > 0.1
    assert abs(last - first) < 1e-12 * first
    assert sol.ys[1].mean() == pytest.approx(0.3, abs=1e-14)


def test_what_is_tiny_only_diffuses():
    """Where u^2 vanishes the solve is linear, and so its tangent exact: for u0, for f and for nu."""
    n, nu, t, k = 40, 0.01, 0.5, 2 * np.pi * 3
    mode = np.sin(k * grid(n))
    decay = np.exp(-nu * k * k * t)
    sol = solve_burgers(1e-200 * mode, t, nu, dt=0.03, forcing=0 * mode)
    np.testing.assert_allclose(sol.ys, 1e-200 * decay * mode, atol=1e-214)
    bar = np.cos(2 * np.pi * grid(n)) + mode
    found = sol.vjp(bar)
    np.testing.assert_allclose(np.vdot(found.u0, mode), decay * np.vdot(bar, mode), rtol=1e-13)
    pushed = (1 - decay) / (nu * k * k) * np.vdot(bar, mode)
    np.testing.assert_allclose(np.vdot(found.forcing, mode), pushed, rtol=1e-13)
    slope = -k * k * t * 1e-200 * decay * np.vdot(bar, mode)
    np.testing.assert_allclose(found.nu, slope, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(3, 32), (2, 31), (4, 1), (1, 2), (2, 7), (45,)], ids=str)
@pytest.mark.parametrize("shared", [True, False])
def test_transpose_is_the_derivative(method, shape, shared):
    rng = np.random.default_rng(sum(shape))
    u0, du = rng.standard_normal((2, *shape))
    f, df = rng.standard_normal((2, *(shape[-1:] if shared else shape)))
    nu, dnu, times = 0.05, 0.03, [0.0, 0.1, 0.3]

    def solve(s):
        return solve_burgers(
            u0 + s * du, 0.3, nu + s * dnu, dt=0.02, t_eval=times, forcing=f + s * df, method=method
        )

    sol = solve(0.0)
    bar = rng.standard_normal(sol.ys.shape)
    expected = central_difference(lambda s: np.vdot(bar, solve(s).ys), 1e-3, order=4)
    found = sol.vjp(bar)
    assert found.u0.shape == u0.shape and found.forcing.shape == f.shape
    total = np.vdot(found.u0, du) + np.vdot(found.forcing, df) + found.nu * dnu
    parts = abs(np.vdot(found.u0, du)) + abs(np.vdot(found.forcing, df)) + abs(found.nu * dnu)
    assert abs(total - expected) < 2e-9 * parts


def test_gradient_has_the_same_bits_whatever_is_kept():
    rng = np.random.default_rng(0)
    u0, forcing = rng.standard_normal((2, 3, 33))
    bar = rng.standard_normal((3, 2, 33))
    found = []
    for kept in ({"adjoint": "store"}, {}, {"stride": 1}, {"stride": 4}, {"stride": 1000}):
        sol = solve_burgers(u0, 1.0, 0.02, dt=0.03, t_eval=[0.4, 1.0], forcing=forcing, **kept)
        found.append((sol.nbytes_adjoint, sol.vjp(bar), sol.vjp(bar)))
    for nbytes, *gradients in found:
        for gradient in gradients:
            assert all(np.array_equal(a, b) for a, b in zip(gradient, found[0][1], strict=True))
        assert nbytes > 0
    state = 3 * 11 * 16
    assert [nbytes // state for nbytes, *_ in found] == [34, 7, 34, 9, 1]


@pytest.mark.parametrize("given", [np.float32, np.float64, ">f4", ">f8", np.int64])
def test_any_layout_and_dtype_gives_the_same(given):
    wide = np.round(3 * np.sin(2 * np.pi * grid(30))) * np.ones((2, 1))
    expected_dtype = np.float32 if np.dtype(given).itemsize == 4 else np.float64
    plain = solve_burgers(wide.astype(expected_dtype), 0.1, 0.1, n_steps=10)
    assert plain.ys.dtype == expected_dtype
    double = solve_burgers(wide, 0.1, 0.1, n_steps=10)
    eps = float(np.finfo(expected_dtype).eps)
    np.testing.assert_allclose(plain.ys, double.ys, atol=20 * eps)
    found, other = (sol.vjp(np.ones((2, 30))) for sol in (plain, double))
    assert found.u0.dtype == expected_dtype
    np.testing.assert_allclose(found.u0, other.u0, atol=50 * eps)
    assert found.nu == pytest.approx(other.nu, abs=1e3 * eps)
    strided = np.repeat(wide, 2, axis=1).astype(given)[:, ::2]
    strided.flags.writeable = False
    for u0 in (strided, np.asfortranarray(wide.astype(given))):
        assert np.array_equal(solve_burgers(u0, 0.1, 0.1, n_steps=10).ys, plain.ys)


def test_a_sample_does_alone_as_in_company():
    u0 = np.random.default_rng(0).standard_normal((9, 37))
    together = solve_burgers(u0, 0.1, 0.05, n_steps=7)
    alone = [solve_burgers(one, 0.1, 0.05, n_steps=7).ys for one in u0]
    # Libraries transform lines in vectors, and the last ones by themselves: not the same bits.
    np.testing.assert_allclose(alone, together.ys, atol=1e-14)


def test_chunks_make_one_batch(monkeypatch):
    u0, forcing = np.random.default_rng(0).standard_normal((2, 5, 32))
    bar = np.ones((5, 32))
    whole = solve_burgers(u0, 0.1, 0.05, n_steps=7, forcing=forcing)
    monkeypatch.setattr("tapeless._pde.solve.CHUNK", 64)
    parts = solve_burgers(u0, 0.1, 0.05, n_steps=7, forcing=forcing)
    np.testing.assert_allclose(parts.ys, whole.ys, atol=1e-14)
    for a, b in zip(whole.vjp(bar), parts.vjp(bar), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_transforms_of_scipy_do_as_those_of_ducc():
    u0 = np.random.default_rng(0).standard_normal((3, 32))
    first = solve_burgers(u0, 0.1, 0.05, n_steps=7)
    gradient = first.vjp(u0).u0
    with fft.engine("scipy"):
        again = solve_burgers(u0, 0.1, 0.05, n_steps=7)
        np.testing.assert_allclose(first.ys, again.ys, atol=1e-13)
        np.testing.assert_allclose(gradient, again.vjp(u0).u0, atol=1e-12)
