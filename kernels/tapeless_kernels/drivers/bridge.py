r"""The laws of W, H and K over parts of an interval, given those over all of it.

With :math:`B_u = W_{s,u} - \frac{u - s}{h} W_{s,t}` on an interval from s to t = s + h,

.. math::
    H = \frac1h \int_s^t B_u \, du \sim N(0, h / 12), \qquad
    K = \frac1{h^2} \int_s^t B_u \big(\tfrac h2 - (u - s)\big) \, du \sim N(0, h / 720),

independent of each other and of W (Foster, Lyons and Oberhauser (2020), SIAM J. Numer. Anal. 58; Foster (2020),
thesis, Oxford). Intervals of parts a and b of their length together, 1 = a + b, with D = b W_1 - a W_2, have

.. math::
    W = W_1 + W_2, \qquad H = a H_1 + b H_2 + D / 2, \qquad
    K = a^2 K_1 + b^2 K_2 + \frac{ab}2 (H_1 - H_2) + \frac{b - a}{12} D.

Given H and K, the numbers D, H_1 and K_1 are normal, with means linear in H and K and with a covariance that is a
polynomial in a; time reversed, H is -H and the parts change places.

Values are rows of numbers, one for each channel of each sample: W alone or W, H and K.
"""

from .._jit import inlined, kernel, separate
from ..ieee import square_root
from ..tile import Real

W, H, K = range(3)


@separate
def halve(first, second, whole, z, root):
    """Set the values over both halves of an interval of length root**2."""
    if len(whole) == 1:
        halve_increment(first[W], second[W], whole[W], z[0], Real(0.5 * root))
        return
    half, quarter, eighth = Real(0.5), Real(0.25), Real(0.125)
    for_w = Real(root / 4.0)
    for_h, for_k = Real(root / square_root(768.0)), Real(root / square_root(2880.0))
    for i in range(len(z[0])):
        w, h, k = whole[W, i], whole[H, i], whole[K, i]
        z0, z1, z2 = for_w * z[0, i], for_h * z[1, i], for_k * z[2, i]
        apart, tilt = Real(1.5) * h + z0, Real(3.75) * k + z1
        first[W, i], second[W, i] = half * w + apart, half * w - apart
        middle, level = quarter * h - half * z0, eighth * k - half * z1
        first[H, i], second[H, i] = middle + tilt, middle - tilt
        first[K, i], second[K, i] = level + z2, level - z2


@kernel
def halve_increment(first, second, whole, z, root):
    """Set the increments over both halves, root being half of the interval's."""
    for i in range(len(z)):
        middle, apart = Real(0.5) * whole[i], root * z[i]
        first[i], second[i] = middle + apart, middle - apart


@inlined
def part_law(a, law):
    """Set the means and the Cholesky factor of (D, H_1, K_1) in the part a <= 1/2 of a unit interval, given H and K."""
    b = 1.0 - a
    u = a * b
    law[0], law[1] = 6.0 * u, 60.0 * u * (b - a)
    law[2], law[3] = a * a, 30.0 * a * u
    law[4] = a * a * a
    # The covariances of D, H_1 and K_1.
    dd, dh = u * (1.0 - u * (8.0 - 20.0 * u)), -a * a * u * (0.5 + 2.5 * b * (b - a))
    dk = -a * a * a * u * (b - a) / 12.0
    hh = a / 12.0 - a * a * a * a / 12.0 - 1.25 * a * a * u * u
    hk = -a * a * a * a * u / 24.0
    kk = a * (1.0 - a * a * a * a * a) / 720.0
    law[5] = square_root(dd)
    law[6] = dh / law[5]
    law[7] = square_root(hh - law[6] * law[6])
    law[8] = dk / law[5]
    law[9] = (hk - law[8] * law[6]) / law[7]
    law[10] = square_root(kk - law[8] * law[8] - law[9] * law[9])


@separate
def cut(part, whole, z, root, fraction, from_end, law):
    """Set the values over the first fraction of an interval of length root**2, or over the last of it, from its end.

    Both are of one draw z, and together they make the whole.
    """
    f = fraction
    if len(whole) == 1:
        spread = square_root(f * (1.0 - f)) * root
        share, spread = (1.0 - f, -spread) if from_end else (f, spread)
        cut_increment(part[W], whole[W], z[0], Real(share), Real(spread))
        return
    first = f <= 0.5  # whether that is the smaller one
    a = f if first else 1.0 - f
    part_law(a, law)
    cut_area(part, whole, z, law, Real(root), Real(a), Real(1.0 - a), first, first != from_end)


@kernel
def cut_increment(part, whole, z, fraction, spread):
    """Part = fraction whole + spread z."""
    for i in range(len(z)):
        part[i] = fraction * whole[i] + spread * z[i]


@kernel
def cut_area(part, whole, z, law, root, a, b, first, wanted):
    """Draw the smaller part, of size a, the first or the last; set `part` to it if wanted, else to the rest."""
    dh, dk, hh, hk, kk = Real(law[0]), Real(law[1]), Real(law[2]), Real(law[3]), Real(law[4])
    l00, l10, l11 = root * Real(law[5]), root * Real(law[6]), root * Real(law[7])
    l20, l21, l22 = root * Real(law[8]), root * Real(law[9]), root * Real(law[10])
    sign = Real(1) if first else Real(-1)  # else time goes backward
    half, slope = Real(0.5), (b - a) * Real(1.0 / 12.0)
    for i in range(len(z[0])):
        w, h, k = whole[W, i], sign * whole[H, i], whole[K, i]
        d = dh * h + dk * k + l00 * z[0, i]
        h1 = hh * h + hk * k + l10 * z[0, i] + l11 * z[1, i]
        k1 = kk * k + l20 * z[0, i] + l21 * z[1, i] + l22 * z[2, i]
        w1 = a * w + d
        h2 = (h - a * h1 - half * d) / b
        k2 = (k - a * a * k1 - half * a * b * (h1 - h2) - slope * d) / (b * b)
        part[W, i] = w1 if wanted else w - w1
        part[H, i] = sign * (h1 if wanted else h2)
        part[K, i] = k1 if wanted else k2


@separate
def join(values, other, length, more, before):
    """Set values over an interval of `length` to those over it and one of length `more` after it, or before it."""
    if len(values) == 1:
        for i in range(len(values[0])):
            values[W, i] += other[W, i]
        return
    total = length + more
    a, b = Real(length / total), Real(more / total)
    # Before is after, in time reversed.
    sign = Real(-1) if before else Real(1)
    half, slope = Real(0.5), Real((more - length) / total / 12.0)
    for i in range(len(values[0])):
        w1, h1, k1 = values[W, i], sign * values[H, i], values[K, i]
        w2, h2, k2 = other[W, i], sign * other[H, i], other[K, i]
        d = b * w1 - a * w2
        values[W, i] = w1 + w2
        values[H, i] = sign * (a * h1 + b * h2 + half * d)
        values[K, i] = a * a * k1 + b * b * k2 + half * a * b * (h1 - h2) + slope * d


@kernel
def between(values, start, z, root):
    """Set values from an interval's start to t to those from s to t, of length root**2, `start` being those up to s.

    For two times that are nearer than the tree resolves, which share the draw z: increments add up, and areas have
    their law. What would follow for the areas grows like 1 / (t - s).
    """
    for i in range(len(values[0])):
        values[W, i] -= start[W, i]
    if len(values) > 1:
        for_h, for_k = Real(root / square_root(12.0)), Real(root / square_root(720.0))
        for i in range(len(values[0])):
            values[H, i], values[K, i] = for_h * z[H, i], for_k * z[K, i]
