"""Steps of reversible methods in plain Python: their order, their inverse, and their transpose by the complex step."""

import numpy as np
import pytest

from tapeless_kernels.buffers import Method
from tapeless_kernels.launch.python import PlainKernels
from tapeless_kernels.steppers.reversible import take_step, take_step_back
from tapeless_kernels.steppers.reversible_vjp import take_step_vjp
from tapeless_kernels.tableaus.explicit import BOSH3, DOP853, EULER, RK4, TSIT5
from tapeless_kernels.tableaus.reversible import ALF, HEUN, ReversibleMethod, arrays_of, paired

STEP = 1e-30j
DIM, LANES = 2, 2
DAMPED = ReversibleMethod("damped", ALF.kind, 0.9, ALF.reference)
METHODS = (
    paired(EULER, 1.0), paired(RK4, 0.9), paired(BOSH3, 0.999), paired(TSIT5, 0.999), paired(DOP853, 0.999),
    HEUN, ALF, DAMPED,
)  # fmt: skip
every = pytest.mark.parametrize(
    "method", METHODS, ids=lambda m: f"{m.name}-{m.coupling}" if m.base else m.name
)


def leaps(method):
    return method.kind == ALF.kind


def field(t, y, theta, dy):
    dy[0] = theta[0] * y[1] + np.cos(t) * y[0] * y[0]
    dy[1] = theta[1] * y[0] + theta[2] * y[0] * y[1] * t


def field_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = 2 * np.cos(t) * y[0] * dy_bar[0] + (theta[1] + theta[2] * y[1] * t) * dy_bar[1]
    y_bar[1] = theta[0] * dy_bar[0] + theta[2] * y[0] * t * dy_bar[1]
    theta_bar[0] += dy_bar[0] * y[1]
    theta_bar[1] += dy_bar[1] * y[0]
    theta_bar[2] += dy_bar[1] * y[0] * y[1] * t


class Stepper:
    """One method in plain Python, with the arrays that a step works on."""

    def __init__(self, method, dtype):
        self.kernels = PlainKernels(dtype, LANES, field, field_vjp)
        stages, halves = method.stages, method.halves
        self.method = Method(
            *arrays_of(method, dtype), stages, int(method.fsal), 1, method.kind, halves
        )
        self.real = np.finfo(dtype).dtype
        slots, slopes = max(stages * halves, 2), max(stages * halves, stages + 1)
        self.record = tuple(np.full((slots, n, LANES), np.nan, dtype) for n in (DIM, 0))
        self.k = np.full((slopes, DIM, LANES), np.nan, dtype)
        self.nexts = tuple(np.full((DIM, LANES), np.nan, dtype) for _ in range(2))
        self.time, self.back = np.zeros((2, LANES), self.real), np.zeros((3, LANES), self.real)
        self.bars = tuple(np.full((n, DIM, LANES), np.nan, dtype) for n in (stages + 1, 2))

    def step(self, t, h, y, z, slope, theta, take=take_step):
        """Return the states and the slope that the next step inherits."""
        self.time[0], self.k[0] = t, slope
        work = (self.time, np.zeros(LANES, np.uint8), self.back)
        status = self.kernels(take)(
            0, self.method, np.asarray(h, self.real), (y, z), theta, self.k, self.record, work, self.nexts
        )  # fmt: skip
        assert status == 0
        return [x.copy() for x in (*self.nexts, self.k[1] if self.method.fsal else slope)]

    def transpose(self, t, h, bars, theta, accepted):
        """Return the cotangents of y, z, the first slope and theta, from those of `step`."""
        y_bar, z_bar, slope_bar = (x.astype(complex) for x in bars)
        theta_bar, half = np.zeros(len(theta), complex), np.full((DIM, LANES), np.nan, complex)
        self.time[0] = t
        times = np.full((3, LANES), np.nan, complex)
        nothing = np.zeros((0, DIM, LANES), complex)
        places = (y_bar, slope_bar, *self.bars, times, nothing, z_bar, half)
        status = self.kernels(take_step_vjp)(
            0, self.method, h, theta, (*self.record, nothing), (self.time, self.back), places, accepted,
            theta_bar,
        )  # fmt: skip
        assert status == 0
        return y_bar, z_bar, slope_bar, theta_bar


