"""The steps of a solve of an SDE, and the Brownian path that they ask: chosen to fit each other."""

import math
from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._brownian import BrownianPath, Increment
from tapeless._complain import complain, describe
from tapeless_kernels.launch.sde_plan import Source

SOLVE = "solve_sde"
DEEPEST = 48
NEAR = 1e-9  # of a step: times nearer than that are one
MOST_STEPS = 2**40


def span_of(t_span):
    """Return t0 < t1."""
    try:
        t0, t1 = (check.as_real(SOLVE, "t_span", t) for t in t_span)
    except (TypeError, ValueError):
        raise complain(
            ValueError, SOLVE, "t_span", "a pair of numbers (t0, t1)", describe(t_span)
        ) from None
    if t0.ndim or t1.ndim or not np.isfinite([t0, t1]).all():
        raise complain(ValueError, SOLVE, "t_span", "a pair of finite numbers", describe(t_span))
    if not t0 < t1:
        advice = "A Brownian path has a direction of time; to reverse it, change the equation."
        raise complain(ValueError, SOLVE, "t_span", "a pair with t0 < t1", describe(t_span), advice)
    return float(t0), float(t1)


def output_times(t_eval, t0, t1):
    """Return the times of outputs."""
    if t_eval is None:
        return np.array([t1])
    times = np.array(check.as_real(SOLVE, "t_eval", t_eval))
    if times.ndim != 1 or not times.size:
        raise complain(
            ValueError, SOLVE, "t_eval", "a flat array of times, at least one", describe(times)
        )
    if not ((times >= t0) & (times <= t1)).all() or (np.diff(times) < 0).any():
        raise complain(
            ValueError, SOLVE, "t_eval", f"in ascending order, within [{t0}, {t1}]", describe(times)
        )
    return times


def grid_of(t0, t1, outputs, dt, n_steps):
    """Return the times of steps, those of outputs among them, the outputs' places, and the step if all are equal."""
    if dt is not None and n_steps is not None:
        raise complain(ValueError, SOLVE, "dt", "left out where there is `n_steps`", describe(dt))
    equal = None
    if n_steps is not None:
        n_steps = check.positive_int(SOLVE, "n_steps", n_steps)
        times = t0 + (t1 - t0) * (np.arange(n_steps + 1) / n_steps)
        times[-1], equal = t1, (t1 - t0) / n_steps
    else:
        asked, dt = dt, check.as_real(SOLVE, "dt", dt)
        if dt.ndim == 0:
            if not (np.isfinite(dt) and dt > 0 and (t1 - t0) / dt < MOST_STEPS):
                raise complain(
                    ValueError, SOLVE, "dt", "a positive number, or times of steps", describe(asked)
                )
            n = max(1, math.ceil((t1 - t0) / float(dt) * (1 - NEAR)))
            times = t0 + float(dt) * np.arange(n + 1)
            times[-1] = t1
            equal = float(dt) if abs(t0 + n * float(dt) - t1) <= NEAR * float(dt) else None
        else:
            times = np.array(dt)
            if (
                times.ndim != 1
                or len(times) < 2
                or not np.isfinite(times).all()
                or (np.diff(times) <= 0).any()
            ):
                raise complain(
                    ValueError,
                    SOLVE,
                    "dt",
                    "a number, or ascending times of steps",
                    describe(asked),
                )
            if times[0] != t0 or times[-1] != t1:
                wanted = f"a number, or times of steps from t0 = {t0} to t1 = {t1}"
                raise complain(
                    ValueError, SOLVE, "dt", wanted, f"times from {times[0]} to {times[-1]}"
                )
    near = _nearest(times, outputs)
    step = np.diff(times).min()
    off = abs(times[near] - outputs) > NEAR * step
    if off.any():
        times, equal = np.union1d(times, outputs[off]), None
        near = _nearest(times, outputs)
    return times, near, equal


def _nearest(times, wanted):
    """Return the places of the times that are nearest to those wanted."""
    after = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(abs(times[before] - wanted) < abs(times[after] - wanted), before, after)


