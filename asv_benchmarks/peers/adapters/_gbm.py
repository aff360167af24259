"""Geometric Brownian motion by tapeless.solve_sde, for the adapters of the ensemble of W6."""

import functools

import problems as P

import tapeless


@tapeless.field(dim=1, n_params=1)
def drift(t, y, theta, dy):
    """The trend."""
    dy[0] = theta[0] * y[0]


@tapeless.diffusion(dim=1, n_params=1)
def volatility(t, y, theta, dg):
    """The noise's scale."""
    dg[0] = theta[0] * y[0]


def build(threads, case, dtype):
    """Build a solve of all paths that keeps nothing for a gradient."""
    p = P.gbm()
    run = functools.partial(
        tapeless.solve_sde, drift, volatility, (p["t0"], p["t1"]), p["y0"].astype(dtype),
        [p["mu"], p["sigma"]], rng=0, method="euler_maruyama", n_steps=P.ENSEMBLE_STEPS, adjoint=None,
        threads=threads,
    )  # fmt: skip
    return run, lambda solution: {"steps": P.ENSEMBLE_STEPS, "extra": P.moments(solution.ys)}