@pytest.fixture
def start():
    """Return states that are not at their common start, a slope of its own, and parameters."""
    rng = np.random.default_rng(2)
    y, z, slope = rng.uniform(0.5, 1.0, (3, DIM, LANES))
    return y, y + 0.1 * z, slope, np.array([0.7, -1.3, 0.4])


T, H = np.array([0.3, 1.1]), np.array([0.1, -0.2])


@every
def test_step_taken_back_is_where_it_was(method, start):
    y, z, slope, theta = start
    if method is HEUN:  # whose slope is that of z
        for lane in range(LANES):
            field(T[lane], z[:, lane], theta, slope[:, lane])
    stepper = Stepper(method, np.float64)
    after = stepper.step(T, H, y, z, slope, theta)
    slots = method.stages * method.halves
    record = stepper.record[0][:slots].copy()
    stepper.record[0][:] = np.nan
    before = stepper.step(T, H, *after, theta, take=take_step_back)
    if leaps(method):  # without a second state
        before[1] = z
    for found, wanted in zip(before, (y, z, slope), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-14)
    np.testing.assert_allclose(stepper.record[0][:slots], record, rtol=0, atol=2e-14)


@every
def test_transpose_is_the_complex_step(method, start):
    *states, theta = (x.astype(complex) for x in start)
    bars = np.random.default_rng(3).standard_normal((3, DIM, LANES))
    bars[1] *= not leaps(method)
    stepper = Stepper(method, np.complex128)
    stepper.step(T, H, *states, theta)
    found = stepper.transpose(T, H, bars, theta, np.ones(LANES, np.uint8))

    def along(direction):
        moved = [x + STEP * d for x, d in zip((*states, theta), direction, strict=True)]
        ends = stepper.step(T, H, *moved)
        return sum((bar * end.imag).sum() for bar, end in zip(bars, ends, strict=True)) / STEP.imag

    rng = np.random.default_rng(4)
    for which in range(4):
        direction = [np.zeros(x.shape) for x in (*states, theta)]
        direction[which] = rng.standard_normal(direction[which].shape)
        wanted = along(direction)
        assert abs((found[which].real * direction[which]).sum() - wanted) < 1e-12 * (
            1 + abs(wanted)
        )


@every
def test_lane_that_did_not_move_keeps_its_cotangents(method, start):
    *states, theta = (x.astype(complex) for x in start)
    stepper, h = Stepper(method, np.complex128), np.array([0.1, 0.0])
    stepper.step(T, h, *states, theta)
    bars = np.random.default_rng(3).standard_normal((3, DIM, LANES))
    found = stepper.transpose(T, h, bars, theta, np.array([1, 0], np.uint8))
    for bar, x in zip(found[:3], bars, strict=True):
        np.testing.assert_array_equal(bar[:, 1], x[:, 1])


def march(method, n):
    """Return y(2) after n equal steps in longdouble; the lanes are two problems."""
    stepper, theta = Stepper(method, np.longdouble), np.array([0.7, -1.3, 0.4], np.longdouble)
    y = np.array([[0.5, 0.25], [-0.5, 0.75]], np.longdouble)
    z, slope, t, h = (
        y.copy(),
        np.zeros_like(y),
        np.zeros(LANES),
        np.full(LANES, np.longdouble(2) / n),
    )
    for lane in range(LANES):
        field(t[lane], y[:, lane], theta, slope[:, lane])
    for i in range(n):
        y, z, slope = stepper.step(i * h, h, y, z, slope, theta)
    return y


@every
def test_slope(method):
    if np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("longdouble is no longer than double here")
    n = 32 if method.order < 5 else 12
    exact = march(paired(DOP853, 1.0), 96)
    coarse, fine = (np.abs(march(method, m) - exact).max(0) for m in (n, 2 * n))
    slopes = np.log2(coarse / fine)
    assert (slopes > method.order - 0.35).all(), slopes
