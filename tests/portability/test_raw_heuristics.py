"""Reductions of error and stiffness in CUDA C, run on the CPU: against NumPy to the bit, and the CPU's kernels."""

import itertools

import numpy as np
import pytest
from cuda_on_cpu import SANITIZERS
from cuda_on_cpu.module import ORDERS

from differences import central_difference
from tapeless._functionals import Functional
from tapeless._steps import Steps
from tapeless_kernels.cuda.heuristics import (
    KINDS,
    REDUCTIONS,
    Heuristics,
    Step,
    sum_rows,
    total,
)
from tapeless_kernels.tile import error_squares

DTYPES = (np.float32, np.float64)
SIZES = ((1, 1), (3, 33), (29, 70))  # rows and trajectories: neither of whole blocks
NOISE = 1e-4

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=("float32", "float64"))
each_size = pytest.mark.parametrize("size", SIZES, ids=str)


def a_step(size, dtype, n_errors=1, seed=3):
    rng = np.random.default_rng(seed)
    y, z, *rest = rng.standard_normal((4 + n_errors, *size)).astype(dtype)
    rtol, atol = rng.uniform(0.1, 1, (2, size[1])).astype(dtype)
    return Step(y, z, tuple(rest[2:]), *rest[:2]), rtol, atol


def ratios(step, rtol, atol):
    """Return e / s of each component, rounded as the kernel rounds."""
    scale = rtol * np.maximum(abs(step.y), abs(step.z)) + atol
    return abs(step.error[0]) / scale


@each_dtype
@each_size
def test_sums_of_squares_have_the_bits_of_the_twin(module, dtype, size):
    step, rtol, atol = a_step(size, dtype)
    for coupled in (False, True):
        estimates, squares = Heuristics(np, dtype, module).measure(
            step, rtol, atol, NOISE, coupled=coupled
        )
        terms = [x * x for x in (step.slopes, step.states, step.y, ratios(step, rtol, atol))]
        wanted = np.stack([sum_rows(x) for x in terms])
        if coupled:
            wanted = np.stack([total(row) for row in wanted])[:, None]
        assert squares.dtype == dtype and squares.tobytes() == wanted.tobytes()
        count = dtype(step.y.size if coupled else size[0])
        assert np.array_equal(estimates[0], np.sqrt(wanted[3] / count))
        moved = wanted[1] > dtype(NOISE) * wanted[2]
        assert np.array_equal(estimates[1], np.where(moved, np.sqrt(wanted[0] / wanted[1]), 0))


@each_dtype
def test_sums_of_squares_are_those_of_the_cpus_kernels(on_cpu, plain, dtype):
    """To the rounding of a sum in another order, with fma."""
    dim, narrow = SIZES[2][0], 8
    step, rtol, atol = a_step((dim, narrow), dtype)
    kernel, found = plain(dtype, narrow)(error_squares), np.empty(narrow, dtype)
    ones = np.ones(narrow, dtype)
    kernel(found, ones, np.ones(1, dtype), step.error[0][None], 1, step.y, step.z, rtol, atol)
    squares = Heuristics(np, dtype, on_cpu()).measure(step, rtol, atol, NOISE)[1]
    np.testing.assert_allclose(squares[3], found, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("n_errors", "coupled"), [*itertools.product((0, 1, 2), (False, True))])
