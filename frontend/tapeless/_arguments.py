"""The arguments of solve_ode, checked and brought into the form that kernels take."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._types import ArrayInput
from tapeless.fields import Network
from tapeless_kernels.tableaus.reversible import ReversibleMethod

SOLVE = "solve_ode"
T0, T1, FIRST_STEP, RTOL, ATOL = range(5)  # rows of `numbers`
_ADVICE = {True: "field.init(rng=0) makes one.", False: ""}
NAMES = ("t_span", "t_span", "first_step", "rtol", "atol")


def states(
    field: VectorField, y0: ArrayInput, caller: str = SOLVE
) -> tuple[NDArray[np.floating], bool]:
    """Return y0 as (batch, dim), and whether it came without the batch axis."""
    y0, single = batch_of(field, check.as_state(caller, "y0", y0), caller)
    return as_kernel_array(y0), single


def batch_of(field: VectorField, y0: Any, caller: str = SOLVE) -> tuple[Any, bool]:
    """Return y0, an array of any library, with a batch axis, and whether it came without."""
    if y0.ndim not in (1, 2) or y0.shape[-1] != field.dim:
        wanted = f"of shape (batch, {field.dim}) or ({field.dim},) for this field"
        raise complain(ValueError, caller, "y0", wanted, describe(y0))
    return (y0[None], True) if y0.ndim == 1 else (y0, False)


def parameters(
    field: VectorField, theta: ArrayInput | None, dtype: DTypeLike, batch: int
) -> NDArray[np.floating]:
    """Return theta in the dtype of the solve."""
    if theta is None:
        return no_parameters(field, dtype)
    theta = check.as_state(SOLVE, "theta", theta)
    check_parameters(field, theta, batch)
    if not (
        (theta.ndim == 1 and math.isfinite(theta.dot(theta))) or np.isfinite(theta).all()
    ):  # the first is faster
        raise not_finite()
    # A copy: `vjp` reads theta again, when the caller may have changed it.
    return theta.astype(dtype, order="C")


def no_parameters(field: VectorField, dtype: DTypeLike) -> NDArray[np.floating]:
    """Return the theta of a field that has none; complain of one that is left out."""
    if field.n_params == 0:
        return np.zeros(0, dtype)
    wanted = f"an array of shape ({field.n_params},)"
    raise complain(TypeError, SOLVE, "theta", wanted, "None", _ADVICE[isinstance(field, Network)])


def not_finite() -> Exception:
    """Return what is raised for a theta that is not finite."""
    return complain(ValueError, SOLVE, "theta", "finite", "NaN or inf in it")


def check_parameters(field: VectorField, theta: Any, batch: int) -> None:
    """Complain of theta, an array of any library, that is not of the field's shape."""
    own = field.takes_own_theta and theta.shape == (batch, field.n_params)
    if theta.shape != (field.n_params,) and not own:
        wanted = f"of shape ({field.n_params},) for this field"
        if field.takes_own_theta:
            wanted = f"of shape ({field.n_params},) or ({batch}, {field.n_params}) for this field"
        raise complain(ValueError, SOLVE, "theta", wanted, describe(theta))


def numbers(t_span, first_step, rtol, atol, batch):
    """Return rows t0, t1, first step (0: automatic), rtol, atol, with one column if the batch shares them."""
    try:
        t0, t1 = t_span
    except (TypeError, ValueError):
        raise complain(ValueError, SOLVE, "t_span", "a pair (t0, t1)", describe(t_span)) from None
    given = (t0, t1, 0.0 if first_step is None else first_step, rtol, atol)
    if all(type(x) is float for x in given) and first_step is None:
        rows = np.array(given)[:, None]
        # What most calls are made of; of the others, what is wrong with them is said below.
        if math.isfinite(t0 + t1 + rtol + atol) and rtol >= 0 and atol >= 0 and rtol + atol > 0:
            return rows
    else:
        given = [check.per_sample(SOLVE, n, x, batch) for n, x in zip(NAMES, given, strict=True)]
        rows = np.empty((5, max(1, *(x.size for x in given))))
        for row, x in zip(rows, given, strict=True):
            row[:] = x if x.size else 1.0  # of an empty batch
    least, most = rows.min(), rows.max()
    if not (-np.inf < least and most < np.inf and rows[FIRST_STEP:].min() >= 0):
        _complain_of_numbers(given, rows)
    if not (rows[RTOL] + rows[ATOL]).min() > 0:
        raise complain(ValueError, SOLVE, "atol", "positive where `rtol` is 0", describe(atol))
    if first_step is not None:
        if not (rows[FIRST_STEP] > 0).all():
            raise complain(ValueError, SOLVE, "first_step", "positive", describe(first_step))
        rows[FIRST_STEP] *= np.where(rows[T1] < rows[T0], -1.0, 1.0)
    return rows


def _complain_of_numbers(given, rows):
    for name, x, row in zip(NAMES, given, rows, strict=True):
        wanted = "finite" if name == "t_span" else "finite and not negative"
        if not np.isfinite(row).all() or (name != "t_span" and (row < 0).any()):
            raise complain(ValueError, SOLVE, name, wanted, describe(x))


def output_times(t_eval, rows, batch):
    """Return rows of output times, with one column if the batch shares them."""
    if t_eval is None:
        return rows[T1 : T1 + 1]
    times = check.as_real(SOLVE, "t_eval", t_eval)
    if times.ndim not in (1, 2) or times.shape[-1] == 0 or times.shape[:-1] not in ((), (batch,)):
        wanted = f"of shape (n_times,) or ({batch}, n_times), with n_times at least 1"
        raise complain(ValueError, SOLVE, "t_eval", wanted, describe(times))
    by_output = times[:, None] if times.ndim == 1 else times.T
    sign = np.where(rows[T1] < rows[T0], -1.0, 1.0)
    signed = by_output * sign
    inside = (signed >= rows[T0] * sign) & (signed <= rows[T1] * sign)
    if not (inside.all() and (np.diff(signed, axis=0) >= 0).all()):
        wanted = "sorted in the direction of `t_span`, and inside it"
        raise complain(ValueError, SOLVE, "t_eval", wanted, describe(times))
    return np.array(by_output, order="C")  # a copy: `vjp` reads it again


def check_reversible(method: ReversibleMethod, **given: object) -> None:
    """Complain of what a reversible method does not have."""
    for name, value in given.items():
        if value is not None and value is not False:
            wanted = f"left out with method={method.name!r}, which is reversible"
            advice = "Its steps end on the times of `t_eval`; an ordinary method has the rest."
            raise complain(ValueError, SOLVE, name, wanted, describe(value), advice)


def as_kernel_array(x):
    """Return x as kernels take it: contiguous, aligned and writable, so that no signature is added."""
    return x if x.flags.carray else np.array(x, order="C")
