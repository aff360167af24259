"""The exceptions of this package's own."""


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

    def __init__(self, message, solution=None):
        super().__init__(message)
        self.solution = solution
