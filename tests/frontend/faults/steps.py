"""Calls of `solve_ode` that go wrong in tolerances, steps, times of outputs, or on the way."""

import numpy as np

from faults.problem import PER_SAMPLE, Y0, Fault, solve
from tapeless import SolverError
from tapeless.fields import Dense, Network


def stiff(**kwargs):
    """A field whose trajectories grow as e**(1000 t)."""
    return solve(theta=np.array([1000.0, 0.0]), field=Network(1, [Dense(1)]), y0=[[1.0]], **kwargs)


FAULTS = (
    Fault(lambda: solve(rtol=-1e-3), ValueError, "-0.001"),
    Fault(lambda: solve(rtol=np.nan), ValueError, "nan"),
    Fault(lambda: solve(rtol="tight"), TypeError, "<U5"),
    Fault(lambda: solve(rtol=np.full(3, 1e-3)), ValueError, "shape (3,)"),
    Fault(lambda: solve(atol=-1e-6), ValueError, "-1e-06"),
    Fault(lambda: solve(atol=np.inf), ValueError, "inf"),
    Fault(lambda: solve(rtol=0, atol=0), ValueError, "0"),
    Fault(lambda: solve(rtol=PER_SAMPLE, atol=0.0), ValueError, "0.0"),
    Fault(lambda: solve(first_step=0), ValueError, "0"),
    Fault(lambda: solve(first_step=-0.1), ValueError, "-0.1"),
    Fault(lambda: solve(first_step=PER_SAMPLE + 0.1, coupled=True), ValueError, "coupled=True"),
    Fault(lambda: solve(n_steps=0), ValueError, "0"),
    Fault(lambda: solve(n_steps=10.0), ValueError, "10.0"),
    Fault(lambda: solve(n_steps=True), ValueError, "True"),
    Fault(lambda: solve(max_steps=0), ValueError, "0"),
    Fault(lambda: solve(max_steps=1e4), ValueError, "10000.0"),
    Fault(lambda: solve(threads=0), ValueError, "0"),
    Fault(lambda: solve(t_eval=[]), ValueError, "shape (0,)"),
    Fault(lambda: solve(t_eval=0.5), ValueError, "shape ()"),
    Fault(lambda: solve(t_eval=[0.5, 1.5]), ValueError, "shape (2,)"),
    Fault(lambda: solve(t_eval=[-0.5, 0.5]), ValueError, "shape (2,)"),
    Fault(lambda: solve(t_eval=[0.7, 0.2]), ValueError, "shape (2,)"),
    Fault(lambda: solve(t_eval=[0.2, 0.7], t_span=(1.0, 0.0)), ValueError, "shape (2,)"),
    Fault(lambda: solve(t_eval=[0.2, np.nan]), ValueError, "shape (2,)"),
    Fault(lambda: solve(t_eval=["0.2"]), TypeError, "<U3"),
    Fault(lambda: solve(t_eval=np.ones((3, 2))), ValueError, "shape (3, 2)"),
    Fault(lambda: solve(t_eval=np.ones((1, 4, 2))), ValueError, "shape (1, 4, 2)"),
    Fault(lambda: solve(t_eval=PER_SAMPLE[:, None], coupled=True), ValueError, "coupled=True"),
    Fault(lambda: stiff(max_steps=20), SolverError, "taken all its steps"),
    Fault(lambda: stiff(max_steps=10**6), SolverError, "not finite"),
    Fault(lambda: stiff(t_span=(1e16, 2e16)), SolverError, "a step below rounding"),
    Fault(lambda: stiff(method="rk4", n_steps=300), SolverError, "not finite"),
    Fault(lambda: solve().vjp(np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: solve().vjp(np.ones((4, 1, 2))), ValueError, "shape (4, 1, 2)"),
    Fault(lambda: solve().vjp(1.0), ValueError, "shape ()"),
    Fault(lambda: solve().vjp(Y0 * 1j), TypeError, "complex128"),
    Fault(lambda: solve(adjoint=None).vjp(Y0), ValueError, "adjoint=None"),
)
