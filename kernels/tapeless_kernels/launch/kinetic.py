"""A network with its kinetic energy and the size of its Jacobian as a field: its addresses, contexts and scratch."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numba import types

from ..field_abi import Field, field_signature, field_vjp_signature
from ..fields import kinetic as at
from ..fields.lower import CODE, DENSE, FIXED, Program
from .array import carve
from .cpu import ProgramField, family
from .tangent_vjp import TangentVjp


@dataclass(frozen=True, eq=False)
class KineticProgram:
    """Such a field as what a plan is made of."""

    network: Program
    jacobian: bool

    @property
    def dim(self):
        """Entries of the state: z and the kinetic energy, and with the Jacobian's also its size and eps."""
        return self.network.dim + 1 + self.jacobian * (1 + self.network.dim)

    @property
    def n_params(self):
        """The network's."""
        return self.network.n_params

    @property
    def flops(self):
        """The operations in one evaluation: that of the network, and the transpose of its input."""
        return (1 + self.jacobian) * (self.network.flops + 2 * self.network.dim)

    @property
    def n_kept(self):
        """Rows that each evaluation keeps for the transpose."""
        return self.network.n_kept + (1 + self.jacobian) * self.network.dim

    def bind(self, dtype, lanes, transpose):
        """Return the field of one dtype and width, and its transpose if it is wanted."""
        return KineticField(self, dtype, lanes, transpose)


class KineticField:
    """Such a field in one dtype and width, with scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes, transpose):
        kernels, network = family(dtype, lanes), program.network
        real = types.float32 if dtype.itemsize == 4 else types.float64
        n = network.dim * lanes
        self._source = ProgramField(network, dtype, lanes, transpose)
        context, rows, unread, zeros = self._arrays = carve(
            [
                ((at.N_PLACES,), "i8"), ((3 * n,), dtype), ((lanes + network.n_params,), dtype),
                ((max(lanes, network.n_params),), dtype),
            ]
        )  # fmt: skip
        unread[:] = zeros[:] = 0
        self.n_cache, self._second, self._fixed = program.n_kept, None, None
        context[:] = 0
        context[at.FIELD], context[at.FIELD_VJP], context[at.CONTEXT] = self._source.field[:3]
        context[at.N_CACHE], context[at.ROWS] = network.n_kept, rows.ctypes.data
        context[at.UNREAD], context[at.ZEROS] = unread.ctypes.data, zeros.ctypes.data
        forward, backward = at.kinetic_field, at.kinetic_field_vjp
        if program.jacobian:
            forward, backward = at.jacobian_field, at.jacobian_field_vjp
            self._fixed = ProgramField(_fixed(network), dtype, lanes, True)
            _, context[at.FIELD_VJP], context[at.CONTEXT_FIXED] = self._fixed.field[:3]
            if transpose:
                self._second = TangentVjp(network, dtype, lanes, theta_moves=False)
                context[at.SECOND] = self._second.address
                context[at.CONTEXT_SECOND] = self._second.context
        self.field = Field(
            kernels.address(forward, field_signature(real)),
            kernels.address(backward, field_vjp_signature(real)) if transpose else 0,
            context.ctypes.data,
            0,
        )

    def prepare_vjp(self, theta):
        """Make ready for calls of the transpose with this theta."""
        if self._second is None:
            self._source.prepare_vjp(theta)
        else:
            self._second.prepare(theta, np.zeros_like(theta))


def _fixed(program):
    """Return a program whose dense products have no cotangent of theta: its transpose is of the input alone."""
    operations = program.operations.copy()
    operations[operations[:, CODE] == DENSE, FIXED] = 1
    return dataclasses.replace(program, operations=operations)
