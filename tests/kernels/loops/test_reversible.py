"""The transpose of whole solves by reversible methods against the complex step, as in test_adjoint.py."""

import numpy as np
import pytest

from tapeless_kernels.buffers import Control, Method
from tapeless_kernels.controllers.step_size import PI, control_numbers
from tapeless_kernels.launch.python import PlainKernels, allocate, from_tiles, load, run, run_vjp
from tapeless_kernels.status import DONE, SUCCESS
from tapeless_kernels.tableaus.explicit import BOSH3, HEUN21, TSIT5
from tapeless_kernels.tableaus.reversible import ALF, HEUN, arrays_of, paired

from .test_adjoint import DIM, FRACTIONS, LANES, STEP, THETA, N, field, field_vjp

METHODS = (paired(HEUN21, 0.9), paired(BOSH3, 0.999), paired(TSIT5, 0.999), HEUN, ALF)
CASES = [(m, adaptive, back) for m in METHODS for adaptive in (0, 1) for back in (0, 1)]


def label(case):
    method, adaptive, back = case
    return (
        f"{method.name}-{'adaptive' if adaptive else 'fixed'}-{'backward' if back else 'forward'}"
    )


def solve(case, y0, theta):
    method, adaptive, back = case
    t0, t1 = (1.5, 0.25) if back else (0.25, 1.5)
    times = t0 + (t1 - t0) * np.array(FRACTIONS)
    kernels = PlainKernels(np.complex128, LANES, field, field_vjp)
    solve = allocate(
        np.complex128, LANES, 2, DIM, method.stages, len(times), 100, halves=method.halves, reversible=True
    )  # fmt: skip
    order = method.error_exponent_order
    control = Control(
        control_numbers(PI, order, np.float64), adaptive, 0, 0, 500, 0 if adaptive else 5, 0, 0, 0
    )
    numbers = arrays_of(method, np.complex128)
    method = Method(*numbers, method.stages, int(method.fsal), 1, method.kind, method.halves)
    load(solve, t0, t1, t1 - t0, 1e-3, y0, times, PI.start)
    assert run(kernels, 0, method, control, solve, theta) == DONE
    assert (solve.lanes.status == SUCCESS).all()
    return kernels, (method, control), solve


@pytest.mark.parametrize("case", CASES, ids=map(label, CASES))
def test_transpose_is_the_complex_step(case):
    rng = np.random.default_rng(0)
    y0, theta = rng.uniform(0.5, 1.0, (N, DIM)), THETA.astype(complex)
    kernels, scheme, solved = solve(case, y0, theta)
    bar = rng.standard_normal((N, len(FRACTIONS), DIM))
    y0_bar, theta_bar, _ = run_vjp(kernels, 0, scheme, solved, theta, bar)

    def along(y0_direction, theta_direction):
        _, _, other = solve(case, y0 + STEP * y0_direction, THETA + STEP * theta_direction)
        assert other.record.h.tobytes() == solved.record.h.tobytes()
        return (bar * from_tiles(other.outputs.ys, N)).sum((1, 2)).imag / STEP.imag

    wanted = np.transpose([along(direction, 0) for direction in np.eye(DIM)])
    np.testing.assert_allclose(y0_bar, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())
    wanted = [along(0, direction).sum() for direction in np.eye(len(THETA))]
    np.testing.assert_allclose(theta_bar, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())
