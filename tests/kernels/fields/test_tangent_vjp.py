"""The transpose of a program and its tangent: against differences of the transpose, and as a symmetric matrix."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest

import compiled_networks
from differences import central_difference
from naive_networks import DIM, NETWORKS, every_network, fixed
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.tangent_vjp import TangentVjp

every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
F64 = np.dtype(np.float64)
INPUTS = "t y theta dy_bar t_dot y_dot theta_dot dy_bar_dot".split()
OUTPUTS = "dy_dot y_bar t_bar theta_bar y_bar_dot t_bar_dot theta_bar_dot".split()


class Compiled(compiled_networks.Compiled):
    """A network behind its C functions, with that of the second order, on memory with guards."""

    def __init__(self, layers, dtype, lanes, theta_moves=True):
        super().__init__(layers, dtype, lanes)
        self.second = TangentVjp(self.program, dtype, lanes, theta_moves)
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        kinds = [*[pointer] * 3, integer, *[pointer] * 14, integer, integer]
        self._vjp_jvp = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(self.second.address)

    def vjp_jvp(self, x, moved=None):
        """Return what stands at OUTPUTS; nothing that is given must change, but theta_bar is added to."""
        _, kept = self(x.t, x.y, x.theta)
        for array in self.second._arrays:
            array[:] = np.nan
        self.second.prepare(x.theta, x.theta_dot)
        given = [kept, *(getattr(x, name) for name in INPUTS)]
        before = [array.copy() for array in given]
        sizes = dict(
            zip(OUTPUTS, [(x.y, x.y, x.t, x.theta, x.y, x.t, x.theta)[i] for i in range(7)], strict=True)
        )  # fmt: skip
        out = {name: self.new(like.size) for name, like in sizes.items()}
        for name in ("theta_bar", "theta_bar_dot"):
            out[name][:-64] = 0
        first, rest = given[1:4], [given[0], *given[4:], *out.values()]
        code = self._vjp_jvp(
            *(array.ctypes.data for array in first), 0, *(array.ctypes.data for array in rest),
            self.second.context, DIM, self.lanes,
        )  # fmt: skip
        assert code == 0 and self.untouched(*out.values())
        assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))
        return SimpleNamespace(
            **{name: out[name][:-64].reshape(like.shape) for name, like in sizes.items()}
        )


def point(compiled, seed):
    """Return all INPUTS at a point."""
    t, y, theta, dy_bar = compiled_networks.point(compiled, seed)
    t_dot, y_dot, theta_dot, dy_bar_dot = compiled_networks.point(compiled, seed + 100)
    return SimpleNamespace(
        t=t, y=y, theta=theta, dy_bar=dy_bar, t_dot=t_dot, y_dot=y_dot, theta_dot=theta_dot,
        dy_bar_dot=dy_bar_dot,
    )  # fmt: skip


@every_network
def test_second_order_is_that_of_differences_of_the_transpose(name):
    compiled = Compiled(NETWORKS[name], F64, 32)
    x = point(compiled, 0)
    held = fixed(NETWORKS[name])
    x.theta_dot[held] = 0  # or differences would see what has no cotangent
    found = compiled.vjp_jvp(x)

    def transpose(step):
        t, y, theta, bar = (
            getattr(x, name) + step * getattr(x, f"{name}_dot") for name in INPUTS[:4]
        )
        _, kept = compiled(t, y, theta)
        theta_bar = np.zeros_like(theta)
        y_bar = compiled.vjp(t, y, theta, kept, bar, theta_bar)
        return y_bar, theta_bar

    at = transpose(0.0)
    assert np.array_equal(found.y_bar, at[0]) and np.array_equal(found.theta_bar, at[1])
    assert np.array_equal(found.t_bar, compiled.t_bar)
    _, dy_dot = compiled.jvp(x.t, x.y, x.theta, x.t_dot, x.y_dot, x.theta_dot)
    assert np.array_equal(found.dy_dot, dy_dot)
    for i, dot in enumerate((found.y_bar_dot, found.theta_bar_dot)):
        slope = central_difference(lambda s, i=i: transpose(s)[i], 1e-5)
        scale = 1 + abs(slope).max(initial=0)
        np.testing.assert_allclose(dot, slope, rtol=0, atol=1e-7 * scale)


@every_network
def test_second_derivatives_are_symmetric(name):
    """<u, H v> = <v, H u> for the matrix H of the second derivatives of <dy_bar, f> by (t, y, theta)."""
    compiled = Compiled(NETWORKS[name], F64, 32)
    x, other = point(compiled, 1), point(compiled, 2)
    held = fixed(NETWORKS[name])
    x.theta_dot[held] = other.theta_dot[held] = 0
    u = x.t_dot, x.y_dot, x.theta_dot
    v = other.t_dot, other.y_dot, other.theta_dot
    sides = []
    for given, paired in ((u, v), (v, u)):
        x.t_dot, x.y_dot, x.theta_dot = given
        x.dy_bar_dot = np.zeros_like(x.dy_bar)
        found = compiled.vjp_jvp(x)
        columns = found.t_bar_dot, found.y_bar_dot, found.theta_bar_dot
        sides.append(sum((a * b).sum() for a, b in zip(columns, paired, strict=True)))
        size = sum(abs(a * b).sum() for a, b in zip(columns, paired, strict=True))
    assert abs(sides[0] - sides[1]) <= 1e-12 * (1 + size)


@every_network
def test_time_has_the_cotangent_of_its_tangent(name):
    """<dy_bar, df/dt t_dot> = <t_bar, t_dot>, and a tangent of dy_bar gives the transpose of that."""
    compiled = Compiled(NETWORKS[name], F64, 32)
    x = point(compiled, 3)
    x.y_dot, x.theta_dot = np.zeros_like(x.y), np.zeros_like(x.theta)
    pushed = compiled.vjp_jvp(x)
    x.t_dot = np.zeros_like(x.t)
    found = compiled.vjp_jvp(x)
    lanes = (pushed.dy_dot * x.dy_bar).sum(axis=0)
    t_dot = point(compiled, 3).t_dot
    np.testing.assert_allclose(lanes, t_dot * pushed.t_bar, rtol=1e-11, atol=1e-12)
    x.dy_bar = x.dy_bar_dot
    expected = compiled.vjp_jvp(x)
    for bar in ("y_bar", "t_bar", "theta_bar"):
        np.testing.assert_allclose(
            getattr(found, f"{bar}_dot"), getattr(expected, bar), rtol=1e-11, atol=1e-12
        )


@every_network
@every_dtype
def test_a_lane_has_the_bits_of_a_single_trajectory(name, dtype):
    one, wide = (Compiled(NETWORKS[name], dtype, lanes) for lanes in (1, cpu.WIDTHS[dtype]))
    x = point(wide, 4)
    found = wide.vjp_jvp(x)
    lanes = ("dy_dot", "y_bar", "t_bar", "y_bar_dot", "t_bar_dot")
    sums = np.zeros_like(x.theta), np.zeros_like(x.theta)
    for i in range(0, wide.lanes):
        part = SimpleNamespace(
            **{
                name: value if name.startswith("theta") else value[..., i : i + 1].copy()
                for name, value in vars(x).items()
            }
        )
        single = one.vjp_jvp(part)
        for output in lanes:
            assert np.array_equal(getattr(single, output)[..., 0], getattr(found, output)[..., i])
        sums[0][:] += single.theta_bar
        sums[1][:] += single.theta_bar_dot
    tolerance = 30 * np.finfo(dtype).eps
    for total, expected in zip(sums, (found.theta_bar, found.theta_bar_dot), strict=True):
        np.testing.assert_allclose(
            total, expected, tolerance, tolerance * abs(expected).max(initial=0)
        )


@every_network
def test_float32_is_that_of_float64(name):
    results = []
    for dtype, lanes in cpu.WIDTHS.items():
        compiled = Compiled(NETWORKS[name], dtype, lanes)
        x = point(compiled, 5)
        x.dy_bar[:, 32:] = 0
        x.dy_bar_dot[:, 32:] = 0
        found = compiled.vjp_jvp(x)
        parts = found.y_bar_dot[:, :32], found.t_bar_dot[:32], found.theta_bar_dot
        results.append(np.concatenate([part.ravel() for part in parts]).astype(np.float64))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=4e-5 * abs(results[1]).max())


@pytest.mark.parametrize("lanes", [1, 32])
@pytest.mark.parametrize("name", ["gated twice", "skips", "norm inside", "residual inside"])
def test_without_a_tangent_of_theta_less_is_computed_and_the_same_found(name, lanes):
    all_, less = (Compiled(NETWORKS[name], F64, lanes, moves) for moves in (True, False))
    x = point(all_, 6)
    x.theta_dot[:] = 0
    expected, found = all_.vjp_jvp(x), less.vjp_jvp(x)
    for output in set(OUTPUTS) - {"theta_bar"}:
        np.testing.assert_allclose(
            getattr(found, output), getattr(expected, output), rtol=1e-13, atol=1e-14
        )
