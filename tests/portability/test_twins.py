"""One source, three CPU executions: cached kernels that call a field by its address, kernels
compiled with the field in them, and plain Python. All give the same bits.
"""

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from tapeless_kernels.buffers import Control, Log, Method
from tapeless_kernels.controllers.step_size import H312, PI, control_numbers
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.python import (
    AddressedField,
    PlainKernels,
    allocate,
    from_tiles,
    inlined_family,
    load,
    run,
    run_vjp,
)
from tapeless_kernels.launch.threads import Stop
from tapeless_kernels.status import DONE, SUCCESS
from tapeless_kernels.steppers.explicit_rk import step, step_vjp
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import BOSH3, DOP853, DOPRI5, RK4, TSIT5

DIM = N_PARAMS = N = 3
THETA = [10, 28, 8 / 3]
DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
WIDTHS = [(dtype, lanes) for dtype in DTYPES for lanes in (1, cpu.WIDTHS[dtype])]
TOLERANCE = 1e-3
HERMITE_TIMES = (0.0, 0.05, 0.055, 0.06, 0.2)

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
widths = pytest.mark.parametrize(("dtype", "lanes"), WIDTHS)


class Case:
    """One way to solve the Lorenz system; h = 0 asks for an automatic first step, 0.2 is too long."""

    def __init__(
        self,
        tableau,
        controller,
        times,
        *,
        h=0.0,
        fsal=False,
        n_steps=0,
        interpolate=None,
        measure=False,
    ):
        self.tableau, self.start, self.h, self.times = tableau, controller.start, h, times
        self.fsal = int(tableau.fsal or fsal)
        self._control = functools.partial(
            control_numbers, controller, tableau.error_exponent_order or tableau.order
        )
        interpolate = int(fsal if interpolate is None else interpolate)
        self._rest = (int(n_steps == 0), 0, interpolate, 100, n_steps, 0, 0, int(measure))
        self.measure = measure

    def method(self, dtype):
        return Method(
            *arrays(self.tableau, dtype), self.tableau.stages, self.fsal, self.tableau.n_errors
        )

    def control(self, dtype):
        return Control(self._control(dtype), *self._rest)

    def y0(self, dtype):
        return np.array([[1, 2, 20], [-3, 0.5, 15], [8, -7, 30]], dtype)

    def ys_bar(self, dtype):
        return np.random.default_rng(1).standard_normal((N, len(self.times), DIM)).astype(dtype)

    def steps_bar(self, log, dtype):
        """Return cotangents of what a log holds, by trajectory and step: the same in every width."""
        if not self.measure:
            return None
        who = log.counts[: log.filled[0], :, 0]
        out = np.zeros((*who.shape[:2], 3, who.shape[2]), dtype)
        weights = np.random.default_rng(2).standard_normal((N, len(who), 3)).astype(dtype)
        for i in range(N):
            at = np.nonzero(who == i)
            out[at[0], at[1], :, at[2]] = weights[i, : len(at[0])]
        return out


CASES = {
    "tsit5, Hermite outputs": Case(TSIT5, PI, HERMITE_TIMES, fsal=True),
    "dopri5, rejections": Case(DOPRI5, H312, (0.1, 0.2), h=0.2),
    "dop853": Case(DOP853, PI, (0.1, 0.2), h=0.2),
    "bosh3, backward": Case(BOSH3, PI, (-0.03, -0.1), h=-0.1),
    "rk4, fixed steps": Case(RK4, PI, (0.05, 0.12), n_steps=6),
    "tsit5, measured": Case(TSIT5, PI, (0.1, 0.2), h=0.2, measure=True),
    "dop853, measured, Hermite outputs": Case(DOP853, PI, HERMITE_TIMES, fsal=True, measure=True),
    "rk4, measured": Case(
        RK4, PI, (0.05, 0.12), n_steps=6, fsal=True, interpolate=False, measure=True
    ),
}


@functools.cache
def addressed(dtype, lanes):
    return AddressedField(dtype, lanes, N_PARAMS, lorenz, lorenz_vjp)


@functools.cache
def inlined(dtype):
    return inlined_family(dtype, 1, lorenz, lorenz_vjp)


def results(solve, y0_bar, theta_bar, times_bar):
    """Return what a solve and its reverse pass leave, by name, as bytes."""
    lanes, counts = solve.lanes, from_tiles(solve.lanes.counts, N)
    assert (lanes.status == SUCCESS).all()
    found = {
        "ys": from_tiles(solve.outputs.ys, N),
        "counts": counts[:, :3],
        "last": from_tiles(lanes.last, N),
        "y0_bar": y0_bar,
        "theta_bar": theta_bar,
        "times_bar": times_bar,
    }
    return {name: np.ascontiguousarray(x).tobytes() for name, x in found.items()}


