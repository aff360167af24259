"""The exceptions of this package's own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports this module
    from tapeless._solution import Solution


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
