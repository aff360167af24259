"""Kernels in register blocks give the bits of their plain loops, and write nothing else."""

import itertools

import numpy as np
import pytest

from tapeless_kernels.spectral import fold, launch, mixing, product, trig

GUARD = 7.25  # around what is written; around what is only read lies NaN
EDGE = 96  # more than any vector or block is wide

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)


@pytest.fixture
def pair(plain):
    """Return a kernel in blocks and in plain loops, both compiled."""

    def kernels(module, name, dtype, bound=True):
        kernel, fast, slow = getattr(module, name), launch.family(np.dtype(dtype)), plain(dtype, 2)
        assert not bound or fast.bind[name] is not kernel
        return fast(fast.bind[name] if bound else kernel), slow(kernel)

    return kernels


def operand(rng, at, n, dtype):
    """Return n normal numbers at a place in an array that is NaN elsewhere."""
    x = np.full(at + n + EDGE, np.nan, dtype)
    x[at : at + n] = rng.standard_normal(n)
    return x


def both(kernels, size, dtype, call, start=None):
    """Return what two kernels leave in arrays of guards, or on `start`, once their bits agree."""
    outs = []
    for kernel in kernels:
        out = np.full(size, GUARD, dtype) if start is None else start.copy()
        call(kernel, out)
        outs.append(out)
    assert outs[0].tobytes() == outs[1].tobytes()
    return outs[0]


def written(size, at, n_rows, row, n_columns):
    """Return which places of a flat array belong to a matrix in it."""
    where = np.zeros(size, bool)
    for r in range(n_rows):
        where[at + r * row : at + r * row + n_columns] = True
    return where


def folds(vector):
    """Return numbers of points and classes, columns, and arrays that are folded."""
    lengths = [*range(1, 20), *(2 * vector + i for i in range(-1, 4)), 4 * vector + 4, 60, 97, 128]
    for n in lengths:
        for classes in {2, trig.n_classes(n)}:
            for inner, count in ((1, 1), (1, 3), (vector, 1), (3 * vector, 2)):
                yield n, classes, inner, count


@every_dtype
def test_folds_and_their_transposes(pair, dtype):
    there, back = pair(fold, "fold", dtype, False), pair(fold, "unfold", dtype, False)
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    for n, classes, inner, count in folds(launch.vector(np.dtype(dtype))):
        points, gap = n // classes + 1, 5
        pitch, panel = n * inner + 3, points * inner + gap
        x = operand(rng, EDGE, count * pitch, dtype)
        size = EDGE + count * classes * panel + EDGE

        def folded(kernel, out):
            kernel(x, EDGE, inner, n, inner, out, EDGE, panel, classes, count, pitch)  # noqa: B023

        where = written(size, EDGE, count * classes, panel, points * inner)
        out = both(there, size, dtype, folded)
        assert ((out == GUARD) == ~where).all(), (n, classes, inner, count)

        y = operand(rng, EDGE, count * classes * panel, dtype)

        def unfolded(kernel, out):
            kernel(y, EDGE, panel, classes, out, EDGE, inner, n, inner, count, pitch)  # noqa: B023

        x_bar = both(back, len(x), dtype, unfolded)
        of_x = written(len(x), EDGE, count, pitch, n * inner)
        assert ((x_bar == GUARD) == ~of_x).all(), (n, classes, inner, count)
        terms = np.float64(out[where]) * y[where]
        apart = terms.sum() - np.float64(x[of_x]) @ x_bar[of_x]
        assert abs(apart) <= 8 * eps * abs(terms).sum(), (n, classes, inner, count)


def products(rng, vector, whole=True):
    """Return rows, sums and columns of products: small ones, then some at random."""
    columns = (
        [vector * i for i in range(1, 6)]
        if whole
        else [1, vector - 1, vector, vector + 1, 3 * vector + 2]
    )
    yield from itertools.product((1, 2, 5, 13), (1, 3), columns)
    for _ in range(40):
        yield int(rng.integers(1, 40)), int(rng.integers(1, 30)), int(rng.choice(columns))


