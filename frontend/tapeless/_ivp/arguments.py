"""The arguments of solve_ivp, checked; where SciPy complains the same sentence is said."""

import math
import warnings

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe, frames_to_caller

CALLER = "solve_ivp"
KINDS = {np.dtype(name) for name in ("float32", "float64", "complex64", "complex128")}


def _error(kind, sentence, got):
    return kind(f"{CALLER}: {sentence} Got {got}.")


def unpackable(args):
    """Return args as a tuple."""
    if args is None:
        return ()
    try:
        return tuple(args)
    except TypeError as error:
        raise TypeError(
            f"{CALLER}: Supplied 'args' cannot be unpacked. Please supply `args` as a tuple "
            f"(e.g. `args=({describe(args)},)`)."
        ) from error


def span(t_span):
    """Return t0 and t1 as floats; t1 may be infinite."""
    try:
        t0, t1 = map(float, t_span)
    except (TypeError, ValueError):
        raise complain(
            ValueError, CALLER, "t_span", "a pair of numbers (t0, t1)", describe(t_span)
        ) from None
    if math.isnan(t1) or not math.isfinite(t0):
        raise complain(ValueError, CALLER, "t_span", "a pair of finite numbers", describe(t_span))
    return t0, t1


def initial_state(y0):
    """Return a copy of y0 in one of four dtypes."""
    try:
        y0 = np.asarray(check.as_array(CALLER, "y0", y0))
        if y0.dtype not in KINDS:
            native = y0.dtype.newbyteorder("=")
            kind = native if native in KINDS else complex if y0.dtype.kind == "c" else float
            y0 = y0.astype(kind)
        else:
            y0 = np.array(y0, y0.dtype.newbyteorder("="), order="C")
    except (TypeError, ValueError):
        raise complain(TypeError, CALLER, "y0", "an array of numbers", describe(y0)) from None
    if y0.ndim != 1:
        raise _error(ValueError, "`y0` must be 1-dimensional.", describe(y0))
    if not np.isfinite(y0).all():
        (bad,) = np.nonzero(~np.isfinite(y0))
        sentence = "All components of the initial state `y0` must be finite."
        raise _error(ValueError, sentence, f"{y0[bad[0]]} for component {bad[0]}")
    return y0


def output_times(t_eval, t0, t1):
    """Return the times of the output, in the direction of the solve; None for the steps' ends."""
    if t_eval is None:
        return None
    times = check.as_real(CALLER, "t_eval", t_eval)
    if times.ndim != 1:
        raise _error(ValueError, "`t_eval` must be 1-dimensional.", describe(times))
    if times.size == 0:
        return times.astype(np.float64)
    low, high = min(t0, t1), max(t0, t1)
    steps = times[1:] - times[:-1] if t1 >= t0 else times[:-1] - times[1:]
    first, last = (times[0], times[-1]) if t1 >= t0 else (times[-1], times[0])
    if low <= first and last <= high and (times.size == 1 or (steps > 0).all()):
        return np.array(times, np.float64, order="C")
    if not ((times >= low) & (times <= high)).all():  # and so without NaN
        outside = times[~((times >= low) & (times <= high))][0]
        sentence = "Values in `t_eval` are not within `t_span`."
        raise _error(ValueError, sentence, f"{outside} for a span from {t0} to {t1}")
    if t1 == t0:  # all of them are that time
        return np.array(times, np.float64, order="C")
    order = "increase" if t1 > t0 else "decrease"
    sentence = "Values in `t_eval` are not properly sorted."
    raise _error(ValueError, sentence, f"times that do not strictly {order}")


def solver_options(first_step, max_step, max_steps, t0, t1, tableau):
    """Return the first step (0: to be chosen), the largest step and the most steps."""
    step = 0.0
    if first_step is not None:
        step = _number("first_step", first_step)
        if not step > 0:
            raise _error(ValueError, "`first_step` must be positive.", describe(first_step))
        if step > abs(t1 - t0):
            sentence = "`first_step` exceeds bounds."
            raise _error(ValueError, sentence, f"{first_step} for a span from {t0} to {t1}")
    elif tableau.error is None:
        raise ValueError(
            f"{CALLER}: `first_step` must be given with method={tableau.name!r}, which has no error "
            "estimate: it is the size of all steps."
        )
    largest = _number("max_step", max_step)
    if not largest > 0:
        raise _error(ValueError, "`max_step` must be positive.", describe(max_step))
    return step, largest, min(check.positive_int(CALLER, "max_steps", max_steps), 1 << 62)


def _number(name, x):
    try:
        return float(x)
    except (TypeError, ValueError):
        raise complain(TypeError, CALLER, name, "a number", describe(x)) from None


def tolerances(rtol, atol, n, kind):
    """Return rtol and atol, each a number or an array (n,)."""
    least = 100 * float(np.finfo(kind).eps)
    if type(rtol) is float and type(atol) is float and rtol >= least and atol >= 0:
        return rtol, atol
    relative, absolute = (
        check.as_real(CALLER, name, x) for name, x in (("rtol", rtol), ("atol", atol))
    )
    for name, x in (("rtol", relative), ("atol", absolute)):
        if x.ndim > 0 and x.shape != (n,) and not (name == "rtol" and x.shape == (1,)):
            raise _error(ValueError, f"`{name}` has wrong shape.", f"{describe(x)}, not ({n},)")
        if np.isnan(x).any():
            raise complain(ValueError, CALLER, name, "a number, or an array of them", "NaN")
    if (relative < least).any():
        warnings.warn(
            f"At least one element of `rtol` is too small. Setting `rtol = np.maximum(rtol, {least})`.",
            stacklevel=frames_to_caller(),
        )
        relative = np.maximum(relative, least)
    if (absolute < 0).any():
        raise _error(ValueError, "`atol` must be positive.", describe(atol))
    return relative, absolute


def stops(step_ts, jump_ts, landings, t0, t1, real):
    """Return times at which steps end, in their order, and the evaluation times nearest to jumps."""
    sign = 1.0 if t1 > t0 else -1.0
    plain = [_times("step_ts", step_ts), landings if landings is not None else np.empty(0)]
    jumps = _times("jump_ts", jump_ts)
    every = np.unique(np.concatenate([*plain, jumps]))
    every = every[(sign * every > sign * t0) & (sign * every < sign * t1)][:: int(sign)]
    sides = np.repeat(every[:, None], 2, axis=1)
    at = np.isin(every, jumps)
    # Where the field is evaluated, in the precision in which a compiled one is given the time.
    near = every[at].astype(real)
    for side, towards in ((0, -sign), (1, sign)):
        sides[at, side] = np.nextafter(near, real.type(towards * np.inf))
    return np.ascontiguousarray(every), np.ascontiguousarray(sides)


def _times(name, x):
    if x is None:
        return np.empty(0)
    times = check.as_real(CALLER, name, x)
    if times.ndim > 1 or np.isnan(times).any():
        wanted = "a time, or a 1-D array of them"
        raise complain(ValueError, CALLER, name, wanted, describe(times))
    return np.atleast_1d(times)
