"""Calculus of periodic fields: exact on sums of modes, exponentially close on analytic functions."""

import numpy as np
import pytest
from scipy import signal, special

from tapeless import spectral as sp

RNG = np.random.default_rng(3)
TWO_PI = 2 * np.pi
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def grid(n, length=TWO_PI):
    return length * np.arange(n) / n


class Waves:
    """A real or complex sum of modes on a box, with its derivatives, by its definition."""

    def __init__(self, highest, lengths, kind=float):
        self.k = [
            TWO_PI / length * np.arange(-m, m + 1)
            for m, length in zip(highest, lengths, strict=True)
        ]
        shape = [len(k) for k in self.k]
        c = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
        self.c = (
            c if kind is complex else (c + c[tuple([slice(None, None, -1)] * c.ndim)].conj()) / 2
        )
        self.kind = kind

    def __call__(self, points, factor=None):
        """Return values on the product of points, each mode times a function of its wavenumbers."""
        c = self.c if factor is None else self.c * factor(*np.meshgrid(*self.k, indexing="ij"))
        for k, x in zip(self.k, points, strict=True):
            c = np.tensordot(c, np.exp(1j * np.outer(k, x)), axes=(0, 0))
        return c if self.kind is complex else c.real


def close(found, wanted, dtype=np.float64):
    assert found.dtype == dtype
    scale = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, atol=50 * np.finfo(dtype).eps * scale, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", [11, 12, 13])
def test_derivatives_of_sums_of_modes_are_exact(n, dtype):
    waves = Waves([5], [3.0], complex if np.dtype(dtype).kind == "c" else float)
    x = [grid(n, 3.0)]
    u = waves(x).astype(dtype)
    for order in range(5):
        close(
            sp.derivative(u, order, length=3.0), waves(x, lambda k, p=order: (1j * k) ** p), dtype
        )
    close(
        sp.integrate(u, length=3.0),
        waves(x, lambda k: np.where(k == 0, 0, 1 / (1j * (k + (k == 0))))),
        dtype,
    )
    assert sp.integral(u, length=3.0) == pytest.approx(3.0 * waves.c[5], rel=1e-4)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("shape", [(7, 9), (8, 10), (9, 8)])
def test_operators_on_a_box_are_exact(shape, kind):
    lengths = (1.0, 5.0)
    waves = Waves([3, 3], lengths, kind)
    x = [grid(n, length) for n, length in zip(shape, lengths, strict=True)]
    u = waves(x)
    batch = np.stack([u, 2 * u], axis=1)  # the batch between the coordinates
    how = {"axes": (0, 2), "length": lengths}
    for i, found in enumerate(sp.gradient(batch, **how)):
        close(found[:, 1], 2 * waves(x, lambda *k, i=i: 1j * k[i]), u.dtype)
    k2 = lambda k, q: -(k**2 + q**2)  # noqa: E731
    close(sp.laplacian(batch, **how)[:, 0], waves(x, k2), u.dtype)
    close(sp.divergence(sp.gradient(batch, **how), **how)[:, 0], waves(x, k2), u.dtype)
    close(
        sp.inverse_laplacian(sp.laplacian(u, length=lengths) + 4, length=lengths),
        u - u.mean(),
        u.dtype,
    )
    # Axes in another order take the half spectrum of a real field along another one.
    close(sp.laplacian(batch, axes=(2, 0), length=lengths[::-1])[:, 0], waves(x, k2), u.dtype)


def test_three_dimensions():
    waves, lengths = Waves([2, 3, 1], (1.0, 2.0, 3.0)), (1.0, 2.0, 3.0)
    x = [grid(n, length) for n, length in zip((5, 8, 4), lengths, strict=True)]
    wanted = waves(x, lambda *k: -sum(one**2 for one in k))
    close(sp.laplacian(waves(x), length=lengths), wanted)
    close(sp.divergence(sp.gradient(waves(x), length=lengths), length=lengths), wanted)


@pytest.mark.parametrize("kind", [float, complex])
def test_odd_derivatives_drop_the_mode_of_nyquist_and_even_ones_keep_it(kind):
    u = np.array([1, -1] * 4, kind)
    for odd in (1, 3):
        assert not sp.derivative(u, odd).any()
    assert not sp.integrate(u).any()
    np.testing.assert_allclose(sp.derivative(u, 2), -16 * u)
    np.testing.assert_allclose(sp.laplacian(u), -16 * u)
    np.testing.assert_allclose(sp.inverse_laplacian(u), -u / 16)


