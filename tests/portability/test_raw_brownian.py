"""Brownian queries in CUDA C, run on the CPU: the bits of the CPU's paths, and a transpose by dot products."""

import itertools

import numpy as np
import pytest
from cuda_on_cpu import SANITIZERS
from cuda_on_cpu.module import ORDERS

from tapeless_kernels.cuda.brownian import AT_ONCE, BrownianKernels, numbers
from tapeless_kernels.drivers.brownian import draw
from tapeless_kernels.launch.brownian import blocks, family

DTYPES = (np.float32, np.float64)
KEY, DEPTH, T0, SPAN = 11 + 3 * 2**32, 6, -1.0, 2.5
# The whole; from a leaf's end to another's; parts of leaves, one, both in one, in neighbours; nothing.
S = T0 + SPAN * np.array([0.0, 0.25, 0.1, 0.6, 0.1, 0.1015, 0.0, 0.5, 0.3, 0.99, 0.015, 0.7])
T = T0 + SPAN * np.array([1.0, 0.375, 0.9, 0.6, 0.105, 0.1018, 0.2, 0.501, 0.314, 1.0, 0.016, 0.71])

each_path = pytest.mark.parametrize(
    ("dtype", "rows"), [*itertools.product(DTYPES, (1, 3))], ids=("float32-1", "float32-3", "float64-1", "float64-3")
)  # fmt: skip


def on_cpu_path(dtype, rows, first, samples, channels, depth, s, t):
    """Return what the CPU's kernel finds: the twin."""
    out = np.empty((len(s), rows, samples, channels), dtype)
    for block in blocks(KEY, first, samples, channels, rows, depth, np.dtype(dtype)):
        block(T0, SPAN, s, t, out)
    return out


@each_path
@pytest.mark.parametrize(
    ("first", "samples", "channels"), [(0, 1, 1), (3, 6, 2), (2**32 - 3, 41, 3)], ids=str
)
def test_queries_have_the_bits_of_the_cpu(module, dtype, rows, first, samples, channels):
    run = BrownianKernels(np, KEY, first, samples, channels, rows, DEPTH, dtype, module)
    found = run(T0, SPAN, S, T)
    assert found.dtype == dtype
    assert (
        found.tobytes() == on_cpu_path(dtype, rows, first, samples, channels, DEPTH, S, T).tobytes()
    )


@each_path
def test_many_queries_are_shared_out_among_blocks(on_cpu, dtype, rows):
    """In any order, on the finest tree: more of them than one block takes."""
    rng, depth = np.random.default_rng(3), 48
    n = AT_ONCE + 3
    s, t = np.sort(T0 + SPAN * rng.uniform(size=(2, n)), axis=0)
    t[::5] = s[::5] + SPAN * 2.0**-50
    found = BrownianKernels(np, KEY, 5, 3, 1, rows, depth, dtype, on_cpu())(T0, SPAN, s, t)
    assert found.tobytes() == on_cpu_path(dtype, rows, 5, 3, 1, depth, s, t).tobytes()


def node_normals(dtype, rows, samples, channels):
    """Return the normals of all nodes and leaves, (2**(depth + 1), rows, samples, channels), as the CPU draws them."""
    path = blocks(KEY, 0, samples, channels, rows, DEPTH, np.dtype(dtype))[0].path
    kernel, found = (
        family(np.dtype(dtype))(draw),
        np.empty((2 ** (DEPTH + 1), *path.normals.shape), dtype),
    )
    for node in range(len(found)):
        kernel(found[node], path, np.int64(node))
    # Columns: a sample's place in its quad, the quad, the channel.
    columns = found.reshape(len(found), rows, 4, -1, channels).swapaxes(2, 3)
    return columns.reshape(len(found), rows, -1, channels)[:, :, :samples]


@each_path
def test_transpose_by_dot_products(module, dtype, rows):
    samples, channels = 5, 2
    run = BrownianKernels(np, KEY, 0, samples, channels, rows, DEPTH, dtype, module)
    values, z = run(T0, SPAN, S, T), node_normals(dtype, rows, samples, channels)
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    for row in range(rows):  # of W, H and K by themselves, which differ in size
        out_bar = np.zeros(values.shape, dtype)
        out_bar[:, row] = rng.standard_normal(values[:, row].shape)
        z_bar = run.vjp(T0, SPAN, S, T, out_bar, levels=DEPTH + 1)
        assert z_bar.shape == z.shape and z_bar.dtype == dtype
        left = np.sum(values.astype(float) * out_bar, axis=(0, 1))  # of each sample and channel
        right = np.sum(z.astype(float) * z_bar, axis=(0, 1))
        size = np.sum(abs(z.astype(float) * z_bar), axis=(0, 1))
        assert (abs(left - right) <= 30 * eps * size).all()


def test_transpose_onto_the_first_levels_is_a_part_of_the_whole(on_cpu):
    run = BrownianKernels(np, KEY, 1, 3, 2, 3, DEPTH, np.float64, on_cpu())
    out_bar = np.random.default_rng(0).standard_normal((len(S), 3, 3, 2))
    whole = run.vjp(T0, SPAN, S, T, out_bar, levels=DEPTH + 1)
    assert np.array_equal(run.vjp(T0, SPAN, S, T, out_bar, levels=3), whole[:8])
    assert np.array_equal(run.vjp(T0, SPAN, S, T, out_bar, levels=60), whole)


