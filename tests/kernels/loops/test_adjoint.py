"""The transpose of the loop against the complex step, in plain Python.

Times, steps and norms are real where the state is complex, so a solve from y0 + i e tries the very
steps that one from y0 tries: the imaginary part of its outputs is e times their derivative on that
grid, to rounding (Squire and Trapp (1998), SIAM Review 40(1), 110-112).
"""

import numpy as np
import pytest

from tapeless_kernels.buffers import Control, Method
from tapeless_kernels.controllers.step_size import PI, control_numbers
from tapeless_kernels.launch.python import (
    PlainKernels,
    allocate,
    from_tiles,
    load,
    run,
    run_vjp,
)
from tapeless_kernels.status import DONE, SUCCESS
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import EXPLICIT

STEP = 1e-30j
N, DIM, LANES = 3, 2, 2  # the second tile is half empty
FRACTIONS = [0, 0.9, 0.9, 0.97, 0.98, 0.99, 1]  # one asked for twice, some within a step
THETA = np.array([0.7, -1.3, 0.4])


def field(t, y, theta, dy):
    dy[0] = theta[0] * y[1] + np.sin(t) * y[0] * y[0]
    dy[1] = theta[1] * y[0] + theta[2] * y[0] * y[1] * t


def field_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = 2 * np.sin(t) * y[0] * dy_bar[0] + (theta[1] + theta[2] * y[1] * t) * dy_bar[1]
    y_bar[1] = theta[0] * dy_bar[0] + theta[2] * y[0] * t * dy_bar[1]
    theta_bar[0] += dy_bar[0] * y[1]
    theta_bar[1] += dy_bar[1] * y[0]
    theta_bar[2] += dy_bar[1] * y[0] * y[1] * t


class Case:
    """One way to solve the problem; `solve` keeps a record to run backward."""

    def __init__(self, tableau, adaptive, outputs, backward):
        self.tableau = tableau
        fsal = int(tableau.fsal or outputs == "hermite")
        self.method = Method(
            *arrays(tableau, np.complex128), tableau.stages, fsal, tableau.n_errors
        )
        order = tableau.error_exponent_order or tableau.order
        numbers = control_numbers(PI, order, np.float64)
        interpolate, n_steps = int(outputs == "hermite"), 0 if adaptive else 5
        self.control = Control(numbers, int(adaptive), 0, interpolate, 500, n_steps, 0, 0, 0)
        self.t0, self.t1 = (1.5, 0.25) if backward else (0.25, 1.5)
        self.times = [self.t1]
        if outputs != "final":
            self.times = list(self.t0 + (self.t1 - self.t0) * np.array(FRACTIONS))
        rng = np.random.default_rng(0)
        self.y0 = rng.uniform(0.5, 1.0, (N, DIM))
        self.ys_bar = rng.standard_normal((N, len(self.times), DIM))

    def solve(self, y0, theta):
        kernels = PlainKernels(np.complex128, LANES, field, field_vjp)
        solve = allocate(np.complex128, LANES, 2, DIM, self.tableau.stages, len(self.times), 100)
        h, tolerance = self.t1 - self.t0, 10.0 ** (-1 - self.tableau.order)  # h will be rejected
        load(solve, self.t0, self.t1, h, tolerance, y0, self.times, PI.start)
        assert run(kernels, 0, self.method, self.control, solve, theta) == DONE
        assert (solve.lanes.status == SUCCESS).all()
        return kernels, solve

    def gradient(self):
        """Return y0_bar and theta_bar by the transpose, and the solve."""
        theta = THETA.astype(complex)
        kernels, solve = self.solve(self.y0, theta)
        scheme = self.method, self.control
        bars = run_vjp(kernels, 0, scheme, solve, theta, self.ys_bar)
        return *bars[:2], solve

    def derivative(self, y0_direction, theta_direction):
        """Return each trajectory's derivative along a direction, and the solve."""
        _, solve = self.solve(self.y0 + STEP * y0_direction, THETA + STEP * theta_direction)
        ys = from_tiles(solve.outputs.ys, N)
        return (self.ys_bar * ys).sum((1, 2)).imag / STEP.imag, solve


CASES = [
    (tableau, adaptive, outputs, backward)
    for tableau in EXPLICIT
    for adaptive in ((False, True) if tableau.error else (False,))
    for outputs in ("final", "stepped", "hermite")
    for backward in (False, True)
]


def label(case):
    tableau, adaptive, outputs, backward = case
    how = "adaptive" if adaptive else "fixed"
    return "-".join((tableau.name, how, outputs, "backward" if backward else "forward"))


@pytest.mark.parametrize(
    ("tableau", "adaptive", "outputs", "backward"), CASES, ids=map(label, CASES)
)
def test_transpose_is_the_complex_step(tableau, adaptive, outputs, backward):
    case = Case(tableau, adaptive, outputs, backward)
    y0_bar, theta_bar, solve = case.gradient()
    along_y0 = [case.derivative(direction, 0) for direction in np.eye(DIM)]
    along_theta = [case.derivative(0, direction) for direction in np.eye(len(THETA))]
    # Rounding grows with the coefficients: Verner's rows sum, in size, to 400, the others' to 30.
    tolerance = 1e-12 * max(1, *(sum(map(abs, row)) / 30 for row in tableau.a[1:]))
    for found, wanted in (
        (y0_bar, np.transpose([derivative for derivative, _ in along_y0])),
        (theta_bar, [derivative.sum() for derivative, _ in along_theta]),
    ):
        np.testing.assert_allclose(
            found, wanted, rtol=0, atol=float(tolerance) * np.abs(wanted).max()
        )
    for _, other in along_y0 + along_theta:
        assert other.record.h.tobytes() == solve.record.h.tobytes()
    if adaptive:
        assert (solve.lanes.counts[:, 2] > 0).any()  # a rejected step is nothing to the transpose
