"""Reversible methods: how they are made of a tableau, and the numbers that kernels take of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..buffers import LEAPFROG, PAIRED, REVERSIBLE_HEUN
from .butcher import ButcherTableau, TableauArrays, arrays


@dataclass(frozen=True, slots=True)
class ReversibleMethod:
    """A method whose steps can be taken back: the state that it ends in says what all others were.

    Attributes
    ----------
    name : str
        What users and error messages call the method.
    kind : int
        How it steps; `steppers.reversible` has the formulas.
    coupling : float
        Of PAIRED methods, the part of y that stays; of LEAPFROG the damping, with 1 for none.
    reference : str
        Where the method is printed.
    base : ButcherTableau
        What a PAIRED method is made of; None of others.
    """

    name: str
    kind: int
    coupling: float
    reference: str
    base: ButcherTableau | None = None

    @property
    def order(self):
        """The order of the solution: leapfrog steps with damping have 1, for the velocity lags behind."""
        short = 1 if self.kind == LEAPFROG and self.coupling < 1 else 2
        return self.base.order if self.base else short

    @property
    def embedded_order(self):
        """The order of the solution less the error estimate; None without one."""
        return self.base.embedded_order if self.base else 1

    @property
    def error(self):
        """The weights of the error estimate; None without one."""
        return self.base.error if self.base else (-0.5, 0.5)

    @property
    def n_errors(self):
        """The number of error estimates."""
        return self.base.n_errors if self.base else 1

    @property
    def error_exponent_order(self):
        """The power of h in the error estimate; None without one."""
        return self.base.error_exponent_order if self.base else 2

    @property
    def stages(self):
        """The number of slopes that make a state."""
        return self.base.stages if self.base else 1

    @property
    def halves(self):
        """How often a step evaluates all stages."""
        return 2 if self.base else 1

    @property
    def fsal(self):
        """Whether a step begins with a slope of the step before."""
        return self.base is None


HEUN = ReversibleMethod(
    "reversible_heun",
    REVERSIBLE_HEUN,
    1.0,
    "Kidger, Foster, Li and Lyons (2021), Efficient and accurate gradients for neural SDEs, arXiv 2105.13493",
)
ALF = ReversibleMethod(
    "alf",
    LEAPFROG,
    1.0,
    "Zhuang, Dvornek, Tatikonda and Duncan (2021), MALI: a memory efficient and reverse accurate integrator for "
    "neural ODEs, arXiv 2102.04668",
)
PAIR_REFERENCE = (
    "McCallum and Foster (2024), Efficient, accurate and stable gradients for neural ODEs, "
    "arXiv 2410.11648"
)

# Beside those that `paired` makes of any tableau.
REVERSIBLE = (HEUN, ALF)


def paired(base, coupling):
    """Return the reversible method of a tableau."""
    return ReversibleMethod(
        f"reversible({base.name!r})", PAIRED, float(coupling), PAIR_REFERENCE, base
    )


@lru_cache
def arrays_of(method, dtype) -> TableauArrays:
    """Return the arrays of a tableau, or of a reversible method.

    Those of one evaluation have in `a` the weights of k and k' in the solution, then that of k in the stage, and
    in c the stage's time.
    """
    real = np.finfo(dtype).dtype
    if isinstance(method, ButcherTableau):
        return arrays(method, dtype)
    if method.kind == PAIRED:
        known = arrays(method.base, dtype)
        coupling, pair = np.array([method.coupling], real), np.zeros_like(known.pair)
        return known._replace(coupling=coupling, pair=pair)
    leaps = method.kind == LEAPFROG
    gain = 2 * method.coupling if leaps else 1.0
    a = np.array([[0, 0.5], [0.5, 0]] if leaps else [[0.5, 0.5], [1, 0]], real)
    c = np.array([0.5 if leaps else 1, 1], real)
    weight = 0.5 / gain if leaps else 0.5
    error = np.array([[-weight, weight], [0, 0]], real)
    return TableauArrays(
        a, np.ascontiguousarray(a.T), c, error, np.zeros((2, 2), real), np.array([gain], real)
    )
