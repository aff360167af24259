"""Networks as programs: values by naive formulas, and the transpose and the tangent of each other."""

from types import SimpleNamespace

import numpy as np
import pytest

import naive_activations
from compiled_networks import GUARD, Compiled, point
from differences import central_difference
from naive_networks import DIM, NETWORKS, every_network, fixed, reference
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.fields.layers import LAYERS, Dense
from tapeless_kernels.launch import cpu

WIDTHS = [(dtype, lanes) for dtype, wide in cpu.WIDTHS.items() for lanes in (1, wide)]
every_width = pytest.mark.parametrize(("dtype", "lanes"), WIDTHS, ids=str)


def test_every_layer_and_activation_is_here():
    def kinds(layers):
        for layer in layers:
            yield type(layer)
            yield from kinds(getattr(layer, "layers", ()))

    assert {kind for layers in NETWORKS.values() for kind in kinds(layers)} == set(LAYERS)
    assert list(naive_activations.ACTIVATIONS) == [activation.name for activation in ACTIVATIONS]


@every_network
@every_width
def test_evaluation_is_the_naive_one(name, dtype, lanes):
    compiled = Compiled(NETWORKS[name], dtype, lanes)
    t, y, theta, _ = point(compiled, 0)
    dy, _ = compiled(t, y, theta)
    expected, left = reference(NETWORKS[name], *(x.astype(np.longdouble) for x in (t, y, theta)))
    assert left.size == 0
    tolerance = 40 * np.finfo(dtype).eps
    np.testing.assert_allclose(dy, expected, tolerance, tolerance * abs(expected).max())


@every_network
def test_transpose_passes_the_dot_test(name):
    """<J v, w> = <v, J^T w>, J v by central differences in extended precision, v of y and theta."""
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 1)
    _, kept = compiled(t, y, theta)
    theta_bar = np.zeros_like(theta)
    y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)
    rng, h = np.random.default_rng(2), np.longdouble(1e-7)
    for _ in range(3):
        dy, dtheta = rng.standard_normal(y.shape), rng.standard_normal(theta.shape)
        dtheta[fixed(NETWORKS[name])] = 0

        def moved(s, dy=dy, dtheta=dtheta):
            return reference(NETWORKS[name], t, y + s * dy, theta + s * dtheta)[0]

        pushed = (central_difference(moved, h) * dy_bar).sum()
        pulled = (dy * y_bar).sum() + (dtheta * theta_bar).sum()
        assert abs(pushed - pulled) <= 1e-10 * (1 + abs(pushed))


@every_network
def test_tangent_is_what_the_transpose_transposes(name):
    """<J v, w> = <v, J^T w> to rounding, where J^T is compared with differences above; and of time by those."""
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 6)
    expected, kept = compiled(t, y, theta)
    theta_bar, rng = np.zeros_like(theta), np.random.default_rng(7)
    y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)
    y_dot, theta_dot = rng.standard_normal(y.shape), rng.standard_normal(theta.shape)
    dy, dy_dot = compiled.jvp(t, y, theta, np.zeros_like(t), y_dot, theta_dot)
    assert np.array_equal(dy, expected)
    pushed, pulled = (dy_dot * dy_bar).sum(), (y_dot * y_bar).sum() + (theta_dot * theta_bar).sum()
    assert abs(pushed - pulled) <= 1e-12 * (1 + abs(dy_dot * dy_bar).sum())
    t_dot, h = rng.standard_normal(t.shape), np.longdouble(1e-7)
    _, found = compiled.jvp(t, y, theta, t_dot, np.zeros_like(y), np.zeros_like(theta))
    slope = central_difference(lambda s: reference(NETWORKS[name], t + s * t_dot, y, theta)[0], h)
    np.testing.assert_allclose(
        found, slope.astype(float), rtol=0, atol=2e-8 * (1 + abs(slope).max())
    )


