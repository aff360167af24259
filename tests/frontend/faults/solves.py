"""Calls of `solve_ode` that go wrong in the problem, the method, the adjoint or what is asked of a solution."""

import numpy as np

from faults.problem import FIELD, NAN, PER_SAMPLE, THETA, Y0, Fault, solve, still, still_field
from tapeless import Backsolve, SolverError, adjoint_memory, methods, reversible, solve_ode
from tapeless._steps import StepsBar
from tapeless.fields import Dense, Field, Network


def measured(**bars):
    """Give cotangents of steps to a solve that has measured them; "nan" stands for NaN in all of them."""
    sol = solve(measure=True)
    bars = {
        k: np.full(sol.steps.h.shape, np.nan) if isinstance(x, str) else x for k, x in bars.items()
    }
    return sol.vjp(None, steps_bar=StepsBar(**bars))


def passed(bar):
    return solve(first_passage=(0, 1.0)).vjp(None, first_passage_bar=bar)


def backsolve(**kwargs):
    return solve(adjoint="backsolve", **kwargs)


def contracts(t1, n_steps):
    """The gradient of a decay as e**(-10 t), by a method that is stable for no such step."""
    field, theta = Network(1, [Dense(1)]), np.array([-10.0, 0.0])
    method = reversible("tsit5")
    sol = solve_ode(
        field, (0.0, t1), [[1.0]], theta, method=method, n_steps=n_steps, adjoint="reversible"
    )
    sol.vjp(sol.ys)