def test_analytic_functions_converge_exponentially():
    errors = []
    for n in (8, 16, 32):
        x = grid(n)
        u = np.exp(np.sin(x))
        errors.append(np.abs(sp.derivative(u) - np.cos(x) * u).max())
    assert errors[0] > 1e-3 and errors[1] < 1e-6 and errors[2] < 1e-13
    assert sp.integral(np.exp(np.cos(grid(24)))) == pytest.approx(TWO_PI * special.i0(1), rel=1e-15)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 6, 9, 12])
def test_interpolation_is_scipys_resampling(n, m, kind):
    u = RNG.standard_normal((2, n, 3)).astype(kind)
    if kind is complex:
        u += 1j * RNG.standard_normal(u.shape)
    np.testing.assert_allclose(
        sp.interpolate(u, m, axes=1), signal.resample(u, m, axis=1), atol=1e-14
    )


@pytest.mark.parametrize("kind", [float, complex])
def test_values_at_points_are_those_of_the_waves(kind):
    waves, lengths = Waves([3, 2], (2.0, 0.5), kind), (2.0, 0.5)
    u = waves([grid(7, 2.0), grid(6, 0.5)])
    x = RNG.uniform(-3, 3, (5, 2))
    wanted = [waves([[a], [b]])[0, 0] for a, b in x]
    close(sp.evaluate(u, x, length=lengths), np.array(wanted), u.dtype)
    # The modes of Nyquist too are those of interpolation on a finer grid.
    v = RNG.standard_normal((6, 8)).astype(kind)
    fine = np.stack(np.meshgrid(grid(15, 2.0), grid(20, 0.5), indexing="ij"), axis=-1)
    found = sp.evaluate(v, fine.reshape(-1, 2), length=lengths).reshape(15, 20)
    np.testing.assert_allclose(found, sp.interpolate(v, (15, 20)), atol=1e-13)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("n", [5, 6, 7, 8])
def test_products_are_those_on_a_much_finer_grid(n, kind):
    u, v = (RNG.standard_normal((2, n, 9)) + (1j if kind is complex else 0)).astype(kind)
    fine = [sp.interpolate(w, (5 * n, 45)) for w in (u, v)]
    wanted = sp.interpolate(fine[0] * fine[1], (n, 9))
    np.testing.assert_allclose(sp.product(u, v), wanted, atol=1e-13)


def test_dealiased_fields_have_products_without_aliases_among_their_modes():
    for n in (12, 13, 14, 96):
        u, v = (sp.dealias(w) for w in RNG.standard_normal((2, n)))
        close(sp.dealias(u * v), sp.dealias(sp.product(u, v)))
        kept = np.abs(np.fft.rfft(sp.dealias(RNG.standard_normal(n)))) > 1e-12
        assert kept.sum() == (n - 1) // 3 + 1 and kept[: (n - 1) // 3 + 1].all()
        triple = sp.dealias(u, degree=3)
        close(
            sp.dealias(triple**3, degree=3),
            sp.dealias(sp.product(triple, sp.product(triple, triple)), degree=3),
        )


def test_filters():
    n = 32
    eta = np.arange(n // 2 + 1) / (n / 2)
    impulse = np.eye(1, n)[0]

    def factors(**how):
        return np.fft.rfft(sp.filter(impulse, **how)).real

    close(factors(order=6, alpha=2.0), np.exp(-2 * eta**6))
    s = (1 + np.cos(np.pi * eta)) / 2
    close(factors(kind="raised_cosine", order=2), s)
    close(factors(kind="raised_cosine", order=8), s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3))
    close(factors(kind="sharp", cutoff=0.5), (eta <= 0.5).astype(float))
    close(factors(kind="raised_cosine", order=2, cutoff=0.5)[9:], np.zeros(8))
    both = sp.filter(sp.filter(np.outer(impulse, impulse), axes=0), axes=1)
    close(sp.filter(np.outer(impulse, impulse)), both)