def make_path(rng, t0, t1, shape, area, dtype, times, equal):
    """Return a path whose last intervals are the steps, or are no longer than the shortest of them."""
    end, depth = t1, 18
    if equal is not None:
        depth = max(1, math.ceil(math.log2(len(times) - 1)))
        end = t0 + equal * 2.0**depth
    elif times is not None:
        depth = max(1, min(DEEPEST, math.ceil(math.log2((t1 - t0) / np.diff(times).min()))))
    if depth > DEEPEST:
        raise complain(ValueError, SOLVE, "dt", "larger", f"{len(times) - 1} steps")
    return BrownianPath(None, t0, end, shape, area, dtype=dtype, resolution=2.0**-depth, rng=rng)


def source_of(
    path: Any, t0: float, t1: float, batch: int, channels: int, single: bool, area: str, n: int | None, dtype: Any
) -> Source:  # fmt: skip
    """Return where kernels get the noise from: a path, or increments that are given."""
    if isinstance(path, BrownianPath):
        sizes = (*path.shape, 1)[0], math.prod(path.shape[1:])
        if sizes != (batch, channels) and not (single and path.shape == (channels,)):
            wanted = (
                f"of shape ({batch}, {channels}), for so many trajectories and channels of noise"
            )
            raise complain(ValueError, SOLVE, "path", wanted, f"a path of shape {path.shape}")
        if single and path.shape == (channels,) and channels > 1:
            wanted = f"of shape (1, {channels}) for a single trajectory, as the first axis numbers samples"
            raise complain(ValueError, SOLVE, "path", wanted, f"a path of shape {path.shape}")
        if t0 < path.t0 or t1 > path.t1:
            got = f"one on [{path.t0}, {path.t1}]"
            raise complain(ValueError, SOLVE, "path", f"on all of [{t0}, {t1}]", got)
        if area != "none" and path.levy_area == "none":
            advice = "Make it with levy_area='space-time'."
            raise complain(
                ValueError, SOLVE, "path", "one with areas for this method", "one without", advice
            )
        depth = -math.frexp(path.resolution)[1] + 1
        rows = 1 if path.levy_area == "none" else 3
        key = np.array([path.key & 0xFFFFFFFF, path.key >> 32], np.uint64)
        return Source(key, path.first_sample, rows, depth, (path.t0, path.t1 - path.t0))
    parts = path if isinstance(path, (tuple, Increment)) else (path,)
    wanted = f"a BrownianPath, or increments of shape (n_steps, {batch}, {channels})"
    if area != "none":
        wanted += " and areas of that shape, as Increment(W, H)"
    arrays = []
    for part in parts:
        if part is not None:
            array = check.as_state(SOLVE, "path", part)
            shape = (*array.shape[:1], batch, channels)
            squeezed = {(*array.shape[:1], channels)} if single else set()
            if channels == 1:
                squeezed.add((*array.shape[:1], batch))
            if array.ndim < 1 or (array.shape != shape and array.shape not in squeezed):
                raise complain(ValueError, SOLVE, "path", wanted, describe(array))
            arrays.append(array.reshape(shape))
    if n is None:
        raise complain(
            ValueError,
            SOLVE,
            "path",
            "a BrownianPath where steps adapt",
            "increments of given steps",
        )
    if not arrays or (area != "none" and len(arrays) < 2):
        raise complain(ValueError, SOLVE, "path", wanted, describe(path))
    if any(len(array) != n for array in arrays):
        got = f"increments of {len(arrays[0])} steps"
        raise complain(ValueError, SOLVE, "path", f"of {n} steps, outputs' times among them", got)
    given = np.ascontiguousarray(np.stack(arrays[:3], axis=1), dtype)
    if not np.isfinite(given).all():
        raise complain(ValueError, SOLVE, "path", "finite", "NaN or inf in it")
    return Source(np.zeros(2, np.uint64), 0, 1, 0, (t0, t1 - t0), given)
