"""Steps of optimisers on flat parameters, each one pass; numbers are rounded to Real by the caller.

A step changes theta and the running means in place. The gradient is `scale` times what is given. With other
arrays for what is written, the check that they do not overlap would send a step in place to a scalar loop.
"""

import numpy as np

from ._jit import kernel

Real = np.float64
# Places in `numbers`; NEW is what a running mean takes of the new value, 1 - beta.
SCALE, RATE, DECAY, MOMENTUM, NESTEROV, NEW1, NEW2, EPS, ROOT = range(9)
CHAINS = 32  # sums side by side: a power of two


@kernel
def sum_of_squares(x, sums):
    """Return the sum of x**2 in float64: CHAINS sums of every so manieth number, then these in pairs."""
    for c in range(
        len(sums)
    ):  # not of a constant: that would be unrolled before it could vectorise
        sums[c] = 0.0
    whole = len(x) // CHAINS * CHAINS
    for i in range(0, whole, CHAINS):
        part = x[i : i + CHAINS]
        for c in range(len(sums)):
            value = np.float64(part[c])
            sums[c] += value * value
    for i in range(whole, len(x)):
        value = np.float64(x[i])
        sums[i - whole] += value * value
    n = CHAINS // 2
    while n > 0:
        for c in range(n):
            sums[c] += sums[c + n]
        n //= 2
    return sums[0]


@kernel
def sgd(theta, theta_bar, velocity, unused, numbers):
    """v = beta v + g, theta -= rate v, or by Nesterov rate (g + beta v); g has decay theta in it."""
    scale, rate, decay, beta = numbers[SCALE], numbers[RATE], numbers[DECAY], numbers[MOMENTUM]
    of_g, of_v = Real(0), Real(1)
    if numbers[NESTEROV] != 0:
        of_g, of_v = Real(1), beta
    for i in range(len(theta)):
        g = scale * theta_bar[i] + decay * theta[i]
        v = beta * velocity[i] + g
        velocity[i] = v
        theta[i] -= rate * (of_g * g + of_v * v)


@kernel
def adam(theta, theta_bar, mean, square, numbers):
    """theta -= rate m / (sqrt(v) root + eps) + decay theta: rate and root have the corrections of the means."""
    scale, rate, decay, eps = numbers[SCALE], numbers[RATE], numbers[DECAY], numbers[EPS]
    new1, new2, root = numbers[NEW1], numbers[NEW2], numbers[ROOT]
    for i in range(len(theta)):
        g = scale * theta_bar[i]
        m = mean[i] + new1 * (g - mean[i])
        v = square[i] + new2 * (g * g - square[i])
        mean[i] = m
        square[i] = v
        theta[i] -= rate * m / (np.sqrt(v) * root + eps) + decay * theta[i]


@kernel
def rmsprop(theta, theta_bar, square, velocity, numbers):
    """v += new2 (g**2 - v), u = beta u + g / (sqrt(v) + eps), theta -= rate u."""
    scale, rate, decay, beta = numbers[SCALE], numbers[RATE], numbers[DECAY], numbers[MOMENTUM]
    new2, eps = numbers[NEW2], numbers[EPS]
    for i in range(len(theta)):
        g = scale * theta_bar[i] + decay * theta[i]
        v = square[i] + new2 * (g * g - square[i])
        u = beta * velocity[i] + g / (np.sqrt(v) + eps)
        square[i] = v
        velocity[i] = u
        theta[i] -= rate * u


@kernel
def lion(theta, theta_bar, mean, unused, numbers):
    """theta -= rate sign(m + new1 (g - m)) + decay theta, then m += new2 (g - m)."""
    scale, rate, decay = numbers[SCALE], numbers[RATE], numbers[DECAY]
    new1, new2 = numbers[NEW1], numbers[NEW2]
    for i in range(len(theta)):
        g = scale * theta_bar[i]
        m = mean[i]
        c = m + new1 * (g - m)
        mean[i] = m + new2 * (g - m)
        step = rate if c > 0 else Real(0)
        step = -rate if c < 0 else step
        theta[i] -= step + decay * theta[i]


STEPS = (sgd, adam, rmsprop, lion)
