"""Calls of `solve_sde` that go wrong."""

import numpy as np

from faults.problem import FIELD, NAN, THETA, Y0, Fault, still
from tapeless import BrownianPath, SolverError, diffusion, solve_sde, testing
from tapeless.fields import MLP


def solve_noisy(y0=Y0, t_span=(0.0, 1.0), theta=None, diffusion=FIELD, **kwargs):
    theta = np.concatenate([THETA, THETA]) if theta is None else theta
    return solve_sde(FIELD, diffusion, t_span, y0, theta, **{"rng": 0, "n_steps": 4} | kwargs)


def milstein(**kwargs):
    """Ask for the gradient of a diffusion whose tangent is by hand."""
    noisy = diffusion(2, noise="additive", vjp="symbolic", jvp=steady_jvp)(steady)
    return solve_noisy(diffusion=noisy, theta=THETA, method="milstein", **kwargs).vjp(Y0)


def steady(t, y, theta, dg):
    dg[0] = dg[1] = 1.0


def steady_jvp(t, y, theta, t_dot, y_dot, theta_dot, dg_dot):
    dg_dot[0] = dg_dot[1] = 0.0


FAULTS = (
    Fault(lambda: solve_noisy(diffusion=None), TypeError, "None"),
    Fault(lambda: solve_noisy(diffusion=MLP(3, [2])), ValueError, "dim=3"),
    Fault(lambda: solve_noisy(t_span=(1.0, 0.0)), ValueError, "(1.0, 0.0)"),
    Fault(lambda: solve_noisy(theta=THETA), ValueError, "shape (17,)"),
    Fault(lambda: solve_noisy(method="rk4"), ValueError, "'rk4'"),
    Fault(lambda: solve_noisy(method="sra1"), ValueError, "'sra1'"),
    Fault(lambda: solve_noisy(method="heun", calculus="ito"), ValueError, "'heun'"),
    Fault(lambda: solve_noisy(n_steps=None, method="midpoint"), ValueError, "'midpoint'"),
    Fault(lambda: solve_noisy(n_steps=None, dt=-0.1), ValueError, "-0.1"),
    Fault(lambda: solve_noisy(path=np.ones((3, 4, 2)), rng=None), ValueError, "3 steps"),
    Fault(lambda: solve_noisy(path=BrownianPath(1, 0, 1, (3, 2)), rng=None), ValueError, "(3, 2)"),
    Fault(lambda: solve_noisy(adjoint="reversible"), ValueError, "'euler_maruyama'"),
    Fault(lambda: solve_noisy(adjoint="backsolve"), ValueError, "'euler_maruyama'"),
    Fault(lambda: milstein(), ValueError, "Diffusion(steady, dim=2, n_params=0) lacks: make it"),
    Fault(lambda: milstein(adjoint="every", stride=2), ValueError, "'every'"),
    Fault(lambda: diffusion(2, vjp_jvp=still)(steady), TypeError, "4 arguments"),
    Fault(lambda: testing.check_vjp_jvp(FIELD), TypeError, "Network("),
    Fault(lambda: solve_noisy(y0=NAN), SolverError, "Trajectory 1 reached t = 0 of 1"),
    Fault(lambda: solve_noisy().vjp(np.ones((4, 2)), times=True), ValueError, "true"),
)
