"""Physical limits of the core: matrix products, multiply-add, memory, the cost of a call."""

import functools

import numba as nb
import numpy as np
import problems as P
from core import register

from adapters._limit import limit, random_matrices

try:
    import torch

    torch.set_num_threads(1)
except ImportError:
    torch = None

FLOAT64 = ("float64",)
SHAPES = {"gemm 2048x2048x2048": (2048, 2048, 2048), "gemm 512x512x512": (512, 512, 512)}
for dim, hidden, batch, _ in P.MLP_SIZES.values():
    for fan_in, fan_out in ((dim, hidden), (hidden, hidden), (hidden, dim)):
        SHAPES[f"gemm {batch}x{fan_in}x{fan_out}"] = (batch, fan_in, fan_out)
STREAMS = {"stream 256MB": 2**25, "stream L2 (384 kB)": 2**14}


def product(lib, case, dtype):
    """Build one matrix product of NumPy or torch into an array that is there."""
    batch, fan_in, fan_out = SHAPES[case]
    a, b = random_matrices(*SHAPES[case], dtype)
    finish = limit(2.0 * batch * fan_in * fan_out, "flop")
    out = np.empty((batch, fan_out), dtype)
    if lib == "numpy":
        return functools.partial(np.matmul, a, b, out=out), finish
    a, b, out = (torch.from_numpy(array) for array in (a, b, out))
    return functools.partial(torch.mm, a, b, out=out), finish


def multiply_add(n_chains, case, dtype):
    """Build a loop over independent chains of multiply-adds, without memory traffic."""

    @nb.njit(fastmath=True)
    def advance(start, n):
        s = np.empty(n_chains, start.dtype)
        for i in range(n_chains):
            s[i] = start[i]
        c, d = start[0], start[1]
        for _ in range(n):
            for i in range(n_chains):
                s[i] = s[i] * c + d
        return s

    start = np.full(n_chains, 1.0, dtype)
    start[:2] = 0.5, 0.25
    n = 100_000
    return functools.partial(advance, start, n), limit(2.0 * n_chains * n, "flop")


# As many chains as hide the latency and fit the registers: AVX2 float64, float32; AVX-512.
for n_chains in (56, 96, 256):
    register("numba", "L", f"{n_chains} multiply-add chains", ["fma peak"])(
        functools.partial(multiply_add, n_chains)
    )


@nb.njit(fastmath=True)
def add_multiple(a, b, c):
    """a = b + 3 c, the triad of the STREAM benchmark."""
    for i in range(a.size):
        a[i] = b[i] + 3.0 * c[i]


@register("numpy", "L", "copy", list(STREAMS), FLOAT64)
def _(case, dtype):
    n = STREAMS[case]
    return functools.partial(np.copyto, np.ones(n), np.ones(n)), limit(16.0 * n, "byte")


@register("numba", "L", "triad", list(STREAMS), FLOAT64)
def _(case, dtype):
    n = STREAMS[case]
    run = functools.partial(add_multiple, np.ones(n), np.ones(n), np.ones(n))
    return run, limit(24.0 * n, "byte")


@nb.njit
def take_three(a, b, c):
    """Do next to nothing with three arrays."""
    return a[0]


@register("numpy", "L", "np.add of 16 floats", ["overhead"], FLOAT64)
def _(case, dtype):
    a = np.ones(16)
    return functools.partial(np.add, a, a), limit(1, "call")


@register("numba", "L", "njit call, 3 array arguments", ["overhead"], FLOAT64)
def _(case, dtype):
    a = np.ones(16)
    return functools.partial(take_three, a, a, a), limit(1, "call")


def torch_add(case, dtype):
    """Build the smallest torch call."""
    a = torch.ones(16, dtype=torch.float64)
    return functools.partial(torch.add, a, a), limit(1, "call")


def torch_linear(case, dtype):
    """Build the smallest layer of torch."""
    run = torch.no_grad()(functools.partial(torch.nn.Linear(16, 64), torch.ones(1, 16)))
    return run, limit(1, "call")


register("numpy", "L", "gemm", list(SHAPES))(functools.partial(product, "numpy"))
if torch:
    register("torch", "L", "gemm", list(SHAPES))(functools.partial(product, "torch"))
    register("torch", "L", "add of 16 floats", ["overhead"], FLOAT64)(torch_add)
    register("torch", "L", "Linear(16,64) forward of 1 row", ["overhead"], ("float32",))(
        torch_linear
    )
