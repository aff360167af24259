"""Error messages: the function, the argument, what was wanted, what came, what to try."""

import sys

import numpy as np

from tapeless.errors import SolverError
from tapeless_kernels.status import CAUSE, IRREVERSIBLE, SUCCESS

# How far a y0 that a reversible method has made again may be from what it was, relative to its size.
RECONSTRUCTION_BOUNDS = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-6}


def complain(kind, caller, argument, wanted, got, advice=""):
    """Return an exception of `kind` that names the caller, the argument, what was wanted and what came."""
    sentence = f"{caller}: `{argument}` must be {wanted}; got {got}."
    return kind(f"{sentence} {advice}".rstrip())


def describe(value):
    """Return a short description of an argument for an error message."""
    if hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, np.generic):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def frames_to_caller():
    """Return the `stacklevel` of a warning that is to name the line which called this package."""
    frame, depth = sys._getframe(1), 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("tapeless"):
        frame, depth = frame.f_back, depth + 1
    return depth


def check_arrival(caller, solution, t1, stats=None):
    """Raise a SolverError that says which trajectory failed, where and why; `stats` are those on the host."""
    stats = solution.stats if stats is None else stats
    status, t = np.atleast_1d(stats.status), np.atleast_1d(stats.t)
    (failed,) = np.nonzero(status != SUCCESS)
    if failed.size:
        i = failed[0]
        end = float(np.broadcast_to(t1, status.shape)[i])
        raise SolverError(
            f"{caller}: {failed.size} of {status.size} trajectories failed. Trajectory {i} reached "
            f"t = {t[i]:.6g} of {end:.6g}, then {CAUSE[int(status[i])]}. "
            "Pass throw=False to keep the others; this error's `solution` holds what was reached.",
            solution,
        )


def check_reconstruction(solution, errors, throw, single):
    """Return the stats of a solution after its steps were taken back; raise a SolverError if that went wrong."""
    stats, bound = solution.stats, RECONSTRUCTION_BOUNDS[solution.ys.dtype]
    (lost,) = np.nonzero(~(errors <= bound) & (np.atleast_1d(stats.accepted) > 0))
    status = np.array(np.atleast_1d(stats.status))
    status[lost[status[lost] == SUCCESS]] = IRREVERSIBLE
    if single:
        status, shown = status[0], errors[0]
    else:
        shown = errors
    stats = stats._replace(status=status, reconstruction=shown)
    if lost.size:
        solution.success = False
    if lost.size and throw:
        i, cause = lost[0], CAUSE[IRREVERSIBLE]
        solution.stats = stats
        raise SolverError(
            f"Solution.vjp: {lost.size} of {errors.size} trajectories could not be taken back to their start. That "
            f"of trajectory {i} was missed by {errors[i]:.2g} of its size, more than {bound:g}; it {cause}, "
            "or keep the steps with adjoint='store'. With throw=False the gradient is returned all the same, and "
            "`Solution.stats.reconstruction` says how far off it may be.",
            solution,
        )
    return stats
