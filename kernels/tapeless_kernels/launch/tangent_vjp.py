"""A network's transpose and its tangent as one C function: its address, its context and scratch for one caller."""

import numpy as np
from numba import types

from ..field_abi import Field, field_vjp_jvp_signature
from ..fields import program as places
from ..fields import tangent_vjp as at
from ..fields.program import turn_all
from ..fields.tangent_vjp import KEPT_DOT, N_PLACES, THETA_MOVES, program_field_vjp_jvp
from ..tangent_abi import vjp_along_signature
from .array import carve
from .cpu import family


class TangentVjp:
    """The second-order function of a network in one dtype and width, compiled when it is first made.

    Unless `theta_moves`, no tangent of theta is read and of the cotangents of theta only the tangent is complete;
    arrays are handed in for both all the same, of zeros and of what nobody reads.
    """

    def __init__(self, program, dtype, lanes, theta_moves=True):
        kernels = family(dtype, lanes)
        real = types.float32 if dtype.itemsize == 4 else types.float64
        turned = 2 * program.n_params if kernels.bind["TURNED"] else 0
        sizes = (
            2 * program.n_scratch * lanes,
            program.n_kept * lanes,
            kernels.bind["PANEL_SIZE"],
            turned,
        )
        scratch, kept_dot, panel, self._weights = self._arrays = carve(
            [((n,), dtype) for n in sizes]
        )
        self._turn, self._operations = kernels(turn_all) if turned else None, program.operations
        context = self._context = np.zeros(N_PLACES, np.int64)
        context[places.OPERATIONS] = program.operations.ctypes.data
        context[places.N_OPERATIONS] = len(program.operations)
        context[places.N_PARAMS], context[places.N_KEPT] = program.n_params, program.n_kept
        context[places.N_SCRATCH], context[places.SCRATCH] = program.n_scratch, scratch.ctypes.data
        context[places.PANEL], context[places.WEIGHTS] = (
            panel.ctypes.data,
            self._weights.ctypes.data,
        )
        context[KEPT_DOT], context[THETA_MOVES] = kept_dot.ctypes.data, theta_moves
        self.address = kernels.address(program_field_vjp_jvp, field_vjp_jvp_signature(real))
        self.context = context.ctypes.data

    def prepare(self, theta, theta_dot):
        """Make ready for calls with these parameters and their tangent."""
        if self._turn:
            n = len(theta)
            self._turn(self._operations, theta, self._weights[:n])
            self._turn(self._operations, theta_dot, self._weights[n:])


class NetworkVjpAlong:
    """The transpose of a network and its tangent along y alone, in one dtype and width, for one caller at a time."""

    def __init__(self, program, dtype, lanes):
        real = types.float32 if dtype.itemsize == 4 else types.float64
        whole = self._whole = TangentVjp(program, dtype, lanes, theta_moves=False)
        n_rows, n_params = program.n_rows or program.dim, program.n_params
        # In the order of their places in the context.
        sizes = (lanes, n_params, n_rows * lanes, n_rows * lanes, lanes, n_params, lanes)
        context, *arrays = self._arrays = carve(
            [((at.N_PLACES_ALONG,), "i8"), *(((n,), dtype) for n in sizes)]
        )
        for array in arrays:
            array[:] = 0
        addresses = (array.ctypes.data for array in arrays)
        context[:] = whole.address, whole.context, n_rows, *addresses
        address = family(dtype, lanes).address(
            at.program_field_vjp_along, vjp_along_signature(real)
        )
        self.field = Field(address, 0, context.ctypes.data, 0)

    def prepare_vjp(self, theta):
        """Make ready for calls with these parameters."""
        self._whole.prepare(theta, np.zeros_like(theta))


def bound_along(program, dtype, lanes):
    """Return the transpose's tangent along y of a network, or of a user's function, in one dtype and width."""
    if hasattr(program, "bind_along"):
        return program.bind_along(dtype, lanes)
    return NetworkVjpAlong(program, dtype, lanes)
