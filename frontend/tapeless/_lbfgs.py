"""What is asked of L-BFGS, which `fit` runs on all of the data at once."""

from typing import Any

from tapeless._check import positive_int
from tapeless._optimiser_arguments import at_least_0
from tapeless._types import Integer


class LBFGS:
    """SciPy's L-BFGS-B, for `tapeless.fit` on all of the data at once.

    Parameters
    ----------
    memory : int
        Pairs of steps and changes of the gradient that approximate the Hessian.
    gtol : float
        It has converged when no entry of the gradient is larger.
    ftol : float
        It has converged when the loss falls by less than this share of it.

    Raises
    ------
    ValueError
        If `memory` is not positive, or a tolerance is negative.

    References
    ----------
    .. [1] Byrd, Lu, Nocedal and Zhu, A limited memory algorithm for bound constrained optimization,
       SIAM Journal on Scientific Computing 16 (1995).
    """

    OPTIONS = ("memory", "gtol", "ftol")

    def __init__(self, memory: Integer = 10, gtol: float = 1e-8, ftol: float = 1e-12) -> None:
        self.memory = positive_int("LBFGS", "memory", memory)
        self.gtol = at_least_0("LBFGS", "gtol", gtol)
        self.ftol = at_least_0("LBFGS", "ftol", ftol)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make one like this.

        Returns
        -------
        dict
            By name.
        """
        return {name: getattr(self, name) for name in self.OPTIONS}

    def __repr__(self) -> str:
        return f"LBFGS(memory={self.memory}, gtol={self.gtol}, ftol={self.ftol})"
