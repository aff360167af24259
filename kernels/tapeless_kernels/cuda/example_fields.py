"""Fields that tables and tests of CUDA kernels are made with."""


def lorenz(t, y, theta, dy):
    """Lorenz (1963), J. Atmos. Sci. 20, 130-141, with a parameter that drifts: t must not be dead."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] + t - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


def lorenz_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    """Run the transpose of `lorenz`."""
    y_bar[0] = dy_bar[1] * (theta[1] + t - y[2]) + dy_bar[2] * y[1] - dy_bar[0] * theta[0]
    y_bar[1] = dy_bar[0] * theta[0] - dy_bar[1] + dy_bar[2] * y[0]
    y_bar[2] = -dy_bar[1] * y[0] - dy_bar[2] * theta[2]
    theta_bar[0] += dy_bar[0] * (y[1] - y[0])
    theta_bar[1] += dy_bar[1] * y[0]
    theta_bar[2] -= dy_bar[2] * y[2]


def lorenz96(t, y, theta, dy):
    """Lorenz (1996), Predictability: a ring of 8 sites, driven by theta[0]."""
    for i in range(8):
        dy[i] = (y[(i + 1) % 8] - y[(i + 6) % 8]) * y[(i + 7) % 8] - y[i] + theta[0]


def lorenz96_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    """Run the transpose of `lorenz96`."""
    for i in range(8):
        before, after = (i + 7) % 8, (i + 1) % 8
        y_bar[i] = dy_bar[before] * y[(i + 6) % 8] - dy_bar[(i + 2) % 8] * y[after] - dy_bar[i]
        y_bar[i] += dy_bar[after] * (y[(i + 2) % 8] - y[before])
        theta_bar[0] += dy_bar[i]


FIELDS = {3: (lorenz, lorenz_vjp), 8: (lorenz96, lorenz96_vjp)}  # by dimension
