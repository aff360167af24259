"""The loop over given steps of a stochastic differential equation, and its transpose; all its state is arrays."""

from .._jit import apart, copied, inlined, separate
from ..drivers.noise import noise_of_step
from ..ieee import fma
from ..status import DONE, FIELD_ERROR, NON_FINITE, RUNNING
from ..steppers.reversible_sde import reversible_step, reversible_step_vjp
from ..steppers.stochastic import step, step_vjp
from ..tableaus.stochastic import REVERSIBLE
from ..tile import LANES, Real, put, take


@copied
def go_forward(equation, method, grid, noise, path, paths, state, record, work, theta, ys, span):
    """Take the steps from span[0] to span[1], the first of which is the record's number span[2] if one is kept."""
    for n in range(span[0], span[1]):
        noise_of_step(noise, path, paths, grid.times, n)
        for tile in range(state.y.shape[0]):
            moving = aim(grid, state, work, n, tile)
            if moving == 0:
                rest(record, n - span[2], tile)
                continue
            slot = n - span[2] if record.h.shape[0] > 1 else 0
            keep(record, noise, work, slot, tile)
            slots = (record.z[slot, tile], record.drift[slot, tile], record.diffusion[slot, tile])
            of_tile = theta[tile if equation.own else 0]
            if method.kind == REVERSIBLE:
                now = (state.y[tile], state.z[tile], state.f[tile], state.g[tile])
                failed = reversible_step(
                    equation, work.h[tile], now, of_tile, noise.values[tile], slots, work
                )
            else:
                failed = step(
                    equation, method, work.h[tile], state.y[tile], of_tile, noise.values[tile], slots, work
                )  # fmt: skip
            if failed != 0:
                return FIELD_ERROR
            settle(method, state, record, work, n, slot, tile, moving)
            if is_due(grid.outputs, state.emitted[tile], n + 1):
                emit(grid, state, ys, n + 1, tile)
    return DONE


@inlined
def of_lane(x, n, tile, lane):
    """Return a number of row n that lanes or tiles may share."""
    return x[n, tile if x.shape[1] > 1 else 0, lane if x.shape[2] > 1 else 0]


@copied
def aim(grid, state, work, n, tile):
    """Set the step of each lane, 0 where none is taken; return in how many one is."""
    if grid.times.shape[2] == 1 and state.running[tile] == LANES:
        t, t_next = grid.times[n, 0, 0], grid.times[n + 1, 0, 0]
        aim_all(work.time[0], work.h[tile], work.moved, work.lane_status, Real(t), Real(t_next - t))
        return LANES
    moving = 0
    for lane in range(LANES):
        t, t_next = of_lane(grid.times, n, tile, lane), of_lane(grid.times, n + 1, tile, lane)
        moves = state.status[tile, lane] == RUNNING and n < grid.lengths[tile, lane]
        work.time[0, lane] = Real(t)
        work.h[tile, lane] = Real(t_next - t) if moves else Real(0)
        work.moved[lane] = 1 if moves else 0
        work.lane_status[lane] = 0
        moving += 1 if moves else 0
    return moving


@apart
def aim_all(times, steps, moved, status, t, h):
    """Set one step for all lanes."""
    for lane in range(len(times)):
        times[lane], steps[lane] = t, h
        moved[lane], status[lane] = 1, 0


@copied
def rest(record, slot, tile):
    """Note that nothing moved."""
    if record.h.shape[0] > 1:
        for lane in range(LANES):
            record.h[slot, tile, lane] = Real(0)


@copied
def keep(record, noise, work, slot, tile):
    """Note what the transpose reads of a step, if a record is kept."""
    if record.h.shape[0] > 1:
        put(record.t[slot, tile : tile + 1], work.time)
        put(record.h[slot, tile : tile + 1], work.h[tile : tile + 1])
        for row in range(record.noise.shape[2]):
            put(record.noise[slot, tile, row], noise.values[tile, row])


@copied
def settle(method, state, record, work, n, slot, tile, moving):
    """Move the lanes whose state is finite, and end the others."""
    y, z = state.y[tile], record.z[slot, tile, 0]
    check(work.finite, work.y_next)
    if moving == LANES and n_bad(work.finite, work.lane_status) == 0:
        put(y, work.y_next)
        if method.kind == REVERSIBLE:
            put(state.z[tile], z)
            put(state.f[tile], work.f[0])
            put(state.g[tile], work.g[0])
        return
    for lane in range(LANES):
        failed = work.lane_status[lane]
        if work.moved[lane] == 1 and (failed != 0 or work.finite[lane] != Real(0)):
            state.status[tile, lane] = failed if failed != 0 else NON_FINITE
            state.steps[tile, lane] = n
            state.running[tile] -= 1
            work.moved[lane] = 0
    if record.h.shape[0] > 1:
        for lane in range(LANES):
            if work.moved[lane] == 0:
                record.h[slot, tile, lane] = Real(0)
        forget(record, y, slot, tile, work.moved)
    take(work.moved, y, work.y_next)
    if method.kind == REVERSIBLE:
        take(work.moved, state.z[tile], z)
        take(work.moved, state.f[tile], work.f[0])
        take(work.moved, state.g[tile], work.g[0])


