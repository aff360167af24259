"""The tangents of the loop in plain Python, as `python.py` has the loop and its transpose.

The tangent of a user's field is `f_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)` for one trajectory: it fills
dy_dot.
"""

import numpy as np

from .._jit import inlined, kernel, retarget
from ..buffers import Dots, Head, Queue, QueueDots, Values
from ..loops.integrate_jvp import integrate_jvp, start_jvp
from ..status import DONE
from ..tile import LANES
from .python import PlainKernels

user_field_jvp = None  # `PlainTangents` gives it a meaning


@kernel
def call_field_jvp_inlined(tangent, t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot):
    """dy_dot = the derivatives of f(t, y, theta) along n directions, for every lane."""
    dim, n = y.shape[0], len(t_dot) // LANES
    n_params = len(theta)
    for j in range(n):
        rows = slice(j * dim, (j + 1) * dim)
        for lane in range(LANES):
            user_field_jvp(
                t[lane], y[:, lane], theta, t_dot[j * LANES + lane], y_dot[rows, lane],
                theta_dot[j * n_params : (j + 1) * n_params], dy_dot[rows, lane],
            )  # fmt: skip
    return 0


class PlainTangents(PlainKernels):
    """Kernels that Python runs, with one field, its transpose and its tangent in them."""

    def __init__(self, dtype, lanes, f, f_vjp, f_jvp):
        super().__init__(dtype, lanes, f, f_vjp)
        user = retarget(inlined(f_jvp), {}, {}, lambda function, inline: function)
        self._made[getattr(user, "py_func", user)] = user
        self._bind |= {"call_field_jvp": call_field_jvp_inlined, "user_field_jvp": user}


def run_jvp(kernels, method, control, solve, theta, tangents):
    """Run n tangents behind a Solve; return those of its outputs, (n, trajectories, n_outputs, dim).

    `tangents` are those of y0 (n, trajectories, dim), of theta (n, n_params), and of t0, t1 and the output times
    (n, 2 + n_outputs), or None where these are 0.
    """
    y0_dot, theta_dot, times_dot = tangents
    lanes, record = solve.lanes, solve.record
    n, batch, dim = y0_dot.shape
    tiles, width, dtype = lanes.y.shape[0], lanes.y.shape[2], lanes.y.dtype
    real, slopes, n_outputs = np.finfo(dtype).dtype, lanes.k.shape[1], solve.outputs.times.shape[1]
    moves = times_dot is not None

    def new(kind, *shape):
        return (
            np.full(shape, np.nan, kind) if np.dtype(kind).kind in "fc" else np.zeros(shape, kind)
        )

    who = np.minimum(np.arange(tiles * width), batch - 1).reshape(tiles, width)
    dots = Dots(
        new(dtype, 1, tiles, n * dim, width), new(dtype, 1, tiles, n * dim, width), new(dtype, n * dim, width),
        new(dtype, slopes, n * dim, width), np.zeros((2, n * width), real), np.zeros(n * width, real),
        theta_dot.reshape(1, -1).astype(dtype), new(dtype, dim, width), new(real, 2, width),
        np.ones((tiles, width), np.uint8), who,
    )  # fmt: skip
    used = dim * moves
    values = Values(
        new(dtype, tiles, used, width), new(dtype, tiles, used, width), new(dtype, slopes, used, width),
        new(dtype, used, width), new(dtype, 0, width), np.zeros(width, np.uint8),
    )  # fmt: skip
    by_tile = y0_dot[:, who]  # (n, tiles, lanes, dim)
    dots.y[0] = np.moveaxis(by_tile, (0, 3), (1, 2)).reshape(tiles, n * dim, width)
    numbers = np.stack([lanes.t0[0, 0], lanes.t1[0, 0], 0, 0, 0])[:, None]
    queue = Queue(
        None, None, numbers, solve.outputs.times[0, :, :1], new(dtype, batch, 0), *[None] * 8
    )
    times = times_dot[:, :, None] if moves else new(numbers.dtype, 0, 2 + n_outputs, 1)
    queue_dots = QueueDots(
        times, y0_dot, new(dtype, n, batch, 0), new(dtype, n, batch, n_outputs, dim)
    )
    head = Head(solve.head.t, solve.head.y, solve.head.cache)
    arrays, span = (queue, queue_dots, dots, values), (0, int(record.filled[0]))
    assert kernels(start_jvp)((0, 0), method, *arrays, head, theta) == DONE
    code = kernels(integrate_jvp)((0, 0), method, control.interpolate, *arrays, record, theta, span)
    assert code == DONE
    return queue_dots.ys
