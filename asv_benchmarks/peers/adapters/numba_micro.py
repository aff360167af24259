"""A probe, not a peer: what Numba reaches by explicit vectors, without BLAS and SVML.

Matrix products, one fused evaluation of the field of W1, and the forward loop of W3. Shapes must be
multiples of the block, so only two sizes are here.
"""

import functools

import numba as nb
import numpy as np
import problems as P
from core import register

from adapters._limit import limit, random_matrices
from adapters._micro_kernel import make_dense
from adapters._tanh import FAST_TANH

SIZES = ["D16H64B64", "D64H128B256"]
SHAPES = [
    f"gemm {batch}x{fan_in}x{fan_out}"
    for dim, hidden, batch, _ in (P.MLP_SIZES[size] for size in SIZES)
    for fan_in, fan_out in ((hidden, hidden), (dim, hidden), (hidden, dim))
]


@functools.cache
def make_activate(dtype):
    """Return x = tanh(x) in place; with a second array, LLVM's overlap check runs a scalar loop."""
    tanh = FAST_TANH[dtype]

    @nb.njit(fastmath=True, error_model="numpy")
    def activate(x):
        for i in range(x.size):
            x[i] = tanh(x[i])

    return activate


@functools.cache
def make_field(dim, hidden, dtype):
    """Return field(y, theta, u, v, out), theta being the tuple of W1, b1, W2, b2, W3, b3."""
    to_hidden, to_dim = make_dense(hidden, dtype), make_dense(dim, dtype)
    activate = make_activate(dtype)

    @nb.njit
    def field(y, theta, u, v, out):
        W1, b1, W2, b2, W3, b3 = theta
        to_hidden(y, W1, b1, u)
        activate(u.reshape(-1))
        to_hidden(u, W2, b2, v)
        activate(v.reshape(-1))
        to_dim(v, W3, b3, out)

    return field


def setup(size, dtype):
    """Return the problem, the field, and its arguments y, theta, u, v."""
    p = P.mlp(size)
    theta = tuple(np.ascontiguousarray(p[name], dtype) for name in P.PARAMS)
    u, v = (np.empty((p["B"], p["H"]), dtype) for _ in range(2))
    return p, make_field(p["D"], p["H"], dtype), (p["y0"].astype(dtype), theta, u, v)


@register("numba", "L", "explicit-vector micro-kernel", SHAPES)
def _(case, dtype):
    batch, fan_in, fan_out = map(int, case.split()[1].split("x"))
    x, weight = random_matrices(batch, fan_in, fan_out, dtype)
    out = np.empty((batch, fan_out), dtype)
    run = functools.partial(make_dense(fan_out, dtype), x, weight, np.zeros(fan_out, dtype), out)
    return run, limit(2.0 * batch * fan_in * fan_out, "flop", out, x @ weight)


@register("numba", "L", "micro-kernel + inlined tanh", [f"field {size}" for size in SIZES])
def _(case, dtype):
    size = case.split()[1]
    p, field, arguments = setup(size, dtype)
    out = np.empty_like(arguments[0])
    run = functools.partial(field, *arguments, out)
    return run, limit(P.mlp_work(size)[0], "flop", out, P.mlp_f(p, p["y0"]))


@register("numba", "W3", "probe: micro-kernel loop", [f"{size}@fwd" for size in SIZES])
def _(case, dtype):
    _, field, (y0, theta, u, v) = setup(case.split("@")[0], dtype)
    cast = np.dtype(dtype).type
    h, third, eighth = cast(0.01), cast(1 / 3), cast(1 / 8)

    @nb.njit(fastmath=True)
    def rk4(y0, theta, u, v, stages, stage_state):
        state = y0.copy()
        y, yi = state.reshape(-1), stage_state.reshape(-1)
        k0, k1 = stages[0].reshape(-1), stages[1].reshape(-1)
        k2, k3 = stages[2].reshape(-1), stages[3].reshape(-1)
        for _ in range(100):
            field(state, theta, u, v, stages[0])
            for i in range(y.size):
                yi[i] = y[i] + h * third * k0[i]
            field(stage_state, theta, u, v, stages[1])
            for i in range(y.size):
                yi[i] = y[i] + h * (k1[i] - third * k0[i])
            field(stage_state, theta, u, v, stages[2])
            for i in range(y.size):
                yi[i] = y[i] + h * (k0[i] - k1[i] + k2[i])
            field(stage_state, theta, u, v, stages[3])
            for i in range(y.size):
                y[i] += h * eighth * (k0[i] + 3 * (k1[i] + k2[i]) + k3[i])
        return state

    stages = np.empty((4, *y0.shape), dtype)
    run = functools.partial(rk4, y0, theta, u, v, stages, np.empty_like(y0))
    return run, lambda y: {"y": y, "nfe": 400}