@apart
def check(finite, y):
    """Set `finite` to 0 in lanes whose state is."""
    for lane in range(len(finite)):
        finite[lane] = Real(0)
    for m in range(y.shape[0]):
        for lane in range(len(finite)):
            finite[lane] = fma(Real(0), y[m, lane], finite[lane])


@apart
def n_bad(finite, status):
    """Return how many lanes have failed."""
    n = 0
    for lane in range(len(finite)):
        n += 1 if finite[lane] != Real(0) or status[lane] != 0 else 0
    return n


@separate
def forget(record, y, slot, tile, moved):
    """Put a state at which the fields are defined in place of those of lanes that did not move."""
    for i in range(record.z.shape[2]):
        for m in range(y.shape[0]):
            for lane in range(LANES):
                if moved[lane] == 0:
                    record.z[slot, tile, i, m, lane] = y[m, lane]
    clear(record.drift[slot, tile], moved)
    clear(record.diffusion[slot, tile], moved)
    clear(record.noise[slot, tile], moved)


@separate
def clear(kept, moved):
    """Set what lanes that did not move have kept to 0."""
    for i in range(kept.shape[0]):
        for m in range(kept.shape[1]):
            for lane in range(LANES):
                if moved[lane] == 0:
                    kept[i, m, lane] = Real(0)


@copied
def is_due(outputs, emitted, n):
    """Return whether an output may be due after n steps."""
    if outputs.shape[2] > 1:
        return True
    return emitted[0] < outputs.shape[0] and outputs[emitted[0], 0, 0] == n


@separate
def emit(grid, state, ys, n, tile):
    """Write the outputs that are due after n steps; ys is (tiles, n_outputs, dim, LANES)."""
    if grid.times.shape[2] == 1:
        at = state.emitted[tile, 0]
        while at < ys.shape[1] and grid.outputs[at, 0, 0] == n:
            for lane in range(LANES):
                if state.status[tile, lane] == RUNNING:
                    write(ys[tile, at], state.y[tile], lane)
            at += 1
        state.emitted[tile, 0] = at
        return
    for lane in range(LANES):
        at = state.emitted[tile, lane]
        if state.status[tile, lane] == RUNNING:
            while at < ys.shape[1] and of_lane(grid.outputs, at, tile, lane) == n:
                write(ys[tile, at], state.y[tile], lane)
                at += 1
            state.emitted[tile, lane] = at


@separate
def write(out, y, lane):
    """Copy the state of a lane."""
    for m in range(y.shape[0]):
        out[m, lane] = y[m, lane]


@copied
def go_back(equation, method, grid, record, work, theta, ys_bar, bars, emitted, span):
    """Run the steps from span[1] down to span[0] backward; the record begins with step span[2]."""
    for n in range(span[1] - 1, span[0] - 1, -1):
        slot = n - span[2]
        for tile in range(bars.y.shape[0]):
            moved = 0
            for lane in range(LANES):
                work.time[0, lane], work.lane_status[lane] = record.t[slot, tile, lane], 0
                work.moved[lane] = 1 if record.h[slot, tile, lane] != Real(0) else 0
                moved += work.moved[lane]
            if moved == 0:
                continue
            emit_vjp(grid, ys_bar, bars, emitted, n + 1, tile)
            slots = (record.z[slot, tile], record.drift[slot, tile], record.diffusion[slot, tile])
            of_tile = theta[tile if equation.own else 0]
            h, noise = record.h[slot, tile], record.noise[slot, tile]
            if method.kind == REVERSIBLE:
                failed = reversible_step_vjp(
                    equation, h, of_tile, noise, slots, work, bars, tile, bars.theta[tile]
                )
            else:
                failed = step_vjp(
                    equation, method, h, of_tile, noise, slots, work, bars.y[tile], bars, bars.theta[tile]
                )  # fmt: skip
            if failed != 0:
                return FIELD_ERROR
    return DONE


@separate
def emit_vjp(grid, ys_bar, bars, emitted, n, tile):
    """Add the cotangents of the outputs that were written after n steps."""
    shared = grid.times.shape[2] == 1
    for lane in range(LANES):
        at = emitted[tile, lane]
        while at > 0 and of_lane(grid.outputs, at - 1, tile, 0 if shared else lane) >= n:
            at -= 1
            if of_lane(grid.outputs, at, tile, 0 if shared else lane) == n:
                for m in range(ys_bar.shape[2]):
                    bars.y[tile, m, lane] += ys_bar[tile, at, m, lane]
        emitted[tile, lane] = at
