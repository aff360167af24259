"""The kernels for trajectories under one binding: a field, a dtype, a method's sizes, what is kept, and a target."""

import numpy as np

from .. import _cuda, activations
from .._jit import rebind
from ..launch.python import field_bindings
from . import local
from .arrays import NOTHING, STORED, TIMED

# How a thread finds its record, by what is kept of steps.
STEPS_OF = {STORED: local.stored_steps, TIMED: local.times_of_steps, NOTHING: local.step_alone}


class CudaTarget:
    """Compiles kernels for CUDA devices."""

    compile = staticmethod(_cuda.device)

    @staticmethod
    def fields(f, f_vjp):
        """Return what puts a field into kernels, as `field_bindings` does."""
        return field_bindings(f, f_vjp, _cuda.device)

    @staticmethod
    def bindings(dtype):
        """Return the meanings of names that depend on the target."""
        return {"power": activations.bindings(dtype)["power"], **_cuda.bindings()}

    @staticmethod
    def entry(kernel, bind, made):
        """Return a kernel, to be launched as `it[blocks, threads, stream](...)`."""
        return _cuda.entry(rebind(kernel, bind, made, _cuda.device))


class Bound:
    """Kernels under one binding of their global names, compiled for a target when they are first asked for.

    A class of such sets `_target`, `_bind`, `_made` and `_entries`, which is empty at first.
    """

    def __call__(self, kernel):
        """Return one of the kernels, as its target launches it."""
        if kernel not in self._entries:
            self._entries[kernel] = self._target.entry(kernel, self._bind, self._made)
        return self._entries[kernel]

    def ptx(self, kernel, arguments, cc):
        """Return the PTX of one of the kernels for arguments such as these; needs no GPU."""
        bound = rebind(kernel, self._bind, self._made, _cuda.device)
        return _cuda.compile_ptx(bound, _cuda.signature(arguments), cc)


class Kernels(Bound):
    """The kernels of this package for trajectories, each compiled when it is first launched.

    `sizes` are `arrays.Sizes`; `kept` is what forward solves keep of steps. `time` is the type of the loop's time:
    float64, unless it is to be shown that nothing else is.
    """

    def __init__(
        self, dtype, dim, sizes, f, f_vjp=None, *, kept=STORED, target=CudaTarget, time=np.float64
    ):
        dtype = np.dtype(dtype)
        fields, self._made = target.fields(f, f_vjp)
        self._target, self._entries = target, {}
        rows = dim if sizes.reversible else 0
        self._bind = {
            "LANES": 1,
            "DIM": dim,
            "STAGES": sizes.stages,
            "SLOPES": sizes.slopes,
            "ROWS_BACK": max(sizes.evaluations, 2),  # one evaluation more, of methods that have one
            "PAIR_ROWS": rows,
            "PAIR_ROOM": max(rows, 1),
            "DRIFT_ROWS": 2 * sizes.reversible,
            "MEASURES_TOO": False,
            "REVERSIBLE_TOO": sizes.reversible,  # of other methods these branches would take registers
            "steps_of": STEPS_OF[kept],
            "Real": dtype.type,
            "Time": np.dtype(time).type,
            **target.bindings(dtype),
            **fields,
            "field_vjp": fields["call_field_vjp"],
            "call_field_vjp": local.field_vjp_if_any,
        }
