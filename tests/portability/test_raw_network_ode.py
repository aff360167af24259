"""The network ODE in CUDA C, run on the CPU and in `tapeless.cuda`, against the solver of the CPU.

Products, sums over stages and control are the CPU's chains of fma; activations are of another library, to a few ulps.
So states and gradients agree to 1e-12 in float64 and 1e-5 in float32, relative to the largest, and steps are equal
wherever error estimates are above rounding.
"""

import re
from typing import NamedTuple

import numpy as np
import pytest
from cuda_on_cpu import SANITIZERS, OnCpu
from cuda_on_cpu.module import ORDERS

import tapeless
from tapeless import cuda
from tapeless.fields import MLP, Activation, ConcatTime, Dense, LayerNorm, Network, SpectralDense
from tapeless_kernels._cupy import code_of
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.cuda import network_ode, network_plan, nvrtc
from tapeless_kernels.elementary_constants import FLOAT32, FLOAT64
from tapeless_kernels.tableaus.explicit import EXPLICIT
from tapeless_kernels.status import MAX_STEPS, NON_FINITE, SUCCESS

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

    def __init__(self, module=Module(), shared=227 * 1024, memory=1 << 30):
        super().__init__(memory, raw_module=module)
        self.shared = shared

    def shared_bytes(self):
        return self.shared


@pytest.fixture(autouse=True)
def blocks_of_64(monkeypatch, on_cpu):
    """Have several rounds of a product for each thread, at widths that tests can afford."""
    monkeypatch.setattr(cuda, "NETWORK_THREADS", 64)


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


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", CASES)
def test_states_steps_and_gradients_are_those_of_the_cpu(order, name):
    problem, how, kilobytes = CASES[name]
    assert_agrees(Played(Module(OnCpu(order, 7)), kilobytes * 1024), *problem, **how)


def test_the_cases_meet_every_way_to_lie_in_memory():
    met = set()
    for (field, _, y0), how, kilobytes in CASES.values():
        layers = network_plan.network_layers(field.layers, field.dim)
        stages = next(t.stages for t in EXPLICIT if t.name == how.get("method", "tsit5"))
        for transposed in (False, True):
            block = network_plan.make_block(
                layers, field.dim, y0.dtype, stages, kilobytes * 1024, transposed=transposed, threads=64
            )  # fmt: skip
            met.add((block.lanes, block.resident, block.slopes_on_chip))
    assert {(32, True, True), (16, True, True), (32, False, True), (16, False, False)} <= met


@pytest.mark.parametrize("name", [a.name for a in ACTIVATIONS])
def test_activations_are_those_of_the_cpu(name):
    field = Network(4, [Dense(6), Activation(name), Dense(4), Activation(name)])
    rng = np.random.default_rng(2)
    theta, y0 = 3 * rng.standard_normal(field.n_params), 3 * rng.standard_normal((32, 4))
    assert_agrees(Played(), field, theta, y0, span=(0.0, 0.1), method="euler", n_steps=1)


def test_sines_of_many_turns_are_the_cpus():
    field, y0 = Network(1, [Dense(1), Activation("sin")]), np.linspace(-1, 1, 31)[:, None]
    for dtype, rate in ((np.float32, 1e4), (np.float64, 1e6)):
        theta = np.array([rate, 0.5], dtype)
        assert_agrees(Played(), field, theta, y0.astype(dtype), span=(0.0, 1e-9), method="euler", n_steps=1)  # fmt: skip


def test_parts_of_pi_are_those_of_elementary():
    code = code_of(network_ode.SOURCE)
    for i, name in enumerate(("pi", "pi_rest", "pi_rest_of_rest")):
        written = re.findall(
            r"const T (?:pi|rest|rest_of_rest) = is_float \? T\((.*?)\) : T\((.*?)\);", code
        )[i]
        assert np.float32(written[0]) == getattr(FLOAT32, name)
        assert np.float64(written[1]) == getattr(FLOAT64, name)