def test_no_queries_and_no_samples(on_cpu):
    for samples, n in ((0, 3), (2, 0)):
        run = BrownianKernels(np, KEY, 0, samples, 1, 1, DEPTH, np.float32, on_cpu())
        values = run(T0, SPAN, S[:n], T[:n])
        assert values.shape == (n, 1, samples, 1)
        assert not run.vjp(T0, SPAN, S[:n], T[:n], values, levels=2).any()


def test_a_wrong_cotangent_is_named(on_cpu):
    run = BrownianKernels(np, KEY, 0, 2, 1, 1, DEPTH, np.float32, on_cpu())
    with pytest.raises(
        ValueError, match=r"vjp: `out_bar` must be a C-contiguous numpy array of float32"
    ):
        run.vjp(T0, SPAN, S, T, np.zeros((len(S), 1, 2, 1)), levels=2)
    with pytest.raises(TypeError, match="`dtype` must be float32 or float64"):
        BrownianKernels(np, KEY, 0, 2, 1, 1, DEPTH, np.int32, on_cpu())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": -1}, "`key` must be from 0"),
        ({"first": 2**32}, "`first` must be from 0"),
        ({"channels": 0}, "`channels` must be from 1"),
        ({"depth": 49}, "`depth` must be from 1 to 48"),
        ({"rows": 2}, "`rows` must be one of"),
    ],
)
def test_a_wrong_path_is_named(on_cpu, change, said):
    path = {"key": KEY, "first": 0, "samples": 2, "channels": 1, "rows": 1, "depth": DEPTH}
    with pytest.raises(ValueError, match=f"BrownianKernels: {said}"):
        BrownianKernels(np, **(path | change), dtype=np.float32, module=on_cpu())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, T0 - 0.1, T0 + SPAN + 0.1])
def test_a_time_outside_is_named(on_cpu, wrong):
    run = BrownianKernels(np, KEY, 0, 2, 1, 1, DEPTH, np.float32, on_cpu())
    with pytest.raises(ValueError, match=f"`t` must be within .*, got {wrong}"):
        run(T0, SPAN, [T0], [wrong])
    with pytest.raises(ValueError, match="`t` must be a flat array of times"):
        run(T0, SPAN, [T0], [T0, T0])


# What must not pass. The last: the host's constants, a float too few.
PLANTED = {
    "missing barrier before reading": ("        __syncthreads();\n        if (begin)", "        if (begin)"),
    "race with the way before": ("__syncthreads(); // nobody reads the last way any more", ""),
    "wrong bound of nodes": ("int n_nodes = depth - level + 1 + begin;", "int n_nodes = depth - level + begin;"),
    "wrong bound of samples": ("sample < samples;", "sample <= samples;"),
    "wrong dtype": ("const int* modes,", "const long long* modes,"),
    "another word": ("0xD2511F53ull", "0xD2511F55ull"),
    "wrong room": ("way.leaf_normals = way.slot(depth + 1, 0)", "way.leaf_normals = way.slot(depth + 1, 1)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults_show(on_cpu, fault):
    right, shown = on_cpu_path(np.float32, 1, 3, 41, 3, DEPTH, S, T).tobytes(), []
    for order in ORDERS:
        module = on_cpu(order, 11, exchange=(PLANTED[fault],))
        try:
            run = BrownianKernels(np, KEY, 3, 41, 3, 1, DEPTH, np.float32, module)
            shown.append(run(T0, SPAN, S, T).tobytes() != right)
        except (IndexError, TypeError, RuntimeError):
            shown.append(True)
    assert any(shown)


@pytest.mark.parametrize(
    "fault",
    [
        ("way.put(from, 0, of_j);", ""),
        ("z.row[K] += c[L22] * k1;", "z.row[K] += c[L21] * k1;"),
        ("sign * (b * h - apart)", "sign * (b * h + apart)"),
        ("scale[H] * (tilt - Real(0.5) * level)", "scale[H] * (tilt + Real(0.5) * level)"),
    ],
)
def test_faults_planted_in_the_transpose_show(on_cpu, fault):
    with pytest.raises(AssertionError):
        test_transpose_by_dot_products(on_cpu(exchange=(fault,)), np.float64, 3)


def test_constants_are_as_many_as_the_kernel_reads():
    for dtype, n in ((np.float32, 6 + 4 + 4), (np.float64, 6 + 9 + 8)):
        assert numbers(dtype).shape == (n,) and numbers(dtype).dtype == dtype


def exercise(module):
    """Run both kernels, for a sanitizer to watch."""
    run = BrownianKernels(np, KEY, 3, 6, 2, 3, DEPTH, np.float64, module)
    run.vjp(T0, SPAN, S, T, run(T0, SPAN, S, T), levels=3)


@pytest.mark.parametrize("sanitize", SANITIZERS)
def test_sanitizers_find_nothing(sanitize, sanitized):
    sanitized(__file__, sanitize)
