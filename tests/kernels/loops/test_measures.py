"""What is measured of steps, and gradients with respect to times, against the complex step in a plain twin.

The twin takes the recorded relative steps again in NumPy, of complex y0, theta and times. Maxima and sizes branch on
the real part, so its imaginary parts are derivatives.
"""

import numpy as np
import pytest

from tapeless_kernels.buffers import Control, Method
from tapeless_kernels.controllers.step_size import PI, control_numbers
from tapeless_kernels.launch.python import PlainKernels, allocate, load, run, run_vjp
from tapeless_kernels.status import DONE
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import EXPLICIT

STEP, N, DIM, N_PARAMS, CAPACITY = 1e-30, 3, 2, 3, 60
THETA = np.array([0.7, -1.3, 0.4])


def slopes(t, y, theta):
    return np.array([
        theta[0] * y[1] + np.sin(t) * y[0] * y[0],
        theta[1] * y[0] + theta[2] * y[0] * y[1] * t,
    ])  # fmt: skip


def field(t, y, theta, dy):
    dy[:] = slopes(t, y, theta)


def field_vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    y_bar[0] = 2 * np.sin(t) * y[0] * dy_bar[0] + (theta[1] + theta[2] * y[1] * t) * dy_bar[1]
    y_bar[1] = theta[0] * dy_bar[0] + theta[2] * y[0] * t * dy_bar[1]
    theta_bar[0] += dy_bar[0] * y[1]
    theta_bar[1] += dy_bar[1] * y[0]
    theta_bar[2] += dy_bar[1] * y[0] * y[1] * t
    t_bar[0] = np.cos(t) * y[0] * y[0] * dy_bar[0] + theta[2] * y[0] * y[1] * dy_bar[1]


class Case:
    """A solve of N trajectories, in lanes of one tile or in lockstep, and a loss of all that it returns."""

    def __init__(
        self,
        name,
        *,
        fixed=False,
        coupled=False,
        interpolate=False,
        backward=False,
        dtype=np.float64,
    ):
        self.tableau = next(t for t in EXPLICIT if t.name == name)
        self.dtype, self.eps = dtype, np.finfo(dtype).eps
        stages, rng = self.tableau.stages, np.random.default_rng(1)
        self.method = Method(
            *arrays(self.tableau, np.dtype(dtype)), stages, 1, self.tableau.n_errors
        )
        self.coupled, self.interpolate = coupled, interpolate
        self.span = 0.25 + 1.25 * np.array([1.0, 0.0] if backward else [0.0, 1.0])
        self.times = self.span[0] + np.array([0.37, 0.62, 1.0]) * np.ptp(self.span) * (
            1 - 2 * backward
        )
        self.y0, self.theta = rng.uniform(0.5, 1.0, (N, DIM)), THETA.astype(dtype)
        self.tolerance = 1e-4
        order = self.tableau.error_exponent_order or self.tableau.order
        self.numbers = control_numbers(PI, order, dtype)
        self.control = Control(
            self.numbers, int(not fixed), int(coupled), int(interpolate), 500, 5, N, 0, 1, 1
        )  # fmt: skip
        self.solve = allocate(
            dtype, N, 1, DIM, stages, 3, CAPACITY, slopes=True, measure=True, states=True
        )  # fmt: skip
        first = (
            self.span[1] - self.span[0]
        )  # too long: an error far below the tolerance would be rounding
        load(self.solve, *self.span, first, self.tolerance, self.y0, self.times, PI.start)
        self.solve.lanes.who[...] = np.arange(N)
        kernels = PlainKernels(dtype, N, field, field_vjp)
        assert run(kernels, 0, self.method, self.control, self.solve, self.theta) == DONE
        self.n = int(self.solve.record.filled[0])
        self.ys_bar = rng.standard_normal((N, 3, DIM))
        weights = rng.standard_normal((self.n, 1, 3, 1 if coupled else N))
        moved = self.solve.record.h[: self.n, :, None] != 0
        self.steps_bar = np.where(moved, weights, 0.0)
        self.states_bar = np.where(moved, rng.standard_normal((self.n, 1, DIM, N)), 0.0).astype(
            dtype
        )
        self.bars = run_vjp(
            kernels, 0, (self.method, self.control), self.solve, self.theta, self.ys_bar, self.steps_bar, None,
            self.states_bar,
        )  # fmt: skip

    def loss(self, y0, theta, times, span):
        """Return the loss by the twin, at complex arguments."""
        record, total, squares = self.solve.record, 0.0, {}
        for lane in range(N):
            y, written = y0[lane], 0
            for n in range(self.n):
                if record.h[n, 0, lane] == 0:
                    continue
                t, t_next, emitted = *record.t[n, 0, :, lane], record.emitted[n, 0, lane]
                a, b = (span[0], self.span[0]), (span[1], self.span[1])
                if not self.interpolate:
                    a = a if emitted == 0 else (times[emitted - 1], self.times[emitted - 1])
                    b = b if emitted == 3 else (times[emitted], self.times[emitted])
                begin, end = (
                    a[0] + (b[0] - a[0]) * (x - a[1]) / (b[1] - a[1]) for x in (t, t_next)
                )
                total += self.states_bar[n, 0, :, lane] @ y
                k, z = self.stages(begin, end - begin, y, theta)
                squares.setdefault(n, []).append([*self.squares(end - begin, k, y, z), end - begin])
                now = self.solve.lanes.emitted[0, lane] if n + 1 == self.n else None
                later = [m for m in range(n + 1, self.n) if record.h[m, 0, lane] != 0]
                now = record.emitted[later[0], 0, lane] if later else 3
                for i in range(written, now):
                    out = z
                    if self.interpolate:
                        s, h = (times[i] - begin) / (end - begin), end - begin
                        w = s * s * (3 - 2 * s)
                        out = (1 - w) * y + w * z
                        out = out + h * s * (1 - s) * ((1 - s) * k[0] - s * k[-1])
                    total += self.ys_bar[lane, i] @ out
                written, y = now, z
        for n, rows in squares.items():
            bars = self.steps_bar[n, 0]
            if self.coupled:
                rows = [[sum(row[i] for row in rows) / N for i in range(5)] + [rows[0][5]]]
            for lane, row in zip(np.nonzero(bars.any(0))[0], rows, strict=False):
                total += bars[:, lane] @ self.estimates(row)
        return total

    def stages(self, t, h, y, theta):
        a, _, c, *_ = self.method[:5]
        k, z = [slopes(t, y, theta)], y
        for i in range(1, self.tableau.stages + 1):
            z = y + h * sum(a[i, j] * k[j] for j in range(i))
            k.append(slopes(t + c[i] * h, z, theta))
        return np.array(k), z

    def squares(self, h, k, y, z):
        """Return means over components: of both errors, and of what stiffness is the ratio of, and of y."""
        larger = np.where(abs(y) > abs(z), y, z)
        scale = self.tolerance * (1 + larger * np.sign(larger.real))
        both = [np.mean((h * (row @ k) / scale) ** 2) for row in self.method.error]
        states, differences = h * (self.method.pair[0] @ k), self.method.pair[1] @ k
        return [*both, *(np.mean(x**2) for x in (differences, states, y))]

    def estimates(self, row):
        """Return E, S and h."""
        q, lower, slope, state, y, h = row
        if self.tableau.n_errors == 2:
            q = q * q / (q + 0.01 * lower)
        stiff = 0.0 if state.real <= (100 * self.eps) ** 2 * y.real else np.sqrt(slope / state)
        return np.array([np.sqrt(q) if q != 0 else 0.0, stiff, h])


