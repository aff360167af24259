"""Each map against its transpose: by dot products, and by central differences, exact for quadratic maps."""

from functools import partial

import numpy as np
import pytest

from differences import central_difference
from tapeless import spectral as sp

RNG = np.random.default_rng(5)
BOX = (1.5, 0.7, 4.0)
SIZES = (1, 2, 3, 7, 8, 16)
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def draw(shape, dtype):
    """Return random numbers in memory that is not contiguous."""
    drawn = RNG.standard_normal((2, *shape, 2))
    return (
        (drawn[0] + 1j * drawn[1])[..., 0].astype(dtype)
        if np.dtype(dtype).kind == "c"
        else (drawn[0, ..., 0].astype(dtype))
    )


def inner(a, b):
    return float(np.vdot(a.astype(np.complex128), b.astype(np.complex128)).real)


def equal_to_rounding(x, y, x_bar, y_bar):
    """Return whether <y_bar, y> = <x_bar, x> to rounding of the sizes of all."""
    size = np.sqrt(inner(y, y) * inner(y_bar, y_bar)) + np.sqrt(inner(x, x) * inner(x_bar, x_bar))
    return abs(inner(y_bar, y) - inner(x_bar, x)) <= 20 * np.finfo(x.dtype).eps * size


def linear(n):
    """Yield the name, the map, its transpose and the shape of its argument, for n points."""
    for order in range(4):
        how = {"order": order, "axis": 0, "length": 1.5}
        yield "derivative", how, how, (n, 3)
    yield "integrate", {"axis": -2, "length": 0.7}, {"axis": -2, "length": 0.7}, (2, n, 3)
    box = {"axes": (2, 0), "length": BOX[:2]}
    for name in ("gradient", "laplacian", "inverse_laplacian"):
        yield name, box, box, (n, 2, 5)
        yield name, box, box, (4, 2, n)
    yield "divergence", box, box, (2, n, 2, 5)
    yield "laplacian", {"length": BOX}, {"length": BOX}, (3, 4, n)
    yield "dealias", {"axes": 1}, {"axes": 1}, (2, n, 6)
    yield "dealias", {"degree": 3}, {"degree": 3}, (n, 6)
    for kind in ("exponential", "raised_cosine", "sharp"):
        how = {"kind": kind, "order": 4, "axes": (0, 1), "cutoff": 0.8, "alpha": 1.0}
        yield "filter", how, how, (n, 5)
    for m in SIZES:
        yield "interpolate", {"n": m, "axes": 1}, {"n": n, "axes": 1}, (2, n, 3)
    yield "interpolate", {"n": (5, 9), "axes": (1, 0)}, {"n": (n, 4), "axes": (1, 0)}, (4, n)
    for points in ("lobatto", "gauss"):
        if n > 1 or points == "gauss":
            how = {"axis": 1, "points": points}
            yield "chebyshev_transform", how, how, (2, n, 3)
            yield "chebyshev_inverse", how, how, (2, n, 3)
    yield "legendre_transform", {"axis": 0}, {"axis": 0}, (n, 3)
    yield "legendre_inverse", {}, {}, (3, n)
    for basis in ("chebyshev", "legendre"):
        yield (
            "series_integrate",
            {"axis": 1, "basis": basis},
            {"axis": 1, "basis": basis},
            (2, n, 3),
        )
        for order in (1, 2):
            how = {"order": order, "axis": 0, "basis": basis}
            yield "series_derivative", how, how, (n, 3)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", SIZES)
def test_linear_maps_and_their_transposes_have_one_inner_product(n, dtype):
    for name, there, back, shape in linear(n):
        x = draw(shape, dtype)
        y = getattr(sp, name)(x, **there)
        y_bar = draw(y.shape, dtype)
        x_bar = getattr(sp, f"{name}_vjp")(y_bar, **back)
        assert (y.dtype, x_bar.dtype, x_bar.shape) == (dtype, dtype, shape), name
        assert equal_to_rounding(x, y, x_bar, y_bar), (name, there, shape)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", SIZES)
def test_integral(n, dtype):
    u = draw((2, n, 3), dtype)
    how = {"axes": (2, 1), "length": (1.5, 3.0)}
    y = sp.integral(u, **how)
    bar = draw(y.shape, dtype)
    u_bar = sp.integral_vjp(bar, u, **how)
    assert u_bar.dtype == dtype and u_bar.shape == u.shape
    assert equal_to_rounding(u, y, u_bar, bar)


