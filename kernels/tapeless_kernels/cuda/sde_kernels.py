"""The CUDA kernels of `sde.py` for one method, pair of fields, dtype and depth of the path's tree."""

from ..drivers import normals
from ..tableaus.stochastic import REVERSIBLE, arrays_of
from .kernels import Bound, CudaTarget
from .sde_fields import meanings


class SdeKernels(Bound):
    """The kernels, each compiled on first use.

    Parameters
    ----------
    method : StochasticMethod
        How steps are made.
    dtype : float32 or float64
        Of states and parameters.
    drift, diffusion : UserProgram
        The fields. A diffusion with `channels` fills a matrix.
    rows, depth : int
        Of the path: 1 row, or 3 with areas; how often its interval is halved.
    correction : int
        What `sde_buffers.Equation` says of the two senses of the integral.
    target : CudaTarget, or one of stand_in.py
        What compiles.
    """

    def __init__(
        self, method, dtype, drift, diffusion, rows, depth, correction=0, target=CudaTarget
    ):
        channels = diffusion.channels
        arrays = arrays_of(method, dtype, channels or 1, False)
        self.method, self._target = arrays, target
        dim, mixed = drift.dim, drift.dim * (channels or 1)
        self.reversible = twice = method.kind == REVERSIBLE
        sizes = {
            "DIM": dim, "CHANNELS": channels or dim, "MIXED": mixed, "STAGES": arrays.stages,
            "STATES": arrays.stages + 1, "KIND": arrays.kind,
            "N_BASIS": arrays.n_basis, "AREAS": 1 if arrays.n_basis == 1 else 2, "DRIFT_PARAMS": drift.n_params,
            "CORRECTION": correction, "KEPT_DIM": dim if twice else 1, "KEPT_ROWS": mixed if twice else 1,
            "LEVELS": depth + 1, "ROWS": rows, "WORDS": dtype.itemsize // 4, "LANES": 1,
        }  # fmt: skip
        sizes |= normals.bindings(dtype) | target.bindings(dtype)
        fields, self._made = meanings(method, drift, diffusion, sizes, target.compile)
        self._bind = sizes | fields
        self._entries = {}
