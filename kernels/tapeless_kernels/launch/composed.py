"""Compositions of fields as one field: what a plan is made of, and the addresses and scratch of a caller."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import types

from ..field_abi import Field, field_signature, field_vjp_signature
from ..fields import composed
from ..fields.composed import (
    composed_field,
    composed_field_tangents,
    composed_field_vjp,
    composed_field_vjp_along,
)
from ..tangent_abi import field_tangents_signature, vjp_along_signature
from .array import carve
from .cpu import bound, family
from .tangent_vjp import bound_along


class Part(NamedTuple):
    """A term of the sum: its program, and where in theta its parameters begin, or constants instead of them."""

    program: object
    start: int
    constants: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ComposedProgram:
    """A sum of fields as what a plan is made of."""

    parts: tuple[Part, ...]
    dim: int
    n_params: int

    @property
    def flops(self):
        """The operations in one evaluation, or a guess of them."""
        return sum(part.program.flops + self.dim for part in self.parts)

    @property
    def n_kept(self):
        """Rows that each evaluation keeps for the transpose."""
        return sum(part.program.n_kept for part in self.parts)

    def bind(self, dtype, lanes, transpose):
        """Return the field of one dtype and width, and its transpose if it is wanted and every part has one."""
        return ComposedField(self, dtype, lanes, transpose)

    def bind_along(self, dtype, lanes):
        """Return the transpose's tangent along y in one dtype and width."""
        return ComposedVjpAlong(self, dtype, lanes)


class ComposedField:
    """A composition as a field of one dtype and width, with scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes, transpose):
        kernels = family(dtype, lanes)
        real = types.float32 if dtype.itemsize == 4 else types.float64
        sources = [bound(part.program, dtype, lanes, transpose) for part in program.parts]
        self._sources, self._parts = sources, program.parts
        self._program, self._dtype, self._lanes, self._kernels = program, dtype, lanes, kernels
        # The table and the context are addresses in these.
        n = program.dim * lanes
        rows = (len(sources), composed.N_COLUMNS)
        backward = n * bool(transpose)
        table, context, term, bar, time_term = carve(
            [(rows, "i8"), ((5,), "i8"), ((n,), dtype), ((backward,), dtype), ((lanes,), dtype)]
        )
        self._table = table
        constants, self.n_cache = _fill(table, program.parts, sources, dtype)
        self._arrays = [table, context, term, bar, time_term, *constants]
        for row, source in zip(table, sources, strict=True):
            row[composed.FIELD : composed.CONTEXT + 1] = source.field[:3]
        context[:] = (
            table.ctypes.data, len(sources), term.ctypes.data, bar.ctypes.data, time_term.ctypes.data,
        )  # fmt: skip
        backward = 0
        if transpose and all(source.field.vjp_address for source in sources):
            backward = kernels.address(composed_field_vjp, field_vjp_signature(real))
        forward = kernels.address(composed_field, field_signature(real))
        self.field = Field(forward, backward, context.ctypes.data, 0)

    def prepare_vjp(self, theta):
        """Make ready for calls of the transpose with this theta; parts whose lanes have their own need nothing."""
        for part, source in zip(self._parts, self._sources, strict=True):
            if part.constants is None:
                source.prepare_vjp(theta[part.start : part.start + part.program.n_params])

    def tangents(self, n, with_theta, own):
        """Return the address of n tangents at a time, their context, and what is to be kept alive."""
        program, dtype, lanes, kernels = self._program, self._dtype, self._lanes, self._kernels
        table, context, term, theta_dots = carve(
            [
                ((len(self._sources), composed.N_JVP_COLUMNS), "i8"), ((6,), "i8"),
                ((n * program.dim * lanes,), dtype), ((n * program.n_params * (lanes if own else 1),), dtype),
            ]
        )  # fmt: skip
        kept = [table, term, theta_dots]
        for row, given, source, part in zip(
            table, self._table, self._sources, program.parts, strict=True
        ):
            address, inner, keep = source.tangents(n, with_theta and part.constants is None, own)
            kept += [inner, keep]
            row[:] = (
                address, inner.ctypes.data, given[composed.THETA], given[composed.START], part.start,
                given[composed.CACHE], part.program.n_params,
            )  # fmt: skip
        context[:] = (
            table.ctypes.data, len(table), term.ctypes.data, theta_dots.ctypes.data, with_theta,
            program.n_params,
        )  # fmt: skip
        real = types.float32 if dtype.itemsize == 4 else types.float64
        address = kernels.address(composed_field_tangents, field_tangents_signature(real))
        return address, context, kept


class ComposedVjpAlong:
    """The transpose of a composition and its tangent along y, with scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes):
        real = types.float32 if dtype.itemsize == 4 else types.float64
        self._parts = program.parts
        self._sources = [bound_along(part.program, dtype, lanes) for part in program.parts]
        n, rows = program.dim * lanes, (len(program.parts), composed.N_COLUMNS)
        table, context, term, bar, term_dot = carve(
            [(rows, "i8"), ((5,), "i8"), ((n,), dtype), ((n,), dtype), ((n,), dtype)]
        )
        constants, _ = _fill(table, program.parts, self._sources, dtype)
        self._arrays = [table, context, term, bar, term_dot, *constants]
        for row, source in zip(table, self._sources, strict=True):
            row[composed.FIELD_VJP], _, row[composed.CONTEXT] = source.field[:3]
        context[:] = (
            table.ctypes.data, len(table), term.ctypes.data, bar.ctypes.data, term_dot.ctypes.data,
        )  # fmt: skip
        address = family(dtype, lanes).address(composed_field_vjp_along, vjp_along_signature(real))
        self.field = Field(address, 0, context.ctypes.data, 0)

    prepare_vjp = ComposedField.prepare_vjp


def _fill(table, parts, sources, dtype):
    """Say in the table where parameters and caches of parts are; return constants, to be kept, and all rows kept."""
    arrays, n_cache = [], 0
    for row, source, part in zip(table, sources, parts, strict=True):
        row[:] = 0
        row[composed.START], row[composed.CACHE] = (
            part.start * dtype.itemsize, n_cache * dtype.itemsize,
        )  # fmt: skip
        n_cache += part.program.n_kept
        if part.constants is not None:
            constants = np.array(part.constants, dtype)
            constants_bar = np.zeros_like(constants)  # whose cotangent nobody reads
            row[composed.THETA], row[composed.THETA_BAR] = (
                constants.ctypes.data, constants_bar.ctypes.data,
            )  # fmt: skip
            arrays += [constants, constants_bar]
            source.prepare_vjp(constants)
    return arrays, n_cache
