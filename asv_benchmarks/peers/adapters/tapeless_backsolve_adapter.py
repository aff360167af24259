"""tapeless: W12, the gradient of W2 by the continuous adjoint."""

import functools

import problems as P
from core import register

import tapeless
from adapters.tapeless_adapter import BATCHED, facts, problem

SIZES = list(P.MLP_SIZES)


def gradient(options, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    size, tolerance = case.split("@")
    arguments, tol = problem(size, dtype), float(tolerance)
    field = arguments[0]

    def run():
        solution = tapeless.solve_ode(
            *arguments,
            adjoint="backsolve",
            rtol=tol,
            atol=tol / 10,
            threads=1,
            throw=False,
            **options,
        )  # peers do not look whether they come back to y0: the gradient's error says it
        return solution, *solution.vjp(2 * solution.ys)

    def finish(out):
        solution, y0_bar, theta_bar = out
        named = dict(zip(P.PARAMS, field.unflatten(theta_bar).values(), strict=True))
        backward = solution.backward_stats.nfe
        found = facts(solution)
        return found | {"nfe": found["nfe"] + int(backward.max()), "grads": named | {"y0": y0_bar}}

    return run, finish


for method in ("dopri5", "tsit5"):
    for name, coupled, sizes in ((method, True, SIZES), (f"{method} per sample", False, BATCHED)):
        register("tapeless", "W12", name, P.at_tolerances(sizes))(
            functools.partial(gradient, {"method": method, "coupled": coupled})
        )