def test_transpose_of_estimates_against_differences(module, n_errors, coupled):
    step, rtol, atol = a_step((5, 35), np.float64, n_errors)
    run, rng = Heuristics(np, np.float64, module), np.random.default_rng(5)
    estimates, squares = run.measure(step, rtol, atol, NOISE, coupled=coupled)
    bars = rng.standard_normal(estimates.shape)
    found = run.measure_vjp(step, rtol, atol, NOISE, squares, bars)

    def shifted(by, way):
        parts = [x + by * w for x, w in zip((*step[:2], *step[3:], *step.error), way, strict=True)]
        moved = Step(*parts[:2], tuple(parts[4:]), *parts[2:4])
        return np.sum(bars * run.measure(moved, rtol, atol, NOISE, coupled=coupled)[0])

    flat, eps = (*found[:2], *found[3:], *found.error), 1e-5
    for i, bar in enumerate(flat):  # of each argument by itself, then of all
        way = [
            rng.standard_normal(x.shape) if i == j else np.zeros(x.shape)
            for j, x in enumerate(flat)
        ]
        slope = central_difference(lambda s, way=way: shifted(s, way), eps)
        assert np.sum(bar * way[i]) == pytest.approx(slope, rel=1e-6, abs=1e-8), i


def test_error_of_two_estimates_is_that_of_dop853(on_cpu):
    step, rtol, atol = a_step((5, 35), np.float64, 2)
    estimates, squares = Heuristics(np, np.float64, on_cpu()).measure(step, rtol, atol, NOISE)
    q, second = squares[3:] / 5
    np.testing.assert_allclose(estimates[0], q / np.sqrt(q + 0.01 * second), rtol=1e-14)


@each_dtype
def test_what_is_not_finite_is_not_hidden(on_cpu, dtype):
    step, rtol, atol = a_step((3, 4), dtype)
    step.z[1, 1], step.error[0][2, 2] = np.inf, np.nan
    error = Heuristics(np, dtype, on_cpu()).measure(step, rtol, atol, NOISE)[0][0]
    assert np.isnan(error[1:3]).all() and np.isfinite(error[[0, 3]]).all()


def logged(n_steps, n, dtype, seed=0):
    """Return sizes of both signs and estimates, with NaN behind the last step of each trajectory."""
    rng = np.random.default_rng(seed)
    h = rng.uniform(-1, 1, (n_steps, n)).astype(dtype)
    x = rng.uniform(0, 1, (n_steps, n)).astype(dtype)
    last = np.arange(n_steps)[:, None] >= rng.integers(0, n_steps + 1, n)
    h[last] = x[last] = np.nan
    x[1::4] = x[0]  # a maximum that several steps have
    h[1::4] = h[0]
    return h, x


@pytest.mark.parametrize(("kind", "reduce"), [*itertools.product(KINDS, REDUCTIONS)])
@each_dtype
def test_functionals_are_those_of_the_frontend(module, dtype, kind, reduce):
    public = Functional("error" if kind == "sized" else "error_squared", reduce)
    for n_steps, n in ((1, 1), (21, 33), (6, 40)):
        h, x = logged(n_steps, n, dtype)
        steps = Steps(h.T, h.T.astype(np.float64), x.T, None, np.zeros((n, n_steps), np.int64))
        run = Heuristics(np, dtype, module)
        tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": np.finfo(dtype).eps}
        np.testing.assert_allclose(
            run.functional(h, x, kind, reduce), public.value(steps), **tolerance
        )
        bar = np.random.default_rng(1).standard_normal(n).astype(dtype)
        wanted = public.vjp(steps, bar)
        for found, bars in zip(
            run.functional_vjp(h, x, kind, reduce, bar), (wanted.h, wanted.error), strict=True
        ):
            np.testing.assert_allclose(found, bars.T, **tolerance)


