"""Slopes of the error over the step size.

Problems are driven and non-linear, of two components: on scalar ones, or ones that separate, leading
terms of some methods' errors cancel. Tsit5 seems of order 6 on a driven logistic, y' = t y^2 makes
RK4 look like 5.7. Where h is small enough for order 5 to show, doubles hold no digits of the error:
there the plain-Python twin runs on longdouble.
"""

import functools

import numpy as np
import pytest

from tapeless_kernels.buffers import Method
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.python import AddressedField, PlainKernels
from tapeless_kernels.steppers.explicit_rk import step
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import EXPLICIT
from tapeless_kernels.tableaus.verner import VERN7

T1 = 2
LONG = np.longdouble


def pendulum(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = theta[0] * np.cos(theta[1] * t) - np.sin(y[0])


def prey(t, y, theta, dy):
    dy[0] = y[0] - y[0] * y[1] + theta[0] * np.sin(theta[1] * t)
    dy[1] = y[0] * y[1] - y[1]


def nothing(t, y, theta, dy_bar, y_bar, theta_bar):
    pass


PROBLEMS = {
    pendulum: ([0.5, 0.25], [1, 3]),
    prey: ([1, 0.5], [0.5, 3]),
}
problems = pytest.mark.parametrize("f", PROBLEMS, ids=lambda f: f.__name__)
tableaus = pytest.mark.parametrize("tableau", EXPLICIT, ids=lambda tableau: tableau.name)


def march(kernels, field, f, tableau, dtype, n):
    """Return y(T1) after n equal steps."""
    y, theta = (np.array(x, dtype) for x in PROBLEMS[f])
    stages, dim = tableau.stages, len(y)
    method = Method(*arrays(tableau, dtype), stages, int(tableau.fsal), 1)
    k, z = np.zeros((stages + 1, dim, 1), dtype), np.zeros((stages, dim, 1), dtype)
    work = np.zeros((2, 1), dtype), np.zeros(1, np.uint8)
    h, y, y_next = np.full(1, dtype(T1) / n), y[:, None].copy(), np.zeros((dim, 1), dtype)
    f(dtype(0), y[:, 0], theta, k[0, :, 0])
    for i in range(n):
        work[0][0] = i * h
        record = z, z[:, :0].copy()
        assert kernels(step)(field, method, h, y, theta, k, record, work, y_next) == 0
        y[...] = z[-1] if tableau.fsal else y_next
        k[0] = k[-1]
    return y[:, 0]


def slope(kernels, field, f, tableau, dtype, n):
    """Return the order that halving h from T1 / n shows."""
    coarse, fine = (march(kernels, field, f, tableau, dtype, m) for m in (n, 2 * n))
    return np.log2(abs(coarse - solution(f)).max() / abs(fine - solution(f)).max())


@functools.cache
def solution(f):
    return march(PlainKernels(LONG, 1, f), 0, f, VERN7, LONG, 1024)


@problems
@tableaus
def test_slope_in_longdouble(tableau, f):
    if np.finfo(LONG).eps > 1e-18:
        pytest.skip("longdouble is no longer than double here")
    order = tableau.order
    found = slope(PlainKernels(LONG, 1, f), 0, f, tableau, LONG, 256 if order < 6 else 32)
    if order < 6:
        assert abs(found - order) < (0.15 if order < 5 else 0.2)
    else:  # Verner's leading terms are so small that where digits last, the next ones dominate
        assert found > order - 0.2


@pytest.fixture(scope="module", params=PROBLEMS, ids=lambda f: f.__name__)
def addressed(request):
    return request.param, AddressedField(np.float64, 1, 2, request.param, nothing)


@tableaus
def test_slope_of_the_compiled_kernel(tableau, addressed):
    f, source = addressed
    kernels = cpu.family(np.dtype(np.float64), 1)
    n = 24 if tableau.order < 6 else 12
    assert slope(kernels, source.field, f, tableau, np.float64, n) > tableau.order - 0.5