FAULTS = (
    Fault(lambda: solve(field=None), TypeError, "None"),
    Fault(lambda: solve(field=np.sin), TypeError, "<ufunc 'sin'>"),
    Fault(lambda: solve(y0=None), TypeError, "object"),
    Fault(lambda: solve(y0=1.0), ValueError, "shape ()"),
    Fault(lambda: solve(y0=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: solve(y0=np.ones((4, 3))), ValueError, "shape (4, 3)"),
    Fault(lambda: solve(y0=np.ones((2, 4, 2))), ValueError, "shape (2, 4, 2)"),
    Fault(lambda: solve(y0=[[1.0, 2.0], [3.0]]), TypeError, "list"),
    Fault(lambda: solve(y0=Y0 * 1j), TypeError, "complex128"),
    Fault(lambda: solve(y0=Y0.astype(object)), TypeError, "object"),
    Fault(lambda: solve(y0=Y0.astype(np.float16)), TypeError, "float16"),
    Fault(lambda: solve(y0=Y0.astype(np.longdouble)), TypeError, "float128"),
    Fault(lambda: solve(y0=[["1", "2"]]), TypeError, "<U1"),
    Fault(lambda: solve(y0=NAN), SolverError, "Trajectory 1 reached t = 0 of 1"),
    Fault(lambda: solve(y0=[[1.0, np.inf]], method="rk4", n_steps=5), SolverError, "not finite"),
    Fault(lambda: solve(theta=None), TypeError, "None"),
    Fault(lambda: solve(theta=THETA[:-1]), ValueError, "shape (16,)"),
    Fault(lambda: solve(theta=np.tile(THETA, (4, 1))), ValueError, "shape (4, 17)"),
    Fault(lambda: solve(theta=THETA * 1j), TypeError, "complex128"),
    Fault(lambda: solve(theta=THETA * np.nan), ValueError, "NaN"),
    Fault(lambda: solve(theta=THETA + np.inf), ValueError, "inf"),
    Fault(lambda: solve(t_span=1.0), ValueError, "1.0"),
    Fault(lambda: solve(t_span=(0.0, 1.0, 2.0)), ValueError, "(0.0, 1.0, 2.0)"),
    Fault(lambda: solve(t_span=(0.0, np.nan)), ValueError, "nan"),
    Fault(lambda: solve(t_span=(-np.inf, 0)), ValueError, "inf"),
    Fault(lambda: solve(t_span=(0.0, 1j)), TypeError, "complex128"),
    Fault(lambda: solve(t_span=("0", "1")), TypeError, "<U1"),
    Fault(lambda: solve(t_span=(0.0, np.ones(3))), ValueError, "shape (3,)"),
    Fault(lambda: solve(t_span=(PER_SAMPLE, 1.0), coupled=True), ValueError, "coupled=True"),
    Fault(lambda: solve(method="rk5"), ValueError, "'rk5'"),
    Fault(lambda: solve(method=4), ValueError, "4"),
    Fault(lambda: solve(method=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: solve(method="rk4"), ValueError, "'rk4'"),
    Fault(lambda: solve(controller="pid"), ValueError, "'pid'"),
    Fault(lambda: solve(controller=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: solve(adjoint="tape"), ValueError, "'tape'"),
    Fault(lambda: Backsolve(seminorm=1), TypeError, "1"),
    Fault(lambda: Backsolve(at_outputs=None), TypeError, "None"),
    Fault(lambda: Backsolve(resets=-1), ValueError, "-1"),
    Fault(lambda: Backsolve(rtol=np.nan), ValueError, "nan"),
    Fault(lambda: Backsolve(atol=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: Backsolve(method="rk5"), ValueError, "'rk5'"),
    Fault(lambda: solve(backsolve=Backsolve()), ValueError, "adjoint='store'"),
    Fault(lambda: solve(adjoint="backsolve", backsolve=3), TypeError, "3"),
    Fault(lambda: backsolve(backsolve=Backsolve(method="rk4")), ValueError, "'rk4'"),
    Fault(lambda: backsolve(reduce=True), ValueError, "True"),
    Fault(lambda: backsolve(first_passage=(0, 1.0)), ValueError, "(0, 1.0)"),
    Fault(lambda: backsolve(stride=2), ValueError, "2 with adjoint='backsolve'"),
    Fault(lambda: backsolve(field=Field(still, 2), theta=None), ValueError, "'backsolve'"),
    Fault(lambda: backsolve(measure=True).vjp(Y0, steps_bar=StepsBar()), ValueError, "keeps none"),
    Fault(
        lambda: backsolve(field=Network(1, [Dense(1)]), theta=[-80.0, 0.0], y0=[1.0]).vjp([1.0]),
        SolverError,
        "their size",
    ),
    Fault(lambda: adjoint_memory(FIELD, 4, 10, adjoint="backsolve"), ValueError, "'backsolve'"),
    Fault(lambda: solve(adjoint=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: solve(adjoint="every"), TypeError, "None"),
    Fault(lambda: solve(adjoint="every", stride=0), ValueError, "0"),
    Fault(lambda: solve(adjoint="every", stride=2, budget=10**6), ValueError, "1000000"),
    Fault(lambda: solve(stride=2), ValueError, "2 with adjoint='store'"),
    Fault(lambda: solve(adjoint="binomial"), TypeError, "None"),
    Fault(lambda: solve(adjoint="binomial", budget=1.5), ValueError, "1.5"),
    Fault(lambda: solve(adjoint="binomial", budget=100), ValueError, "100"),
    Fault(lambda: solve(adjoint="forward", stride=2), ValueError, "2 with adjoint='forward'"),
    Fault(lambda: solve(adjoint="forward").vjp(Y0), ValueError, "'forward'"),
    Fault(lambda: solve(adjoint=None).jvp(Y0), ValueError, "adjoint=None"),
    Fault(lambda: solve().jvp(Y0[:3]), ValueError, "shape (3, 2)"),
    Fault(lambda: solve().jvp(Y0 * np.nan), ValueError, "NaN"),
    Fault(lambda: solve().jvp("up"), TypeError, "<U2"),
    Fault(lambda: solve().jvp(theta_dot=THETA[:-1]), ValueError, "shape (16,)"),
    Fault(lambda: solve().jvp(Y0, np.stack([THETA] * 3)), ValueError, "3 of `theta_dot`"),
    Fault(lambda: solve().jvp(Y0[None], np.stack([THETA] * 3)), ValueError, "1 of `y0_dot`"),
    Fault(lambda: solve().jvp(t0_dot=np.ones((2, 4))), ValueError, "shape (2, 4)"),
    Fault(lambda: solve().jvp(t1_dot=np.inf), ValueError, "inf"),
    Fault(lambda: solve().jvp(t_eval_dot=[1.0]), ValueError, "[1.0]"),
    Fault(lambda: solve(t_eval=[0.5, 1.0]).jvp(t_eval_dot=[1.0]), ValueError, "shape (1,)"),
    Fault(lambda: still_field(adjoint="forward"), TypeError, "Field(still"),
    Fault(lambda: still_field().jvp(Y0), TypeError, "Field(still"),
    Fault(lambda: Field(still, 2, jvp="symbolic"), TypeError, "SymPy"),
    Fault(lambda: Field(still, 2, jvp=still), TypeError, "4 arguments"),
    Fault(lambda: adjoint_memory(FIELD, 4, 10, adjoint="forward"), ValueError, "'forward'"),
    Fault(lambda: solve(adjoint="reversible"), ValueError, "'tsit5'"),
    Fault(lambda: solve(adjoint="reversible", method="alf", stride=2), ValueError, "2 with"),
    Fault(lambda: adjoint_memory(FIELD, 4, 10, adjoint="reversible"), ValueError, "'tsit5'"),
    Fault(lambda: reversible("alf"), ValueError, "'alf'"),
    Fault(lambda: reversible(None), ValueError, "None"),
    Fault(lambda: reversible("tsit5", 0), ValueError, "0"),
    Fault(lambda: reversible("tsit5", 1.5), ValueError, "1.5"),
    Fault(lambda: reversible("tsit5", np.nan), ValueError, "nan"),
    Fault(lambda: reversible("tsit5", "0.9"), ValueError, "'0.9'"),
    Fault(lambda: methods.alf(0.5), ValueError, "0.5"),
    Fault(lambda: solve(method=reversible("rk4")), ValueError, "reversible('rk4')"),
    Fault(lambda: solve(method="alf", interpolate=True), ValueError, "True"),
    Fault(lambda: solve(method="alf", reduce=True), ValueError, "True"),
    Fault(lambda: solve(method="alf", first_passage=(0, 1.0)), ValueError, "(0, 1.0)"),
    Fault(
        lambda: solve(method="alf", measure=True).vjp(Y0, steps_bar=StepsBar()),
        ValueError,
        "keeps none",
    ),
    Fault(lambda: solve(method="alf", time_gradients=True), ValueError, "True"),
    Fault(lambda: contracts(10.0, 1000), SolverError, "drift apart"),
    Fault(lambda: contracts(2.8, 1400), SolverError, "could not be taken back"),
    Fault(lambda: solve(measure="all"), ValueError, "'all'"),
    Fault(lambda: solve().steps, ValueError, "got False"),
    Fault(lambda: solve(method="bosh3", measure=True).looks_stiff, ValueError, "tsit5"),
    Fault(lambda: solve().vjp(Y0, times=True), ValueError, "slopes that were not kept"),
    Fault(lambda: still_field(time_gradients=True), ValueError, "Field(still"),
    Fault(lambda: solve().vjp(None, steps_bar=StepsBar()), ValueError, "got False"),
    Fault(lambda: solve(measure=True).vjp(None, steps_bar=(1.0,)), TypeError, "(1.0,)"),
    Fault(lambda: measured(error=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: measured(error="nan"), ValueError, "NaN or inf"),
    Fault(lambda: measured(y=np.ones((4, 2, 2))), ValueError, "shape (4, 2, 2)"),
    Fault(lambda: solve().vjp(Y0, first_passage_bar=np.ones(4)), ValueError, "left out"),
    Fault(lambda: passed(np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: passed(np.full(4, np.nan)), ValueError, "NaN or inf"),
    Fault(lambda: adjoint_memory(None, 4, 10), TypeError, "None"),
    Fault(lambda: adjoint_memory(FIELD, 0, 10), ValueError, "0"),
    Fault(lambda: adjoint_memory(FIELD, 4, 10.5), ValueError, "10.5"),
)
