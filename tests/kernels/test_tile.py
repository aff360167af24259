import functools

import numpy as np
import pytest

from tapeless_kernels import tile
from tapeless_kernels._jit import inlined, kernel, retarget
from tapeless_kernels.launch import cpu
from tapeless_kernels.tile import (
    add,
    combine,
    contract,
    error_squares,
    fill,
    pair_squares,
    put,
    take,
)

every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
DIMS, WEIGHTS = (1, 2, 3, 5, 8, 13), range(1, 8)


@kernel
def call_combine(out, y, h, w, k, n):
    combine(out, y, h, w, k, n)


@kernel
def call_contract(out, h, w, k, start, stop):
    contract(out, h, w, k, start, stop)


@kernel
def call_error_squares(squares, h, w, k, n, y, z, rtol, atol):
    error_squares(squares, h, w, k, n, y, z, rtol, atol)


@kernel
def call_pair_squares(squares, h, w, v, k, n, y):
    pair_squares(squares, h, w, v, k, n, y)


def compiled(function, bind):
    return retarget(function, bind, {}, lambda f, inline: inlined(f) if inline else kernel(f))


@functools.cache
def both(function, dtype):
    """Return a kernel with the explicit vectors that the solver binds, and in plain loops."""
    lanes = cpu.WIDTHS[dtype]
    bind = {"LANES": lanes, "Real": dtype.type}
    vectors = tile.bindings(dtype.itemsize, lanes)
    assert vectors.keys() == {"LANES", "combine", "contract", "error_squares", "pair_squares"}
    return compiled(function, bind | vectors), compiled(function, bind)


def numbers(rng, dtype, *shape):
    """Normal numbers, and every kind of special one among them."""
    x = rng.standard_normal(shape).astype(dtype)
    info = np.finfo(dtype)
    special = [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        info.max,
        info.tiny,
        info.smallest_subnormal,
        1.0,
    ]
    places = rng.random(shape) < 0.1
    x[places] = rng.choice(np.array(special, dtype), places.sum())
    return x


def same(a, b):
    """The same bits, and NaN in the same places: which NaN, IEEE 754 leaves open."""
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and a[~nan].tobytes() == b[~nan].tobytes()


def guarded(dtype, dim, lanes):
    """Return rows to write, and the block they are cut from, with one more row on each side."""
    block = np.full((dim + 2, lanes), 7.25, dtype)
    return block[1:-1], block


# Of each operation: the kernel that calls it, shapes of its arguments (dim, lanes) but for the first and n, and
# how many rows it writes, 0 standing for dim.
OPERATIONS = {
    "combine": (call_combine, lambda d, n: ((d, n), (n,), (8,), (8, d, n)), 0),
    "contract": (call_contract, lambda d, n: ((n,), (10,), (10, d, n)), 0),
    "error_squares": (
        call_error_squares,
        lambda d, n: ((n,), (8,), (8, d, n), (d, n), (d, n), (n,), (n,)),
        1,
    ),
    "pair_squares": (call_pair_squares, lambda d, n: ((n,), (8,), (8,), (8, d, n), (d, n)), 3),
}
N_AT = {"combine": 4, "contract": 3, "error_squares": 3, "pair_squares": 4}  # where n is among them


@every_dtype
@pytest.mark.parametrize("name", OPERATIONS)
def test_vectors_give_the_bits_of_the_loop(name, dtype):
    call, shapes, written = OPERATIONS[name]
    fast, slow = both(call, dtype)
    rng, lanes = np.random.default_rng(0), cpu.WIDTHS[dtype]
    for dim in DIMS:
        for n in WEIGHTS:
            arguments = [numbers(rng, dtype, *shape) for shape in shapes(dim, lanes)]
            start = int(rng.integers(0, 3))
            arguments[N_AT[name] : N_AT[name]] = (start, start + n) if name == "contract" else (n,)
            results = []
            for function in (fast, slow):
                out, block = guarded(dtype, written or dim, lanes)
                function(out[0] if name == "error_squares" else out, *arguments)
                results.append(block)
            assert same(*results), (dim, n)
            assert (results[0][[0, -1]] == 7.25).all()


@every_dtype
def test_operations_are_their_formulas(dtype):
    rng, lanes, dim, n = np.random.default_rng(3), cpu.WIDTHS[dtype], 5, 6
    y, z, k = (
        rng.standard_normal(s).astype(dtype) for s in ((dim, lanes), (dim, lanes), (n, dim, lanes))
    )
    w, h, rtol, atol = (rng.random(s).astype(dtype) for s in (n, lanes, lanes, lanes))
    wide = [x.astype(np.longdouble) for x in (y, z, k, w, h, rtol, atol)]
    (y_, z_, k_, w_, h_, rtol_, atol_), tolerance = wide, 50 * np.finfo(dtype).eps
    out, squares = np.empty_like(y), np.empty_like(h)
    both(call_combine, dtype)[0](out, y, h, w, k, n)
    np.testing.assert_allclose(out, y_ + h_ * np.tensordot(w_, k_, 1), tolerance, tolerance)
    both(call_contract, dtype)[0](out, h, w, k, 2, 5)
    np.testing.assert_allclose(out, h_ * np.tensordot(w_[2:5], k_[2:5], 1), tolerance, tolerance)
    both(call_error_squares, dtype)[0](squares, h, w, k, n, y, z, rtol, atol)
    ratio = h_ * np.tensordot(w_, k_, 1) / (atol_ + rtol_ * np.maximum(abs(y_), abs(z_)))
    np.testing.assert_allclose(squares, (ratio**2).sum(0), tolerance)
    rows, v = np.empty((3, lanes), dtype), rng.random(n).astype(dtype)
    both(call_pair_squares, dtype)[0](rows, h, w, v, k, n, y)
    slopes, moves = np.tensordot(v.astype(np.longdouble), k_, 1), h_ * np.tensordot(w_, k_, 1)
    np.testing.assert_allclose(rows, [(x**2).sum(0) for x in (slopes, moves, y_)], tolerance)


@every_dtype
def test_take_put_add_and_fill(dtype, plain):
    rng, lanes = np.random.default_rng(4), cpu.WIDTHS[dtype]
    kernels = plain(dtype, lanes)
    y, z = numbers(rng, dtype, 3, lanes), numbers(rng, dtype, 3, lanes)
    accepted = rng.integers(0, 2, lanes).astype(np.uint8)
    out = y.copy()
    kernels(take)(accepted, out, z)
    assert same(out, np.where(accepted == 1, z, y))
    out = y.copy()
    with np.errstate(all="ignore"):
        kernels(add)(out, z)
        assert same(out, y + z)
    kernels(put)(out, z)
    assert same(out, z)
    kernels(fill)(out, dtype.type(-0.0))
    assert same(out, np.full_like(out, -0.0))
