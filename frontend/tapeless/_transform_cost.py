"""What truncated transforms cost: rates measured once on a machine, kept on disk, and the choice made from them."""

import contextlib
import functools
import json
import math
import os
import time

import numpy as np

from tapeless._fft_engine import current
from tapeless._fft_libraries import name_of
from tapeless_kernels import _cache

# What is measured, by the number of axes: fields, their shape, and the modes kept; the second cache holds it.
CASES = (
    (64, (512,), (16,)),
    (8, (64, 64), (12, 12)),
    (2, (16, 16, 16), (4, 4, 4)),
)
REPEATS = 7


def faster(shape, modes, dtype, make):
    """Return "product" or "fft" for fields of a shape of which some modes are kept; `make` makes `Modes` or `Waves`."""
    per_product, per_fft = rates(len(shape), dtype.name, make)
    product = per_product * product_work(shape, modes)
    return "product" if product <= per_fft * fft_work(shape, modes) else "fft"


def product_work(shape, modes):
    """Return the multiply-adds of one field's products, and a pass through its points, in units of one."""
    work, done = 0.0, 1
    for axis, (n, m) in enumerate(zip(shape, modes, strict=True)):
        last = axis == len(shape) - 1
        waves = 2 * (m if last else m + 1)
        rest = math.prod(shape[axis + 1 :])
        # Folded into classes, each wave meets a half or a quarter of the points.
        work += done * rest * waves * n / (4 if n % 4 == 0 else 2)
        done *= waves
    return work + 8 * math.prod(shape) + 2 ** len(shape) * 2 * done


def fft_work(shape, modes):
    """Return the operations of one field's FFT, n log2(n) along each axis, from the last on; modes alone go on."""
    *others, last = zip(shape, modes, strict=True)
    numbers = math.prod(shape)
    work = numbers * math.log2(max(last[0], 2))
    numbers *= 2 * last[1] / last[0]
    for n, m in reversed(others):
        work += numbers * math.log2(max(n, 2))
        numbers *= 2 * m / n
    return work


@functools.cache
def rates(n_axes, dtype, make):
    """Return the seconds for a unit of work by products and by FFT, from disk if they were measured before."""
    file = _cache.cache_folder() / _cache.content_key("spectral") / "transform_rates.json"
    known = _read(file)
    key = f"{n_axes} {dtype} {name_of(current().engine)}"
    if key not in known:
        known[key] = _measure(n_axes, np.dtype(dtype), make)
        with contextlib.suppress(OSError):  # a folder that cannot be written costs a measurement
            file.parent.mkdir(parents=True, exist_ok=True)
            whole = file.with_suffix(f".{os.getpid()}")
            whole.write_text(json.dumps(known))
            whole.replace(file)
    return tuple(known[key])


def _read(file):
    """Return the rates in a file; those that are none, as after a crash, are measured anew."""
    try:
        return {
            key: [float(product), float(fft)]
            for key, (product, fft) in json.loads(file.read_text()).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _measure(n_axes, dtype, make):
    n, shape, modes = CASES[n_axes - 1]
    transform = make(shape, modes, dtype)
    x = np.random.default_rng(0).standard_normal((n, *shape)).astype(dtype)
    times = {"product": [], "fft": []}
    for _ in range(REPEATS):
        for method, taken in times.items():
            begun = time.perf_counter()
            transform.both_ways(x, method)
            taken.append(time.perf_counter() - begun)
    works = product_work(shape, modes), fft_work(shape, modes)
    return [min(taken[1:]) / (n * work) for taken, work in zip(times.values(), works, strict=True)]
