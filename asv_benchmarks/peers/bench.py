#!/usr/bin/env python
"""Time tapeless and its peers on one core; report.py prints the results as tables.

Every adapter and dtype has a process of its own. A new library is one more file in adapters/
(core.py says what it registers); an adapter whose library is missing is skipped.
"""

import argparse
import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
import traceback
from pathlib import Path

import core
from refs import reference

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parents[1] / "out" / "peers.json"
ADAPTERS = sorted(path.stem for path in (HERE / "adapters").glob("[!_]*.py"))
# What the floors of report.py are computed from, so that they are measured with the workloads.
FLOOR_RATES = r"^L/(fma peak|gemm 2048x2048x2048|tanh 65536)/"

PACKAGES = (
    "tapeless numpy scipy numba llvmlite numbalsoda torch torchdiffeq torchode torchsde jax jaxlib "
    "diffrax equinox optax ducc0 pyfftw rocket-fft neuraloperator"
).split()
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# A machine that pins OpenBLAS to an old core type halves its rates (FINDINGS.md).
OPENBLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def version(package):
    """Return the installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe_machine():
    """Return what a table of these results has to be read with."""
    pairs = [line.split(":", 1) for line in Path("/proc/cpuinfo").open() if ":" in line]
    cpu = {name.strip(): value.strip() for name, value in pairs}
    return {
        "versions": {package: version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "cpu": cpu.get("model name", platform.machine()),
        "cpu_family_model": [cpu.get("cpu family"), cpu.get("model")],
        "affinity": sorted(os.sched_getaffinity(0)),
        "date": time.strftime("%Y-%m-%d"),
    }


def is_wanted(old, args):
    """Say whether a case is to be run, given its result in the file, if any."""
    if not old or "error" in old:
        return True
    if args.skip_done:
        return False
    if not args.redo_noisy:
        return True
    scattered = old["median_s"] > args.redo_noisy * old["min_s"]
    return scattered or old.get("cpu_share", 1.0) < core.QUIET


def measure_case(case, args):
    """Run one case; return its result, which is a message where it failed, and a line to print."""
    try:
        result = core.run_case(case, reference)
    except Exception as error:
        if args.verbose:
            traceback.print_exc()
        message = f"{type(error).__name__}: {str(error)[:300]}"
        return case.labels | {"error": message}, "FAILED " + message.replace("\n", " ")[:200]
    facts = [("error", "err", ".1e"), ("gradient error", "gerr", ".1e"), ("nfe", "nfe", ".0f")]
    shown = (f"  {label} {result[key]:{form}}" for label, key, form in facts if key in result)
    share = result["cpu_share"]
    busy = f"  BUSY: had {share:.0%} of the core" if share < core.QUIET else ""
    return result, f"{result['median_s'] * 1e3:10.3f} ms{''.join(shown)}{busy}"


def work(args):
    """Run the cases of one adapter and dtype, in this process, and merge each into the file."""
    try:
        importlib.import_module(f"adapters.{args.worker}")
    except ModuleNotFoundError as error:
        print(f"{args.worker}: skipped, {error}", flush=True)
        return
    for case in core.select(args.only):
        old = core.load(args.out)["results"].get(case.key)
        if case.dtype != args.dtypes or not is_wanted(old, args):
            continue
        start = time.perf_counter()
        result, line = measure_case(case, args)
        data = core.load(args.out)
        data["results"][case.key] = result | {"run": args.run}
        core.save(args.out, data)
        print(f"{case.key:70s} {line}  [{time.perf_counter() - start:.1f} s]", flush=True)


def worker_environment(dtype):
    """Return an environment of one thread, without a machine's overrides of OpenBLAS."""
    kept = {name: v for name, v in os.environ.items() if name not in OPENBLAS_OVERRIDES}
    jax = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": str(int(dtype == "float64"))}
    return kept | dict.fromkeys(THREADS, "1") | jax


def start_worker(adapter, dtype, args):
    """Run one adapter and dtype in a process of its own; return whether it came to its end."""
    command = [sys.executable, __file__, "--worker", adapter, "--dtypes", dtype, "--run", args.run]
    command += ["--only", args.only, "--out", args.out]
    command += ["--redo-noisy", str(args.redo_noisy)] if args.redo_noisy else []
    command += ["--skip-done"] * args.skip_done + ["--verbose"] * args.verbose
    try:
        finished = subprocess.run(command, env=worker_environment(dtype), timeout=args.timeout)
    except subprocess.TimeoutExpired:
        print(f"{adapter} {dtype}: stopped after {args.timeout} s", flush=True)
        return False
    return finished.returncode == 0


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", default="", help="regular expression on workload/case/dtype/library/method")
    add("--adapters", help="files in adapters/, by comma (default: all, and the floor's rates)")
    add("--dtypes", default="float32,float64")
    add("--out", default=str(RESULTS), help="results are merged into this file (%(default)s)")
    add("--skip-done", action="store_true", help="leave cases that the file has")
    add("--redo-noisy", type=float, help="only busy cases, and medians over so many minima")
    add("--verbose", action="store_true", help="print the traceback of a failed case")
    add("--timeout", type=float, default=1500, help="seconds for one adapter and dtype")
    add("--worker", help=argparse.SUPPRESS)
    add("--run", default=time.strftime("%Y-%m-%d %H:%M:%S"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Run every adapter asked for; exit with 1 where one of them crashed."""
    args = parse_arguments()
    if args.worker:
        return work(args)
    if args.adapters is None:
        args.adapters = ",".join(ADAPTERS)
        args.only = args.only and f"{args.only}|{FLOOR_RATES}"
    # One core, which the workers inherit: taskset chooses it, else it is the first.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    data = core.load(args.out)
    data["meta"] = describe_machine()
    core.save(args.out, data)
    finished = [
        start_worker(adapter, dtype, args)
        for adapter in args.adapters.split(",")
        for dtype in args.dtypes.split(",")
    ]
    return int(not all(finished))


if __name__ == "__main__":
    sys.exit(main())
