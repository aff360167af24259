"""The least time of each kernel on a card, from counted operations and bytes, for the first run on one to refute.

``python -m tapeless_kernels.cuda.roofline > docs/results/gpu_roofline.md`` writes the page.
"""

from typing import NamedTuple

import numpy as np

from .truncated_conv import TruncatedConv
from .work import Work


class Card(NamedTuple):
    """What a GPU's data sheet promises: bytes a second, and operations a second outside of tensor cores."""

    name: str
    bandwidth: float
    flops: dict[str, float]


H100 = Card("H100 SXM5", 3.35e12, {"float32": 66.9e12, "float64": 33.5e12})
LAUNCH = 3e-6  # seconds from one kernel to the next, a guess


class Case(NamedTuple):
    """A problem, its dtype, and the Work of its kernels."""

    problem: str
    dtype: str
    works: list[Work]


def least_time(work, dtype, card):
    """Return the seconds that a kernel takes at least, and whether arithmetic or memory sets them."""
    by_flops, by_bytes = work.flops / card.flops[dtype], work.bytes / card.bandwidth
    return max(by_flops, by_bytes), "arithmetic" if by_flops > by_bytes else "memory"


def cases():
    """Yield the problems of the page: those of the CPU's benchmarks where there are such."""
    for dtype in ("float32", "float64"):
        for name, grid, modes, batch, channels in (
            ("spectral convolution, 16 x 64 channels x 1024 points, 16 modes", (1024,), (16,), 16, 64),
            ("spectral convolution, 8 x 32 x 128 x 128, 12 x 12 modes", (128, 128), (12, 12), 8, 32),
        ):  # fmt: skip
            conv = TruncatedConv(grid, modes, channels, channels, dtype, np)
            yield Case(name, dtype, conv.work(batch))
