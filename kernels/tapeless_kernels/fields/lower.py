"""Lowers layers to a program: an array of operations on named rows, which `program.evaluate` runs."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..activations import ACTIVATIONS
from . import layers as kinds
from .dense import FROM_0, FROM_BIAS

# Operations.
DENSE, ACTIVATE, CONCAT_TIME, SUM, COPY, PRODUCT, OUTER, CONCAT, WAVES, LAYER_NORM = range(10)
TWO_OPERANDS = SUM, PRODUCT, CONCAT
# Where a value's rows lie: the input, what is kept for the transpose, scratch, the output.
INPUT, KEPT, SCRATCH, OUTPUT = range(4)
# Columns of a program. `A` and `B` are operands; a place is an area and a first row in it. The
# cotangent of each value has a place too, which is that of its tangent: INPUT is y_bar there and OUTPUT
# dy_bar. FRESH: nothing has been added to that cotangent yet. REPLAY: the transpose must compute the value
# again. KIND: of an activation its code; of a sum 1 for B - A; of a norm the bits of eps; of a dense product
# what its sums start from. FIXED: theta has no cotangent.
COLUMNS = (
    "CODE KIND N_IN N_OUT THETA FIXED REPLAY A A_AT B B_AT OUT OUT_AT "
    "A_BAR A_BAR_AT A_FRESH B_BAR B_BAR_AT B_FRESH OUT_BAR OUT_BAR_AT"
).split()
(
    CODE, KIND, N_IN, N_OUT, THETA, FIXED, REPLAY, A, A_AT, B, B_AT, OUT, OUT_AT,
    A_BAR, A_BAR_AT, A_FRESH, B_BAR, B_BAR_AT, B_FRESH, OUT_BAR, OUT_BAR_AT,
) = range(len(COLUMNS))  # fmt: skip


class ParameterArray(NamedTuple):
    """An array of parameters within theta."""

    name: str
    at: int
    shape: tuple
    start: float | None = None  # the value to begin with; None: Glorot's uniform weights
    deviation: float = 0.0  # else of normal weights
    lipschitz: float = (
        0.0  # positive: the weights are divided by their largest singular value over this
    )


@dataclass(frozen=True, eq=False)
class Program:
    """A network as data: its operations, and how many numbers or rows of each kind they need."""

    operations: np.ndarray  # (n_operations, len(COLUMNS)), int64
    dim: int
    n_params: int
    n_kept: int  # rows kept for the transpose, at each evaluation
    n_scratch: int  # rows of scratch, cotangents included
    parts: tuple  # a ParameterArray for each array in theta
    flops: int  # of one evaluation of one trajectory, counting an fma as two
    n_rows: int = 0  # numbers that it computes: dim, but of a diffusion's


class _Value:
    """Rows that an operation reads or writes, and the rows of their cotangent."""

    def __init__(self, n, area, at, bar_area, bar_at):
        self.n, self.area, self.at, self.bar_area, self.bar_at = n, area, at, bar_area, bar_at


class _Lowering:
    """Emits operations and gives out rows, layer by layer."""

    def __init__(self, dim):
        self.operations, self.parts, self.counts = [], [], {}
        self.n_params = self.n_kept = self.n_scratch = self.flops = 0
        self.input = _Value(dim, INPUT, 0, INPUT, 0)

    def value(self, n, area):
        """Return a new value of n rows, kept or scratch, with rows for its cotangent."""
        at = self.n_kept if area == KEPT else self.n_scratch
        if area == KEPT:
            self.n_kept += n
        else:
            self.n_scratch += n
        bar_at, self.n_scratch = self.n_scratch, self.n_scratch + n
        return _Value(n, area, at, SCRATCH, bar_at)

    def emit(self, code, a, out, *, kind=0, theta=0, fixed=False, b=None):
        """Append an operation."""
        row = np.zeros(len(COLUMNS), np.int64)
        row[[CODE, KIND, N_IN, N_OUT, THETA, FIXED]] = code, kind, a.n, out.n, theta, fixed
        row[REPLAY] = out.area == SCRATCH
        row[[A, A_AT, A_BAR, A_BAR_AT]] = a.area, a.at, a.bar_area, a.bar_at
        row[[OUT, OUT_AT, OUT_BAR, OUT_BAR_AT]] = out.area, out.at, out.bar_area, out.bar_at
        if b is not None:
            row[[B, B_AT, B_BAR, B_BAR_AT]] = b.area, b.at, b.bar_area, b.bar_at
        self.operations.append(row)
        return out

    def parameters(self, layer, **arrays):
        """Give out theta to the arrays of a layer, whose name is that of its kind and its number."""
        i = self.counts[layer] = self.counts.get(layer, -1) + 1
        first = self.n_params
        for name, (shape, how) in arrays.items():
            self.parts.append(ParameterArray(f"{layer}{i}.{name}", self.n_params, shape, **how))
            self.n_params += int(np.prod(shape))
        return first

    def layers(self, x, layers):
        """Emit `layers` on x and return the value of the last."""
        for i, layer in enumerate(layers):
            before = layers[i - 1] if i else None
            x = self.layer(x, layer, private=isinstance(before, _PRODUCTS))
        return x

    def layer(self, x, layer, private):
        """Emit one layer; `private` says that nothing else reads x, so that it may be overwritten."""
        if isinstance(layer, kinds.Activation):
            return self.activation(x, layer.name, private)
        for kind, lower_one in _LOWER.items():
            if isinstance(layer, kind):
                return lower_one(self, x, layer)
        names = ", ".join(kind.__name__ for kind in kinds.LAYERS)
        raise TypeError(f"{layer!r} is no layer; a program is made of {names}")

    def product(self, x, n_out, theta, kind=FROM_BIAS, fixed=False):
        """Emit W^T x, with b unless `kind` says otherwise."""
        self.flops += 2 * x.n * n_out
        out = self.value(n_out, KEPT)
        return self.emit(DENSE, x, out, theta=theta, kind=kind, fixed=fixed)

    def dense(self, x, layer, name="dense", **how):
        _check_size("Dense", "outputs", layer.n_out)
        weight, bias = ((x.n, layer.n_out), how), ((layer.n_out,), {"start": 0.0})
        return self.product(x, layer.n_out, self.parameters(name, weight=weight, bias=bias))

    def spectral(self, x, layer):
        if not 0 < layer.lipschitz < np.inf:
            raise ValueError(
                f"a SpectralDense layer has lipschitz={layer.lipschitz!r}; it must be positive"
            )
        return self.dense(x, layer, "spectral", lipschitz=float(layer.lipschitz))

    def low_rank(self, x, layer):
        _check_size("LowRankDense", "outputs", layer.n_out)
        _check_size("LowRankDense", "ranks", layer.rank)
        at = self.parameters(
            "low_rank", left=((x.n, layer.rank), {}), right=((layer.rank, layer.n_out), {}),
            bias=((layer.n_out,), {"start": 0.0}),
        )  # fmt: skip
        inner = self.product(x, layer.rank, at, kind=FROM_0)
        return self.product(inner, layer.n_out, at + x.n * layer.rank)

    def bilinear(self, x, layer):
        _check_size("Bilinear", "outputs", layer.n_out)
        n = x.n * x.n
        at = self.parameters(
            "bilinear", weight=((x.n, x.n, layer.n_out), {"start": None, "deviation": 1 / x.n}),
            bias=((layer.n_out,), {"start": 0.0}),
        )  # fmt: skip
        return self.product(self.emit(OUTER, x, self.value(n, SCRATCH)), layer.n_out, at)

    def fourier(self, x, layer):
        _check_size("FourierFeatures", "waves", layer.n)
        if not 0 < layer.scale < np.inf:
            raise ValueError(
                f"a FourierFeatures layer has scale={layer.scale!r}; it must be positive"
            )
        weight = (x.n, layer.n), {"deviation": float(layer.scale)}
        at = self.parameters("fourier", weight=weight, bias=((layer.n,), {"start": 0.0}))
        phase = self.product(x, layer.n, at, fixed=not layer.trainable)
        return self.emit(WAVES, phase, self.value(2 * layer.n, SCRATCH))

    def norm(self, x, layer):
        if not 0 < layer.eps < np.inf:
            raise ValueError(f"a LayerNorm has eps={layer.eps!r}; it must be positive")
        ones, zeros = ((x.n,), {"start": 1.0}), ((x.n,), {"start": 0.0})
        at = self.parameters("norm", weight=ones, bias=zeros)
        bits = np.float64(layer.eps).view(np.int64)
        self.flops += 8 * x.n
        stats = self.value(2, KEPT)
        return self.emit(LAYER_NORM, x, self.value(x.n, KEPT), kind=bits, theta=at, b=stats)

    def gated(self, x, layer):
        n = x.n
        arrays = {}
        for gate in ("reset", "update", "state"):
            arrays[f"{gate}_weight"] = (n, n), {}
            arrays[f"{gate}_bias"] = (n,), {"start": 0.0}
        at, size = self.parameters("gated", **arrays), n * (n + 1)
        reset, update = (
            self.activation(self.product(x, n, at + i * size), "sigmoid", private=True)
            for i in range(2)
        )
        kept = self.emit(PRODUCT, reset, self.value(n, SCRATCH), b=x)
        state = self.activation(self.product(kept, n, at + 2 * size), "tanh", private=True)
        change = self.emit(SUM, x, self.value(n, SCRATCH), b=state, kind=1)
        return self.emit(PRODUCT, update, self.value(n, SCRATCH), b=change)

    def time(self, x, layer):
        return self.emit(CONCAT_TIME, x, self.value(x.n + 1, SCRATCH))

    def residual(self, x, layer):
        branch = self.layers(x, _inner(layer))
        if branch.n != x.n:
            raise ValueError(
                f"a Residual block maps {x.n} values to {branch.n}; it must keep their number"
            )
        return self.emit(SUM, x, self.value(x.n, SCRATCH), b=branch)

    def skip(self, x, layer):
        branch = self.layers(x, _inner(layer))
        return self.emit(CONCAT, branch, self.value(branch.n + x.n, SCRATCH), b=x)

    def activation(self, x, name, private):
        activation = next((a for a in ACTIVATIONS if a.name == name), None)
        if activation is None:
            names = ", ".join(a.name for a in ACTIVATIONS)
            raise ValueError(f"no activation is called {name!r}; there are {names}")
        if private and activation.keeps_output:
            return self.emit(ACTIVATE, x, x, kind=activation.code)  # in place, on what is kept
        out = self.value(x.n, SCRATCH)
        if private:
            out.bar_at = x.bar_at  # one reader each: the cotangent is scaled where it lies
        return self.emit(ACTIVATE, x, out, kind=activation.code)


_LOWER = {
    kinds.Dense: _Lowering.dense,
    kinds.LowRankDense: _Lowering.low_rank,
    kinds.SpectralDense: _Lowering.spectral,
    kinds.Bilinear: _Lowering.bilinear,
    kinds.LayerNorm: _Lowering.norm,
    kinds.FourierFeatures: _Lowering.fourier,
    kinds.GatedCell: _Lowering.gated,
    kinds.ConcatTime: _Lowering.time,
    kinds.Residual: _Lowering.residual,
    kinds.Skip: _Lowering.skip,
}
# Those whose last operation is a dense product, that nothing else reads.
_PRODUCTS = kinds.Dense, kinds.LowRankDense, kinds.SpectralDense, kinds.Bilinear


def _inner(layer):
    return tuple(layer.layers)


def _check_size(layer, what, n):
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(
            f"a {layer} layer has {n!r} {what}; it must have a positive integer of them"
        )


def lower(layers, dim, n_rows=None, what="a vector field"):
    """Return the Program of `layers` applied one after the other to a state of `dim` entries.

    It computes as many numbers, unless `n_rows` says how many; `what` does so, for errors.
    """
    lowering, n_rows = _Lowering(dim), dim if n_rows is None else n_rows
    out = lowering.layers(lowering.input, tuple(layers))
    if out.n != n_rows:
        raise ValueError(f"the layers map {dim} values to {out.n}; {what} must return {n_rows}")
    last = lowering.operations[-1] if lowering.operations else None
    if last is not None and last[CODE] == DENSE:  # straight into dy: nothing reads it again
        lowering.n_kept -= out.n
        last[[OUT, OUT_AT, OUT_BAR, OUT_BAR_AT]] = OUTPUT, 0, OUTPUT, 0
    else:
        lowering.emit(COPY, out, _Value(out.n, OUTPUT, 0, OUTPUT, 0))
    operations = np.array(lowering.operations).reshape(-1, len(COLUMNS))
    _mark_fresh(operations)
    return Program(
        operations, dim, lowering.n_params, lowering.n_kept, lowering.n_scratch,
        tuple(lowering.parts), lowering.flops, out.n,
    )  # fmt: skip


def _mark_fresh(operations):
    """Mark the operand whose cotangent is written for the first time, in the transpose's order."""
    written = set()
    for row in operations[::-1]:
        for bar, at, fresh in ((A_BAR, A_BAR_AT, A_FRESH), (B_BAR, B_BAR_AT, B_FRESH)):
            if bar == B_BAR and row[CODE] not in TWO_OPERANDS:
                continue
            place = int(row[bar]), int(row[at])
            if row[CODE] == ACTIVATE and place == (row[OUT_BAR], row[OUT_BAR_AT]):
                continue
            row[fresh] = place not in written
            written.add(place)
