"""Fourier neural operators against plain NumPy, their derivatives, other resolutions, and bits."""

import numpy as np
import pytest

from differences import central_difference
from layouts import layouts, read_only
from naive_activations import ACTIVATIONS
from tapeless.operators import FNO
from tapeless_kernels import _cache, activations

OPTIONS = {"width": 5, "n_layers": 3, "projection": 7}
GRIDS = [((17,), 5), ((64,), 3), ((200,), 4), ((6, 9), (2, 5)), ((4, 3, 5), (2, 1, 2))]
every_grid = pytest.mark.parametrize(("grid", "modes"), GRIDS, ids=str)
every_method = pytest.mark.parametrize("method", ["product", "fft"])
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


def setting(grid, modes, dtype=np.float64, **options):
    """Return an operator with biases, its parameters and functions."""
    model = FNO(2, 3, modes, **OPTIONS | options)
    rng = np.random.default_rng(1)
    theta = model.init(rng=2)
    theta = (theta + 0.1 * rng.standard_normal(theta.shape)).astype(dtype)
    return model, theta, rng.standard_normal((4, 2, *grid)).astype(dtype)


def plain(model, theta, x, act):
    """Return the operator's value by einsum and numpy.fft."""
    grid, axes = x.shape[2:], tuple(range(2, x.ndim))
    p = model.unflatten(theta)
    *others, last = model.modes
    waves = [*(np.r_[0:m, -m:0] for m in others), np.arange(last)]
    at = (..., *np.ix_(*(k % n for k, n in zip(waves, grid, strict=True))))

    def dense(name, v):
        y = np.einsum("bi...,io->bo...", v, p[f"{name}.weight"])
        return y + p[f"{name}.bias"].reshape(-1, *(1,) * len(grid))

    def spectral(name, v):
        spectrum = np.fft.rfftn(v, axes=axes)
        whole = np.zeros_like(spectrum)
        w = model.conv.unflatten(p[f"{name}.spectral"])["weights"]
        whole[at] = np.einsum("bi...,io...->bo...", spectrum[at], w)
        return np.fft.irfftn(whole, grid, axes)

    v = x
    if model.coordinates:
        points = np.stack(np.meshgrid(*(np.arange(n) / n for n in grid), indexing="ij"))
        v = np.concatenate([x, np.broadcast_to(points, (len(x), *points.shape))], axis=1)
    v = dense("lift", v)
    for i in range(model.n_layers):
        v = spectral(f"layer{i}", v) + dense(f"layer{i}", v)
        v = act(v) if i < model.n_layers - 1 else v
    return dense("projection1", act(dense("projection0", v)))


def test_all_activations_are_tried():
    assert {activation.name for activation in activations.ACTIVATIONS} == set(ACTIVATIONS)


@every_grid
@every_method
@pytest.mark.parametrize("coordinates", [True, False])
def test_it_is_what_numpy_says(grid, modes, method, coordinates):
    model, theta, x = setting(grid, modes, method=method, coordinates=coordinates)
    expected = plain(model, theta, x, ACTIVATIONS["gelu"])
    np.testing.assert_allclose(model(x, theta), expected, atol=1e-12)
    single = model(x.astype(np.float32), theta)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-4)


@every_activation
def test_activations(name):
    model, theta, x = setting((16,), 4, activation=name)
    expected = plain(model, theta, x, ACTIVATIONS[name])
    np.testing.assert_allclose(model(x, theta), expected, atol=1e-12)
    assert np.array_equal(model.pullback(x, theta)[0], model(x, theta))


