"""Weights of drifts and diffusions in a stochastic Runge-Kutta step, as `tableaus.stochastic` has them, and sums."""

from .._jit import apart, separate
from ..ieee import fma, square_root
from ..tableaus.stochastic import I11, ROOT, H, W
from ..tile import LANES, Real, fill, put


@separate
def fill_basis(basis, noise, h, n):
    """Fill the first n random numbers of each channel from W and H, those that the method asks for; if n is 0, all."""
    put(basis[W], noise[0])
    if n != 1:
        put(basis[H], noise[1])
    if n != 1 and n != 2:
        fill_integrals(basis[ROOT], basis[I11], basis[I11 + 1], noise[0], h)


@apart
def fill_integrals(roots, i11, i111, w, h):
    """Set sqrt(h), I_(1,1) / sqrt(h) and I_(1,1,1) / h; 0 where h is."""
    for c in range(w.shape[0]):
        for lane in range(len(h)):
            root, x = square_root(h[lane]), w[c, lane]
            over = Real(1) / root if root > Real(0) else Real(0)
            roots[c, lane] = root
            i11[c, lane] = Real(0.5) * (x * x * over - root)
            i111[c, lane] = Real(1.0 / 6.0) * x * (x * x * over * over - Real(3))


@separate
def weigh(weights, b, basis, i, j, n_basis):
    """Set the weights of the diffusion of stage j in the state of stage i; return whether any is not 0.

    With no random numbers they are those of a method with a support value for each channel.
    """
    if n_basis == 0:
        return weigh_supports(weights, basis, b.shape[1], i, j)
    some = False
    for r in range(n_basis):
        c = b[i, j, r]
        if c != Real(0):
            if some:
                add_scaled(weights, c, basis[r])
            else:
                set_scaled(weights, c, basis[r])
            some = True
    return some


@separate
def weigh_supports(weights, basis, stages, i, j):
    """Weigh the stages of Milstein's method with a support value for each channel.

    Stage k has the state y + sqrt(h) g_k, and the solution is y + h f + g W + sum_k (g(z_k) - g(y)) M_k, where
    M_kj is (W_k W_j - h if k = j else W_k W_j) / (2 sqrt(h)).
    """
    if i < stages and j > 0:
        return False
    if i < stages:
        fill(weights, Real(0))
        put(weights[i - 1 : i], basis[ROOT, i - 1 : i])
        return True
    if i > stages:
        return False
    first, last = (j - 1, j) if j > 0 else (0, stages - 1)
    if j > 0:
        fill(weights, Real(0))
    else:
        put(weights, basis[W])
    sign = Real(1) if j > 0 else Real(-1)
    for k in range(first, last):
        add_products(weights, basis[W], basis[ROOT], basis[I11], k, sign)
    return True


@separate
def add_products(weights, w, roots, i11, k, sign):
    """Weights += sign M_k."""
    for c in range(weights.shape[0]):
        for lane in range(LANES):
            root = roots[k, lane]
            over = Real(0.5) / root if root > Real(0) else Real(0)
            product = i11[k, lane] if c == k else w[k, lane] * w[c, lane] * over
            weights[c, lane] += sign * product


@separate
def weigh_own(weights, basis):
    """Set the weights of Milstein's term in scalar and in diagonal noise: I_(1,1) of each channel."""
    fill(weights, Real(0))
    add_products_of(weights, basis[ROOT], basis[I11])


@separate
def weigh_pairs(weights, basis, k):
    """Set the weights of the columns' derivatives along column k in Milstein's term: I_(c,k) where columns commute."""
    fill(weights, Real(0))
    add_products(weights, basis[W], basis[ROOT], basis[I11], k, Real(1))
    for c in range(weights.shape[0]):
        for lane in range(LANES):
            weights[c, lane] *= basis[ROOT, c, lane]  # M_k is over sqrt(h)


@apart
def set_scaled(out, c, x):
    """Out = c x."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = c * x[m, lane]


@apart
def add_scaled(out, c, x):
    """Out += c x."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = fma(c, x[m, lane], out[m, lane])


@separate
def add_noise(out, weights, g):
    """Out += g weights: component by component, or the product with a matrix (dim, channels)."""
    if g.shape[0] == out.shape[0] and weights.shape[0] == out.shape[0]:
        add_products_of(out, weights, g)
        return
    channels = weights.shape[0]
    for c in range(channels):
        for m in range(out.shape[0]):
            row = m * channels + c
            add_products_of(out[m : m + 1], weights[c : c + 1], g[row : row + 1])


@separate
def add_noise_vjp(g_bar, weights, out_bar):
    """g_bar += the transpose of `add_noise`."""
    if g_bar.shape[0] == out_bar.shape[0] and weights.shape[0] == out_bar.shape[0]:
        add_products_of(g_bar, weights, out_bar)
        return
    channels = weights.shape[0]
    for m in range(out_bar.shape[0]):
        for c in range(channels):
            row = m * channels + c
            add_products_of(g_bar[row : row + 1], weights[c : c + 1], out_bar[m : m + 1])


@apart
def add_products_of(out, a, b):
    """Out += a b."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = fma(a[m, lane], b[m, lane], out[m, lane])


@apart
def add_drift(out, c, h, f):
    """Out += c h f."""
    for m in range(out.shape[0]):
        for lane in range(len(h)):
            out[m, lane] = fma(c * h[lane], f[m, lane], out[m, lane])
