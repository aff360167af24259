"""The truncated spectral convolution in CUDA C, run on the CPU, against the layer that the CPU has."""

import math

import numpy as np
import pytest
from cuda_on_cpu.module import ORDERS

from tapeless import cuda
from tapeless.operators import SpectralConv
from tapeless_kernels.cuda.truncated_conv import roots

BATCH, IN, OUT = 18, 5, 17  # none a multiple of a tile's side
# Odd, even and single points; all modes that a grid has; more than a tile has of modes, of points and of rows.
CASES = [
    ((37,), (5,), None),
    ((64,), (33,), (100,)),
    ((12, 9), (3, 4), None),
    ((8, 10), (4, 6), (16, 12)),
    ((6, 5, 7), (2, 2, 3), None),
    ((1,), (1,), None),
]


def problem(grid, modes, target, dtype, batch=BATCH):
    layer, rng = SpectralConv(IN, OUT, modes), np.random.default_rng(math.prod(grid))
    x = rng.standard_normal((batch, IN, *grid)).astype(dtype)
    y_bar = rng.standard_normal((batch, OUT, *(target or grid))).astype(dtype)
    return layer, layer.init(rng=0, dtype=dtype), x, y_bar


def on_gpu(grid, modes, target, module, theta, x, y_bar):
    """Convolve on a device that the CPU plays; return y and the cotangents on the host."""
    device, layer = cuda.StandIn(raw_module=module), SpectralConv(IN, OUT, modes)
    y, pullback = cuda.spectral_conv(layer, x, theta, shape=target, device=device)
    return tuple(device.host(found) for found in (y, *pullback(y_bar)))


def far(found, wanted):
    """Return the largest difference, in roundings of the largest number."""
    most = abs(wanted).max(initial=0)
    return abs(found - wanted).max(initial=0) / (np.finfo(wanted.dtype).eps * most) if most else 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("grid", "modes", "target"), CASES)
def test_equals_the_layer(module, grid, modes, target, dtype):
    layer, theta, x, y_bar = problem(grid, modes, target, dtype)
    y, pullback = layer.pullback(x, theta, shape=target)
    found = on_gpu(grid, modes, target, module, theta, x, y_bar)
    for mine, wanted in zip(found, (y, *pullback(y_bar)), strict=True):
        assert mine.shape == wanted.shape and mine.dtype == wanted.dtype
        assert far(mine, wanted) < 10


def test_is_its_own_transpose(module):
    grid, modes, target = (9, 40), (4, 19), (12, 44)
    _, theta, x, y_bar = problem(grid, modes, target, np.float64)
    y, x_bar, theta_bar = on_gpu(grid, modes, target, module, theta, x, y_bar)
    assert np.vdot(y_bar, y) == pytest.approx(
        np.vdot(x_bar, x), rel=1e-12
    )  # linear in x, and in theta
    assert np.vdot(y_bar, y) == pytest.approx(np.vdot(theta_bar, theta), rel=1e-12)


def test_a_sample_is_alone(module):
    grid, modes = (10, 33), (3, 7)
    _, theta, x, y_bar = problem(grid, modes, None, np.float32)
    y, x_bar, _ = on_gpu(grid, modes, None, module, theta, x, y_bar)
    for i in (0, 16, BATCH - 1):
        part = slice(i, i + 1)
        mine = on_gpu(grid, modes, None, module, theta, x[part], y_bar[part])
        assert np.array_equal(mine[0], y[part]) and np.array_equal(mine[1], x_bar[part])


def test_an_empty_batch(on_cpu):
    _, theta, x, y_bar = problem((8,), (3,), None, np.float32, batch=0)
    y, x_bar, theta_bar = on_gpu((8,), (3,), None, on_cpu(), theta, x, y_bar)
    assert y.shape == (0, OUT, 8) and x_bar.shape == x.shape and not theta_bar.any()