@every_activation
@pytest.mark.parametrize("coordinates", [True, False])
def test_derivatives_are_differences(name, coordinates):
    step = 1e-6 if name in ("relu", "elu") else 1e-3  # few kinks lie within small differences

    def slope(function, argument, direction):
        return central_difference(lambda s: function(argument + s * direction), step, order=4)

    model, theta, x = setting((9,), 3, activation=name, coordinates=coordinates)
    rng = np.random.default_rng(3)
    x_dot, theta_dot = rng.standard_normal(x.shape), rng.standard_normal(theta.shape)
    y, y_dot = model.jvp(x, theta, x_dot, theta_dot)
    found = slope(lambda s: model(x + s * x_dot, theta + s * theta_dot), 0.0, 1.0)
    np.testing.assert_allclose(y_dot, found, atol=1e-8 * abs(found).max())
    y_bar = rng.standard_normal(y.shape)
    x_bar, theta_bar = model.vjp(x, theta, y_bar)
    scale = abs(theta_bar).max()
    for i in rng.choice(model.n_params, 25, replace=False):
        unit = np.zeros_like(theta)
        unit[i] = 1
        found = slope(lambda t: (y_bar * model(x, t)).sum(), theta, unit)
        assert abs(theta_bar[i] - found) < 1e-8 * scale
    for i in np.ndindex(1, 2, 9):
        unit = np.zeros_like(x)
        unit[i] = 1
        found = slope(lambda x: (y_bar * model(x, theta)).sum(), x, unit)
        assert abs(x_bar[i] - found) < 1e-8 * abs(x_bar).max()


@every_grid
@every_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pullbacks_are_transposes_of_tangents(grid, modes, method, dtype):
    for options in ({"activation": "relu"}, {}, {"coordinates": False, "n_layers": 1}):
        model, theta, x = setting(grid, modes, dtype, method=method, **options)
        rng = np.random.default_rng(4)
        x_dot = rng.standard_normal(x.shape).astype(dtype)
        theta_dot = rng.standard_normal(theta.shape).astype(dtype)
        y, y_dot = model.jvp(x, theta, x_dot, theta_dot)
        y_bar = rng.standard_normal(y.shape).astype(dtype)
        x_bar, theta_bar = model.vjp(x, theta, y_bar)
        assert {a.dtype for a in (y, y_dot, x_bar, theta_bar)} == {np.dtype(dtype)}
        assert x_bar.shape == x.shape and theta_bar.shape == theta.shape
        pairs = ((y_bar, y_dot), (x_bar, x_dot), (theta_bar, theta_dot))
        terms = [np.multiply(a, b, dtype=float).ravel() for a, b in pairs]
        size = sum(abs(t).sum() for t in terms)
        apart = abs(terms[0].sum() - terms[1].sum() - terms[2].sum())
        assert apart <= 4 * np.finfo(dtype).eps * size


@pytest.mark.parametrize("kind", ["separable", "cp", "tucker"])
def test_other_weights_have_their_transposes_too(kind):
    model, theta, x = setting((8, 9), (2, 3), weights=kind)
    rng = np.random.default_rng(5)
    x_dot, theta_dot = rng.standard_normal(x.shape), rng.standard_normal(theta.shape)
    y, y_dot = model.jvp(x, theta, x_dot, theta_dot)
    y_bar = rng.standard_normal(y.shape)
    x_bar, theta_bar = model.vjp(x, theta, y_bar)
    assert (y_bar * y_dot).sum() == pytest.approx(
        (x_bar * x_dot).sum() + theta_bar @ theta_dot, rel=1e-10
    )


@pytest.mark.parametrize("name", ["identity", "tanh"])
def test_the_same_function_has_the_same_values_at_other_resolutions(name):
    """Without coordinates all is exact, as long as no product of waves lies beyond the coarse grid's modes.

    The identity makes none. The tangent of small numbers makes few, so that a finer grid changes little.
    """
    model = FNO(1, 2, (3, 4), activation=name, coordinates=False, **OPTIONS)
    theta = model.init(rng=0) * (1 if name == "identity" else 0.1)
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in (48, 64)), indexing="ij"))
    x = np.cos(2 * np.pi * (points[0] - 2 * points[1])) + np.sin(2 * np.pi * 3 * points[1])
    fine = model(x[None, None], theta)
    for step in (2, 4):  # 2 at most of the first axis, 3 of the second
        coarse = model(x[None, None, ::step, ::step].copy(), theta)
        np.testing.assert_allclose(coarse, fine[..., ::step, ::step], atol=1e-13)


def test_coordinates_are_those_of_each_grid():
    model, theta, _ = setting((8,), 2, activation="identity")
    found = [model(np.zeros((1, 2, n)), theta) for n in (8, 16)]
    expected = [plain(model, theta, np.zeros((1, 2, n)), ACTIVATIONS["identity"]) for n in (8, 16)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)
    assert np.ptp(found[0], axis=2).min() > 1e-3


