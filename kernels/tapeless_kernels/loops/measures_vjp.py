"""The transpose of what is measured of each step."""

from .._jit import inlined
from ..controllers.step_size import NOISE
from ..steppers.estimates import KK, M0, estimates_vjp, measure_squares
from ..steppers.explicit_rk import H_BAR
from ..tile import Real
from .start import to_means


@inlined
def measure_again(scheme, bars, record, work, n):
    """Measure the step of iteration n in all tiles as the loop did, up to the mean squares."""
    method, control = scheme
    for tile in range(bars.y.shape[0]):
        rtol, atol = bars.tolerance[tile, 0], bars.tolerance[tile, 1]
        measure_squares(
            work.squares[tile], method, record.h[n, tile], record.slopes[n, tile], record.y[n, tile, 0],
            record.z[n, tile, record.z.shape[2] - 1], rtol, atol,
        )  # fmt: skip
    for row in range(KK, M0 + method.n_errors):
        to_means(work.squares, row, bars.y.shape[1], control)


@inlined
def measures_vjp(scheme, bars, record, work, n, before, tile):
    """Prepare what the cotangents of error, stiffness and size of the step of iteration n give to its transpose."""
    method, control = scheme
    count = Real(bars.y.shape[1] * (control.n_trajectories if control.coupled else 1))
    step = (
        record.h[n, tile], record.slopes[n, tile], record.y[n, tile, 0],
        record.z[n, tile, record.z.shape[2] - 1],
    )  # fmt: skip
    estimates_vjp(
        method, control.numbers[NOISE], count, step, bars.tolerance[tile], work.squares[tile],
        bars.steps[before + n, tile], bars.estimates, (bars.y[tile], bars.t[H_BAR]),
    )  # fmt: skip
