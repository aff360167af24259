"""The nonlinear term of the vorticity equation in Fourier modes, but for its transforms; and its transpose.

Spectra hold the modes that are kept of real fields, as pairs of reals: shape (batch, 2 K0 + 1, 2 (K1 + 1)), their rows
those of wave numbers 0 ... K0, -K0 ... -1. Half spectra, in pairs (batch, 2, n, width), have all rows and columns of
the grid: of their first 2 (K1 + 1) columns all is written, zeros where nothing is kept; the others are zero and stay
so. kx and ky hold the wave numbers of the rows and columns of a spectrum.
"""

from .._jit import inlined, kernel, separate
from ..ieee import fma
from ..tile import Real


@inlined
def row_of(r, n_rows, n):
    """Return where row r of a spectrum lies among the n of the grid: negative wave numbers come last."""
    return r if 2 * r < n_rows else n - n_rows + r


@separate
def clear_between(half, n_rows, width):
    """Write zeros to the rows of a half spectrum that are not kept."""
    first = (n_rows + 1) // 2
    for r in range(first, len(half) - n_rows + first):
        row = half[r]
        for i in range(width):
            row[i] = Real(0)


@kernel
def velocities(halves, w, kx, ky, inverse):
    """Write half spectra of the velocities of a vorticity: u = i ky w / k^2, v = -i kx w / k^2.

    `inverse` is 1 / k^2, and 0 for the mean, which moves nothing.
    """
    n, n_rows = halves.shape[2], w.shape[1]
    for s in range(len(w)):
        u, v = halves[s, 0], halves[s, 1]
        clear_between(u, n_rows, w.shape[2])
        clear_between(v, n_rows, w.shape[2])
        for r in range(n_rows):
            at = row_of(r, n_rows, n)
            velocities_row(u[at], v[at], w[s, r], kx[r], ky, inverse[r])


@separate
def velocities_row(u, v, w, kx, ky, inverse):
    """Do one row of `velocities`."""
    for j in range(len(ky)):
        re, im = inverse[j] * w[2 * j], inverse[j] * w[2 * j + 1]
        u[2 * j], u[2 * j + 1] = -ky[j] * im, ky[j] * re
        v[2 * j], v[2 * j + 1] = kx * im, -kx * re


@kernel
def velocities_vjp(w, halves, kx, ky, inverse):
    """Write the cotangent of w from half spectra of those of u and v: conjugate factors."""
    n, n_rows = halves.shape[2], w.shape[1]
    for s in range(len(w)):
        u, v = halves[s, 0], halves[s, 1]
        for r in range(n_rows):
            at = row_of(r, n_rows, n)
            velocities_row_vjp(w[s, r], u[at], v[at], kx[r], ky, inverse[r])


@separate
def velocities_row_vjp(w, u, v, kx, ky, inverse):
    """Do one row of `velocities_vjp`."""
    for j in range(len(ky)):
        w[2 * j] = inverse[j] * fma(ky[j], u[2 * j + 1], -kx * v[2 * j + 1])
        w[2 * j + 1] = inverse[j] * fma(kx, v[2 * j], -ky[j] * u[2 * j])


@kernel
def products(fields):
    """Write u v over u and v^2 - u^2 over v: arrays (batch, 2, n_points)."""
    for s in range(len(fields)):
        u, v = fields[s, 0], fields[s, 1]
        for i in range(len(u)):
            a, b = u[i], v[i]
            u[i], v[i] = a * b, (b - a) * (b + a)


@kernel
def products_vjp(bars, fields):
    """Write the cotangents of u and v over those of u v and v^2 - u^2."""
    for s in range(len(bars)):
        p, q, u, v = bars[s, 0], bars[s, 1], fields[s, 0], fields[s, 1]
        for i in range(len(u)):
            a, b = p[i], Real(2) * q[i]
            p[i], q[i] = fma(v[i], a, -u[i] * b), fma(u[i], a, v[i] * b)


@kernel
def transport(out, halves, forcing, kx, ky):
    """Write (kx^2 - ky^2) p + kx ky q + forcing: -u . grad w + f, from half spectra of p = u v and q = v^2 - u^2."""
    n, n_rows = halves.shape[2], out.shape[1]
    for s in range(len(out)):
        p, q = halves[s, 0], halves[s, 1]
        for r in range(n_rows):
            at = row_of(r, n_rows, n)
            transport_row(out[s, r], p[at], q[at], forcing[s, r], kx[r], ky)


@separate
def transport_row(out, p, q, forcing, kx, ky):
    """Do one row of `transport`."""
    for j in range(len(ky)):
        a, b = (kx - ky[j]) * (kx + ky[j]), kx * ky[j]
        for i in range(2 * j, 2 * j + 2):
            out[i] = fma(a, p[i], fma(b, q[i], forcing[i]))


@kernel
def transport_vjp(halves, out, kx, ky):
    """Write half spectra of the cotangents of p and q from that of out."""
    n, n_rows = halves.shape[2], out.shape[1]
    for s in range(len(out)):
        p, q = halves[s, 0], halves[s, 1]
        clear_between(p, n_rows, out.shape[2])
        clear_between(q, n_rows, out.shape[2])
        for r in range(n_rows):
            at = row_of(r, n_rows, n)
            transport_row_vjp(p[at], q[at], out[s, r], kx[r], ky)


@separate
def transport_row_vjp(p, q, out, kx, ky):
    """Do one row of `transport_vjp`."""
    for j in range(len(ky)):
        a, b = (kx - ky[j]) * (kx + ky[j]), kx * ky[j]
        for i in range(2 * j, 2 * j + 2):
            p[i], q[i] = a * out[i], b * out[i]
