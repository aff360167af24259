"""The nonlinear term of Burgers' equation in Fourier modes, but for its transforms; and its transpose.

Modes 0 ... K that are kept come as pairs of reals, shape (batch, 2 (K + 1)); half spectra are as wide as the grid
asks for, and k holds wave numbers.
"""

from .._jit import kernel
from ..tile import Real


@kernel
def pad(half, modes):
    """Write modes and then zeros."""
    n = modes.shape[1]
    for s in range(len(half)):
        for i in range(n):
            half[s, i] = modes[s, i]
        for i in range(n, half.shape[1]):
            half[s, i] = Real(0)


@kernel
def square(u):
    """u = u^2."""
    for i in range(len(u)):
        u[i] = u[i] * u[i]


@kernel
def times(out, u):
    """Out = u out."""
    for i in range(len(u)):
        out[i] = u[i] * out[i]


@kernel
def flux(out, half, forcing, k):
    """out = -i k half / 2 + forcing: -(u^2 / 2)_x + f, from the half spectrum of u^2."""
    for s in range(len(out)):
        for j in range(len(k)):
            factor = Real(0.5) * k[j]
            out[s, 2 * j] = factor * half[s, 2 * j + 1] + forcing[s, 2 * j]
            out[s, 2 * j + 1] = forcing[s, 2 * j + 1] - factor * half[s, 2 * j]


@kernel
def flux_vjp(half, out, k):
    """Write the half spectrum of the cotangent of u^2, times 2, from that of out: i k out."""
    for s in range(len(out)):
        for j in range(len(k)):
            half[s, 2 * j] = -k[j] * out[s, 2 * j + 1]
            half[s, 2 * j + 1] = k[j] * out[s, 2 * j]
        for i in range(2 * len(k), half.shape[1]):
            half[s, i] = Real(0)
