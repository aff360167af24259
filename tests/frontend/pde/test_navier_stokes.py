"""The vorticity equation: exact solutions, an independent solver, orders, invariants, and the transpose."""

import numpy as np
import pytest

from differences import central_difference
from tapeless import fft
from tapeless.pde import navier_stokes_forcing, solve_navier_stokes

METHODS = ("etdrk4", "ifrk4")
TURN = 2 * np.pi


def grid(shape, lengths=(TURN, TURN)):
    axes = (length * np.arange(n) / n for n, length in zip(shape, lengths, strict=True))
    return np.meshgrid(*axes, indexing="ij")


def waves(shape, vectors, seed=0, lengths=(TURN, TURN)):
    """Return a sum of waves with random amplitudes and phases."""
    rng, (x, y) = np.random.default_rng(seed), grid(shape, lengths)
    return sum(
        rng.standard_normal() * np.cos(TURN * (k * x / lengths[0] + m * y / lengths[1]) + rng.uniform(0, TURN))
        for k, m in vectors
    )  # fmt: skip


def by_hand(w, nu, forcing, dt, n_steps, lengths):
    """Solve by u w_x + v w_y on full transforms of NumPy, cut off by a mask, with an integrating factor."""
    shape = w.shape
    kx, ky = (
        np.fft.fftfreq(n, length / n) * TURN for n, length in zip(shape, lengths, strict=True)
    )
    kx, ky = kx[:, None], ky[None]
    mask = np.ones(shape)
    for axis, k in enumerate((kx, ky)):
        mask = mask * (np.abs(np.round(k * lengths[axis] / TURN)) < shape[axis] / 3)
    k2 = kx**2 + ky**2
    psi = np.where(k2 > 0, 1 / np.where(k2 > 0, k2, 1), 0)
    f, e = mask * np.fft.fft2(forcing), np.exp(-nu * k2 * dt / 2)

    def slope(w):
        u, v, wx, wy = (
            np.fft.ifft2(a * w).real for a in (1j * ky * psi, -1j * kx * psi, 1j * kx, 1j * ky)
        )
        return f - mask * np.fft.fft2(u * wx + v * wy)

    w = mask * np.fft.fft2(w)
    for _ in range(n_steps):
        k1 = slope(w)
        k2_ = slope(e * (w + dt / 2 * k1))
        k3 = slope(e * w + dt / 2 * k2_)
        k4 = slope(e * e * w + dt * e * k3)
        w = e * e * w + dt / 6 * (e * e * k1 + 2 * e * (k2_ + k3) + k4)
    return np.fft.ifft2(w).real


def test_vortex_of_taylor_and_green_decays_as_it_is():
    x, y = grid((32, 48))
    w0 = 2 * np.cos(x) * np.cos(y)
    sol = solve_navier_stokes(w0, 1.0, 0.1, n_steps=20, t_eval=[0.0, 0.5, 1.0], length=TURN)
    for t, w in zip(sol.ts, sol.ys, strict=True):
        np.testing.assert_allclose(w, np.exp(-0.2 * t) * w0, rtol=0, atol=1e-14)