CASES = {
    "tsit5": Case("tsit5"),
    "tsit5 in lockstep": Case("tsit5", coupled=True),
    "tsit5, interpolated": Case("tsit5", interpolate=True),
    "tsit5, backward": Case("tsit5", backward=True),
    "tsit5, backward, interpolated": Case("tsit5", backward=True, interpolate=True),
    # Their errors are too small for derivatives of nine digits in float64.
    "dop853": Case("dop853", dtype=np.longdouble),
    "dop853 in lockstep": Case("dop853", coupled=True, dtype=np.longdouble),
    "dopri5, fixed": Case("dopri5", fixed=True),
    "rk4, fixed": Case("rk4", fixed=True),
    "bosh3": Case("bosh3", interpolate=True),
    "vern7": Case("vern7", dtype=np.longdouble),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_transpose_is_the_complex_step(case):
    arguments = case.y0, THETA, case.times, case.span
    y0_bar, theta_bar, times_bar = case.bars
    found = y0_bar, theta_bar, times_bar[:, :3].sum(0), times_bar[:, 3:].sum(0)
    for which, (x, bar) in enumerate(zip(arguments, found, strict=True)):
        wanted = np.empty(x.shape, case.dtype)
        for place in np.ndindex(*x.shape):
            moved = [a.astype(np.result_type(case.dtype, np.complex64)) for a in arguments]
            moved[which][place] += 1j * STEP
            wanted[place] = case.loss(*moved).imag / STEP
        np.testing.assert_allclose(bar, wanted, rtol=1e-9, atol=1e-10 * np.abs(y0_bar).max())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_measured_is_that_of_the_twin(case):
    log, record = case.solve.outputs.log, case.solve.record
    assert log.filled[0] == case.n
    for lane in range(N):
        y = case.y0[lane]
        for n in np.nonzero(record.h[: case.n, 0, lane])[0]:
            t, t_next = record.t[n, 0, :, lane]
            k, z = case.stages(t, t_next - t, y, THETA)
            assert log.t[n, 0, :, lane].tolist() == [t, t_next - t]
            np.testing.assert_allclose(log.y[n, 0, 0, :, lane], y, rtol=1e-12)
            if not case.coupled:
                wanted = case.estimates([*case.squares(t_next - t, k, y, z), t_next - t])
                measured = log.estimates[n, 0, :, lane]
                np.testing.assert_allclose(measured, wanted[:2], rtol=1e-7, atol=1e-12)
            y = z
