r"""Methods for stochastic differential equations as data.

A step over h, in which the Brownian motion does W and has the space-time area H, is

.. math::
    z_i &= y + h \sum_{j<i} a_{ij} f(t + c_j h, z_j) + \sum_{j<i} \sum_r b^r_{ij} \, g(t + d_j h, z_j) \, \xi_r, \\
    y' &= z_S,

and the last row but one is the solution's, the last that of the error estimate. The random numbers of each channel are

.. math::
    \xi = \Big(W,\; H,\; \sqrt h,\; \frac{W^2 - h}{2 \sqrt h},\; \frac{W^3 - 3 h W}{6 h}\Big),

of which the last two are the iterated integrals :math:`I_{(1,1)} / \sqrt h` and :math:`I_{(1,1,1)} / h`; the
fourth that methods need, :math:`I_{(1,0)} / h`, is :math:`W / 2 + H`.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np

ITO, STRATONOVICH = "ito", "stratonovich"
# Whose powers of h strong orders are: what a diffusion may be, the most special first.
NOISES = ("additive", "scalar", "diagonal", "commutative", "diagonal-general", "general")
W, H, ROOT, I11, I111 = range(5)
N_BASIS = 5
# How a step is made: by the formula above; with a support value for each channel; `reversible_heun`; with derivatives.
TABLEAU, SUPPORTS, REVERSIBLE, DERIVATIVE = range(4)

ROESSLER = (
    "Roessler (2010), Runge-Kutta methods for the strong approximation of solutions of SDEs, "
    "SIAM J. Numer. Anal. 48(3)"
)
FOSTER = (
    "Foster, dos Reis and Strange (2023), High order splitting methods for SDEs satisfying a "
    "commutativity condition, arXiv 2210.17543"
)
RUEMELIN = "Ruemelin (1982), Numerical treatment of SDEs, SIAM J. Numer. Anal. 19(3)"
KLOEDEN = "Kloeden and Platen (1992), Numerical Solution of Stochastic Differential Equations"


@dataclass(frozen=True)
class StochasticMethod:
    """A method for SDEs.

    Attributes
    ----------
    name : str
        What users and error messages call it.
    calculus : str
        ``"ito"`` or ``"stratonovich"``: to whose solution it converges. With additive noise they are one.
    strong : dict of str to float
        Its strong order for each kind of noise that it can take.
    weak : dict of str to float
        Its weak order for each of these.
    reference : str
        Where it is printed.
    a : tuple
        Weights of the drift: a row for each stage, as long as stages come before it, and the solution's.
    b : dict of int to tuple
        Weights of the diffusion by the random number that they go with, as `a`.
    c, d : tuple
        Times at which the drift and the diffusion are evaluated, in parts of h.
    error : tuple or None
        Weights of the error estimate: a row like those of `a`, and a dict of rows like those of `b`.
    kind : int
        How a step is made.
    supports : bool
        Whether a diffusion that mixes several channels has a support value for each channel, not the tableau.
    """

    name: str
    calculus: str
    strong: dict
    weak: dict
    reference: str
    a: tuple = ()
    b: dict = field(default_factory=dict)
    c: tuple = ()
    d: tuple = ()
    error: tuple | None = None
    kind: int = TABLEAU
    supports: bool = False

    @property
    def stages(self):
        """The number of states in which something is evaluated."""
        return len(self.c)

    @property
    def area(self):
        """The area that it needs of the path."""
        rows = [
            *self.b.get(H, ()),
            *([self.error[1][H]] if self.error and H in self.error[1] else []),
        ]
        return "space-time" if any(any(row) for row in rows) else "none"

    def __hash__(self):
        return hash(self.name)


class StochasticArrays(NamedTuple):
    """A method as kernels take it."""

    a: np.ndarray  # (S + 2, S)
    b: np.ndarray  # (S + 2, S, N_BASIS)
    c: np.ndarray  # (2, S): times of the drift, of the diffusion
    uses: np.ndarray  # (2, S) int64: whether the drift, the diffusion is evaluated in a stage
    stages: int
    kind: int
    n_basis: int  # so many random numbers count, from the first; 0: those of SUPPORTS


def _orders(order, *names):
    return dict.fromkeys(names, order)


ALL_HALF = dict.fromkeys(NOISES, 0.5)
WEAKLY_ONE = dict.fromkeys(NOISES, 1.0)
WEAKLY_TWO_IF_ADDITIVE = WEAKLY_ONE | {"additive": 2.0}
# Of Stratonovich methods that are right to the commutative second-order terms.
ONE_IF_COMMUTATIVE = ALL_HALF | dict.fromkeys(NOISES[:4], 1.0)
ONE_TO_THREE_HALVES = ONE_IF_COMMUTATIVE | {"additive": 1.5}

EULER_MARUYAMA = StochasticMethod(
    "euler_maruyama", ITO, ALL_HALF | {"additive": 1.0}, WEAKLY_ONE,
    "Maruyama (1955), Continuous Markov processes and stochastic equations, Rend. Circ. Mat. Palermo 4",
    a=((), (1,)), b={W: ((), (1,))}, c=(0,), d=(0,),
)  # fmt: skip
MILSTEIN = StochasticMethod(
    "milstein", ITO, _orders(1.0, *NOISES[:4]), _orders(1.0, *NOISES[:4]),
    "Milstein (1974), Approximate integration of SDEs, Theory Probab. Appl. 19",
    a=((), (1,)), b={W: ((), (1,))}, c=(0,), d=(0,), kind=DERIVATIVE,
)  # fmt: skip
MILSTEIN_FREE = StochasticMethod(
    "milstein_free", ITO, _orders(1.0, *NOISES[:4]), _orders(1.0, *NOISES[:4]), KLOEDEN + ", 11.1",
    a=((), (1,), (1, 0)), b={W: ((), (0,), (1, 0)), ROOT: ((), (1,), (0, 0)), I11: ((), (0,), (-1, 1))},
    c=(0, 0), d=(0, 0), supports=True,
)  # fmt: skip
SRA1 = StochasticMethod(
    "sra1", ITO, {"additive": 1.5}, {"additive": 2.0}, ROESSLER,
    a=((), (3 / 4,), (1 / 3, 2 / 3)),
    b={W: ((), (3 / 4,), (1 / 2, 1 / 2)), H: ((), (3 / 2,), (-1, 1))},
    c=(0, 3 / 4), d=(1, 0), error=((-2 / 3, 2 / 3), {}),
)  # fmt: skip
SRIW1 = StochasticMethod(
    "sriw1", ITO, _orders(1.5, *NOISES[:3]), _orders(2.0, *NOISES[:3]), ROESSLER,
    # States of the drift are the first and the second, of the diffusion the first and the last three.
    a=((), (3 / 4,), (1 / 4, 0), (1, 0, 0), (1 / 4, 0, 0, 0), (1 / 3, 2 / 3, 0, 0, 0)),
    b={
        W: ((), (3 / 4,), (0, 0), (0, 0, 0), (0, 0, 0, 0), (0, 0, 4 / 3 - 2 / 3, 2 / 3 - 1 / 3, 0)),
        H: ((), (3 / 2,), (0, 0), (0, 0, 0), (0, 0, 0, 0), (2, 0, -4 / 3, -2 / 3, 0)),
        ROOT: ((), (0,), (1 / 2, 0), (-1, 0, 0), (-5, 0, 3, 1 / 2), (0, 0, 0, 0, 0)),
        I11: ((), (0,), (0, 0), (0, 0, 0), (0, 0, 0, 0), (-1, 0, 4 / 3, -1 / 3, 0)),
        I111: ((), (0,), (0, 0), (0, 0, 0), (0, 0, 0, 0), (-2, 0, 5 / 3, -2 / 3, 1)),
    },
    c=(0, 3 / 4, 0, 0, 0), d=(0, 0, 1 / 4, 1, 1 / 4),
    # E1 / 6 + E2 of Rackauckas and Nie (2017), Adaptive methods for SDEs via natural embeddings, DCDS-B 22(7).
    error=(
        (1 / 6, 1 / 6, 0, 0, 0),
        {W: (1, 0, -2 / 3, -1 / 3, 0), H: (2, 0, -4 / 3, -2 / 3, 0), I111: (-2, 0, 5 / 3, -2 / 3, 1)},
    ),
)  # fmt: skip
EULER_HEUN = StochasticMethod(
    "euler_heun", STRATONOVICH, ONE_IF_COMMUTATIVE, WEAKLY_ONE, KLOEDEN + ", 4.9",
    a=((), (0,), (1, 0)), b={W: ((), (1,), (1 / 2, 1 / 2))}, c=(0, 0), d=(0, 1),
)  # fmt: skip
# Its error estimate is its distance from a step of Euler's method, as those of `sea`, `shark` and `sra1`.
HEUN = StochasticMethod(
    "heun", STRATONOVICH, ONE_IF_COMMUTATIVE, WEAKLY_ONE,
    RUEMELIN,
    a=((), (1,), (1 / 2, 1 / 2)), b={W: ((), (1,), (1 / 2, 1 / 2))}, c=(0, 1), d=(0, 1),
    error=((-1 / 2, 1 / 2), {W: (-1 / 2, 1 / 2)}),
)  # fmt: skip
MIDPOINT = StochasticMethod(
    "midpoint", STRATONOVICH, ONE_IF_COMMUTATIVE, WEAKLY_ONE, RUEMELIN,
    a=((), (1 / 2,), (0, 1)), b={W: ((), (1 / 2,), (0, 1))}, c=(0, 1 / 2), d=(0, 1 / 2),
)  # fmt: skip
# The paper has orders 1/2, and 1 with additive noise; the others are measured.
REVERSIBLE_HEUN = StochasticMethod(
    "reversible_heun", STRATONOVICH, ONE_IF_COMMUTATIVE, WEAKLY_ONE,
    "Kidger, Foster, Li and Lyons (2021), Efficient and accurate gradients for neural SDEs, arXiv 2105.13493",
    kind=REVERSIBLE, c=(1,), d=(1,),
)  # fmt: skip
# The diffusion at both ends: it may depend on time, of which the integral over a linear part is W / 2 -+ H.
SEA = StochasticMethod(
    "sea", STRATONOVICH, {"additive": 1.0}, {"additive": 1.0}, FOSTER + ", (5.8)",
    # The last state, where the step ends if the diffusion is constant, is there for the error estimate alone.
    a=((), (0,), (0, 1), (0, 1, 0)),
    b={W: ((), (1 / 2,), (1, 0), (1 / 2, 1 / 2, 0)), H: ((), (1,), (0, 0), (1, -1, 0))},
    c=(0, 1 / 2, 1), d=(0, 1, 1), error=((0, -1 / 2, 1 / 2), {}),
)  # fmt: skip
SHARK = StochasticMethod(
    "shark", STRATONOVICH, {"additive": 1.5}, {"additive": 2.0}, FOSTER + ", (6.1)",
    a=((), (0,), (0, 5 / 6), (0, 2 / 5, 3 / 5)),
    b={W: ((), (0,), (5 / 6, 0), (1 / 2, 0, 1 / 2)), H: ((), (1,), (1, 0), (1, 0, -1))},
    c=(0, 0, 5 / 6), d=(0, 0, 1), error=((0, -3 / 5, 3 / 5), {}),
)  # fmt: skip
GENERAL_SHARK = StochasticMethod(
    "general_shark", STRATONOVICH, ONE_TO_THREE_HALVES, WEAKLY_TWO_IF_ADDITIVE, FOSTER + ", (6.1)",
    a=((), (0,), (0, 5 / 6), (0, 2 / 5, 3 / 5)),
    b={
        W: ((), (0,), (0, 5 / 6), (0, 2 / 5, 3 / 5)),
        H: ((), (1,), (1, 0), (0, 6 / 5, -6 / 5)),
    },
    c=(0, 0, 5 / 6), d=(0, 0, 5 / 6),
)  # fmt: skip
_X, _Y = (3 - sqrt(3)) / 6, sqrt(3) / 3
SPARK = StochasticMethod(
    "spark", STRATONOVICH, ONE_TO_THREE_HALVES, WEAKLY_TWO_IF_ADDITIVE,
    "Foster (2023), On the convergence of adaptive approximations for SDEs, arXiv 2311.14201, definition 1.6",
    a=((), (1 / 2,), (0, 1), (_X, _Y, _X)),
    b={W: ((), (1 / 2,), (0, 1), (_X, _Y, _X)), H: ((), (sqrt(3),), (0, 0), (1, 0, -1))},
    c=(0, 1 / 2, 1), d=(0, 1 / 2, 1),
    error=((_X - 1 / 2, _Y, _X - 1 / 2), {W: (_X - 1 / 2, _Y, _X - 1 / 2), H: (1, 0, -1)}),
)  # fmt: skip
SLOWRK = StochasticMethod(
    "slowrk", STRATONOVICH, _orders(1.5, *NOISES[:4]) | _orders(0.5, *NOISES[4:]),
    _orders(2.0, *NOISES[:4]) | _orders(1.0, *NOISES[4:]), FOSTER + ", (6.2)",
    a=(
        (), (1 / 2,), (1 / 2, 0), (1 / 2, 0, 0), (1 / 2, 0, 0, 0), (3 / 4, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0),
        (1 / 3, 0, 0, 0, 0, 2 / 3, 0),
    ),
    b={
        W: (
            (), (0,), (0, 1 / 2), (0, 0, 1 / 2), (0, 0, 0, 1), (0, 0, 0, 3 / 4, 0), (0, 0, 1 / 2, 0, 0, 0),
            (0, 1 / 6, 1 / 3, 1 / 3, 1 / 6, 0, 0),
        ),
        H: (
            (), (0,), (0, 0), (0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 3 / 2, 0), (0, 0, 0, 0, 0, 0),
            (0, 0, 0, 2, 0, 0, -2),
        ),
    },
    c=(0, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 3 / 4, 1), d=(0, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 3 / 4, 1),
)  # fmt: skip

# All that there are; tests, documentation and benchmarks run over it.
STOCHASTIC = (
    EULER_MARUYAMA, MILSTEIN, MILSTEIN_FREE, SRA1, SRIW1, EULER_HEUN, HEUN, MIDPOINT,
    REVERSIBLE_HEUN, SEA, SHARK, GENERAL_SHARK, SPARK, SLOWRK,
)  # fmt: skip


@lru_cache
def arrays_of(method, dtype, channels, with_error):
    """Return the arrays of a method; what is evaluated for the error estimate alone is left out unless it is wanted.

    `channels` are those that the diffusion mixes, 1 if it does not.
    """
    kind = SUPPORTS if method.supports and channels > 1 else method.kind
    stages = 1 + channels if kind == SUPPORTS else method.stages
    a, b = np.zeros((stages + 2, stages)), np.zeros((stages + 2, stages, N_BASIS))
    c, uses = np.zeros((2, stages)), np.ones((2, stages), np.int64)
    if kind == SUPPORTS:
        a[stages, 0] = 1.0
        uses[0, 1:] = 0
    elif kind != REVERSIBLE:
        c[:] = method.c, method.d
        _fill(a, method.a)
        for basis, rows in method.b.items():
            _fill(b[..., basis], rows)
        if with_error:
            a[-1] = method.error[0]
            for basis, row in method.error[1].items():
                b[-1, :, basis] = row
        uses[:] = a.any(axis=0), b.any(axis=(0, 2))
        last = 1 + int(np.flatnonzero(uses.any(axis=0)).max())
        if last < stages:  # what only the error estimate reads
            rows, stages = [*range(last), stages, stages + 1], last
            a, b, c, uses = a[rows, :last], b[rows, :last], c[:, :last], uses[:, :last].copy()
    bases = np.flatnonzero(b.any(axis=(0, 1)))
    needed = 0 if kind == SUPPORTS else 1 + max(bases, default=0)
    if kind == DERIVATIVE:
        needed = 1 + I11
    exact = [np.ascontiguousarray(x, dtype) for x in (a, b, c)]
    return StochasticArrays(*exact, uses, stages, kind, int(needed))


def _fill(matrix, rows):
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
