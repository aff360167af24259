"""Physical limits of the core: tanh, and one evaluation of the field of W1."""

import functools

import numba as nb
import numpy as np
import problems as P
from core import register

from adapters._limit import limit
from adapters._tanh import exp_tanh, rational_tanh

try:
    import torch

    from adapters._torch_field import field_and_state
except ImportError:
    torch = None

FLOAT32, FLOAT64 = ("float32",), ("float64",)
TANH = {"tanh 65536": 65536, "tanh 4096": 4096}
FIELDS = [f"field {size}" for size in P.MLP_SIZES]
SVML = " (SVML on)" if nb.config.USING_SVML else ""


@nb.njit(fastmath=True, error_model="numpy")
def library_tanh(x):
    """What Numba makes of np.tanh."""
    return np.tanh(x)


@nb.njit(fastmath=True, error_model="numpy")
def formula_tanh(x):
    """sign (1 - e) / (1 + e) with np.exp"""
    e = np.exp(-2.0 * abs(x))
    return np.copysign((1.0 - e) / (1.0 + e), x)


def elementwise(scalar):
    """Compile a loop of a scalar function over arrays."""

    @nb.njit(fastmath=True, error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = scalar(x[i])

    return loop


def tanh(function, case, dtype):
    """Build one tanh over an array, by a function of (x, out)."""
    n = TANH[case]
    x = np.random.default_rng(0).standard_normal(n).astype(dtype)
    out = np.empty_like(x)
    finish = limit(n, "element", out, np.tanh(x.astype(np.float64)))
    if torch and function is torch.tanh:
        run = functools.partial(torch.tanh, torch.from_numpy(x), out=torch.from_numpy(out))
        return run, finish
    return functools.partial(function, x, out), finish


@nb.njit(fastmath=True, error_model="numpy")
def layer(x, weight, bias, out, activate):
    """out = tanh(x W + b), rows in blocks of 4."""
    batch, fan_in = x.shape
    whole = batch - batch % 4
    for i in range(0, whole, 4):
        o0, o1, o2, o3 = out[i], out[i + 1], out[i + 2], out[i + 3]
        for j in range(bias.size):
            o0[j] = bias[j]
            o1[j] = bias[j]
            o2[j] = bias[j]
            o3[j] = bias[j]
        for k in range(fan_in):
            x0, x1, x2, x3 = x[i, k], x[i + 1, k], x[i + 2, k], x[i + 3, k]
            w = weight[k]
            for j in range(bias.size):
                o0[j] += x0 * w[j]
                o1[j] += x1 * w[j]
                o2[j] += x2 * w[j]
                o3[j] += x3 * w[j]
    for i in range(whole, batch):
        for j in range(bias.size):
            out[i, j] = bias[j]
        for k in range(fan_in):
            for j in range(bias.size):
                out[i, j] += x[i, k] * weight[k, j]
    if activate:
        for i in range(batch):
            for j in range(bias.size):
                out[i, j] = rational_tanh(out[i, j])


def numba_field(y, W1, b1, W2, b2, W3, b3, u, v, out):
    """Three layers by plain loops."""
    layer(y, W1, b1, u, True)
    layer(u, W2, b2, v, True)
    layer(v, W3, b3, out, False)


def numpy_field(y, W1, b1, W2, b2, W3, b3, u, v, out):
    """Three layers without an allocation."""
    np.matmul(y, W1, out=u)
    np.add(u, b1, out=u)
    np.tanh(u, out=u)
    np.matmul(u, W2, out=v)
    np.add(v, b2, out=v)
    np.tanh(v, out=v)
    np.matmul(v, W3, out=out)
    np.add(out, b3, out=out)


def evaluation(function, case, dtype):
    """Build one evaluation of the field."""
    size = case.split()[1]
    p = P.mlp(size)
    theta = [np.ascontiguousarray(p[name], dtype) for name in P.PARAMS]
    y = p["y0"].astype(dtype)
    u, v = (np.empty((p["B"], p["H"]), dtype) for _ in range(2))
    out = np.empty_like(y)
    flops, _ = P.mlp_work(size)
    run = functools.partial(function, y, *theta, u, v, out)
    return run, limit(flops, "flop", out, P.mlp_f(p, p["y0"]))


def torch_evaluation(case, dtype):
    """Build one evaluation of the torch module."""
    size = case.split()[1]
    field, y0 = field_and_state(size, dtype, needs_gradient=False)
    run = torch.no_grad()(functools.partial(field, 0.0, y0))
    return run, limit(P.mlp_work(size)[0], "flop")


for lib, method, function, dtypes in (
    ("numpy", "tanh", np.tanh, FLOAT32 + FLOAT64),
    ("numba", "np.tanh fastmath" + SVML, elementwise(library_tanh), FLOAT32 + FLOAT64),
    ("numba", "exp formula fastmath" + SVML, elementwise(formula_tanh), FLOAT32 + FLOAT64),
    ("numba", "rational approximation", elementwise(rational_tanh), FLOAT32),
    ("numba", "inlined exp polynomial", elementwise(exp_tanh), FLOAT64),
):
    register(lib, "L", method, list(TANH), dtypes)(functools.partial(tanh, function))
register("numpy", "L", "preallocated", FIELDS)(functools.partial(evaluation, numpy_field))
register("numba", "L", "hand-written loops, rational tanh", FIELDS, FLOAT32)(
    functools.partial(evaluation, nb.njit(numba_field))
)
if torch:
    register("torch", "L", "tanh", list(TANH))(functools.partial(tanh, torch.tanh))
    register("torch", "L", "Linear + tanh, no_grad", FIELDS)(torch_evaluation)