@every_dtype
@pytest.mark.parametrize("turned", [False, True])
def test_products(pair, dtype, turned):
    kernels = pair(product, "multiply", dtype)
    rng = np.random.default_rng(1)
    for n_rows, n_k, n_columns in products(rng, launch.vector(np.dtype(dtype))):
        a_row, a_k = (1, n_rows + 2) if turned else (n_k + 3, 1)
        a = operand(rng, 5, n_rows * a_row + n_k * a_k, dtype)
        b_row, out_row = n_columns + 1, n_columns + 2
        b, size = operand(rng, 7, n_k * b_row, dtype), EDGE + n_rows * out_row + EDGE
        head, shape = (a, 5, a_row, a_k, b, 7, b_row), (n_rows, n_k, n_columns)
        where = written(size, EDGE, n_rows, out_row, n_columns)
        rows = a[5 + np.add.outer(np.arange(n_rows) * a_row, np.arange(n_k) * a_k)]
        columns = b[7 + np.add.outer(np.arange(n_k) * b_row, np.arange(n_columns))]
        exact, bound = np.float64(rows) @ columns, np.float64(abs(rows)) @ abs(columns)

        tolerance = (n_k + 1) * np.finfo(dtype).eps
        start = np.full(size, GUARD, dtype)
        start[where] = rng.standard_normal(where.sum())
        by_mode = {}
        for mode in (product.FRESH, product.ONTO, product.ADD):
            found = by_mode[mode] = both(
                kernels, size, dtype,
                lambda f, out: f(*head, out, EDGE, out_row, *shape, mode),  # noqa: B023
                start,
            )  # fmt: skip
            assert ((found == GUARD) == ~where).all(), shape
            before = 0 if mode == product.FRESH else start[where].reshape(exact.shape)
            apart = abs(found[where].reshape(exact.shape) - (exact + before))
            assert (apart <= tolerance * (bound + abs(before))).all(), shape
        added = start[where] + by_mode[product.FRESH][where]
        assert np.array_equal(by_mode[product.ADD][where], added)


@every_dtype
@pytest.mark.parametrize("conjugate", ["PLAIN", "OF_A", "OF_B"])
def test_complex_products(pair, dtype, conjugate):
    kernels, code = pair(mixing, "complex_multiply", dtype), getattr(mixing, conjugate)
    rng = np.random.default_rng(2)
    for n_rows, n_k, n_columns in products(rng, launch.vector(np.dtype(dtype)), whole=False):
        a_row, a_k = (1, n_rows) if conjugate == "OF_A" else (n_k, 1)
        a_part, b_part, out_part = n_rows * n_k + 3, n_k * n_columns + 2, n_rows * n_columns + 5
        a, b = operand(rng, 3, 2 * a_part, dtype), operand(rng, 9, 2 * b_part, dtype)
        size = EDGE + 2 * out_part + EDGE

        def call(kernel, out):
            kernel(
                a, 3, a_part, a_row, a_k, b, 9, b_part, n_columns, out, EDGE, out_part, n_columns,  # noqa: B023
                n_rows, n_k, n_columns, code,  # noqa: B023
            )  # fmt: skip

        where = written(size, EDGE, 2, out_part, n_rows * n_columns)
        out = both(kernels, size, dtype, call)
        assert ((out == GUARD) == ~where).all(), (n_rows, n_k, n_columns)
        i = 3 + np.add.outer(np.arange(n_rows) * a_row, np.arange(n_k) * a_k)
        j = 9 + np.arange(n_k * n_columns).reshape(n_k, n_columns)
        left, right = a[i] + 1j * a[i + a_part], b[j] + 1j * b[j + b_part]
        left = left.conj() if conjugate == "OF_A" else left
        right = right.conj() if conjugate == "OF_B" else right
        k = EDGE + np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
        apart = abs(out[k] + 1j * out[k + out_part] - left.astype(complex) @ right)
        bound = 4 * (n_k + 1) * np.finfo(dtype).eps * (abs(left) @ abs(right))
        assert (apart <= bound).all(), (n_rows, n_k, n_columns)


@every_dtype
def test_turned_matrices(pair, dtype):
    kernels, rng = pair(mixing, "turn_matrix", dtype), np.random.default_rng(3)
    sizes = [1, 2, 7, 8, 9, 15, 16, 17, 35]
    for n_rows, n_columns in itertools.product(sizes, sizes):
        a_row, out_row = n_columns + 2, n_rows + 3
        a, size = operand(rng, 4, n_rows * a_row, dtype), EDGE + n_columns * out_row + EDGE

        def call(kernel, out):
            kernel(a, 4, a_row, out, EDGE, out_row, n_rows, n_columns)  # noqa: B023

        out = both(kernels, size, dtype, call)
        where = written(size, EDGE, n_columns, out_row, n_rows)
        assert ((out == GUARD) == ~where).all(), (n_rows, n_columns)
        given = a[4:][: n_rows * a_row].reshape(n_rows, a_row)[:, :n_columns]
        assert np.array_equal(out[where].reshape(n_columns, n_rows), given.T)
