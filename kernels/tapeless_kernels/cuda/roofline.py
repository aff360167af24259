"""The least time of each kernel on a card, from counted operations and bytes, for the first run on one to refute.

``python -m tapeless_kernels.cuda.roofline > docs/results/gpu_roofline.md`` writes the page.
"""

from typing import NamedTuple

import numpy as np

from ..fields.layers import Activation, Dense
from ..tableaus.explicit import TSIT5
from .network_plan import LANES, network_layers, step_bytes, step_flops
from .truncated_conv import TruncatedConv
from .work import Work


class Card(NamedTuple):
    """What a GPU's data sheet promises: bytes a second, and operations a second outside of tensor cores."""

    name: str
    bandwidth: float
    flops: dict[str, float]


# NVIDIA H100 Tensor Core GPU data sheet, SXM5: FP32 67 and FP64 34 teraflops, 3.35 TB/s.
H100 = Card("H100 SXM5", 3.35e12, {"float32": 67e12, "float64": 34e12})


class Case(NamedTuple):
    """A problem of the page, its dtype, and what its kernels have to do, in the order of their launches."""

    problem: str
    dtype: str
    works: list[Work]


def lorenz_work(n, steps, dtype):
    """Return the Work of an ensemble of Lorenz systems by a pair of order 5, as trajectories.py counts a step's."""
    item = np.dtype(dtype).itemsize
    record = 20 + (1 + 6 * 3) * item
    states = 2 * 3 * n * item
    return [
        Work("solve, no record", 300 * n * steps, states),
        Work("solve", 300 * n * steps, states + record * n * steps),
        Work("solve_vjp", 290 * n * steps, states + record * n * steps),
    ]


def network_work(sizes, n, steps, dtype):
    """Return the Work of an ensemble of one network by tsit5, as network_plan.py counts a step's."""
    dim, *hidden = sizes
    widths = [layer for n in hidden for layer in (Dense(n), Activation("tanh"))]
    layers = network_layers((*widths, Dense(dim)), dim)
    flops = step_flops(layers, dim, TSIT5.stages)
    moved = step_bytes(layers, dim, dtype, TSIT5.stages, LANES[0])
    names = "network_ode", "network_ode_vjp"
    return [
        Work(name, int(n * steps * f), int(n * steps * b))
        for name, f, b in zip(names, flops, moved, strict=True)
    ]


def functional_work(n_steps, n, dtype):
    """Return the Work of a functional of steps and of its transpose, as heuristics.py counts it."""
    item = np.dtype(dtype).itemsize
    return [
        Work("functional", 4 * n_steps * n, 3 * n_steps * n * item),
        Work("functional_vjp", 5 * n_steps * n, 4 * n_steps * n * item),
    ]


def measure_work(dim, n, dtype):
    """Return the Work of the reductions of one step's error and of its transpose, as heuristics.py counts it."""
    item = np.dtype(dtype).itemsize
    return [
        Work("error_squares", 9 * dim * n, (3 * dim * n + 3 * n) * item),
        Work("error_squares_vjp", 12 * dim * n, (6 * dim * n + 3 * n) * item),
    ]


def increments_work(queries, columns, dtype):
    """Return the Work of neighbouring queries of W, as brownian.py counts it: two levels down from one to the next."""
    item, levels = np.dtype(dtype).itemsize, 2
    draws = (100 + 150) if item == 4 else (200 + 250)
    each = levels * draws / 4 + 3 * levels
    return [Work("increments", int(each * queries * columns), queries * columns * item)]


def cases(dtype):
    """Return the problems of the page: those of the CPU's benchmarks where there are such."""
    convolutions = (
        ("spectral convolution, 16 x 64 channels x 1024 points, 16 modes", (1024,), (16,), 16, 64),
        ("spectral convolution, 8 x 32 x 128 x 128, 12 x 12 modes", (128, 128), (12, 12), 8, 32),
    )
    return [
        Case("1,000,000 Lorenz systems, 100 steps", dtype, lorenz_work(1_000_000, 100, dtype)),
        Case("10,000 networks 2-50-50-2, 20 steps", dtype, network_work((2, 50, 50), 10_000, 20, dtype)),
        Case("100,000 networks 16-64-64-16, 20 steps", dtype, network_work((16, 64, 64), 100_000, 20, dtype)),
        *(
            Case(name, dtype, TruncatedConv(grid, modes, n, n, dtype).work(batch))
            for name, grid, modes, batch, n in convolutions
        ),
        Case("1000 increments of 256 x 16 paths, in order", dtype, increments_work(1000, 4096, dtype)),
        Case("the error of a step, 64 numbers of 1,000,000 states", dtype, measure_work(64, 1_000_000, dtype)),
        Case("sums over 200 steps of 1,000,000 trajectories", dtype, functional_work(200, 1_000_000, dtype)),
    ]  # fmt: skip


def least_time(work, dtype, card=H100):
    """Return the seconds that a kernel takes at least, and what sets them."""
    by_flops, by_bytes = work.flops / card.flops[dtype], work.bytes / card.bandwidth
    return max(by_flops, by_bytes), "arithmetic" if by_flops > by_bytes else "memory"


HEADING = """# The least time of each kernel on an H100

No kernel here has run on a GPU. These times are predictions, for the first run to confirm or refute: the larger of
counted operations by the rate of the data sheet ({flops32:.0f} and {flops64:.0f} Tflop/s in float32 and float64, an fma
being two, no tensor cores) and of bytes that must cross by {bandwidth:.2f} TB/s. A launch costs some microseconds
more, which is what sets the smallest. Not counted, so that a kernel may well take several times as long: stack frames
and local arrays that leave the first-level cache, threads that wait for the longest trajectory of their warp, divisions
and roots, shared memory; and the second-level cache, which makes some bytes cheaper.
`python asv_benchmarks/gpu_speed.py` times the same problems on a card. Written by
`python -m tapeless_kernels.cuda.roofline`.

| problem | kernel | dtype | Gflop | MB | least time, ms | set by |
|---|---|---|--:|--:|--:|---|
"""


def lines(dtype, card=H100):
    """Yield the lines of the table."""
    for case in cases(dtype):
        for work in case.works:
            seconds, by = least_time(work, dtype, card)
            numbers = f"{work.flops / 1e9:.3g} | {work.bytes / 1e6:.3g} | {1e3 * seconds:.3g}"
            yield f"| {case.problem} | `{work.kernel}` | {dtype} | {numbers} | {by} |"


def main():
    """Print the page."""
    rates = H100.flops["float32"] / 1e12, H100.flops["float64"] / 1e12
    heading = HEADING.format(flops32=rates[0], flops64=rates[1], bandwidth=H100.bandwidth / 1e12)
    print(heading + "\n".join(line for dtype in H100.flops for line in lines(dtype)))


if __name__ == "__main__":
    main()