def test_trajectories_have_times_of_their_own():
    field, theta, y0 = case(n=5, time=True)
    t1 = np.array([1.0, 0.5, 2.0, 1.0, 1.5])
    times = np.linspace(0.2, 1.0, 4) * t1[:, None]
    how = {"t_eval": times, "first_step": 0.01, "rtol": np.geomspace(1e-3, 1e-6, 5)}
    assert_agrees(Played(), field, theta, y0, span=(0.0, t1), **how)
    assert_agrees(
        Played(), field, theta, y0, span=(2.0, -1.0), n_steps=7, t_eval=[1.5, -0.2], method="heun21"
    )
    assert_agrees(Played(), field, theta, y0, span=(0.0, [1.0, 0.0, 1.0, 1.0, 0.0]))


def test_what_fails_fails_alone():
    field, theta, y0 = case(n=6)
    y0[2], how = np.nan, {"max_steps": 5, "rtol": 1e-6, "throw": False, "t_eval": TIMES}
    found = assert_agrees(Played(), field, theta, y0, **how)
    stats = tapeless.solve_ode(field, (0.0, 1.5), y0, theta, interpolate=False, **how).stats
    assert stats.status[2] == NON_FINITE and MAX_STEPS in stats.status
    grow = Network(1, [Dense(1)])
    with pytest.raises(tapeless.SolverError, match="1 of 2 trajectories failed"):
        cuda.solve_ode(grow, (0.0, 800.0), [[1.0], [0.0]], [2.0, 0.0], device=Played())
    kept = np.isfinite(y0[:, 0])
    others = assert_agrees(Played(), field, theta, y0[kept], **how)
    assert np.array_equal(found[0][kept], others[0], equal_nan=True)


def test_neither_parts_nor_blocks_of_the_record_change_a_bit(monkeypatch):
    field, theta, y0 = case(n=70, dim=24, hidden=[24])
    device, how = Played(shared=52 * 1024), {"t_eval": TIMES, "rtol": 1e-6, "method": "dop853"}
    whole = solved(device, field, theta, y0, **how)[1]
    monkeypatch.setattr(network_ode, "PARTS_BYTES", 1)
    monkeypatch.setattr(network_ode, "MOST_BLOCKS", 2)
    monkeypatch.setattr(cuda, "BLOCK", 2)
    for chunk in (32, 64, None):
        sol, found, _, _ = solved(device, field, theta, y0, chunk=chunk, **how)
        assert sol.parts == {32: [32, 32, 6], 64: [64, 6], None: [70]}[chunk]
        for x, y in zip(found, whole, strict=True):
            assert np.array_equal(x, y)


def test_memory_that_runs_out_makes_parts_smaller():
    field, theta, y0 = case(n=200)
    device = Played(memory=200_000)
    sol, found, _, wanted = solved(device, field, theta, y0, n_steps=60)
    assert len(sol.parts) > 1 and sum(sol.parts) == 200
    assert_close(found, wanted)


def test_an_empty_batch_is_empty():
    field, theta, _ = case()
    sol, found, _, wanted = solved(Played(), field, theta, np.zeros((0, 3)))
    assert sol.success
    assert_close(found, wanted)


def test_a_single_trajectory_has_no_batch_axis():
    field, theta, y0 = case(n=1)
    sol = cuda.solve_ode(field, (0.0, 1.0), y0[0], theta, device=Played())
    y0_bar, _ = sol.vjp(np.ones(3))
    assert sol.ys.shape == y0_bar.shape == (3,) and sol.stats.status == SUCCESS


REFUSED = {
    "LayerNorm": [Dense(4), LayerNorm(), Dense(3)],
    "SpectralDense": [SpectralDense(3)],
    "Activation": [Activation("tanh"), Dense(3)],
    "ConcatTime": [ConcatTime(), Activation("tanh"), Dense(3)],
    "no layer": [],
}


@pytest.mark.parametrize("named", REFUSED)
def test_other_layers_are_refused_by_name(named):
    field = Network(3, REFUSED[named])
    with pytest.raises((TypeError, ValueError), match=rf"^solve_ode: `field` must be .*{named}"):
        cuda.solve_ode(
            field, (0.0, 1.0), np.zeros((2, 3)), np.zeros(field.n_params), device=Played()
        )