@pytest.mark.parametrize("n", (1, 4, 5))
def test_derivatives_of_half_and_full_spectra(n):
    for size, how in ((n, {}), (n // 2 + 1, {"n": n})):
        c, bar = draw((2, 3, size), np.complex128)
        how = how | {"basis": "fourier", "length": 1.5}
        y = sp.series_derivative(c, **how)
        assert inner(bar, y) == pytest.approx(inner(sp.series_derivative_vjp(bar, **how), c))


def slope(f, x, direction, step=1.0):
    """Return the derivative along a direction by a central difference: exact for quadratic f, whatever the step."""
    return central_difference(lambda s: f(x + s * direction), step)


def check_vjp(f, vjp, arguments, step=1.0, tolerance=1e-12):
    """Check the cotangents of all arguments of f, which are arrays."""
    y_bar = draw(f(*arguments).shape, f(*arguments).dtype)
    bars = vjp(y_bar, *arguments)
    for i, (x, bar) in enumerate(zip(arguments, bars, strict=True)):
        assert bar.shape == x.shape and bar.dtype == x.dtype
        direction = draw(x.shape, x.dtype)
        moved = slope(lambda z, i=i: f(*arguments[:i], z, *arguments[i + 1 :]), x, direction, step)
        assert inner(y_bar, moved) == pytest.approx(
            inner(bar, direction), rel=tolerance, abs=tolerance
        )


@pytest.mark.parametrize("kinds", [(float, float), (complex, complex), (float, complex)])
@pytest.mark.parametrize("n", SIZES)
def test_product(n, kinds):
    fields = [draw((n, 2, 6), kind) for kind in kinds]
    check_vjp(partial(sp.product, axes=(0, 2)), partial(sp.product_vjp, axes=(0, 2)), fields)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("n", SIZES)
def test_evaluate(n, kind):
    for shape, axes, dim in (((2, n), 1, 1), ((n, 2, 4), (2, 0), 2), ((3, n, 4), None, 3)):
        how = {"axes": axes, "length": BOX[:dim]}
        u, x = draw(shape, kind), draw((5, dim) if dim > 1 else (5,), float)
        f, vjp = partial(sp.evaluate, **how), partial(sp.evaluate_vjp, **how)
        check_vjp(f, vjp, (u, x), step=1e-6, tolerance=1e-6)
        y_bar = draw(f(u, x).shape, kind)
        assert equal_to_rounding(u, f(u, x), vjp(y_bar, u, x)[0], y_bar)


def test_evaluate_in_blocks_of_points(monkeypatch):
    u, x = draw((4, 6), float), draw((9, 2), float)
    bar = draw((9,), float)
    whole = sp.evaluate(u, x), *sp.evaluate_vjp(bar, u, x)
    monkeypatch.setattr("tapeless._spectral_ops.points.BLOCK", 24)
    for got, wanted in zip((sp.evaluate(u, x), *sp.evaluate_vjp(bar, u, x)), whole, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-13)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("n", SIZES)
def test_energies_and_norms(n, kind):
    u = draw((n, 2, 5), kind)
    how = {"axes": (2, 0), "length": BOX[:2]}

    def energies(v):
        return sp.energy_spectrum(v, **how)[1]

    check_vjp(energies, lambda bar, v: [sp.energy_spectrum_vjp(bar, v, **how)], [u])
    for s, homogeneous in ((0, False), (-1.5, False), (0.5, False), (2, True), (-1, True)):
        case = how | {"s": s, "homogeneous": homogeneous}
        check_norm(u, case | {"squared": True}, 1.0, 1e-11)
        check_norm(u, case, 1e-5, 1e-7)


def check_norm(u, how, step, tolerance):
    def vjp(bar, v):
        return [sp.sobolev_norm_vjp(bar, v, **how)]

    check_vjp(partial(sp.sobolev_norm, **how), vjp, [u], step, tolerance)


@pytest.mark.parametrize("basis", ["chebyshev", "legendre"])
@pytest.mark.parametrize("n", SIZES)
def test_series_evaluate(n, basis):
    for kind in (float, complex):
        c, x = draw((2, n, 3), kind), 0.9 * np.tanh(draw((4,), float))
        how = {"axis": 1, "basis": basis}
        f, vjp = partial(sp.series_evaluate, **how), partial(sp.series_evaluate_vjp, **how)
        check_vjp(f, vjp, (c, x), step=1e-6, tolerance=1e-6)


MIXED = (
    ("fourier", (2, 5), None, complex),
    ("fourier", (4, 3), 4, complex),
    ("fourier", (4, 3), 5, complex),
    (("fourier", "fourier", "fourier"), (2, 3, 1), 1, complex),
    (("fourier", "chebyshev"), (4, 3), 7, complex),
    (("legendre", "fourier"), (2, 3), None, complex),
    (("chebyshev", "legendre"), (3, 4), None, float),
    ("chebyshev", (1,), None, complex),
)


@pytest.mark.parametrize(("bases", "shape", "n", "kind"), MIXED)
def test_inner_products_and_products_of_series(bases, shape, n, kind):
    how = {"bases": bases, "axes": tuple(range(1, len(shape) + 1)), "n": n}
    a, b = draw((2, 2, *shape), kind)
    check_vjp(partial(sp.series_product, **how), partial(sp.series_product_vjp, **how), (a, b))
    how["length"] = BOX[: len(shape)]
    check_vjp(partial(sp.parseval, **how), partial(sp.parseval_vjp, **how), (a, b))
    check_vjp(
        partial(sp.squared_norm, **how), lambda bar, c: [sp.squared_norm_vjp(bar, c, **how)], [a]
    )


@pytest.mark.parametrize("kind", [np.float64, np.complex128], ids=lambda d: d.__name__)
def test_single_precision_is_kept_by_what_is_not_linear(kind):
    u, v = draw((3, 6), kind), draw((3, 6), kind)
    x, bar = draw((2, 2), float), draw((3, 6), kind)
    scalar, two, double = np.array(0.5), draw((2,), kind), draw((5, 11), kind)
    energies = draw(sp.energy_spectrum(u)[1].shape, float)
    for f, *arguments in (
        (sp.product, u, v),
        (sp.product_vjp, bar, u, v),
        (sp.evaluate, u, x),
        (sp.evaluate_vjp, two, u, x),
        (sp.energy_spectrum_vjp, energies, u),
        (lambda w: sp.sobolev_norm(w, -1), u),
        (lambda b, w: sp.sobolev_norm_vjp(b, w, 1.5), scalar, u),
        (lambda w, y: sp.series_evaluate(w, y, axis=0), u, x[0]),
        (lambda b, w, y: sp.series_evaluate_vjp(b, w, y), draw((3, 2), kind), u, x[0]),
        (lambda a, b: sp.series_product(a, b, ("legendre", "chebyshev")), u, v),
        (lambda a, b, c: sp.series_product_vjp(a, b, c, ("legendre", "chebyshev")), double, u, v),
        (lambda a, b: sp.parseval(a + 0j, b + 0j), u, v),
        (lambda a, b, c: sp.parseval_vjp(a + 0j, b + 0j, c + 0j), two[0], u, v),
        (lambda a: sp.squared_norm(a, "legendre"), u),
        (lambda b, a: sp.squared_norm_vjp(b, a, "legendre"), scalar, u),
    ):
        half = [
            np.asarray(a).astype(np.float32 if a.dtype.kind == "f" else np.complex64)
            for a in arguments
        ]
        wanted, found = f(*arguments), f(*half)
        pairs = zip(wanted, found, strict=True) if isinstance(wanted, tuple) else [(wanted, found)]
        for double_, single in pairs:
            assert single.dtype.itemsize * 2 == double_.dtype.itemsize, f
            np.testing.assert_allclose(
                single, double_, rtol=1e-4, atol=1e-4 * np.abs(double_).max()
            )


def test_every_transpose_is_tested():
    tested = {name for name, *_ in linear(4)} | {
        "integral", "product", "evaluate", "energy_spectrum", "sobolev_norm", "series_evaluate",
        "series_product", "parseval", "squared_norm",
    }  # fmt: skip
    assert {f"{name}_vjp" for name in tested} == {n for n in sp.__all__ if n.endswith("_vjp")}
    without = {
        "wavenumbers", "chebyshev_nodes", "chebyshev_weights", "legendre_nodes", "legendre_weights",
        "differentiation_matrix",
    }  # fmt: skip
    assert tested | without == {n for n in sp.__all__ if not n.endswith("_vjp")}
