"""Every kind of gradient, measured: memory by the number of steps, time, and error by the tolerance.

    taskset -c 0 python asv_benchmarks/adjoints.py

Prints the table that docs/gradients.md has. The problem is a tanh network of widths 2-50-50-2 on 64 trajectories in
float64, from t = 0 to 2, by Tsit5; the loss is a weighted sum of the states at the end. The reference is the gradient
by the discrete adjoint at a tolerance of 1e-13.
"""

import numpy as np
from benchmarks.timing import least_in_turns

import tapeless

FIELD, BATCH, SPAN = tapeless.fields.MLP(2, [50, 50]), 64, (0.0, 2.0)
RNG = np.random.default_rng(0)
Y0, WEIGHTS = RNG.standard_normal((2, BATCH, 2))
THETA = 1.5 * FIELD.init(rng=0)
DIRECTION = RNG.standard_normal(THETA.shape)
STEPS, TOLERANCES = (50, 500, 5000), (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
REPEATS = 9

ADJOINTS = {
    '"store"': {"adjoint": "store"},
    '"every", stride=20': {"adjoint": "every", "stride": 20},
    '"binomial", budget=3e6': {"adjoint": "binomial", "budget": 3_000_000},
    '"reversible"': {"adjoint": "reversible", "method": tapeless.reversible("tsit5")},
    '"backsolve"': {"adjoint": "backsolve"},
    '"backsolve", full norm': {
        "adjoint": "backsolve", "backsolve": tapeless.Backsolve(seminorm=False)
    },
    '"forward", 1 tangent': {"adjoint": "forward"},
}  # fmt: skip


def solve(**options):
    return tapeless.solve_ode(FIELD, SPAN, Y0, THETA, threads=1, **options)


def gradient(sol, adjoint):
    """Return the gradient in theta, or its part along a direction where there is forward mode alone."""
    if adjoint == "forward":
        return np.array([np.vdot(WEIGHTS, sol.jvp(theta_dot=DIRECTION))])
    return sol.vjp(WEIGHTS)[1]


def main():
    wanted = solve(rtol=1e-13, atol=1e-13, max_steps=100_000).vjp(WEIGHTS)[1]
    along = np.array([wanted @ DIRECTION])
    heads = [f"{n} steps" for n in STEPS] + ["time"] + [f"{tol:.0e}" for tol in TOLERANCES]
    print("| adjoint | " + " | ".join(heads) + " |\n" + "|---" * (1 + len(heads)) + "|")
    for name, options in ADJOINTS.items():
        adjoint = options["adjoint"]
        cells = []
        for n in STEPS:
            try:
                sol = solve(n_steps=n, **options)
                gradient(sol, adjoint)
                cells.append(f"{sol.nbytes_adjoint / 1e6:.3g} MB")
            except tapeless.SolverError:
                cells.append("fails")
        at = {"rtol": 1e-6, "atol": 1e-6}
        forward, whole = least_in_turns(
            lambda at=at: solve(adjoint=None, **at),
            lambda at=at, o=options, a=adjoint: gradient(solve(**at, **o), a),
            repeats=REPEATS,
        )
        cells.append(f"{whole / forward:.1f}")
        for tol in TOLERANCES:
            reference = along if adjoint == "forward" else wanted
            try:
                found = gradient(solve(rtol=tol, atol=tol, **options), adjoint)
                error = np.abs(found - reference).max() / np.abs(reference).max()
                cells.append(f"{error:.0e}")
            except tapeless.SolverError:
                cells.append("fails")
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
