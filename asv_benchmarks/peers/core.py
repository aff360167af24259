"""The registry of cases, and how one case is timed.

An adapter registers builders, say

    @register("scipy", "W1", "RK45", SIZES, dtypes=("float64",))
    def _(case, dtype):
        ...
        return run, finish

run()        does the whole piece of work, blocks until it is done, returns anything.
finish(out)  (untimed) returns a dict with any of
    y        final state, compared with the workload's reference
    grads    dict of name -> gradient array, compared with the reference
    nfe      number of batched evaluations of the field; of the slowest sample where samples differ
    steps    number of accepted or attempted steps
    extra    anything JSON can hold; "nfe_mean" there is the mean over samples where they differ
"""

import ctypes
import functools
import gc
import json
import os
import re
import resource
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

REGISTRY = []
MEMORY_WORKLOADS = ("W2", "W3", "W6", "W7")
# With less than this share of the core, something else ran on it.
QUIET = 0.9


class Case(NamedTuple):
    """One measurement of one library; `build` makes its run and finish."""

    lib: str
    workload: str
    method: str
    case: str
    dtype: str
    build: Callable

    @property
    def labels(self):
        """Name the case in the results."""
        names = ("lib", "workload", "method", "case", "dtype")
        return {name: getattr(self, name) for name in names}

    @property
    def key(self):
        """Identify the case; --only is matched against this."""
        return f"{self.workload}/{self.case}/{self.dtype}/{self.lib}/{self.method}"

    @property
    def is_of_memory(self):
        """Say whether memory is what the case is about: such cases come last, as they slow down what follows."""
        return self.case.startswith("memory@")


def register(lib, workload, method, cases, dtypes=("float32", "float64")):
    """Register build(case, dtype) for every case and dtype."""

    def decorate(build):
        for case in cases:
            for dtype in dtypes:
                bound = functools.partial(build, case, dtype)
                REGISTRY.append(Case(lib, workload, method, case, dtype, bound))
        return build

    return decorate


def select(pattern):
    """Return the registered cases whose key contains a match of the regular expression, those of memory last."""
    chosen = [case for case in REGISTRY if re.search(pattern, case.key)]
    return sorted(chosen, key=lambda case: case.is_of_memory)


def load(path):
    """Read a file of results; an absent one holds none."""
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"meta": {}, "results": {}}


def save(path, data):
    """Write a file of results so that an interruption leaves the old one whole."""
    unfinished = f"{path}.tmp"
    with open(unfinished, "w") as file:
        json.dump(data, file, indent=1, sort_keys=True, default=lambda scalar: scalar.item())
    os.replace(unfinished, path)


def relative_error(a, b):
    """max |a - b| / max |b|"""
    a, b = np.asarray(a), np.asarray(b)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))


def resident_bytes(field):
    """Read VmRSS (resident set now) or VmHWM (its peak) of this process."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[field].split()[0]) * 1024


def give_freed_memory_back():
    """Have the C library keep no block of over 1 MiB that is freed, for the rest of the process.

    Peaks of the resident set then count all large blocks, and the same of run after run. Each block costs page faults.
    """
    m_mmap_threshold = -3  # malloc.h
    ctypes.CDLL("libc.so.6").mallopt(m_mmap_threshold, 1 << 20)


def peak_resident_delta(run):
    """Peak of the resident set during one run minus the resident set before it, in bytes.

    None where the kernel does not let the peak be reset. Memory that an allocator kept from
    earlier runs is not seen, so this is a lower bound.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return None
    before = resident_bytes("VmRSS")
    run()
    return max(0, resident_bytes("VmHWM") - before)


def cpu_seconds():
    """CPU time of this process and of the children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(run, budget_s=0.7, max_repeats=40):
    """Warm up, calibrate, then repeat run(); return its last output and the seconds it took."""

    def timed(calls):
        start = time.perf_counter()
        for _ in range(calls):
            out = run()
        return out, (time.perf_counter() - start) / calls

    _, first = timed(1)
    out, once = timed(1)
    calls = max(1, int(2e-3 / max(once, 1e-7))) if once < 1e-3 else 1
    min_repeats = 1 if once > 4 else 3 if once > 1.5 else 5
    repeats = int(min(max_repeats, max(min_repeats, budget_s / (once * calls))))
    # Where one run takes seconds, the calibration counts as a repeat.
    seconds = [once] if once > 4 else []
    gc.collect()
    gc.disable()
    start, start_cpu = time.perf_counter(), cpu_seconds()
    try:
        for _ in range(repeats):
            out, mean = timed(calls)
            seconds.append(mean)
            if once > 0.05:
                gc.collect()
    finally:
        gc.enable()
    share = (cpu_seconds() - start_cpu) / (time.perf_counter() - start)
    return out, {
        "first_s": first,
        "median_s": float(np.median(seconds)),
        "min_s": min(seconds),
        "reps": len(seconds),
        "inner": calls,
        "cpu_share": share,
    }


def run_case(case, reference):
    """Build, time and check one case; reference(case) is a dict of arrays, or None."""
    if case.is_of_memory:
        give_freed_memory_back()
    run, finish = case.build()
    out, times = measure(run)
    facts = finish(out)
    y, gradients = facts.pop("y", None), facts.pop("grads", None)
    result = case.labels | times | facts
    expected = reference(case)
    if expected and y is not None:
        result["err"] = relative_error(y, expected["y"])
    if expected and gradients:
        result["gerr"] = max(
            relative_error(array, expected[f"g_{name}"]) for name, array in gradients.items()
        )
    if case.workload in MEMORY_WORKLOADS and times["median_s"] < 5:
        result["rss_peak_delta"] = peak_resident_delta(run)
    return result
