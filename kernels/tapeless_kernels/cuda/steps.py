"""One step of each trajectory on CUDA, and its transpose: the smallest kernels that hold a whole method."""

from ..field_abi import call_field
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import step, step_vjp
from ..tile import Real
from .local import lane_of, local_bars, local_work

# What `Kernels` gives a meaning:
cuda = None
DIM = STAGES = SLOPES = 1


def step_kernel(method, t, h, y, theta, z, y_next, codes):
    """Take a step of size h[i] from y[:, i] at t[i]; z (stages, DIM, n) is for its transpose."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        work, k = local_work(), cuda.local.array((SLOPES, DIM, 1), Real)
        here, cache, next = lane_of(y, i), lane_of(z, i), lane_of(y_next, i)
        scratch = (work.time, work.lane_status[0])
        work.time[0, 0] = t[i]
        work.lane_status[0, 0] = 0
        failed = 0
        if method.fsal:
            failed = call_field(0, work.time[0], here, theta, cache[0], k[0], work.lane_status[0])
        slots = (cache, cache)
        failed |= step(0, method, h[i : i + 1], here, theta, k, slots, scratch, next)
        if method.fsal:
            for m in range(DIM):
                next[m, 0] = cache[STAGES - 1, m, 0]
        codes[i] = FIELD_ERROR if failed else DONE


def step_vjp_kernel(method, t, h, theta, z, y_bar, k0_bar, theta_bar, codes):
    """Turn the cotangent of y_next into that of y, in place, and k0_bar; add to theta_bar[:, i]."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        bars, work = local_bars(), local_work()
        work.time[0, 0] = t[i]
        work.accepted[0, 0] = 1
        for m in range(DIM):
            bars.y[0, m, 0] = y_bar[m, i]
            bars.k0[0, m, 0] = k0_bar[m, i]
        mine = (bars.y[0], bars.k0[0], bars.z, bars.k, bars.t, bars.estimates)
        cache = lane_of(z, i)
        failed = step_vjp(
            0, method, h[i : i + 1], theta, (cache, cache, bars.estimates), work.time, mine, work.accepted[0],
            theta_bar[:, i],
        )  # fmt: skip
        for m in range(DIM):
            y_bar[m, i] = bars.y[0, m, 0]
            k0_bar[m, i] = bars.k0[0, m, 0]
        codes[i] = FIELD_ERROR if failed else DONE