def test_what_the_kernel_lacks_is_said():
    field, theta, y0 = case()
    for how, named in (
        ({"interpolate": True, "t_eval": TIMES}, "interpolate"),
        ({"method": tapeless.reversible("tsit5")}, "method"),
    ):
        with pytest.raises(ValueError, match=f"^solve_ode: `{named}` must be"):
            cuda.solve_ode(field, (0.0, 1.5), y0, theta, device=Played(), **how)
    with pytest.raises(ValueError, match=r"`field` must be .*1000 bytes"):
        cuda.solve_ode(field, (0.0, 1.5), y0, theta, device=Played(shared=1000))
    with pytest.raises(ValueError, match=r"`theta` must be of shape"):
        cuda.solve_ode(field, (0.0, 1.5), y0, np.tile(theta, (37, 1)), device=Played())


AT_PANEL = "const T* panel"
PLANTED = {
    "no barrier between layers": (
        "__syncthreads();\n        product<T, LANES, false>",
        "product<T, LANES, false>",
    ),
    "a race between stages": (
        "    }\n    __syncthreads();\n}\n\n// W_bar",
        "    }\n}\n\n// W_bar",
    ),
    "no barrier before a panel is read": (
        f"__syncthreads();\n                {AT_PANEL}",
        AT_PANEL,
    ),
    "a wrong bound in the last tile": ("const bool there = i < n;", "const bool there = i <= n;"),
    "no cotangent of a bias": ("if (k <= n_in && m < n_out)", "if (k < n_in && m < n_out)"),
    "cotangents of outputs left out": ("asked[left - 1] == t_next)", "asked[left] == t_next)"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_show(bug):
    module = Module(exchanged=(PLANTED[bug],), instances=WIDE)
    problem = case(n=37, time=True) if "panel" not in bug else case(n=37, dim=24, hidden=[24])
    shown = []
    for order in ORDERS:
        device = Played(
            module._replace(on_cpu=OnCpu(order, 7)), (60 if "panel" in bug else 227) * 1024
        )
        try:
            assert_agrees(device, *problem, t_eval=TIMES)
        except Exception as fault:
            shown.append(fault)
    assert shown


def test_a_wrong_dtype_shows(monkeypatch):
    layout = network_ode.steps_layout
    monkeypatch.setattr(
        network_ode, "steps_layout", lambda c, d, n, dtype: layout(c, d, n, np.dtype(np.float32))
    )
    with pytest.raises(TypeError, match="must be an array of f8"):
        cuda.solve_ode(MLP(2, [4]), (0.0, 1.0), np.ones((2, 2)), np.zeros(22), device=Played())


def exercise(on_cpu):
    """Solve and differentiate in each way to lie in memory."""
    cuda.NETWORK_THREADS = 64
    module = Module(on_cpu, instances=WIDE)
    for name, kilobytes in (("ragged", 227), ("slopes off chip", 60)):
        problem, how, _ = CASES[name]
        assert_agrees(Played(module, kilobytes * 1024), *problem, **how)


@pytest.mark.parametrize("sanitize", SANITIZERS)
def test_under_a_sanitizer(sanitize, sanitized):
    sanitized(__file__, sanitize)


def test_float32_has_no_double_but_time():
    pytest.importorskip("cuda.bindings.nvrtc")
    compiled = nvrtc.compiled(network_ode.SOURCE, 90, network_ode.WITHOUT_DOUBLE)
    for expression, ptx in compiled.ptx.items():
        assert ".f32" in ptx and ".f64" not in re.sub(r"\.reg \.f64.*", "", ptx), expression


def test_costs_are_those_of_the_products():
    layers = network_plan.network_layers([Dense(8), Activation("tanh"), Dense(2)], 2)
    forward, backward = network_plan.step_flops(layers, 2, 6)
    assert forward == 6 * 64 + 2 * 6 * 7 + 2 * 2 * 7
    assert backward == 23 * 64 + 3 * 2 * 6 * 7
    assert network_plan.step_bytes(layers, 2, np.float32, 6, 32)[0] == 2 * 4 + 16