@pytest.mark.parametrize("s", [-2.5, -1, 0, 0.5, 3])
@pytest.mark.parametrize("kind", [float, complex])
def test_sobolev_norms_are_their_series(s, kind):
    lengths = (2.0, 7.0)
    waves = Waves([3, 2], lengths, kind)
    k2 = np.add.outer(waves.k[0] ** 2, waves.k[1] ** 2)
    for shape in ((7, 6), (8, 5)):
        u = waves([grid(n, length) for n, length in zip(shape, lengths, strict=True)])
        u = np.stack([u, 3 * u])
        how = {"axes": (1, 2), "length": lengths}
        wanted = 14 * np.sum((1 + k2) ** s * np.abs(waves.c) ** 2)
        np.testing.assert_allclose(
            sp.sobolev_norm(u, s, squared=True, **how), wanted * np.array([1, 9])
        )
        np.testing.assert_allclose(sp.sobolev_norm(u, s, **how), np.sqrt(wanted) * np.array([1, 3]))
        without = np.where(k2 > 0, k2, np.inf if s < 0 else 0.0) ** s * (k2 > 0)
        wanted = 14 * np.sum(without * np.abs(waves.c) ** 2)
        found = sp.sobolev_norm(u, s, homogeneous=True, squared=True, **how)
        np.testing.assert_allclose(found, wanted * np.array([1, 9]))


def test_sobolev_norms_are_integrals_of_derivatives():
    u = np.exp(np.sin(grid(40)))
    du = sp.derivative(u)
    wanted = sp.integral(u**2 + du**2)
    assert sp.sobolev_norm(u, 1, squared=True) == pytest.approx(wanted, rel=1e-14)
    # The norm of order -1 of a derivative is that of order 0 of the function, but for its mean.
    wanted = sp.sobolev_norm(u - u.mean(), 0)
    assert sp.sobolev_norm(du, -1, homogeneous=True) == pytest.approx(wanted, rel=1e-14)


def test_the_norm_of_nothing_has_no_gradient():
    assert not sp.sobolev_norm_vjp(1.0, np.zeros(8), 1).any()


def test_norms_in_single_precision_do_not_overflow_on_the_way():
    u = (1e-10 * RNG.standard_normal(256)).astype(np.float32)
    wanted = sp.sobolev_norm(u.astype(float), 12)
    assert sp.sobolev_norm(u, 12) == pytest.approx(wanted, rel=1e-5)
    assert sp.sobolev_norm(u, 12).dtype == np.float32
    assert np.isfinite(sp.sobolev_norm_vjp(np.float32(1), u, 12)).all()


@pytest.mark.parametrize("kind", [float, complex])
def test_energy_spectra(kind):
    u = RNG.standard_normal((9, 3, 8)).astype(kind)
    k, energy = sp.energy_spectrum(u, axes=(0, 2), length=(1.0, 2.0))
    np.testing.assert_allclose(energy.sum(axis=-1), 0.5 * np.mean(u.real**2, axis=(0, 2)))
    np.testing.assert_allclose(k, np.pi * np.arange(len(k)))
    x = grid(16)
    k, energy = sp.energy_spectrum(2 * np.cos(3 * x)[:, None] * np.cos(4 * x).astype(kind))
    assert energy[5] == pytest.approx(0.5) and energy.sum() == pytest.approx(0.5)


def test_wavenumbers():
    np.testing.assert_allclose(sp.wavenumbers(5, 1.0), TWO_PI * np.array([0, 1, 2, -2, -1]))
    np.testing.assert_allclose(sp.wavenumbers(6, half=True), [0, 1, 2, 3])
    np.testing.assert_allclose(sp.wavenumbers(1), [0])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_axes_of_few_points(n):
    u = RNG.standard_normal((n, 1, 4))
    assert sp.derivative(u, axis=1).tolist() == (0 * u).tolist()
    assert not sp.integrate(u, axis=1).any()
    np.testing.assert_allclose(sp.laplacian(u), sp.laplacian(u, axes=(0, 2)), atol=1e-14)
    np.testing.assert_allclose(sp.product(u, u, axes=1), u * u)
    assert sp.evaluate(u[:, 0, 0] * 0 + 3, [0.3]) == pytest.approx(3)
