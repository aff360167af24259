"""Lowers layers to a program: an array of operations on named rows, which `program.evaluate` runs."""

from dataclasses import dataclass

import numpy as np

from ..activations import ACTIVATIONS
from .layers import Activation, ConcatTime, Dense, Residual

# Operations.
DENSE, ACTIVATE, CONCAT_TIME, SUM, COPY = range(5)
# Where a value's rows lie: the input, what is kept for the transpose, scratch, the output.
INPUT, KEPT, SCRATCH, OUTPUT = range(4)
# Columns of a program. `A` and `B` are operands; a place is an area and a first row in it. The
# cotangent of each value has a place too: INPUT is y_bar there and OUTPUT dy_bar. FRESH: nothing
# has been added to that cotangent yet. REPLAY: the transpose must compute the value again.
COLUMNS = (
    "CODE KIND N_IN N_OUT THETA REPLAY A A_AT B B_AT OUT OUT_AT "
    "A_BAR A_BAR_AT A_FRESH B_BAR B_BAR_AT B_FRESH OUT_BAR OUT_BAR_AT"
).split()
(
    CODE, KIND, N_IN, N_OUT, THETA, REPLAY, A, A_AT, B, B_AT, OUT, OUT_AT,
    A_BAR, A_BAR_AT, A_FRESH, B_BAR, B_BAR_AT, B_FRESH, OUT_BAR, OUT_BAR_AT,
) = range(len(COLUMNS))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Program:
    """A network as data: its operations, and how many numbers or rows of each kind they need."""

    operations: np.ndarray  # (n_operations, len(COLUMNS)), int64
    dim: int
    n_params: int
    n_kept: int  # rows kept for the transpose, at each evaluation
    n_scratch: int  # rows of scratch, cotangents included
    parts: tuple  # (name, offset, shape) of every parameter array in theta
    flops: int  # of one evaluation of one trajectory, counting an fma as two


class _Value:
    """Rows that an operation reads or writes, and the rows of their cotangent."""

    def __init__(self, n, area, at, bar_area, bar_at):
        self.n, self.area, self.at, self.bar_area, self.bar_at = n, area, at, bar_area, bar_at


class _Lowering:
    """Emits operations and gives out rows, layer by layer."""

    def __init__(self, dim):
        self.operations, self.parts = [], []
        self.n_params = self.n_kept = self.n_scratch = self.flops = self.n_dense = 0
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

    def emit(self, code, a, out, *, kind=0, theta=0, b=None):
        """Append an operation."""
        row = np.zeros(len(COLUMNS), np.int64)
        row[[CODE, KIND, N_IN, N_OUT, THETA]] = code, kind, a.n, out.n, theta
        row[REPLAY] = out.area == SCRATCH
        row[[A, A_AT, A_BAR, A_BAR_AT]] = a.area, a.at, a.bar_area, a.bar_at
        row[[OUT, OUT_AT, OUT_BAR, OUT_BAR_AT]] = out.area, out.at, out.bar_area, out.bar_at
        if b is not None:
            row[[B, B_AT, B_BAR, B_BAR_AT]] = b.area, b.at, b.bar_area, b.bar_at
        self.operations.append(row)
        return out

    def layers(self, x, layers):
        """Emit `layers` on x and return the value of the last."""
        for i, layer in enumerate(layers):
            x = self.layer(x, layer, private=i > 0 and isinstance(layers[i - 1], Dense))
        return x

    def layer(self, x, layer, private):
        """Emit one layer; `private` says that nothing else reads x, so that it may be overwritten."""
        if isinstance(layer, Dense):
            return self.dense(x, layer.n_out)
        if isinstance(layer, Activation):
            return self.activation(x, layer.name, private)
        if isinstance(layer, ConcatTime):
            return self.emit(CONCAT_TIME, x, self.value(x.n + 1, SCRATCH))
        if isinstance(layer, Residual):
            branch = self.layers(x, layer.layers)
            if branch.n != x.n:
                raise ValueError(
                    f"a Residual block maps {x.n} values to {branch.n}; it must keep their number"
                )
            return self.emit(SUM, x, self.value(x.n, SCRATCH), b=branch)
        raise TypeError(
            f"{layer!r} is no layer; a program is made of Dense, Activation, ConcatTime, Residual"
        )

    def dense(self, x, n_out):
        if not isinstance(n_out, (int, np.integer)) or n_out < 1:
            raise ValueError(
                f"a Dense layer has {n_out!r} outputs; it must have a positive integer of them"
            )
        at, shape = self.n_params, (x.n, n_out)
        name = f"dense{self.n_dense}"
        self.parts += [(f"{name}.weight", at, shape), (f"{name}.bias", at + x.n * n_out, (n_out,))]
        self.n_params += (x.n + 1) * n_out
        self.n_dense += 1
        self.flops += 2 * x.n * n_out
        return self.emit(DENSE, x, self.value(n_out, KEPT), theta=at)

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


def lower(layers, dim):
    """Return the Program of `layers` applied one after the other to a state of `dim` entries."""
    lowering = _Lowering(dim)
    out = lowering.layers(lowering.input, tuple(layers))
    if out.n != dim:
        raise ValueError(
            f"the layers map {dim} values to {out.n}; a vector field must return {dim}"
        )
    last = lowering.operations[-1] if lowering.operations else None
    if last is not None and last[CODE] == DENSE:  # straight into dy: nothing reads it again
        lowering.n_kept -= out.n
        last[[OUT, OUT_AT, OUT_BAR, OUT_BAR_AT]] = OUTPUT, 0, OUTPUT, 0
    else:
        lowering.emit(COPY, out, _Value(dim, OUTPUT, 0, OUTPUT, 0))
    operations = np.array(lowering.operations).reshape(-1, len(COLUMNS))
    _mark_fresh(operations)
    return Program(
        operations, dim, lowering.n_params, lowering.n_kept, lowering.n_scratch,
        tuple(lowering.parts), lowering.flops,
    )  # fmt: skip


def _mark_fresh(operations):
    """Mark the operand whose cotangent is written for the first time, in the transpose's order."""
    written = set()
    for row in operations[::-1]:
        for bar, at, fresh in ((A_BAR, A_BAR_AT, A_FRESH), (B_BAR, B_BAR_AT, B_FRESH)):
            if bar == B_BAR and row[CODE] != SUM:
                continue
            place = int(row[bar]), int(row[at])
            if row[CODE] == ACTIVATE and place == (row[OUT_BAR], row[OUT_BAR_AT]):
                continue
            row[fresh] = place not in written
            written.add(place)
