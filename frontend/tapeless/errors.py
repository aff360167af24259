"""The exceptions of this package's own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports this module
    from tapeless._solution import Solution
    from tapeless._training_result import Fit


class SolverError(RuntimeError):
    """A trajectory did not arrive; `solution` holds what was reached.

    Parameters
    ----------
    message : str
        Which trajectory failed, where, why, and what to try.
    solution : Solution
        The partial result: states reached, status and statistics of every trajectory.

    Attributes
    ----------
    solution : Solution
        The partial result.
    """

    solution: "Solution"

    def __init__(self, message: str, solution: "Solution | None" = None) -> None:
        super().__init__(message)
        self.solution = solution  # type: ignore[assignment]  # None only while it is unpickled


class TrainingError(RuntimeError):
    """A training met a loss or a gradient that is not finite, or a solve that failed; `result` is what it had.

    Parameters
    ----------
    message : str
        In which step, what came, and which parameters are suspect.
    result : Fit
        The last good state: parameters, optimiser and history before that step.

    Attributes
    ----------
    result : Fit
        The last good state.
    """

    result: "Fit"

    def __init__(self, message: str, result: "Fit | None" = None) -> None:
        super().__init__(message)
        self.result = result  # type: ignore[assignment]  # None only while it is unpickled
