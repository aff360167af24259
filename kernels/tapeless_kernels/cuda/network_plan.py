"""How a network lies in the memory of a block: the table of its layers, rows of values, and what fits on chip."""

from typing import NamedTuple

import numpy as np

from ..activations import ACTIVATIONS, KEEPS_OUTPUT
from ..fields import lower as op
from ..fields.layers import Activation, ConcatTime, Dense

# Columns of the table, as network_ode.cu has them; a place is a first row of the area, -1 stands for none.
COLUMNS = "N_X N_IN N_OUT THETA WEIGHTS_AT ACTIVATION INPUT_AT BEFORE_AT OUTPUT_AT".split()
N_X, N_IN, N_OUT, THETA, WEIGHTS_AT, ACTIVATION, INPUT_AT, BEFORE_AT, OUTPUT_AT = range(9)
SIDE, DEPTH, THREADS = 4, 32, 256  # as there
LANES = 32, 16
IDENTITY = next(a.code for a in ACTIVATIONS if a.name == "identity")


class Layer(NamedTuple):
    """A Dense layer, with the time as its last input or without, and the activation that follows it."""

    n_x: int  # inputs that come from the layer before
    n_in: int
    n_out: int
    theta: int  # where its weights are; its bias lies behind them
    activation: int


class Block(NamedTuple):
    """What one block holds: its table, and the sizes that kernels read."""

    lanes: int
    threads: int
    resident: bool  # all weights on chip; else they pass by in panels
    slopes_on_chip: bool  # else in a workspace in global memory
    table: np.ndarray  # (n_layers, len(COLUMNS)) int32
    n_weights: int  # numbers on chip: all weights, or a panel
    rows: int  # of values
    bar_rows: int  # of cotangents of values
    slopes: int  # numbers of all slopes of a tile
    shared: int  # bytes


def network_layers(layers, dim):
    """Return the `Layer`s of a network; raises a TypeError or ValueError that names what is none of them."""
    for layer in layers:
        if not isinstance(layer, (Dense, Activation, ConcatTime)):
            raise TypeError(
                f"{layer!r} is not for the network kernel, which runs Dense, Activation and ConcatTime"
            )
    found, timed = [], False
    for before, layer in zip((None, *layers), (*layers, None), strict=True):
        if isinstance(before, ConcatTime) and not isinstance(layer, Dense):
            raise ValueError(f"{before!r} must be followed by a Dense layer; got {layer!r}")
        if isinstance(layer, Activation) and not isinstance(before, Dense):
            found = "the state" if before is None else repr(before)
            raise ValueError(f"{layer!r} must follow a Dense layer; got {found} before it")
        if layer is None and before is None:
            raise ValueError("there is no layer; one Dense layer at least is needed")
    for row in op.lower(tuple(layers), dim).operations:
        if row[op.CODE] == op.CONCAT_TIME:
            timed = True
        elif row[op.CODE] == op.DENSE:
            n_in, n_out, theta = (int(x) for x in row[[op.N_IN, op.N_OUT, op.THETA]])
            found.append(Layer(n_in - timed, n_in, n_out, theta, IDENTITY))
            timed = False
        elif row[op.CODE] == op.ACTIVATE:
            found[-1] = found[-1]._replace(activation=int(row[op.KIND]))
    return tuple(found)


def pitch(lanes):
    """Return the numbers from one row to the next: an odd number of fours keeps rows in different banks."""
    return lanes + SIDE


def weight_pitch(n_out):
    """Return the numbers from one row of weights on chip to the next."""
    return SIDE * (-(-n_out // SIDE) | 1)


def _table(layers, keep):
    """Return the table and the rows of its area: two places in turn or, to keep all, one for each value."""
    table = np.full((len(layers), len(COLUMNS)), -1, np.int32)
    room_for = [x.n_in for x in layers] + [layers[-1].n_out]
    at = weights = 0
    half = max(room_for)
    for i, (row, layer) in enumerate(zip(table, layers, strict=True)):
        row[[N_X, N_IN, N_OUT, THETA, ACTIVATION]] = layer
        row[WEIGHTS_AT] = weights
        weights += layer.n_in * weight_pitch(layer.n_out)
        if not keep:
            row[INPUT_AT], row[OUTPUT_AT] = i % 2 * half, (i + 1) % 2 * half
            continue
        row[INPUT_AT] = at
        at += room_for[i]
        if not KEEPS_OUTPUT[layer.activation]:
            row[BEFORE_AT] = at
            at += layer.n_out
        row[OUTPUT_AT] = at
    return table, weights, at + room_for[-1] if keep else 2 * half


def make_block(layers, dim, dtype, stages, limit, *, transposed, threads=THREADS):
    """Return the `Block` for a limit of shared memory, in bytes: weights on chip if they fit, then slopes.

    None if not even the values of a layer fit.
    """
    item = np.dtype(dtype).itemsize
    table, weights, rows = _table(layers, transposed)
    bar_rows = 2 * max(dim, *(max(x.n_x, x.n_out) for x in layers)) if transposed else 0
    for resident, on_chip in ((True, True), (False, True), (False, False)):
        for lanes in LANES:
            panel = DEPTH * (threads // (lanes // SIDE) * SIDE + SIDE)
            n_weights, slopes = weights if resident else panel, (stages + 1) * dim * pitch(lanes)
            numbers = n_weights + (rows + 2 * dim + bar_rows) * pitch(lanes) + lanes + threads
            shared = (numbers + on_chip * slopes) * item + 3 * lanes * 4
            if shared <= limit:
                return Block(
                    lanes, threads, resident, on_chip, table, n_weights, rows, bar_rows, slopes, shared
                )  # fmt: skip
    return None


def step_flops(layers, dim, stages, n_errors=1):
    """Return the operations of a step of one trajectory and of its transpose, an fma counting as two.

    Of products, combinations of slopes and error estimates; an activation, a few dozen, is not counted. The
    transpose evaluates all stages but the last once more for their slopes, each once more for its values, and
    has two products to each of an evaluation.
    """
    products = sum(2 * x.n_in * x.n_out for x in layers)
    combined = dim * stages * (stages + 1)
    forward = stages * products + combined + 2 * n_errors * dim * (stages + 1)
    return forward, (4 * stages - 1) * products + 3 * combined


def step_bytes(layers, dim, dtype, stages, lanes, *, resident=True):
    """Return the bytes of global memory of a step of one trajectory and of its transpose, at most.

    What the record of a step has, the weights where they pass by, and in the transpose the tile's cotangent of
    theta, read and written at each stage: these come from the second-level cache while all tiles' fit there.
    """
    item = np.dtype(dtype).itemsize
    weights = sum((x.n_in + 1) * x.n_out for x in layers) * item / lanes
    record = dim * item + 16
    forward = record + (0 if resident else stages * weights)
    return forward, record + 2 * stages * weights + (0 if resident else (3 * stages - 1) * weights)
