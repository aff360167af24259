"""Problem definitions that every adapter shares: NumPy only, seeded, identical arrays for all.

One module per family of workloads. Adapters write `import problems as P` and use the names below.
"""

from .brownian import QUERIES, QUERY_CASES, QUERY_SHAPE, queries, spread
from .cache import cached
from .ensemble import CHECKED, ENSEMBLE_CASES, ensemble, ensemble_reference
from .mlp import (
    ATOL,
    MLP_SIZES,
    PARAMS,
    RTOL,
    at_tolerances,
    mlp,
    mlp_f,
    mlp_reference,
    mlp_reference_rk4,
    mlp_work,
    rk4_forward,
    rk4_grad,
)
from .nonstiff import NONSTIFF, NONSTIFF_CASES, lorenz_f, nonstiff, nonstiff_reference, pleiades_f
from .training import BETAS, EPS, RATE, TRAINING_CASES, TRAINING_STEPS, training, training_reference

__all__ = [
    "ATOL",
    "BETAS",
    "CHECKED",
    "ENSEMBLE_CASES",
    "EPS",
    "MLP_SIZES",
    "NONSTIFF",
    "NONSTIFF_CASES",
    "PARAMS",
    "QUERIES",
    "QUERY_CASES",
    "QUERY_SHAPE",
    "RATE",
    "RTOL",
    "TRAINING_CASES",
    "TRAINING_STEPS",
    "at_tolerances",
    "cached",
    "ensemble",
    "ensemble_reference",
    "lorenz_f",
    "mlp",
    "mlp_f",
    "mlp_reference",
    "mlp_reference_rk4",
    "mlp_work",
    "nonstiff",
    "nonstiff_reference",
    "pleiades_f",
    "queries",
    "rk4_forward",
    "rk4_grad",
    "spread",
    "training",
    "training_reference",
]