def test_bits_are_those_of_a_sample_alone_and_of_any_threads():
    for grid, modes in (((150,), 6), ((12, 15), (3, 4))):
        model, theta, x = setting(grid, modes, method="product", threads=1)
        y_bar = np.random.default_rng(6).standard_normal((4, 3, *grid))
        y, (x_bar, theta_bar) = model(x, theta), model.vjp(x, theta, y_bar)
        for i in range(4):
            part = slice(i, i + 1)
            assert np.array_equal(model(x[part], theta), y[part])
            assert np.array_equal(model.vjp(x[part], theta, y_bar[part])[0], x_bar[part])
        for threads in (2, 3):
            other = setting(grid, modes, method="product", threads=threads)[0]
            assert other(x, theta).tobytes() == y.tobytes()
            bars = other.vjp(x, theta, y_bar)
            assert (bars[0].tobytes(), bars[1].tobytes()) == (x_bar.tobytes(), theta_bar.tobytes())


def test_a_pullback_can_be_called_again_and_writes_no_argument():
    model, theta, x = setting((70,), 4)
    y, pullback = model.pullback(x, theta)
    y_bar = np.random.default_rng(7).standard_normal(y.shape)
    before = [a.tobytes() for a in (x, theta, y, y_bar)]
    first, _, again = pullback(y_bar), pullback(3 * y_bar), pullback(y_bar)
    assert [a.tobytes() for a in first] == [a.tobytes() for a in again]
    assert [a.tobytes() for a in (x, theta, y, y_bar)] == before


def test_any_layout_has_the_same_bits():
    model, theta, x = setting((6, 9), (2, 3))
    y, (x_bar, theta_bar) = model(x, theta), model.vjp(x, theta, np.ones((4, 3, 6, 9)))
    values, ones = read_only(theta), np.broadcast_to(1.0, y.shape)
    n_compiled = len(_cache.COMPILATIONS)
    for given in layouts(x):
        assert np.array_equal(model(given, values), y)
        bars = model.vjp(given, values, ones)
        assert np.array_equal(bars[0], x_bar) and np.array_equal(bars[1], theta_bar)
    assert len(_cache.COMPILATIONS) == n_compiled


def test_an_empty_batch():
    for grid, modes in GRIDS:
        model, theta, x = setting(grid, modes)
        y, pullback = model.pullback(x[:0], theta)
        x_bar, theta_bar = pullback(y)
        assert y.shape == (0, 3, *grid) and x_bar.shape == (0, 2, *grid)
        assert np.array_equal(theta_bar, np.zeros(model.n_params))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_stays_in_its_sample(activation):
    model, theta, x = setting((12,), 3, activation=activation)
    y = model(x, theta)
    x[1, 0, 4] = np.nan
    found = model(x, theta)
    assert np.isnan(found[1]).all() or activation == "relu"
    assert np.array_equal(found[[0, 2, 3]], y[[0, 2, 3]])


def test_memory_that_is_not_written_is_not_read(monkeypatch):
    model, theta, x = setting((7, 10), (2, 3))

    def results():
        y, pullback = model.pullback(x, theta)
        return [y, model(x, theta), *pullback(np.cos(y)), *model.jvp(x, theta, x, theta)]

    expected = results()
    monkeypatch.setattr(
        "tapeless._recycled.empty", lambda shape, dtype: np.full(shape, np.finfo(dtype).max, dtype)
    )
    assert all(map(np.array_equal, results(), expected))


def test_parameters_by_name_are_views_that_fill_theta():
    model, theta, _ = setting((8,), 2)
    views = model.unflatten(theta)
    assert list(model.groups(theta)) == list(views)
    assert sum(view.size for view in views.values()) == model.n_params
    assert all(np.shares_memory(view, theta) for view in views.values())
    for view in views.values():
        view[...] = 0
    assert not theta.any()
    assert repr(model) == "FNO(2, 3, modes=(2,), width=5, n_layers=3, n_params=476)"


def test_initial_biases_are_0_and_weights_of_variance_1_over_n_in():
    model = FNO(3, 1, 4, width=100, n_layers=2)
    named = model.unflatten(model.init(rng=0))
    assert not any(view.any() for name, view in named.items() if name.endswith("bias"))
    for name in ("layer0.weight", "layer1.weight", "projection0.weight"):
        assert named[name].var() == pytest.approx(1 / 100, rel=0.1)
    assert model.init(rng=1, dtype=np.float32).dtype == np.float32
