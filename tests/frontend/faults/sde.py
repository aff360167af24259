"""Calls of `solve_sde` that go wrong."""

import numpy as np

from faults.problem import FIELD, NAN, THETA, Y0, Fault
from tapeless import BrownianPath, SolverError, solve_sde
from tapeless.fields import MLP


def solve_noisy(y0=Y0, t_span=(0.0, 1.0), theta=None, diffusion=FIELD, **kwargs):
    theta = np.concatenate([THETA, THETA]) if theta is None else theta
    return solve_sde(FIELD, diffusion, t_span, y0, theta, **{"rng": 0, "n_steps": 4} | kwargs)


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
    Fault(lambda: solve_noisy(y0=NAN), SolverError, "Trajectory 1 reached t = 0 of 1"),
    Fault(lambda: solve_noisy().vjp(np.ones((4, 2)), times=True), ValueError, "true"),
)
