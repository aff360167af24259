"""Networks of every layer and activation, and what they are, written anew in NumPy."""

import numpy as np
import pytest

from naive_activations import ACTIVATIONS
from tapeless_kernels.fields import lower as lowered
from tapeless_kernels.fields.layers import (
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Residual,
    Skip,
    SpectralDense,
)
from tapeless_kernels.fields.lower import lower

DIM = 4
NETWORKS = {
    "nothing": [],
    "dense": [Dense(DIM)],
    "two dense": [Dense(7), Dense(DIM)],
    "time first": [ConcatTime(), Dense(DIM)],
    "time twice": [ConcatTime(), ConcatTime(), Dense(DIM)],
    "time after dense": [Dense(3), ConcatTime(), Dense(DIM)],
    "time after activation": [Dense(3), Activation("silu"), ConcatTime(), Dense(DIM)],
    "empty residual": [Residual(())],
    "residual": [Residual((Dense(DIM),))],
    "residual of activation": [Residual((Activation("tanh"),))],
    "residual, then activation": [Residual((Dense(DIM),)), Activation("softplus")],
    "two residuals": [
        Residual((Dense(9), Activation("tanh"), Dense(DIM))),
        Residual((Dense(DIM),)),
    ],
    "nested residuals": [
        Residual(
            (Residual((Activation("sin"), Dense(DIM))), Residual((Residual(()),)), Dense(DIM))
        ),
    ],
    "residual inside": [
        Dense(6),
        Residual((ConcatTime(), Dense(5), Activation("silu"), Dense(6), Activation("tanh"))),
        Activation("relu"),
        Dense(DIM),
    ],
    "dense is read twice": [Dense(5), Residual((Activation("tanh"), Dense(5))), Dense(DIM)],
    "low rank": [LowRankDense(7, 2), Activation("tanh"), LowRankDense(DIM, 1)],
    "spectral": [SpectralDense(5, 0.7), Activation("silu"), SpectralDense(DIM)],
    "bilinear": [Bilinear(DIM)],
    "bilinear inside": [Dense(3), Activation("tanh"), Bilinear(5), Activation("sin"), Dense(DIM)],
    "norm": [LayerNorm()],
    "norm inside": [
        Dense(6),
        LayerNorm(1e-2),
        Activation("tanh"),
        Residual((LayerNorm(),)),
        Dense(DIM),
    ],
    "norm of time": [ConcatTime(), LayerNorm(), Dense(DIM)],
    "waves": [FourierFeatures(3, 0.5), Dense(DIM)],
    "waves that learn": [
        ConcatTime(),
        FourierFeatures(2, 0.5, True),
        Activation("relu"),
        Dense(DIM),
    ],
    "waves last": [FourierFeatures(2)],
    "gated": [GatedCell()],
    "gated twice": [Dense(5), GatedCell(), Activation("gelu"), GatedCell(), Dense(DIM)],
    "gated residual": [Residual((GatedCell(),)), LayerNorm()],
    "skip": [Skip((Dense(3), Activation("tanh"))), Dense(DIM)],
    "empty skip": [Skip(()), Dense(DIM)],
    "skips": [
        Skip((Skip((Dense(2),)), Activation("sin"))),
        LayerNorm(),
        Residual((Skip(()), Dense(10))),
        Dense(DIM),
    ],
    "deep": [layer for _ in range(6) for layer in (Dense(DIM), Activation("tanh"))],
    "wide": [
        ConcatTime(),
        Dense(131),
        Activation("tanh"),
        Dense(97),
        Activation("sin"),
        Dense(DIM),
    ],
} | {
    f"{name} {place}": layers
    for name in ACTIVATIONS
    for place, layers in {
        "first": [Activation(name), Dense(DIM)],
        "last": [Dense(DIM), Activation(name)],
        "alone": [Activation(name)],
        "twice": [Dense(5), Activation(name), Activation(name), Dense(DIM)],
        "between": [Dense(5), Activation(name), Dense(DIM)],
    }.items()
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def taken(theta, *shapes):
    """Return arrays of these shapes from the beginning of theta, and what is left of it."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    arrays = [theta[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True)]
    return arrays, theta[ends[-1] :]


def fixed(layers):
    """Return whether each parameter is one without a cotangent, in order; of layers without such, nothing."""
    program = lower(layers, DIM)
    held = np.zeros(program.n_params, bool)
    for row in program.operations:
        if row[lowered.CODE] == lowered.DENSE and row[lowered.FIXED]:
            at = row[lowered.THETA]
            held[at : at + (row[lowered.N_IN] + 1) * row[lowered.N_OUT]] = True
    return held


def reference(layers, t, y, theta):
    """Return the value of layers at y (n, lanes), written anew; and what is left of theta."""
    for layer in layers:
        n = len(y)
        if isinstance(layer, Dense | SpectralDense):  # whose weights are scaled before
            (w, b), theta = taken(theta, (n, layer.n_out), (layer.n_out,))
            y = w.T @ y + b[:, None]
        elif isinstance(layer, LowRankDense):
            shapes = (n, layer.rank), (layer.rank, layer.n_out), (layer.n_out,)
            (u, v, b), theta = taken(theta, *shapes)
            y = v.T @ (u.T @ y) + b[:, None]
        elif isinstance(layer, Bilinear):
            (w, b), theta = taken(theta, (n, n, layer.n_out), (layer.n_out,))
            y = np.einsum("ijm,il,jl->ml", w, y, y) + b[:, None]
        elif isinstance(layer, LayerNorm):
            (w, b), theta = taken(theta, (n,), (n,))
            z = (y - y.mean(axis=0)) / np.sqrt(y.var(axis=0) + layer.eps)
            y = w[:, None] * z + b[:, None]
        elif isinstance(layer, FourierFeatures):
            (w, b), theta = taken(theta, (n, layer.n), (layer.n,))
            phase = w.T @ y + b[:, None]
            y = np.vstack([np.sin(phase), np.cos(phase)])
        elif isinstance(layer, GatedCell):
            (wr, br, wz, bz, wg, bg), theta = taken(theta, *((n, n), (n,)) * 3)
            r, z = (1 / (1 + np.exp(-(w.T @ y + b[:, None]))) for w, b in ((wr, br), (wz, bz)))
            y = z * (np.tanh(wg.T @ (r * y) + bg[:, None]) - y)
        elif isinstance(layer, Skip):
            branch, theta = reference(layer.layers, t, y, theta)
            y = np.vstack([branch, y])
        elif isinstance(layer, Activation):
            y = ACTIVATIONS[layer.name](y)
        elif isinstance(layer, ConcatTime):
            y = np.vstack([y, t])
        else:
            branch, theta = reference(layer.layers, t, y, theta)
            y = y + branch
    return y, theta
