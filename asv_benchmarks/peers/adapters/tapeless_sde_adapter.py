"""tapeless.solve_sde on networks: the solves of W6, their gradients, and the memory of gradients."""

import functools

import numpy as np
import problems as P
from core import register

import tapeless
from tapeless.fields import Activation, Dense

METHODS = dict.fromkeys(P.SDE_METHODS) | {"euler": "euler_maruyama"}
REVERSIBLE = "reversible_heun"


def problem(dtype):
    """Return the arguments of solve_sde: drift, diffusion, t_span, y0, theta."""
    p = P.sde()
    drift = tapeless.fields.MLP(p["D"], [p["H"]], activation="tanh")
    layers = [Dense(p["H"]), Activation("tanh"), Dense(p["D"]), Activation("sigmoid")]
    diffusion = tapeless.DiffusionNetwork(p["D"], layers, noise="diagonal-general")
    theta = np.concatenate([p[name].ravel() for name in P.SDE_PARAMS]).astype(dtype)
    return drift, diffusion, (p["t0"], p["t1"]), p["y0"].astype(dtype), theta


def facts(solution):
    """Return what every case reports."""
    return {
        "nfe": int(solution.stats.nfe_drift.max()),
        "steps": int(solution.stats.accepted.max()),
        "extra": P.moments(solution.ys) | {"bytes_kept": solution.nbytes_adjoint},
    }


def solve(case, dtype, adjoint, n_steps=P.SDE_STEPS):
    """Return a function that solves on one thread; every call draws the same noise."""
    name = case.split("@")[0]
    return functools.partial(
        tapeless.solve_sde, *problem(dtype), rng=0, method=METHODS[name] or name, n_steps=n_steps,
        adjoint=adjoint, threads=1,
    )  # fmt: skip


def forward(case, dtype):
    """Build a solve that keeps nothing for a gradient."""
    return solve(case, dtype, None), facts


def differentiated(run_forward):
    """Build the gradient of mean(y(1)**2) in y0 and all parameters."""

    def run():
        solution = run_forward()
        return solution, *solution.vjp(2 / solution.ys.size * solution.ys)

    def finish(out):
        solution, y0_bar, theta_bar = out
        found = facts(solution)
        return found | {"extra": found["extra"] | P.gradient_norms(y0_bar, theta_bar)}

    return run, finish


def gradient(adjoint, case, dtype):
    """Build a gradient of the usual number of steps."""
    return differentiated(solve(case, dtype, adjoint))


def memory(adjoint, case, dtype):
    """Build a gradient of the number of steps that the case names."""
    n_steps = int(case.split("@")[1])
    return differentiated(solve(REVERSIBLE, dtype, adjoint, n_steps))


register("tapeless", "W6", "solve_sde", P.FORWARD_CASES, ("float32",))(forward)
for adjoint, cases, longest in (
    ("store", P.GRADIENT_CASES, 2),
    ("reversible", [f"{REVERSIBLE}@grad"], 3),
):
    register("tapeless", "W6", f"solve_sde {adjoint}", cases, ("float32",))(
        functools.partial(gradient, adjoint)
    )
    register("tapeless", "W6", f"{REVERSIBLE} {adjoint}", P.MEMORY_CASES[:longest], ("float32",))(
        functools.partial(memory, adjoint)
    )
