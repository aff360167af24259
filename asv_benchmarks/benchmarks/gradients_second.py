"""The transpose of a network with its tangent, in units of the transpose; and what RNODE's energies cost a solve."""

import ctypes

import numpy as np

from tapeless import solve_ode
from tapeless.fields import MLP, Kinetic
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.tangent_vjp import TangentVjp

from . import compile_kernels
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300

_P, _I = ctypes.c_void_p, ctypes.c_int64


def _kind(pointers):
    return ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * pointers, _I, _I)


class SecondOrder:
    """Of two hidden layers of 64 on one tile: per operation count a transpose with its tangent is 8 products of 2."""

    params = (["tanh", "silu"], ["float32", "float64"], ["with theta_dot", "without"])
    param_names = ("activation", "dtype", "directions")

    def setup(self, activation, dtype, directions):
        real = np.dtype(dtype)
        lanes, n = cpu.WIDTHS[real], 64
        field = MLP(n, [64, 64], activation=activation)
        rng = np.random.default_rng(0)
        theta = field.init(rng, dtype=real)
        source = self.source = cpu.bound(field.program, real, lanes, True)
        second = self.second = TangentVjp(field.program, real, lanes, directions != "without")
        moves = 0.0 if directions == "without" else 1.0
        theta_dot = (moves * rng.standard_normal(theta.shape)).astype(real)
        source.prepare_vjp(theta)
        second.prepare(theta, theta_dot)
        t, status = np.zeros(lanes, real), np.zeros(lanes, np.uint8)
        kept = np.zeros((source.n_cache, lanes), real)
        rows = [rng.standard_normal((n, lanes)).astype(real) for _ in range(7)]
        y, bar, dot, bar_dot, out, out_dot, dy = rows
        theta_bars = np.zeros_like(theta), np.zeros_like(theta)
        bars = np.zeros(lanes, real), np.zeros(lanes, real)
        self.arrays = [t, status, kept, theta, theta_dot, *rows, *theta_bars, *bars]

        def call(function, context, *arrays):
            at = [x.ctypes.data for x in arrays]
            arguments = (*at[:3], 0, *at[3:], context, n, lanes)
            assert function(*arguments) == 0
            return lambda: function(*arguments)

        field_ = source.field
        call(_kind(4)(field_.address), field_.context, t, y, theta, kept, dy, status)
        self.vjp = call(
            _kind(6)(field_.vjp_address), field_.context, t, y, theta, kept, bar, out, bars[0],
            theta_bars[0],
        )  # fmt: skip
        self.vjp_jvp = call(
            _kind(14)(second.address), second.context, t, y, theta, kept, bar, t, dot, theta_dot,
            bar_dot, dy, out, bars[0], theta_bars[0], out_dot, bars[1], theta_bars[1],
        )  # fmt: skip

    def track_vjp_jvp(self, activation, dtype, directions):
        def seconds(function):
            def repeat(n):
                for _ in range(n):
                    function()

            return least_seconds(repeat)

        return seconds(self.vjp_jvp) / seconds(self.vjp)

    track_vjp_jvp.unit = "vjps"


class Energies:
    """A solve of 64 trajectories and its gradient, by 20 steps of RK4: plain, with |f|**2, and with the Jacobian's."""

    params = ("plain", "kinetic", "jacobian")
    param_names = ("field",)

    def setup(self, name):
        network = MLP(16, [64], time=True)
        self.theta, z0 = network.init(rng=0), np.ones((64, 16))
        self.field, self.y0 = network, z0
        if name != "plain":
            self.field = Kinetic(network, jacobian=name == "jacobian")
            self.y0 = self.field.initial(z0, rng=0)
        self.time_solve_and_vjp(name)  # compiled and allocated

    def time_solve(self, name):
        options = {"method": "rk4", "n_steps": 20, "threads": 1, "adjoint": None}
        solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, **options)

    def time_solve_and_vjp(self, name):
        options = {"method": "rk4", "n_steps": 20, "threads": 1}
        sol = solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, **options)
        sol.vjp(sol.ys)
