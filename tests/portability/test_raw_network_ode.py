"""The network ODE in CUDA C, run on the CPU and in `tapeless.cuda`, against the solver of the CPU."""

import re

import numpy as np
import pytest
from cuda_on_cpu import OnCpu
from cuda_on_cpu.module import ORDERS
from network_runs import CASES, TIMES, Module, Played, assert_agrees, assert_close, case, solved

import tapeless
from tapeless import cuda
from tapeless.errors import SolverError
from tapeless.fields import Activation, ConcatTime, Dense, LayerNorm, Network, SpectralDense
from tapeless_kernels._cupy import code_of
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.cuda import network_ode, network_plan, nvrtc
from tapeless_kernels.elementary_constants import FLOAT32, FLOAT64
from tapeless_kernels.status import MAX_STEPS, NON_FINITE, SUCCESS
from tapeless_kernels.tableaus.explicit import EXPLICIT

pytestmark = pytest.mark.usefixtures("blocks_of_64")


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
        how = {"span": (0.0, 1e-9), "method": "euler", "n_steps": 1}
        assert_agrees(Played(), field, theta, y0.astype(dtype), **how)


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
    with pytest.raises(SolverError, match="1 of 2 trajectories failed"):
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


@pytest.mark.parametrize(("n", "dim"), [(40, 1), (1, 3)])
def test_a_solve_leaves_its_start_as_it_was(n, dim):
    field, theta, y0 = case(n=n, dim=dim)  # of one entry a state's transpose is the same memory
    device = Played()
    sol = solved(device, field, theta, y0, chunk=32)[0]
    np.testing.assert_array_equal(device.host(sol._solve.setup.y0), y0)


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
