"""tapeless: W1, W2, W3, W9.

Runs under this harness and, through BENCH_ADAPTER_DIR, under the shared copy of it; so it uses
only what the two have in common, and finds startup.py beside its own harness.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import problems as P
from core import register

import tapeless

STARTUP = Path(__file__).resolve().parent.parent / "startup.py"
SIZES = list(P.MLP_SIZES)
BATCHED = [size for size in SIZES if not size.endswith("B1")]


def problem(case, dtype):
    """Return the arguments of solve_ode that every workload shares: field, t_span, y0, theta."""
    p = P.mlp(case.split("@")[0])
    field = tapeless.fields.MLP(p["D"], [p["H"], p["H"]], activation="tanh")
    theta = np.concatenate([p[name].ravel() for name in P.PARAMS]).astype(dtype)
    return field, (p["t0"], p["t1"]), p["y0"].astype(dtype), theta


def facts(solution):
    """Return the final state and what it took: the slowest sample's, and the mean."""
    nfe, accepted, rejected = (
        np.asarray(getattr(solution.stats, name)) for name in ("nfe", "accepted", "rejected")
    )
    return {
        "y": solution.ys,
        "nfe": int(nfe.max()),
        "steps": int((accepted + rejected).max()),
        "extra": {"nfe_mean": float(nfe.mean()), "rejected": int(rejected.max())},
    }


def forward(options, case, dtype):
    """Build a forward solve that keeps nothing for a gradient."""
    arguments = problem(case, dtype)
    return (lambda: tapeless.solve_ode(*arguments, adjoint=None, **options)), facts


def gradient(options, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    arguments = problem(case, dtype)
    field = arguments[0]

    def run():
        solution = tapeless.solve_ode(*arguments, adjoint="store", **options)
        return solution, *solution.vjp(2 * solution.ys)

    def finish(out):
        solution, y0_bar, theta_bar = out
        layers = field.unflatten(theta_bar).values()
        named = dict(zip(P.PARAMS, layers, strict=True))
        return facts(solution) | {"grads": named | {"y0": y0_bar}}

    return run, finish


def fresh_process(ever_first, case, dtype):
    """Build a run of startup.py, with compiled kernels on disk or with none."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, str(STARTUP), "tapeless", case]

    def run():
        with tempfile.TemporaryDirectory(prefix="tapeless-cache-") as empty:
            cache = {"TAPELESS_CACHE_DIR": empty} if ever_first else {}
            done = subprocess.run(command, env=env | cache, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        return json.loads(done.stdout.splitlines()[-1])

    return run, lambda seconds: {"extra": seconds}


for method in ("dopri5", "tsit5"):
    # Coupled is what the peers do with a batch: one error norm and one step size for all of it.
    # The I controller is what diffrax runs here, PI is our default.
    for name, coupled, controller, cases in (
        (method, True, "i", SIZES),
        (f"{method} PI", True, "pi", SIZES),
        (f"{method} per sample", False, "i", BATCHED),
    ):
        options = {"method": method, "rtol": P.RTOL, "atol": P.ATOL, "coupled": coupled}
        options["controller"] = controller
        register("tapeless", "W1", name, cases)(functools.partial(forward, options))
        register("tapeless", "W2", f"{name} store adjoint", cases)(
            functools.partial(gradient, options)
        )

for suffix, build in (("@fwd", forward), ("@grad", gradient)):
    register("tapeless", "W3", "rk4 (3/8)", [size + suffix for size in SIZES])(
        functools.partial(build, {"method": "rk4_38", "n_steps": 100})
    )

for name, ever_first in (("cache warm", False), ("ever first", True)):
    register(
        "tapeless",
        "W9",
        f"process wall time, {name}",
        ["first-solve", "first-gradient"],
        ("float32",),
    )(functools.partial(fresh_process, ever_first))