def test_waves_of_one_length_only_decay_and_are_pushed():
    """As w = 25 psi nothing is transported, of whatever many waves: (3, 4), (5, 0) and their like."""
    vectors = [(3, 4), (4, 3), (5, 0), (0, 5), (4, -3), (-3, 4)]
    w0, push = waves((48, 40), vectors), waves((48, 40), vectors, seed=1)
    rate, t = 25 * 0.01, 2.0
    sol = solve_navier_stokes(w0, t, 0.01, dt=0.01, forcing=push, length=TURN)
    expected = np.exp(-rate * t) * w0 + (1 - np.exp(-rate * t)) / rate * push
    np.testing.assert_allclose(sol.ys, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lengths", [(TURN, TURN), (1.0, 2.0)])
@pytest.mark.parametrize("shape", [(24, 24), (16, 18), (17, 9), (12, 1), (1, 12), (25, 6)], ids=str)
def test_integrating_factor_gives_what_the_step_by_hand_does(shape, lengths):
    rng = np.random.default_rng(0)
    w0, forcing = rng.standard_normal((2, *shape))
    ours = solve_navier_stokes(
        w0, 0.2, 0.01, n_steps=20, forcing=forcing, method="ifrk4", length=lengths
    )
    expected = by_hand(w0, 0.01, forcing, 0.01, 20, lengths)
    np.testing.assert_allclose(ours.ys, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_order_in_time_is_4(method):
    w0 = 3 * waves((24, 24), [(1, 2), (2, -1), (3, 1), (0, 2), (1, 0)])
    options = {
        "forcing": waves((24, 24), [(1, 1)], 2),
        "length": TURN,
        "method": method,
        "adjoint": None,
    }
    finest = solve_navier_stokes(w0, 1.0, 0.02, n_steps=1280, **options).ys
    errors = [
        np.abs(solve_navier_stokes(w0, 1.0, 0.02, n_steps=n, **options).ys - finest).max()
        for n in (80, 160)
    ]
    assert abs(np.log2(errors[0] / errors[1]) - 4) < 0.15


def test_error_falls_exponentially_with_points():
    vectors = [(1, 2), (2, -1), (0, 2), (1, 0)]
    options = {"n_steps": 100, "length": TURN, "adjoint": None}
    finest = solve_navier_stokes(waves((96, 96), vectors), 1.0, 0.05, **options).ys
    errors = []
    for n in (12, 24, 48):
        w = solve_navier_stokes(waves((n, n), vectors), 1.0, 0.05, **options).ys
        errors.append(np.abs(w - finest[:: 96 // n, :: 96 // n]).max())
    assert errors[1] < errors[0] ** 1.8 and errors[2] < errors[1] ** 1.8


def test_energy_and_enstrophy_stay_without_viscosity():
    vectors = [(1, 2), (2, -1), (3, 1), (0, 2), (1, 0), (4, 5)]
    w0 = waves((32, 30), vectors)
    sol = solve_navier_stokes(w0, 0.5, 0.0, n_steps=400, t_eval=[0.0, 0.5], length=TURN)
    assert np.abs(sol.ys[1] - sol.ys[0]).max() > 0.1
    modes = np.abs(np.fft.fft2(sol.ys)) ** 2
    k2 = (np.fft.fftfreq(32, 1 / 32)[:, None] ** 2) + np.fft.fftfreq(30, 1 / 30) ** 2
    for weight in (1, np.where(k2 > 0, 1 / np.where(k2 > 0, k2, 1), 0)):
        first, last = (weight * modes).sum(axis=(1, 2))
        assert abs(last - first) < 1e-11 * first
    assert abs(sol.ys[1].mean() - w0.mean()) < 1e-14


SHAPES = [(2, 16, 18), (2, 17, 9), (13, 11), (1, 1, 9), (9, 1), (1, 1), (3, 2, 3)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_transpose_is_the_derivative(method, shape):
    rng = np.random.default_rng(sum(shape))
    shared = len(shape) == 3 and shape[0] == 2
    w0, dw = rng.standard_normal((2, *shape))
    f, df = rng.standard_normal((2, *(shape[-2:] if shared else shape)))
    nu, dnu = 0.01, 0.02

    def solve(s):
        return solve_navier_stokes(
            w0 + s * dw, 0.3, nu + s * dnu, dt=0.02, t_eval=[0.0, 0.1, 0.3], forcing=f + s * df,
            method=method, length=(1.0, 1.5),
        )  # fmt: skip

    sol = solve(0.0)
    bar = rng.standard_normal(sol.ys.shape)
    expected = central_difference(lambda s: np.vdot(bar, solve(s).ys), 1e-3, order=4)
    found = sol.vjp(bar)
    assert found.u0.shape == w0.shape and found.forcing.shape == f.shape
    total = np.vdot(found.u0, dw) + np.vdot(found.forcing, df) + found.nu * dnu
    parts = abs(np.vdot(found.u0, dw)) + abs(np.vdot(found.forcing, df)) + abs(found.nu * dnu)
    assert abs(total - expected) < 1e-9 * parts


def test_transpose_in_single_precision_is_that_in_double():
    rng = np.random.default_rng(0)
    w0, forcing = rng.standard_normal((2, 2, 20, 26))
    bar = rng.standard_normal((2, 2, 20, 26))
    found = []
    for dtype in (np.float32, np.float64):
        sol = solve_navier_stokes(
            w0.astype(dtype), 0.3, 0.01, dt=0.01, t_eval=[0.1, 0.3], forcing=forcing.astype(dtype)
        )
        gradient = sol.vjp(bar)
        assert sol.ys.dtype == gradient.u0.dtype == gradient.forcing.dtype == dtype
        found.append((sol.ys, *gradient))
    for single, double in zip(*found, strict=True):
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


def test_gradient_has_the_same_bits_whatever_is_kept():
    rng = np.random.default_rng(0)
    w0, bar = rng.standard_normal((2, 2, 15, 16))
    kept = ({"adjoint": "store"}, {}, {"stride": 4}, {"stride": 99})
    gradients = [solve_navier_stokes(w0, 0.3, 0.02, dt=0.02, **how).vjp(bar) for how in kept]
    for gradient in gradients:
        assert np.array_equal(gradient.u0, gradients[0].u0) and gradient.nu == gradients[0].nu
        assert gradient.forcing is None


def test_axes_can_be_turned():
    """With x and y turned the vorticity changes sign."""
    w0, forcing = np.random.default_rng(0).standard_normal((2, 18, 21))
    options = {"n_steps": 10}
    w = solve_navier_stokes(w0, 0.3, 0.01, forcing=forcing, length=(1.0, 1.2), **options).ys
    turned = solve_navier_stokes(
        -w0.T, 0.3, 0.01, forcing=-forcing.T, length=(1.2, 1.0), **options
    ).ys
    np.testing.assert_allclose(turned, -w.T, atol=1e-13)


def test_transforms_of_scipy_do_as_those_of_ducc():
    w0 = np.random.default_rng(0).standard_normal((2, 17, 24))
    first = solve_navier_stokes(w0, 0.1, 0.05, n_steps=5)
    gradient = first.vjp(w0).u0
    with fft.engine("scipy"):
        again = solve_navier_stokes(w0, 0.1, 0.05, n_steps=5)
        np.testing.assert_allclose(first.ys, again.ys, atol=1e-13)
        np.testing.assert_allclose(gradient, again.vjp(w0).u0, atol=1e-12)


def test_forcing_of_the_paper():
    x, y = grid((8, 12), (1.0, 1.0))
    expected = 0.1 * (np.sin(TURN * (x + y)) + np.cos(TURN * (x + y)))
    np.testing.assert_allclose(navier_stokes_forcing((8, 12)), expected, atol=1e-15)
    assert navier_stokes_forcing((8, 12), dtype=np.float32).dtype == np.float32
    for shape in (8, (8,), (8, 0), (8.0, 8)):
        with pytest.raises(ValueError, match="navier_stokes_forcing: `shape` must be"):
            navier_stokes_forcing(shape)