def by(kernels, case, dtype, lanes):
    """Solve and run backward by kernels that hold the field."""
    theta, method = np.array(THETA, dtype), case.method(dtype)
    tiles = -(-N // lanes)
    solve = allocate(
        dtype, lanes, tiles, DIM, case.tableau.stages, len(case.times), 40, slopes=case.measure,
        measure=case.measure,
    )  # fmt: skip
    load(
        solve, 0.0, case.times[-1], case.h, TOLERANCE, case.y0(dtype), case.times, case.start
    )  # fmt: skip
    solve.lanes.who[...] = np.arange(tiles * lanes).reshape(tiles, lanes)
    control = case.control(dtype)
    assert run(kernels, 0, method, control, solve, theta) == DONE
    steps_bar = case.steps_bar(solve.outputs.log, dtype)
    bars = run_vjp(kernels, 0, (method, control), solve, theta, case.ys_bar(dtype), steps_bar)
    return results(solve, *bars)


@functools.cache
def by_python(name, dtype, lanes):
    return by(PlainKernels(dtype, lanes, lorenz, lorenz_vjp), CASES[name], dtype, lanes)


def by_address(case, dtype, lanes, monkeypatch):
    """Solve and run backward by the kernels that the library ships, as it calls them."""
    monkeypatch.setattr(cpu, "ProgramField", lambda *_: addressed(dtype, lanes))
    theta, n_outputs = np.array(THETA, dtype), len(case.times)
    field = SimpleNamespace(dim=DIM, n_params=N_PARAMS, flops=20)
    plan = cpu.Plan(
        dtype, lanes, field, case.method(dtype), case.control(dtype), n_outputs, keep=True,
        slopes=int(case.measure),
    )  # fmt: skip
    chunk = cpu.Chunk(plan, -(-N // lanes))
    numbers = np.array([[0, case.times[-1], case.h, TOLERANCE, TOLERANCE]]).T.copy()
    results = plan.results(N)
    ys, _, counts, times, *_ = results
    chunk.begin(case.y0(dtype), numbers, np.array(case.times)[:, None], theta, results)
    chunk.run(theta, Stop())
    assert chunk.finish() == 0
    y0_bar, theta_bar = np.zeros((N, DIM), dtype), np.zeros(N_PARAMS, dtype)
    times_bar = np.zeros((N, (n_outputs + 2) * case.measure), dtype)
    bars = case.ys_bar(dtype), y0_bar, y0_bar, times_bar, np.zeros((N, 0), dtype)
    chunk.vjp(bars, theta, theta_bar, Stop(), cpu.Measured(case.steps_bar(chunk_log(chunk), dtype)))
    found = {"ys": ys, "counts": counts, "last": times[:, 0], "y0_bar": y0_bar}
    found["theta_bar"], found["times_bar"] = theta_bar, times_bar
    return {name: np.ascontiguousarray(x).tobytes() for name, x in found.items()}


def chunk_log(chunk):
    """Return the log of a chunk as kernels have it."""
    if not chunk.plan.control.measure:
        return None
    arrays = chunk.log()
    return Log(*arrays, np.array([len(arrays[0])]))


@widths
@pytest.mark.parametrize("name", CASES)
def test_loop_by_address_has_the_bits_of_plain_python(name, dtype, lanes, monkeypatch):
    found = by_address(CASES[name], dtype, lanes, monkeypatch)
    assert found == by_python(name, dtype, lanes)
    # A trajectory does not depend on the width; theta_bar sums in another order.
    one = by_python(name, dtype, 1)
    assert all(found[key] == one[key] for key in ("ys", "counts", "last", "y0_bar", "times_bar"))


@pytest.mark.slow
@dtypes
def test_loop_with_the_field_inlined_has_the_bits_of_plain_python(dtype):
    for name, case in CASES.items():
        assert by(inlined(dtype), case, dtype, 1) == by_python(name, dtype, 1), name


def test_cases_reject_steps():
    counts = np.frombuffer(by_python("dopri5, rejections", DTYPES[1], 1)["counts"], np.int64)
    assert (counts.reshape(N, 3)[:, 2] > 0).all()


def one_step(kernels, field, tableau, dtype, lanes):
    """Return what one step and its transpose leave, by name, as bytes."""
    rng = np.random.default_rng(2)
    method = Method(*arrays(tableau, dtype), tableau.stages, int(tableau.fsal), 1)
    theta, shape = np.array(THETA, dtype), (DIM, lanes)

    def random(*shape):
        return rng.standard_normal(shape).astype(dtype)

    y, h = 10 * random(*shape), 0.01 * random(lanes)
    k, y_next = random(tableau.stages + 1, *shape), np.zeros(shape, dtype)
    z, time = np.zeros((tableau.stages, *shape), dtype), random(2, lanes)
    record = z, np.zeros((tableau.stages, 0, lanes), dtype)
    kept = *record, k[:0]
    work = time, np.zeros(lanes, np.uint8)
    assert kernels(step)(field, method, h, y, theta, k, record, work, y_next) == 0
    bars = random(*shape), random(*shape), np.zeros_like(k), np.zeros((2, *shape), dtype)
    bars = *bars, np.zeros((3, lanes), dtype), k[:0]
    accepted = (rng.random(lanes) < 0.7).astype(np.uint8)
    theta_bar = random(N_PARAMS)
    assert (
        kernels(step_vjp)(field, method, h * accepted, theta, kept, time, bars, accepted, theta_bar)
        == 0
    )
    found = {"k": k, "z": z, "y_next": y_next, "y_bar": bars[0], "k0_bar": bars[1]}
    return {name: x.tobytes() for name, x in (found | {"theta_bar": theta_bar}).items()}


@pytest.mark.parametrize("tableau", [RK4, TSIT5], ids=lambda tableau: tableau.name)
@widths
def test_step_and_its_transpose_have_the_bits_of_plain_python(dtype, lanes, tableau):
    wanted = one_step(
        PlainKernels(dtype, lanes, lorenz, lorenz_vjp), 0, tableau, dtype, lanes
    )  # fmt: skip
    field = addressed(dtype, lanes).field
    assert one_step(cpu.family(dtype, lanes), field, tableau, dtype, lanes) == wanted
    if lanes == 1:
        assert one_step(inlined(dtype), 0, tableau, dtype, 1) == wanted
