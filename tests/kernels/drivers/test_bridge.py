"""The laws of parts: their covariances, found from what the kernels do to unit vectors. No number is drawn."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from tapeless_kernels.drivers.bridge import cut, halve, join
from tapeless_kernels.launch.brownian import family

FLOAT64 = np.dtype(np.float64)
KINDS = np.array([1, 1 / 12, 1 / 720])  # the variances of W, H and K over a unit interval
rows_of = pytest.mark.parametrize("rows", [1, 3])
LENGTH = 0.7


def run(kernel, *arguments):
    family(FLOAT64)(kernel)(*arguments)


def basis(rows):
    """Return W, H and K of the whole as columns of numbers: unit vectors first; and those of z."""
    whole, z = np.zeros((rows, 2 * rows)), np.zeros((rows, 2 * rows))
    whole[:, :rows] = np.diag(np.sqrt(LENGTH * KINDS[:rows]))
    z[:, rows:] = np.eye(rows)
    return whole, z


def law_of(parts, lengths):
    """Hold that parts, whose columns are what unit normals make of them, are independent and of their laws."""
    stacked = np.concatenate(parts)
    wanted = np.concatenate([n * KINDS[: len(parts[0])] for n in lengths])
    scale = np.sqrt(wanted)
    np.testing.assert_allclose(
        stacked @ stacked.T / np.outer(scale, scale), np.eye(len(wanted)), atol=2e-12
    )


@rows_of
def test_halves(rows):
    whole, z = basis(rows)
    first, second = np.empty_like(whole), np.empty_like(whole)
    run(halve, first, second, whole, z, np.sqrt(LENGTH))
    law_of([first, second], [LENGTH / 2, LENGTH / 2])
    run(join, first, second, 1.0, 1.0, False)
    np.testing.assert_allclose(first, whole, atol=1e-15)


@rows_of
@pytest.mark.parametrize("f", [0.5, 0.3, 0.8, 0.01, 0.99, 1e-4, 1 - 1e-4])
def test_parts_of_any_size(rows, f):
    whole, z = basis(rows)
    first, last = np.empty_like(whole), np.empty_like(whole)
    for part, from_end in ((first, False), (last, True)):
        run(cut, part, whole, z, np.sqrt(LENGTH), f, from_end, np.empty(11))
    law_of([first, last], [f * LENGTH, (1 - f) * LENGTH])
    together, backward = first.copy(), last.copy()
    run(join, together, last, f, 1 - f, False)
    run(join, backward, first, 1 - f, f, True)
    np.testing.assert_allclose(together, whole, atol=1e-15)
    np.testing.assert_allclose(backward, whole, atol=1e-15)


def test_areas_are_the_integrals_of_a_path():
    """Those of a path on a grid, by quadrature, are joined to those of both halves."""
    t = np.linspace(0, 1, 20001)
    w = np.sin(3 * t) + t**2

    def areas(i, j):
        x, h = t[i : j + 1] - t[i], t[j] - t[i]
        b = w[i : j + 1] - w[i] - x / h * (w[j] - w[i])
        return np.array(
            [[w[j] - w[i]], [trapezoid(b, x) / h], [trapezoid(b * (h / 2 - x), x) / h**2]]
        )

    first, last = areas(0, 6000), areas(6000, 20000)
    run(join, first, last, 0.3, 0.7, False)
    np.testing.assert_allclose(first, areas(0, 20000), atol=1e-8)
