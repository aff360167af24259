"""The network ODE in CUDA C, run on the CPU, beside the solver of the CPU.

Products, sums over stages and control are the CPU's chains of fma; activations are of another library, to a few ulps.
So states and gradients agree to 1e-12 in float64 and 1e-5 in float32, relative to the largest, and steps are equal
wherever error estimates are above rounding.
"""

import re
from typing import NamedTuple

import numpy as np
from cuda_on_cpu import OnCpu

import tapeless
from tapeless import cuda
from tapeless.fields import MLP
from tapeless_kernels.cuda import network_ode

TOLERANCES = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
# One library for all tests: of float64 in tiles of both widths, of float32 in the wider.
BUILT = tuple(x for x in network_ode.INSTANCES if not re.search(r"float, double, 16", x))
# Of float64 in the wider tiles, for what is built again: with a bug, or a sanitizer.
WIDE = tuple(x for x in BUILT if "float" not in x and ", 16" not in x)
TIMES = (0.0, 0.3, 0.5, 0.5, 1.5)


class Module(NamedTuple):
    """Makes modules of some instances at once, with parts of the source exchanged."""

    on_cpu: OnCpu = OnCpu()
    exchanged: tuple = ()
    instances: tuple = BUILT

    def __call__(self, code, options=(), name_expressions=()):
        for old, new in self.exchanged:
            assert old in code, old
            code = code.replace(old, new)
        return self.on_cpu(code, options, self.instances)


class Played(cuda.StandIn):
    """A device that the CPU plays, whose blocks have so much shared memory."""

    def __init__(self, module=None, shared=227 * 1024, memory=1 << 30):
        super().__init__(memory, raw_module=Module() if module is None else module)
        self.shared = shared

    def shared_bytes(self):
        return self.shared


def case(dtype=np.float64, dim=3, hidden=(20, 9), n=37, seed=0, **how):
    field = MLP(dim, hidden, **how)
    y0 = np.random.default_rng(seed).standard_normal((n, dim)).astype(dtype)
    return field, field.init(rng=seed + 1, dtype=dtype), y0


def solved(device, field, theta, y0, span=(0.0, 1.5), **how):
    """Solve on the device and on the CPU; return both with their gradients, all on the host."""
    sol = cuda.solve_ode(field, span, y0, theta, device=device, **how)
    how.pop("chunk", None)
    if how.get("t_eval") is not None:
        how["interpolate"] = False
    wanted = tapeless.solve_ode(field, span, y0, theta, **how)
    if how.get("adjoint", "store") is None:
        return sol, [device.host(sol.ys)], wanted, [wanted.ys]
    bar = np.random.default_rng(5).standard_normal(wanted.ys.shape).astype(y0.dtype)
    found = [device.host(x) for x in (sol.ys, *sol.vjp(bar))]
    return sol, found, wanted, (wanted.ys, *wanted.vjp(bar))


def assert_close(found, wanted):
    for x, y in zip(found, wanted, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        assert np.array_equal(np.isnan(x), np.isnan(y))
        size = max(1.0, np.nanmax(abs(y), initial=0.0))
        assert np.nanmax(abs(x - y), initial=0.0) <= TOLERANCES[x.dtype] * size


def assert_same_steps(sol, wanted):
    stats = sol.host_stats()
    for name in ("nfe", "accepted", "rejected", "status"):
        assert np.array_equal(getattr(stats, name), getattr(wanted.stats, name)), name
    np.testing.assert_allclose(stats.t, wanted.stats.t, rtol=1e-5)


def assert_agrees(device, field, theta, y0, **how):
    sol, found, wanted, theirs = solved(device, field, theta, y0, **how)
    assert_same_steps(sol, wanted)
    assert_close(found, theirs)
    return found


CASES = {
    "tsit5": (case(time=True, activation="silu"), {"t_eval": TIMES}, 227),
    # Of low order, so that error estimates are above the rounding of float32.
    "float32": (case(np.float32), {"t_eval": TIMES, "method": "bosh3", "rtol": 1e-4, "atol": 1e-4}, 227),
    "one": (case(n=1, dim=2, hidden=[50, 50]), {"method": "bosh3"}, 227),
    "ragged": (case(n=70, dim=5, hidden=[33], time=True), {"method": "dop853", "rtol": 1e-7}, 227),
    "panels": (case(np.float32, n=33, hidden=[120, 120]), {"method": "rk4", "n_steps": 2}, 80),
    "narrow": (case(n=17, time=True, final_activation="sin"), {"t_eval": TIMES}, 24),
    "slopes off chip": (case(n=17, dim=24, hidden=[24]), {"method": "dop853", "n_steps": 2}, 52),
}  # fmt: skip
