"""Vector fields of textbooks, which tests of several files solve."""

import tapeless


@tapeless.field(dim=3, n_params=3, vjp="symbolic")
def lorenz(t, y, theta, dy):
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]
