"""The error for samples that did not arrive: which, when, where and why."""

import numpy as np

from tapeless._pde.march import UNSTABLE
from tapeless._pde.solution import PdeSolution
from tapeless.errors import SolverError
from tapeless_kernels.status import CAUSE, SUCCESS

CAUSES = CAUSE | {
    UNSTABLE: "grew beyond what the equation allows, so its steps are unstable; take smaller ones"
}


def check_arrival(caller: str, solution: PdeSolution) -> None:
    """Raise a SolverError that says which sample failed, when, why, and where its field is largest."""
    status, t = np.atleast_1d(solution.stats.status), np.atleast_1d(solution.stats.t)
    (failed,) = np.nonzero(status != SUCCESS)
    if failed.size:
        i = failed[0]
        peak = tuple(int(k) for k in solution.stats.peak.reshape(len(status), -1)[i])
        field = solution.y if solution.y.ndim == len(peak) else solution.y[i]
        raise SolverError(
            f"{caller}: {failed.size} of {status.size} samples failed. Sample {i} reached t = {t[i]:.6g} of "
            f"{solution.ts[-1]:.6g}, then {CAUSES[int(status[i])]}. Its field was largest at index {peak}: "
            f"{field[peak]:.6g}. Pass throw=False to keep the others; this error's `solution` holds what was reached.",
            solution,  # type: ignore[arg-type]
        )