def test_no_trajectories_and_no_steps(on_cpu):
    run, empty = Heuristics(np, np.float32, on_cpu()), np.empty
    step = Step(
        *(empty((3, 0), np.float32) for _ in range(2)),
        (),
        *(empty((3, 0), np.float32) for _ in range(2)),
    )
    none = empty(0, np.float32)
    estimates, squares = run.measure(step, none, none, NOISE)
    assert estimates.shape == (2, 0) and squares.shape == (3, 0)
    assert run.measure_vjp(step, none, none, NOISE, squares, estimates).y.shape == (3, 0)
    no_steps = empty((0, 4), np.float32)
    assert np.array_equal(run.functional(no_steps, no_steps, "sized", "mean"), np.zeros(4))
    assert run.functional_vjp(no_steps, no_steps, "sized", "sum", np.ones(4, np.float32))[
        0
    ].shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.zeros((3, 4))}, "`y` must be a C-contiguous numpy array of float32"),
        (
            {"slopes": np.zeros((3, 5), np.float32)},
            r"`slopes` must be .* shape \(3, 4\), got float32 and shape",
        ),
        ({"states": np.zeros((4, 3), np.float32).T}, "`states` must be .*, not C-contiguous"),
        ({"z": [[1.0] * 4] * 3}, "`z` must be .*, got list"),
        ({"error": (np.zeros((3, 4), ">f4"),)}, r"`error\[0\]` must be"),
        ({"error": (0, 1, 2)}, "`step` must have .* at most two errors"),
    ],
)
def test_a_wrong_argument_is_named(on_cpu, change, said):
    step, rtol, atol = a_step((3, 4), np.float32)
    with pytest.raises((TypeError, ValueError), match=f"measure: {said}"):
        Heuristics(np, np.float32, on_cpu()).measure(step._replace(**change), rtol, atol, NOISE)


def test_a_wrong_word_is_named(on_cpu):
    run, h = Heuristics(np, np.float32, on_cpu()), np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"functional: `reduce` must be one of .*, got 'most'"):
        run.functional(h, h, "sized", "most")
    with pytest.raises(TypeError, match="`dtype` must be float32 or float64"):
        Heuristics(np, np.float16)


# What must not pass: barriers gone, a row too many, sums in float64, a scalar of another type than the host's.
PLANTED = {
    "missing barrier": ("        __syncthreads();\n        if (strip < half)", "        if (strip < half)"),
    "race between phases": ("places[strip][lane] = chosen;\n        __syncthreads();", "places[strip][lane] = chosen;"),
    "wrong bound": ("m < rows; m += STRIPS)\n        total", "m <= rows; m += STRIPS)\n        total"),
    "wrong guard": ("if (i < n && threadIdx.y == 0)\n        squares[i]", "if (threadIdx.y == 0)\n        squares[i]"),
    "wrong dtype": ("int n_steps, int n, int kind", "long long n_steps, int n, int kind"),
    "sums in another type": ("    Real total = 0;\n    for (int m", "    double total = 0;\n    for (int m"),
}  # fmt: skip


def results(module):
    """Return the bytes of what some kernels find."""
    run, (step, rtol, atol) = Heuristics(np, np.float32, module), a_step(SIZES[2], np.float32)
    estimates, squares = run.measure(step, rtol, atol, NOISE)
    h, x = logged(21, 33, np.float32)
    bars = run.functional_vjp(h, x, "sized", "max", np.ones(33, np.float32))
    return b"".join(array.tobytes() for array in (estimates, squares, *bars))


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults_show(on_cpu, fault):
    right, shown = results(on_cpu()), []
    for order in ORDERS:
        try:
            shown.append(results(on_cpu(order, 11, exchange=(PLANTED[fault],))) != right)
        except (IndexError, TypeError):
            shown.append(True)
    assert any(shown)


def exercise(module):
    """Run every kernel, for a sanitizer to watch."""
    run, (step, rtol, atol) = Heuristics(np, np.float32, module), a_step(SIZES[1], np.float32, 2)
    for coupled in (False, True):
        estimates, squares = run.measure(step, rtol, atol, NOISE, coupled=coupled)
        run.measure_vjp(step, rtol, atol, NOISE, squares, estimates)
    h, x = logged(*SIZES[1], np.float32)
    for reduce in REDUCTIONS:
        value = run.functional(h, x, "sized", reduce)
        run.functional_vjp(h, x, "sized", reduce, value)


@pytest.mark.parametrize("sanitize", SANITIZERS)
def test_sanitizers_find_nothing(sanitize, sanitized):
    sanitized(__file__, sanitize)