@every_network
@pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
def test_a_tangent_has_the_bits_of_a_single_trajectory(name, dtype):
    one, wide = (Compiled(NETWORKS[name], dtype, lanes) for lanes in (1, cpu.WIDTHS[dtype]))
    t, y, theta, y_dot = point(wide, 8)
    theta_dot, t_dot = theta[::-1].copy(), t[::-1].copy()
    _, dots = wide.jvp(t, y, theta, t_dot, y_dot, theta_dot)
    for i in range(wide.lanes):
        at = slice(i, i + 1)
        _, dot = one.jvp(
            t[at].copy(), y[:, i].copy(), theta, t_dot[at].copy(), y_dot[:, i].copy(), theta_dot
        )
        assert np.array_equal(dot, dots[:, i])


@every_network
@pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
def test_a_lane_has_the_bits_of_a_single_trajectory(name, dtype):
    one, wide = (Compiled(NETWORKS[name], dtype, lanes) for lanes in (1, cpu.WIDTHS[dtype]))
    t, y, theta, dy_bar = point(wide, 3)
    dy, kept = wide(t, y, theta)
    y_bar = wide.vjp(t, y, theta, kept, dy_bar, np.zeros_like(theta))
    sums = np.zeros_like(theta)
    for i in range(wide.lanes):
        point_i = t[i : i + 1].copy(), y[:, i].copy(), theta
        dy_i, kept_i = one(*point_i)
        assert np.array_equal(dy_i, dy[:, i])
        y_bar_i = one.vjp(*point_i, kept_i, dy_bar[:, i].copy(), sums)
        assert np.array_equal(y_bar_i, y_bar[:, i])
    theta_bar = np.zeros_like(theta)
    wide.vjp(t, y, theta, kept, dy_bar, theta_bar)
    # Summed over the lanes first, there one by one.
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        sums, theta_bar, tolerance, tolerance * abs(theta_bar).max(initial=0)
    )


@every_network
def test_transpose_adds_to_theta_bar_and_overwrites_y_bar(name):
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 4)
    _, kept = compiled(t, y, theta)
    once, again = np.zeros_like(theta), np.full_like(theta, 1000.0)
    first = compiled.vjp(t, y, theta, kept, dy_bar, once)
    assert np.array_equal(first, compiled.vjp(t, y, theta, kept, dy_bar, again))
    np.testing.assert_allclose(again - 1000, once, 1e-10, 1e-10)


@every_network
def test_float32_transpose_is_that_of_float64(name):
    results = []
    for dtype, lanes in cpu.WIDTHS.items():
        compiled = Compiled(NETWORKS[name], dtype, lanes)
        t, y, theta, dy_bar = point(compiled, 5)
        dy_bar[:, 32:] = 0
        _, kept = compiled(t, y, theta)
        theta_bar = np.zeros_like(theta)
        y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)[:, :32]
        results.append(np.concatenate([y_bar.ravel(), theta_bar]).astype(np.float64))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=2e-5 * abs(results[1]).max())


def test_wrong_width_or_stride_stops_the_call():
    compiled = Compiled([Dense(DIM)], np.dtype(np.float64), 32)
    zero = SimpleNamespace(t=np.zeros(32), y=np.zeros((DIM, 32)), theta=np.zeros(20))
    pointers = [x.ctypes.data for x in (zero.t, zero.y, zero.theta)]
    for stride, lanes in ((0, 16), (1, 32)):
        dy, status = np.full((DIM, 32), GUARD), np.zeros(32, np.uint8)
        rest = [None, dy.ctypes.data, status.ctypes.data, compiled.context.ctypes.data, DIM, lanes]
        assert compiled._f(*pointers, stride, *rest) != 0
        assert (dy == GUARD).all()


@every_network
@pytest.mark.parametrize("lanes", [1, 32])
def test_the_cotangent_of_time_is_paired_with_its_tangent(name, lanes):
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), lanes)
    t, y, theta, dy_bar = point(compiled, 3)
    _, kept = compiled(t, y, theta)
    compiled.vjp(t, y, theta, kept, dy_bar, np.zeros_like(theta))
    zeros = np.zeros_like(y), np.zeros_like(theta)
    _, dy_dot = compiled.jvp(t, y, theta, np.ones_like(t), *zeros)
    wanted = (dy_dot * dy_bar).sum(0)
    np.testing.assert_allclose(compiled.t_bar, wanted, rtol=1e-12, atol=1e-13)
