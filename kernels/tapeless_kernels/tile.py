"""Operations on a tile (dim, LANES): plain loops for every target, and the same in explicit vectors for wide tiles.

Each pair is bit-equal: the sums are the same fma chains, whatever the vector width.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from ._jit import apart, kernel
from .ieee import fma
from .vector_ir import Loop, Vectors, int64, vector_bytes

LANES, Real = 1, np.float64  # bound for each dtype and width
Time = np.float64
WHOLE = 1  # rows of a single lane are padded to a multiple of this, those of `combine_whole`


@kernel
def combine(out, y, h, w, k, n):
    """out = y + h sum(w[j] k[j] for j < n), n >= 1."""
    for m in range(out.shape[0]):
        for lane in range(LANES):
            total = w[0] * k[0, m, lane]
            for j in range(1, n):
                total = fma(w[j], k[j, m, lane], total)
            out[m, lane] = fma(h[lane], total, y[m, lane])


@kernel
def contract(out, h, w, k, start, stop):
    """out = h sum(w[j] k[j] for start <= j < stop), start < stop."""
    for m in range(out.shape[0]):
        for lane in range(LANES):
            total = w[start] * k[start, m, lane]
            for j in range(start + 1, stop):
                total = fma(w[j], k[j, m, lane], total)
            out[m, lane] = h[lane] * total


@kernel
def combine_whole(out, y, h, w, k, n):
    """`combine` of a single lane whose rows are padded to whole vectors."""
    combine(out, y, h, w, k, n)


@kernel
def contract_whole(out, h, w, k, start, stop):
    """`contract` of a single lane whose rows are padded to whole vectors."""
    contract(out, h, w, k, start, stop)


@kernel
def error_squares(squares, h, w, k, n, y, z, rtol, atol):
    """squares = sum over m of (h sum(w[j] k[j]) / (atol + rtol max(|y|, |z|)))**2."""
    for lane in range(LANES):
        squares[lane] = Real(0)
    for m in range(y.shape[0]):
        for lane in range(LANES):
            total = w[0] * k[0, m, lane]
            for j in range(1, n):
                total = fma(w[j], k[j, m, lane], total)
            a, b = abs(y[m, lane]), abs(z[m, lane])
            scale = fma(rtol[lane], a if a > b else b, atol[lane])
            # Not finite where a state is not: beside an infinite scale any error would pass.
            ratio = fma(Real(0), scale, abs(h[lane] * total)) / scale
            squares[lane] = fma(ratio, ratio, squares[lane])


@kernel
def pair_squares(squares, h, w, v, k, n, y):
    """Rows of squares = sums over m of (sum(v[j] k[j]))**2, of (h sum(w[j] k[j]))**2 and of y**2."""
    for lane in range(LANES):
        squares[0, lane] = squares[1, lane] = squares[2, lane] = Real(0)
    for m in range(y.shape[0]):
        for lane in range(LANES):
            first, second = v[0] * k[0, m, lane], w[0] * k[0, m, lane]
            for j in range(1, n):
                first = fma(v[j], k[j, m, lane], first)
                second = fma(w[j], k[j, m, lane], second)
            second *= h[lane]
            squares[0, lane] = fma(first, first, squares[0, lane])
            squares[1, lane] = fma(second, second, squares[1, lane])
            squares[2, lane] = fma(y[m, lane], y[m, lane], squares[2, lane])


@apart
def take(accepted, y, z):
    """Y = z in the lanes where accepted is 1, and y stays elsewhere."""
    for m in range(y.shape[0]):
        for lane in range(len(accepted)):
            old, new = y[m, lane], z[m, lane]
            y[m, lane] = new if accepted[lane] == 1 else old


@kernel
def put(out, x):
    """Out = x."""
    for m in range(out.shape[0]):
        for lane in range(LANES):
            out[m, lane] = x[m, lane]


@kernel
def add(out, x):
    """Out += x."""
    for m in range(out.shape[0]):
        for lane in range(LANES):
            out[m, lane] += x[m, lane]


@kernel
def fill(out, value):
    """Out = value everywhere."""
    for m in range(out.shape[0]):
        for lane in range(LANES):
            out[m, lane] = value


# ---------------------------------------------------------------- explicit vectors


class _Tile:
    """IR of one tile operation: arrays by their data pointers, rows of n vectors.

    The rows of a single lane, padded to whole vectors, are read as one vector for so many rows.
    """

    def __init__(self, context, builder, signature, values, itemsize, lanes):
        self.v = Vectors(builder, itemsize)
        self.single = lanes == 1
        lanes = self.v.width if self.single else lanes
        self.builder, self.n = builder, lanes // self.v.width
        self.row = lanes * itemsize
        self._arrays = [
            context.make_array(kind)(context, builder, value)
            if isinstance(kind, types.Array)
            else None
            for kind, value in zip(signature.args, values, strict=True)
        ]

    def data(self, i):
        """Return the address of argument i."""
        return self.builder.ptrtoint(self._arrays[i].data, int64(0).type)

    def dim(self, i):
        """Return the number of rows of argument i, an array (dim, lanes)."""
        dim = self.builder.extract_value(self._arrays[i].shape, 0)
        return self.builder.udiv(dim, int64(self.v.width)) if self.single else dim

    def at(self, base, c):
        """Return the address of vector c of the row at `base`."""
        return self.builder.add(base, int64(c * self.v.bytes))

    def load_row(self, base):
        """Load the n vectors of a row."""
        return [self.v.load(self.at(base, c)) for c in range(self.n)]

    def steps(self, h):
        """Load the steps of the lanes, that of a single one for all of its components."""
        return [self.v.broadcast(h)] if self.single else self.load_row(h)

    def store_row(self, row, base):
        """Store the n vectors of a row."""
        for c, x in enumerate(row):
            self.v.store(x, self.at(base, c))

    def offset(self, base, i, step):
        """Return base + i step."""
        return self.builder.add(base, self.builder.mul(i, step))

    def weighted(self, w, k, stride, n):
        """Return the row sum(w[j] k[j]) for j < n: one product, then an fma chain."""
        v, builder = self.v, self.builder
        first = v.broadcast(w)
        start = [builder.fmul(first, x) for x in self.load_row(k)]
        before, after = builder.block, builder.append_basic_block("summed")
        more = builder.append_basic_block("more")
        rest = builder.sub(n, int64(1))
        builder.cbranch(builder.icmp_signed(">", rest, int64(0)), more, after)
        builder.position_at_end(more)
        with Loop(builder, rest, start) as loop:
            j = builder.add(loop.index, int64(1))
            weight = v.broadcast(self.offset(w, j, int64(v.itemsize)))
            row = self.load_row(self.offset(k, j, stride))
            loop.carry = [v.fma(weight, x, s) for x, s in zip(row, loop.values, strict=True)]
        end = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        sums = []
        for x, y in zip(start, loop.results, strict=True):
            phi = builder.phi(v.type)
            phi.add_incoming(x, before)
            phi.add_incoming(y, end)
            sums.append(phi)
        return sums


def _typed(emit, itemsize, lanes, *arguments):
    """Return what an intrinsic of these argument types returns; `emit(tile, values)` writes its code."""

    def codegen(context, builder, signature, values):
        emit(_Tile(context, builder, signature, values, itemsize, lanes), values)
        return context.get_dummy_value()

    return types.void(*arguments), codegen


def _emit_combine(tile, values):
    out, y, h, w, k = (tile.data(i) for i in range(5))
    stride = tile.builder.mul(tile.dim(0), int64(tile.row))
    steps = tile.steps(h)
    with Loop(tile.builder, tile.dim(0)) as loop:
        row = tile.builder.mul(loop.index, int64(tile.row))
        sums = tile.weighted(w, tile.builder.add(k, row), stride, values[5])
        base = tile.load_row(tile.builder.add(y, row))
        done = [tile.v.fma(a, b, c) for a, b, c in zip(steps, sums, base, strict=True)]
        tile.store_row(done, tile.builder.add(out, row))


def _emit_contract(tile, values):
    out, h, w, k = (tile.data(i) for i in range(4))
    start, stop = values[4:]
    stride = tile.builder.mul(tile.dim(0), int64(tile.row))
    k, w = tile.offset(k, start, stride), tile.offset(w, start, int64(tile.v.itemsize))
    n = tile.builder.sub(stop, start)
    steps = tile.steps(h)
    with Loop(tile.builder, tile.dim(0)) as loop:
        row = tile.builder.mul(loop.index, int64(tile.row))
        sums = tile.weighted(w, tile.builder.add(k, row), stride, n)
        done = [tile.builder.fmul(a, b) for a, b in zip(steps, sums, strict=True)]
        tile.store_row(done, tile.builder.add(out, row))


def _emit_error_squares(tile, values):
    v, builder = tile.v, tile.builder
    squares, h, w, k = (tile.data(i) for i in range(4))
    y, z, rtol, atol = (tile.data(i) for i in range(5, 9))
    stride = builder.mul(tile.dim(5), int64(tile.row))
    with Loop(builder, tile.dim(5), [v.constant(0)] * tile.n) as loop:
        row = builder.mul(loop.index, int64(tile.row))
        sums = tile.weighted(w, builder.add(k, row), stride, values[4])
        total = []
        for c in range(tile.n):
            a = v.call("fabs", v.type, v.load(tile.at(builder.add(y, row), c)))
            b = v.call("fabs", v.type, v.load(tile.at(builder.add(z, row), c)))
            larger = builder.select(builder.fcmp_ordered(">", a, b), a, b)
            scale = v.fma(v.load(tile.at(rtol, c)), larger, v.load(tile.at(atol, c)))
            error = v.call("fabs", v.type, builder.fmul(v.load(tile.at(h, c)), sums[c]))
            ratio = builder.fdiv(v.fma(v.constant(0), scale, error), scale)
            total.append(v.fma(ratio, ratio, loop.values[c]))
        loop.carry = total
    tile.store_row(loop.results, squares)


def _emit_pair_squares(tile, values):
    v, builder, n = tile.v, tile.builder, tile.n
    squares, h, w, second, k, _, y = (tile.data(i) if i != 5 else None for i in range(7))
    stride = builder.mul(tile.dim(6), int64(tile.row))
    with Loop(builder, tile.dim(6), [v.constant(0)] * (3 * n)) as loop:
        row = builder.mul(loop.index, int64(tile.row))
        at = builder.add(k, row)
        slopes = tile.weighted(second, at, stride, values[5])
        states = tile.weighted(w, at, stride, values[5])
        moves = [builder.fmul(x, s) for x, s in zip(states, tile.load_row(h), strict=True)]
        terms = slopes + moves + tile.load_row(builder.add(y, row))
        loop.carry = [v.fma(x, x, s) for x, s in zip(terms, loop.values, strict=True)]
    for i in range(3):
        tile.store_row(loop.results[i * n : (i + 1) * n], tile.at(squares, i * n))


def bindings(itemsize, lanes):
    """Return the explicit-vector operations of one float type and width."""

    @intrinsic
    def combine(typing, out, y, h, w, k, n):
        return _typed(_emit_combine, itemsize, lanes, out, y, h, w, k, n)

    @intrinsic
    def contract(typing, out, h, w, k, start, stop):
        return _typed(_emit_contract, itemsize, lanes, out, h, w, k, start, stop)

    @intrinsic
    def error_squares(typing, squares, h, w, k, n, y, z, rtol, atol):
        arrays = (squares, h, w, k, n, y, z, rtol, atol)
        return _typed(_emit_error_squares, itemsize, lanes, *arrays)

    @intrinsic
    def pair_squares(typing, squares, h, w, v, k, n, y):
        return _typed(_emit_pair_squares, itemsize, lanes, squares, h, w, v, k, n, y)

    if lanes == 1:
        whole = {"combine_whole": combine, "contract_whole": contract}
        return {"LANES": 1, "WHOLE": vector_bytes() // itemsize, **whole}
    squares = {"error_squares": error_squares, "pair_squares": pair_squares}
    vectors = {"combine": combine, "contract": contract, **squares}
    return {"LANES": lanes, **vectors}
