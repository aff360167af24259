"""Error messages: the function, the argument, what was wanted, what came, what to try."""

import numpy as np

from tapeless.errors import SolverError
from tapeless_kernels.status import CAUSE, SUCCESS


def complain(kind, caller, argument, wanted, got, advice=""):
    """Return an exception of `kind` that names the caller, the argument, what was wanted and what came."""
    sentence = f"{caller}: `{argument}` must be {wanted}; got {got}."
    return kind(f"{sentence} {advice}".rstrip())


def describe(value):
    """Return a short description of an argument for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_arrival(caller, solution, t1):
    """Raise a SolverError that says which trajectory failed, where and why."""
    status, t = np.atleast_1d(solution.stats.status), np.atleast_1d(solution.stats.t)
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
