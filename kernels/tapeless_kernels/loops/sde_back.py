r"""Ways back through the steps of an SDE without a record, the path being asked again.

Of reversible Heun the steps are taken back. Of any Stratonovich method the continuous adjoint is solved, by Heun steps
of

.. math::
    dy = f \, dt + g \circ dW, \qquad
    da = -(\partial_y f)^\top a \, dt - (\partial_y g)^\top a \circ dW, \qquad
    d\bar\theta = -(\partial_\theta f)^\top a \, dt - (\partial_\theta g)^\top a \circ dW

from t1 to t0 (Li, Wong, Chen and Duvenaud (2020), Scalable gradients for SDEs, arXiv 2001.01328).
"""

from .._jit import copied, separate
from ..drivers.noise import noise_of_step
from ..status import DONE, FIELD_ERROR
from ..steppers.noise_weights import add_drift, add_noise, add_noise_vjp, add_scaled, set_scaled
from ..steppers.reversible_sde import reversible_step_vjp, step_back
from ..steppers.sde_fields import evaluate_both, evaluate_both_vjp
from ..tableaus.stochastic import W
from ..tile import LANES, Real, add, fill, put, take
from .sde_grid import emit_vjp, of_lane


@separate
def aim_back(grid, state, work, n, tile):
    """Set the step n of each lane that took it, and return how many did."""
    moving = 0
    for lane in range(LANES):
        t, t_next = of_lane(grid.times, n, tile, lane), of_lane(grid.times, n + 1, tile, lane)
        moves = n < state.steps[tile, lane]
        work.time[0, lane] = Real(t)
        work.h[tile, lane] = Real(t_next - t) if moves else Real(0)
        work.moved[lane], work.lane_status[lane] = 1 if moves else 0, 0
        moving += 1 if moves else 0
    return moving


@separate
def still(noise, moved):
    """Set the noise of lanes that do not move to 0."""
    for c in range(noise.shape[0]):
        for lane in range(LANES):
            w = noise[c, lane]
            noise[c, lane] = w if moved[lane] == 1 else Real(0)


@copied
def go_back_again(
    equation, grid, noise, path, paths, state, record, work, theta, ys, ys_bar, bars, span
):
    """Go from step span[1] down to span[0]; with span[2] by solving the continuous adjoint, else by taking steps back.

    Where the adjoint is solved, y is set at outputs to what it was there.
    """
    for n in range(span[1] - 1, span[0] - 1, -1):
        noise_of_step(noise, path, paths, grid.times, n)
        for tile in range(state.y.shape[0]):
            if aim_back(grid, state, work, n, tile) == 0:
                continue
            still(noise.values[tile, W], work.moved)
            if span[2]:
                reset(grid, state, ys, n + 1, tile)
            emit_vjp(grid, ys_bar, bars, state.emitted, n + 1, tile)
            slots = (record.z[0, tile], record.drift[0, tile], record.diffusion[0, tile])
            of_tile, h = theta[tile if equation.own else 0], work.h[tile]
            if span[2]:
                failed = heun_back(
                    equation, h, noise.values[tile, W], of_tile, slots, work, state.y[tile],
                    (bars.y[tile], bars.theta[tile]), bars,
                )  # fmt: skip
            else:
                failed = reversible_step_vjp(
                    equation, h, of_tile, noise.values[tile], slots, work, bars, tile, bars.theta[tile]
                )  # fmt: skip
                now = (state.y[tile], state.z[tile], state.f[tile], state.g[tile])
                failed |= step_back(equation, h, now, of_tile, noise.values[tile], slots, work)
            if failed != 0:
                return FIELD_ERROR
    return DONE


@separate
def reset(grid, state, ys, n, tile):
    """Set the state to the output that was written after n steps, if one was."""
    shared = grid.times.shape[2] == 1
    for lane in range(LANES):
        at = state.emitted[tile, lane] - 1
        if at >= 0 and of_lane(grid.outputs, at, tile, 0 if shared else lane) == n:
            for m in range(ys.shape[2]):
                state.y[tile, m, lane] = ys[tile, at, m, lane]


@copied
def heun_back(equation, h, w, theta, record, work, y, own_bars, bars):
    """Take a Heun step back of the state and its cotangent; `own_bars` are those of y and theta."""
    y_bar, theta_bar = own_bars
    z, a, caches, term = record[0][0], bars.z[0], (record[1][0], record[2][0]), bars.term[1]
    put(z, y)
    put(a, y_bar)
    put(work.y_next, y)
    status = 0
    for half in range(2):
        for lane in range(LANES):
            work.time[1, lane] = work.time[0, lane] + (Real(0) if half else h[lane])
        status |= evaluate_both(equation, z, theta, caches, (work.f[0], work.g[0]), work)
        fill(bars.f, Real(0))
        fill(bars.g, Real(0))
        add_drift(bars.f, Real(0.5), h, a)
        set_scaled(work.weights, Real(0.5), w)
        add_noise_vjp(bars.g, work.weights, a)
        status |= evaluate_both_vjp(equation, z, theta, caches, term, work, bars, theta_bar)
        set_scaled(work.weights, Real(-0.5), w)
        add_drift(work.y_next, Real(-0.5), h, work.f[0])
        add_noise(work.y_next, work.weights, work.g[0])
        add(y_bar, term)
        if half == 0:  # to the end of the step, with whole slopes
            add_drift(z, Real(-1), h, work.f[0])
            set_scaled(work.weights, Real(-1), w)
            add_noise(z, work.weights, work.g[0])
            add_scaled(a, Real(2), term)
    take(work.moved, y, work.y_next)
    return status