def test_roots_are_of_unity():
    pairs = roots(12).reshape(12, 2)
    assert (
        abs(pairs[:, 0] + 1j * pairs[:, 1] - np.exp(2j * np.pi * np.arange(12) / 12)).max() < 1e-15
    )


def exercise(module):
    """Run every kernel, which a sanitizer watches."""
    for grid, modes, target in CASES[:4]:
        _, theta, x, y_bar = problem(grid, modes, target, np.float32, batch=3)
        on_gpu(grid, modes, target, module, theta, x, y_bar)


@pytest.mark.parametrize("sanitize", ["undefined", "address"])
def test_under_a_sanitizer(sanitized, sanitize):
    sanitized(__file__, sanitize)


# A fault, the text of it, and what is there in the source. Each must change a result or be refused.
FAULTS = {
    "no barrier before tiles are written": (
        "__syncthreads(); // the tiles before have been read",
        "",
    ),
    "no barrier before tiles are read": ("        }\n        __syncthreads();\n", "        }\n"),
    "a row beyond the last": ("r < rows && point0", "r <= rows && point0"),
    "a column beyond the last": ("c < columns) {", "c <= columns) {"),
    "waves of the wrong sign": ("n - count + k", "count - k"),
    "threads that write one number": ("r = row0 + first + q;", "r = row0 + first;"),
    "no conjugate": ("CONJUGATE_A ? -", "CONJUGATE_A ? "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_shows(on_cpu, fault):
    grid, modes, target = CASES[3]
    layer, theta, x, y_bar = problem(grid, modes, target, np.float64)
    y, pullback = layer.pullback(x, theta, shape=target)
    wanted, worst = (y, *pullback(y_bar)), 0.0
    for order in ORDERS:
        module = on_cpu(order, 3, exchange=(FAULTS[fault],))
        try:
            found = on_gpu(grid, modes, target, module, theta, x, y_bar)
        except (
            IndexError,
            RuntimeError,
        ):  # a write beyond an array, or a barrier that not all reach
            return
        worst = max(
            worst,
            *(np.nan_to_num(far(a, b), nan=np.inf) for a, b in zip(found, wanted, strict=True)),
        )
    assert worst > 1e6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.zeros((2, IN + 1, 8))}, r"`x` must be of shape \(batch, 5, \*grid\)"),
        ({"x": np.zeros((2, IN, 3))}, "`modes` must be at most"),
        ({"x": np.zeros((2, IN, 1 << 17))}, "`x` must be a grid of at most 65536 points"),
        ({"x": np.zeros((2, IN, 8), complex)}, "`x` must be of dtype float32 or float64"),
        ({"theta": np.zeros(3)}, r"`theta` must be of shape \(510,\)"),
        ({"shape": (8, 8)}, "`shape` must be a tuple of 1 integers"),
        ({"shape": (0,)}, "`shape` must be a positive integer"),
        ({"layer": SpectralConv(5, 5, 3, weights="separable")}, "`layer` must be of dense weights"),
        ({"layer": None}, "`layer` must be a tapeless.operators.SpectralConv"),
    ],
)
def test_a_wrong_argument_is_named(change, said):
    layer, theta, x, _ = problem((8,), (3,), None, np.float64, batch=2)
    arguments = {"layer": layer, "x": x, "theta": theta, "device": cuda.StandIn()}
    with pytest.raises((TypeError, ValueError), match=f"spectral_conv: {said}"):
        cuda.spectral_conv(**(arguments | change))


def test_a_wrong_cotangent_is_named(on_cpu):
    layer, theta, x, y_bar = problem((8,), (3,), None, np.float64, batch=2)
    _, pullback = cuda.spectral_conv(layer, x, theta, device=cuda.StandIn(raw_module=on_cpu()))
    with pytest.raises(
        ValueError, match=r"spectral_conv.pullback: `y_bar` must be of the shape of y"
    ):
        pullback(y_bar[1:])
