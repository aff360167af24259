"""Bad arguments get a sentence, bad trajectories a status; docs/errors.md is made of FAULTS.

After a change: python tests/frontend/test_faults.py --write
"""

import ctypes
import pathlib
import re
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import tapeless
from tapeless import (
    Backsolve,
    BrownianPath,
    Objective,
    SolverError,
    TrainingError,
    adjoint_memory,
    check_tableau,
    diffusion,
    fields,
    fit,
    load,
    losses,
    methods,
    optim,
    regularise,
    reversible,
    save,
    solve_ivp,
    solve_ode,
    solve_sde,
    testing,
)  # fmt: skip
from tapeless._optimiser import NotFinite
from tapeless._regularised import Problem
from tapeless._steps import StepsBar
from tapeless.fields import (
    MLP,
    Activation,
    Dense,
    Field,
    Frozen,
    Kinetic,
    Network,
    Residual,
    Slice,
    Sum,
)  # fmt: skip
from tapeless.optim import Adam
from tapeless.regularise import RNODE, STEER, Annealed, Functional, Global, Local, WeightDecay
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.user_field import NotCompiled
from tapeless_kernels.status import MAX_STEPS, NON_FINITE, STEP_TOO_SMALL, SUCCESS

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "errors.md"
FIELD = MLP(2, [3])
THETA = FIELD.init(rng=0)
Y0 = np.ones((4, 2))
NAN = np.array([[1.0, 1.0], [np.nan, 1.0]])
OBJECTIVE = Objective(FIELD, (0.0, 1.0), losses.mse)
PER_SAMPLE = np.linspace(0.0, 0.4, 4)


def solve(y0=Y0, t_span=(0.0, 1.0), theta=THETA, field=FIELD, **kwargs):
    return solve_ode(field, t_span, y0, theta, **kwargs)


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


def measured(**bars):
    """Give cotangents of steps to a solve that has measured them; "nan" stands for NaN in all of them."""
    sol = solve(measure=True)
    bars = {
        k: np.full(sol.steps.h.shape, np.nan) if isinstance(x, str) else x for k, x in bars.items()
    }
    return sol.vjp(None, steps_bar=StepsBar(**bars))


def passed(bar):
    return solve(first_passage=(0, 1.0)).vjp(None, first_passage_bar=bar)


def problem(method="tsit5"):
    return Problem(FIELD, (0.0, 1.0), Y0, {"method": method}, 2)


def train(**options):
    objective = tapeless.Objective(FIELD, (0.0, 1.0), tapeless.losses.mse)
    return tapeless.fit(objective, THETA, (Y0, Y0), epochs=1, **options)


def backsolve(**kwargs):
    return solve(adjoint="backsolve", **kwargs)


def stiff(**kwargs):
    """A field whose trajectories grow as e**(1000 t)."""
    return solve(theta=np.array([1000.0, 0.0]), field=Network(1, [Dense(1)]), y0=[[1.0]], **kwargs)


def contracts(t1, n_steps):
    """The gradient of a decay as e**(-10 t), by a method that is stable for no such step."""
    field, theta = Network(1, [Dense(1)]), np.array([-10.0, 0.0])
    method = reversible("tsit5")
    sol = solve_ode(
        field, (0.0, t1), [[1.0]], theta, method=method, n_steps=n_steps, adjoint="reversible"
    )
    sol.vjp(sol.ys)


def decay(t, y, *args):
    return -y


def event(t, y):
    return y[0]


def still(t, y, theta, dy):
    dy[:] = 0.0


def still_field(**kwargs):
    return solve(field=Field(still, 2), theta=None, **kwargs)


def prints(t, y, theta, dy):
    dy[0] = sys.getrefcount(y)


class Terminal:
    """An event whose attribute `terminal` is as given."""

    def __init__(self, terminal):
        self.terminal = terminal

    def __call__(self, t, y):
        return y[0]


def ivp(fun=decay, t_span=(0.0, 1.0), y0=(1.0, 2.0), **kwargs):
    return solve_ivp(fun, t_span, y0, **kwargs)


class Fault(NamedTuple):
    call: Callable
    kind: type[Exception]
    got: str  # what the sentence says about the argument


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
    Fault(lambda: Functional("errors"), ValueError, "'errors'"),
    Fault(lambda: Functional("error", "min"), ValueError, "'min'"),
    Fault(lambda: Functional().vjp(solve(measure=True).steps, 1.0), ValueError, "float"),
    Fault(
        lambda: Functional("stiffness").value(solve(method="bosh3", measure=True).steps),
        ValueError,
        "'stiffness'",
    ),
    Fault(lambda: Global(weight=-1.0), ValueError, "-1.0"),
    Fault(lambda: Global("stiffness").prepare(problem("bosh3"), None), ValueError, "'bosh3'"),
    Fault(lambda: Local(sampler="random"), ValueError, "'random'"),
    Fault(lambda: Local(sampler="exact", h_reg="initial"), ValueError, "'initial'"),
    Fault(lambda: Local(h_reg="first"), ValueError, "'first'"),
    Fault(lambda: Local(through_state=True, hold_slope=True), ValueError, "True"),
    Fault(lambda: STEER(0.0), ValueError, "0.0"),
    Fault(lambda: STEER(1.5).prepare(problem(), np.random.default_rng(0)), ValueError, "1.5"),
    Fault(lambda: WeightDecay(np.inf), ValueError, "inf"),
    Fault(lambda: RNODE(kinetic="1"), ValueError, "'1'"),
    Fault(lambda: Annealed(1.0, 0.0, 10), ValueError, "0.0"),
    Fault(lambda: Annealed(1.0, 0.1, 0), ValueError, "0"),
    Fault(lambda: train(regularise="error"), TypeError, "'error'"),
    Fault(lambda: train(regularise=Local()), ValueError, "None"),
    Fault(lambda: adjoint_memory(None, 4, 10), TypeError, "None"),
    Fault(lambda: adjoint_memory(FIELD, 0, 10), ValueError, "0"),
    Fault(lambda: adjoint_memory(FIELD, 4, 10.5), ValueError, "10.5"),
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
    Fault(lambda: MLP(0, [3]), ValueError, "0"),
    Fault(lambda: MLP(2.0, [3]), ValueError, "2.0"),
    Fault(lambda: MLP(2, [3, 0]), ValueError, "[3, 0]"),
    Fault(lambda: MLP(2, [3.5]), ValueError, "[3.5]"),
    Fault(lambda: MLP(2, None), ValueError, "None"),
    Fault(lambda: MLP(2, [3], activation="tan"), ValueError, "'tan'"),
    Fault(lambda: MLP(2, [3], activation=None), ValueError, "None"),
    Fault(lambda: MLP(2, [3], final_activation="tan"), ValueError, "'tan'"),
    Fault(lambda: Network(-1, [Dense(2)]), ValueError, "-1"),
    Fault(lambda: Network(2, None), TypeError, "None"),
    Fault(lambda: Network(2, [Dense(3)]), ValueError, "to 3"),
    Fault(lambda: Network(2, [Dense(0), Dense(2)]), ValueError, "0 outputs"),
    Fault(lambda: Network(2, [Dense(2.5), Dense(2)]), ValueError, "2.5 outputs"),
    Fault(lambda: Network(2, [Residual((Dense(3),))]), ValueError, "2 values to 3"),
    Fault(lambda: Network(2, [Activation("tan")]), ValueError, "'tan'"),
    Fault(lambda: Network(2, ["tanh"]), TypeError, "'tanh'"),
    Fault(lambda: FIELD.init(rng="seed"), TypeError, "'seed'"),
    Fault(lambda: FIELD.init(rng=-1), ValueError, "-1"),
    Fault(lambda: FIELD.unflatten(THETA[:5]), ValueError, "shape (5,)"),
    Fault(lambda: Adam(lr=0), ValueError, "0"),
    Fault(lambda: Adam(lr=-1e-3), ValueError, "-0.001"),
    Fault(lambda: Adam(eps=np.nan), ValueError, "nan"),
    Fault(lambda: Adam(betas=(0.9, 1.0)), ValueError, "(0.9, 1.0)"),
    Fault(lambda: Adam(betas=(0.9,)), ValueError, "(0.9,)"),
    Fault(lambda: Adam(clip_norm=0), ValueError, "0"),
    Fault(lambda: Adam(lr=np.sin), TypeError, "<ufunc 'sin'>"),
    Fault(lambda: Adam().step(np.ones(3), np.ones(4)), ValueError, "shape (4,)"),
    Fault(lambda: Adam().step(np.ones(3), np.ones(3), out=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: Adam().step(np.ones(3), np.full(3, np.nan)), NotFinite, "nan at place 0"),
    Fault(lambda: optim.SGD(nesterov=True), ValueError, "0.0"),
    Fault(lambda: optim.AdamW(weight_decay=-1), ValueError, "-1"),
    Fault(lambda: optim.RMSProp(beta=1), ValueError, "1"),
    Fault(lambda: optim.Lion(betas=3), ValueError, "3"),
    Fault(lambda: optim.LBFGS(memory=0), ValueError, "0"),
    Fault(lambda: optim.Constant(np.inf), ValueError, "inf"),
    Fault(lambda: optim.Cosine(0.1, 0), ValueError, "0"),
    Fault(lambda: optim.Exponential(0.1, -1), ValueError, "-1"),
    Fault(lambda: optim.WarmUp(None, 3), TypeError, "None"),
    Fault(lambda: losses.mse(Y0, Y0[0]), ValueError, "shape (2,)"),
    Fault(lambda: losses.huber([], []), ValueError, "shape (0,)"),
    Fault(lambda: losses.huber(Y0, Y0, delta=0), ValueError, "0"),
    Fault(lambda: losses.cross_entropy(Y0, [0, 1, 2, 0]), ValueError, "2 among them"),
    Fault(lambda: losses.cross_entropy(Y0, [0, -1, 0, 0]), ValueError, "-1 among them"),
    Fault(lambda: losses.cross_entropy(Y0, [0]), ValueError, "shape (1,)"),
    Fault(lambda: losses.cross_entropy(Y0, Y0[:, 0]), TypeError, "float64"),
    Fault(lambda: losses.cross_entropy(Y0[:0], []), ValueError, "shape (0, 2)"),
    Fault(lambda: losses.gaussian_nll(Y0, Y0), ValueError, "shape (4, 2)"),
    Fault(lambda: Objective(None, (0, 1), losses.mse), TypeError, "None"),
    Fault(lambda: Objective(FIELD, (0, 1), None), TypeError, "None"),
    Fault(lambda: Objective(FIELD, (0, 1), losses.mse, adjoint=None), ValueError, "None"),
    Fault(lambda: Objective(Field(still, 2), (0, 1), losses.mse), ValueError, "Field(still, dim=2"),
    Fault(lambda: fit(None, THETA), TypeError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA[:3], (Y0, Y0)), ValueError, "shape (3,)"),
    Fault(lambda: fit(OBJECTIVE, THETA * np.nan, (Y0, Y0)), ValueError, "NaN"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0[:0], Y0[:0])), ValueError, "shape (0, 2)"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0[:1])), ValueError, "lengths 4 and 1"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), batch_size=2), ValueError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), optimiser="adam"), TypeError, "'adam'"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), epochs=0), ValueError, "0"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), patience=2), ValueError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), resume=True), ValueError, "None"),
    Fault(lambda: fit(lambda theta: 1.0, THETA), TypeError, "1.0"),
    Fault(lambda: fit(lambda theta: (np.nan, theta), THETA), TrainingError, "the loss is nan"),
    Fault(
        lambda: fit(lambda theta: (1.0, np.full_like(theta, np.inf)), THETA),
        TrainingError,
        "not finite",
    ),
    Fault(lambda: fit(OBJECTIVE, THETA * 1e30, (Y0, Y0)), TrainingError, "a solve failed"),
    Fault(lambda: save("model.npz", None, THETA), TypeError, "None"),
    Fault(lambda: save("model.npz", FIELD, THETA[:3]), ValueError, "shape (3,)"),
    Fault(lambda: save("model.npz", FIELD, THETA, "adam"), TypeError, "'adam'"),
    Fault(lambda: load(__file__), ValueError, "it is no .npz file"),
    Fault(lambda: check_tableau("mine", "2", ["1"], "1/2 1/2"), ValueError, "'2'"),
    Fault(lambda: check_tableau("mine", 2, ["1"], "1/2 1/3"), ValueError, "sums to 5/6"),
    Fault(lambda: check_tableau("mine", 2, ["1"], "1/2 x"), ValueError, "'x'"),
    Fault(
        lambda: check_tableau("mine", 3, ["1"], "1/2 1/2"), ValueError, "sum b_i c_i^2 = 1/3 fails"
    ),
    Fault(lambda: Field(None, 2), TypeError, "None"),
    Fault(lambda: Field(np.sin, 2), TypeError, "<ufunc 'sin'>"),
    Fault(lambda: Field(lambda t, y: y, 2), TypeError, "one of 2 arguments"),
    Fault(lambda: Field(still, 2, vjp=still), TypeError, "one of 4 arguments"),
    Fault(lambda: Field(still, 0), ValueError, "0"),
    Fault(lambda: Field(still, 2, -1), ValueError, "-1"),
    Fault(lambda: solve(field=Field(prints, 2), theta=None), NotCompiled, "getrefcount"),
    Fault(lambda: solve(field=Field(still, 2, 3), theta=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: solve(field=Field(still, 2, 3), theta=np.ones((3, 3))), ValueError, "(3, 3)"),
    Fault(
        lambda: solve(field=Field(still, 2, 3), theta=np.ones((4, 3)), coupled=True),
        ValueError,
        "coupled=True",
    ),
    Fault(lambda: solve(field=Field(still, 2), theta=None).vjp(Y0), ValueError, "no `vjp`"),
    Fault(lambda: Sum([FIELD, 3]), TypeError, "3 among them"),
    Fault(lambda: Sum(3), TypeError, "3"),
    Fault(lambda: Sum([]), ValueError, "none"),
    Fault(lambda: FIELD + Field(still, 3), ValueError, "dim=3 of Field(still"),
    Fault(lambda: Sum([FIELD]).unflatten(THETA[1:]), ValueError, "shape (16,)"),
    Fault(lambda: solve(field=FIELD + FIELD, theta=THETA), ValueError, "shape (17,)"),
    Fault(lambda: Slice(3, 5), TypeError, "3"),
    Fault(lambda: Slice(FIELD, 20, 4), ValueError, "20"),
    Fault(lambda: Slice(FIELD, 20, -1), ValueError, "-1"),
    Fault(lambda: Frozen(3, THETA), TypeError, "3"),
    Fault(lambda: Frozen(FIELD, THETA[1:]), ValueError, "shape (16,)"),
    Fault(lambda: Frozen(FIELD, NAN), ValueError, "shape (2, 2)"),
    Fault(lambda: Frozen(FIELD, THETA * np.nan), ValueError, "NaN"),
    Fault(lambda: Kinetic(Field(still, 2)), TypeError, "Field(still, dim=2, n_params=0)"),
    Fault(lambda: Kinetic(FIELD).initial(np.ones((4, 3))), ValueError, "shape (4, 3)"),
    Fault(lambda: Kinetic(FIELD).initial(Y0, noise="white"), ValueError, "'white'"),
    Fault(lambda: Kinetic(FIELD).initial(Y0, rng="x"), TypeError, "'x'"),
    Fault(lambda: Kinetic(FIELD).split(np.ones((4, 2))), ValueError, "shape (4, 2)"),
    Fault(lambda: solve(field=Kinetic(FIELD)), ValueError, "shape (4, 2)"),
    Fault(lambda: fields.vjp_jvp(3, 0.0, Y0, THETA, Y0), TypeError, "3"),
    Fault(lambda: fields.vjp_jvp(FIELD + FIELD, 0.0, Y0, np.ones(34), Y0), TypeError, "Sum("),
    Fault(lambda: fields.vjp_jvp(FIELD, 0.0, Y0[:, :1], THETA, Y0), ValueError, "shape (4, 1)"),
    Fault(lambda: fields.vjp_jvp(FIELD, 0.0, Y0, THETA[1:], Y0), ValueError, "shape (16,)"),
    Fault(lambda: fields.vjp_jvp(FIELD, 0.0, Y0, THETA, Y0[1:]), ValueError, "shape (3, 2)"),
    Fault(
        lambda: fields.vjp_jvp(FIELD, 0.0, Y0, THETA, Y0, y_dot=Y0[1:]), ValueError, "shape (3, 2)"
    ),
    Fault(
        lambda: fields.vjp_jvp(FIELD, 0.0, Y0, THETA, Y0, theta_dot=Y0), ValueError, "shape (4, 2)"
    ),
    Fault(lambda: ivp(fun=None), TypeError, "None"),
    Fault(lambda: ivp(fun=[1.0]), TypeError, "[1.0]"),
    Fault(lambda: ivp(fun=lambda t, y: None), TypeError, "None at t = 0"),
    Fault(lambda: ivp(fun=lambda t, y: [1.0]), ValueError, "shape (1,)"),
    Fault(lambda: ivp(fun=lambda t, y: y[:, None]), ValueError, "shape (2, 1)"),
    Fault(lambda: ivp(fun=lambda t, y: y * 1j), TypeError, "complex numbers"),
    Fault(lambda: ivp(fun=lambda t, y: "up"), TypeError, "'up'"),
    Fault(lambda: ivp(fun=FIELD), TypeError, "()"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA[1:],)), ValueError, "shape (16,)"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA,), y0=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA,), y0=[1j, 1.0]), TypeError, "complex128"),
    Fault(lambda: ivp(fun=ctypes.CDLL(None).abs), TypeError, "abs without them"),
    Fault(lambda: ivp(t_span=1.0), ValueError, "1.0"),
    Fault(lambda: ivp(t_span=(0.0, 1.0, 2.0)), ValueError, "(0.0, 1.0, 2.0)"),
    Fault(lambda: ivp(t_span=(0.0, np.nan)), ValueError, "nan"),
    Fault(lambda: ivp(t_span=(np.inf, 0.0)), ValueError, "inf"),
    Fault(lambda: ivp(t_span=(0.0, np.inf)), ValueError, "inf"),
    Fault(lambda: ivp(t_span=(0.0, np.inf), events=event), ValueError, "inf"),
    Fault(lambda: ivp(y0=1.0), ValueError, "shape ()"),
    Fault(lambda: ivp(y0=np.ones((2, 2))), ValueError, "shape (2, 2)"),
    Fault(lambda: ivp(y0=[1.0, np.nan]), ValueError, "nan for component 1"),
    Fault(lambda: ivp(y0=[np.inf, 1.0]), ValueError, "inf for component 0"),
    Fault(lambda: ivp(y0=["a"]), TypeError, "<U1"),
    Fault(lambda: ivp(y0=None), ValueError, "shape ()"),
    Fault(lambda: ivp(method="RK67"), ValueError, "'RK67'"),
    Fault(lambda: ivp(method=int), ValueError, "<class 'int'>"),
    Fault(lambda: ivp(method="euler"), ValueError, "'euler'"),
    Fault(lambda: ivp(t_eval=0.5), ValueError, "shape ()"),
    Fault(lambda: ivp(t_eval=[0.5, 1.5]), ValueError, "1.5 for a span from 0.0 to 1.0"),
    Fault(lambda: ivp(t_eval=[0.5, np.nan]), ValueError, "nan for a span"),
    Fault(lambda: ivp(t_eval=[0.7, 0.2]), ValueError, "do not strictly increase"),
    Fault(lambda: ivp(t_eval=[0.2, 0.7], t_span=(1.0, 0.0)), ValueError, "strictly decrease"),
    Fault(lambda: ivp(t_eval=["0.2"]), TypeError, "<U3"),
    Fault(lambda: ivp(args=3.0), TypeError, "args=(3.0,)"),
    Fault(lambda: ivp(rtol=np.nan), ValueError, "NaN"),
    Fault(lambda: ivp(rtol="tight"), TypeError, "<U5"),
    Fault(lambda: ivp(rtol=np.full(3, 1e-3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(atol=-1.0), ValueError, "-1.0"),
    Fault(lambda: ivp(atol=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(first_step=0), ValueError, "0"),
    Fault(lambda: ivp(first_step=2.0), ValueError, "2.0 for a span from 0.0 to 1.0"),
    Fault(lambda: ivp(first_step="x"), TypeError, "'x'"),
    Fault(lambda: ivp(max_step=-1), ValueError, "-1"),
    Fault(lambda: ivp(max_step=np.nan), ValueError, "nan"),
    Fault(lambda: ivp(max_steps=0), ValueError, "0"),
    Fault(lambda: ivp(step_ts=[[0.5]]), ValueError, "shape (1, 1)"),
    Fault(lambda: ivp(jump_ts=np.nan), ValueError, "shape ()"),
    Fault(lambda: ivp(controller="pid"), ValueError, "'pid'"),
    Fault(lambda: ivp(events=3.0), TypeError, "3.0"),
    Fault(lambda: ivp(events=[event, None]), TypeError, "None"),
    Fault(lambda: ivp(events=Terminal(-1)), ValueError, "-1"),
    Fault(lambda: ivp(events=lambda t, y: None), TypeError, "None at t = 0"),
    Fault(lambda: ivp(events=lambda t, y: y), TypeError, "shape (2,)"),
    Fault(lambda: ivp(dense_output=True).sol([[0.5]]), ValueError, "shape (1, 1)"),
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


def sentence(fault):
    with pytest.raises(fault.kind) as caught:
        fault.call()
    assert type(caught.value) is fault.kind
    return str(caught.value)


def parts(message):
    """Return the function and the argument that a sentence names."""
    function, rest = message.split(": ", 1)
    begins = re.match if function not in ("solve_ivp", "OdeSolution") else re.search
    argument = begins(r"(?:in )?`(\w+)`", rest)
    return function, argument[1] if argument else ""


@pytest.mark.parametrize("i", range(len(FAULTS)))
def test_fault_gets_a_sentence(i):
    message = sentence(FAULTS[i])
    function, argument = parts(message)
    assert hasattr(tapeless, function.partition(".")[0]) or any(
        hasattr(module, function.partition(".")[0])
        for module in (fields, losses, methods, optim, regularise)
    )
    assert (
        argument
        or "'mine'" in message
        or FAULTS[i].kind in (SolverError, TrainingError)
        or "adjoint=None" in message
        or re.search("has no `[vj]*p` in", message)
    )
    assert FAULTS[i].got in message
    assert message.endswith(".") and "\n" not in message and " 0x" not in message


def page():
    """Return docs/errors.md."""
    rows = {}
    for fault in FAULTS:
        message = re.sub(r" at 0x\w+|(?<=')\S*/(?=\w+\.py')", "", sentence(fault))
        function, argument = parts(message)
        text = message.split(": ", 1)[1].replace("|", "\\|").replace("<", "&lt;")
        name = f"`{argument}`" if argument else "the solve"
        rows.setdefault(function, []).append(f"| {name} | {fault.kind.__name__} | {text} |")
    lines = [
        "# What goes wrong, and what is said",
        "",
        "Each row was produced by a call in `tests/frontend/test_faults.py`, which also writes this",
        "page (`python tests/frontend/test_faults.py --write`) and fails when it is out of date. Every",
        "message begins with the name of the function, left out here. With `throw=False` a `SolverError`",
        "becomes a status of the trajectory, and the others go on.",
    ]
    for function, table in rows.items():
        lines += ["", f"## {function}", "", "| argument | exception | message |", "|---|---|---|"]
        lines += dict.fromkeys(table)  # without the rows that differ in the call alone
    return "\n".join(lines) + "\n"


def test_page_of_errors_is_up_to_date():
    assert DOCS.read_text() == page(), "run python tests/frontend/test_faults.py --write"


every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
METHODS = (
    {"method": "tsit5"},
    {"method": "bosh3", "t_eval": [0.0, 0.4, 1.0]},
    {"method": "rk4", "n_steps": 5},
)


@pytest.mark.parametrize("kwargs", [*METHODS, {"coupled": True}], ids=str)
@every_dtype
def test_empty_batch_gives_empty_results(kwargs, dtype):
    sol = solve(y0=np.empty((0, 2), dtype), **kwargs)
    shape = (0, 3, 2) if "t_eval" in kwargs else (0, 2)
    assert sol.ys.shape == shape and sol.ys.dtype == dtype and sol.success
    assert all(x.shape == (0,) for x in sol.stats)
    assert "shape (0, " in repr(sol) and sol.nbytes_adjoint == 0
    y0_bar, theta_bar = sol.vjp(np.empty(shape))
    assert y0_bar.shape == (0, 2) and y0_bar.dtype == dtype
    assert theta_bar.shape == THETA.shape and not theta_bar.any() and theta_bar.dtype == dtype


def test_empty_batch_with_numbers_of_its_own():
    none = np.empty(0)
    sol = solve(
        y0=np.empty((0, 2)),
        t_span=(none, none),
        rtol=none,
        first_step=none,
        t_eval=np.empty((0, 3)),
    )
    assert sol.ys.shape == (0, 3, 2) and sol.ts.shape == (0, 3)


@pytest.mark.parametrize("kwargs", METHODS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("batch", [3, 40, 70])
@every_dtype
def test_sample_that_is_not_finite_disturbs_no_other(kwargs, bad, batch, dtype):
    rng = np.random.default_rng(0)
    y0 = rng.standard_normal((batch, 2)).astype(dtype)
    whole = solve(y0=y0, **kwargs)
    for i in (1, batch - 1):  # the last fills the rest of its tile
        with_bad = y0.copy()
        with_bad[i, 1] = bad
        sol = solve(y0=with_bad, throw=False, **kwargs)
        assert sol.stats.status[i] == NON_FINITE and not sol.success and sol.stats.t[i] == 0
        others = np.delete(np.arange(batch), i)
        for mine, theirs in zip(sol.stats, whole.stats, strict=True):
            assert np.array_equal(mine[others], theirs[others])
        assert np.array_equal(sol.ys[others], whole.ys[others])
        ys_bar = rng.standard_normal(sol.ys.shape).astype(dtype)
        ys_bar[i] = 0
        y0_bar, theta_bar = sol.vjp(ys_bar)
        expected = whole.vjp(ys_bar)
        assert np.array_equal(y0_bar[others], expected[0][others]) and np.isfinite(y0_bar[i]).all()
        assert np.array_equal(theta_bar, expected[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("batch", [3, 40, 70])
def test_sample_that_is_not_finite_ends_a_coupled_solve(bad, batch):
    y0 = np.ones((batch, 2))
    y0[1, 0] = bad
    for kwargs in ({}, {"method": "rk4", "n_steps": 5}):
        sol = solve(y0=y0, coupled=True, throw=False, **kwargs)
        assert sol.stats.status[1] == NON_FINITE and sol.stats.t[1] == 0


@pytest.mark.parametrize("batch", [3, 40, 70])
@pytest.mark.parametrize("method", ["bosh3", "dopri5", "tsit5"])
@every_dtype
def test_exploding_relu_network_fails_by_sample(batch, method, dtype):
    """The slope of e**(500 t) leaves float32 at t = 0.165 and float64 at t = 1.41; below 0 it rests."""
    field = MLP(1, [4], activation="relu")
    theta = np.array([1.0] * 4 + [0.0] * 4 + [125.0] * 4 + [0.0])
    y0 = np.where(np.arange(batch) % 3 == 0, -1.0, 1.0).astype(dtype)[:, None]
    kwargs = {
        "field": field, "theta": theta, "t_span": (0, 2), "throw": False, "max_steps": 4000,
        "method": method,
    }  # fmt: skip
    sol = solve(y0=y0, **kwargs)
    resting = y0[:, 0] < 0
    assert (sol.stats.status[resting] == SUCCESS).all() and (sol.ys[resting] == -1).all()
    # The last numbers may be crept up to by steps that change nothing.
    assert np.isin(sol.stats.status[~resting], (NON_FINITE, STEP_TOO_SMALL, MAX_STEPS)).all()
    end = np.log(np.finfo(dtype).max / 500) / 500
    assert (abs(sol.stats.t[~resting] - end) < 0.02).all()
    assert np.isnan(sol.ys[~resting]).all() and np.isfinite(sol.y).all()
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys))
    assert (y0_bar[resting] == 1).all() and (y0_bar[~resting] == 0).all()
    assert np.isfinite(theta_bar).all()
    with pytest.raises(SolverError, match=f"{(~resting).sum()} of {batch} trajectories failed"):
        solve(y0=y0, **kwargs | {"throw": True})


def test_error_carries_the_partial_solution():
    with pytest.raises(SolverError) as caught:
        solve(y0=NAN, t_eval=[0.0, 1.0])
    partial = caught.value.solution
    assert partial.stats.status.tolist() == [SUCCESS, NON_FINITE]
    assert np.isfinite(partial.ys[0]).all() and np.isnan(partial.ys[1, 1]).all()
    assert np.isfinite(partial.vjp(np.ones((2, 2, 2)))[1]).all()


def test_statuses_of_one_batch():
    field = Network(1, [Dense(1)])
    sol = solve_ode(
        field, ([0.0, 1e16, 0.0, 0.0], [1.0, 2e16, 1.0, 1.0]), [[1.0], [1.0], [np.nan], [0.0]],
        np.array([1000.0, 0.0]), max_steps=50, throw=False,
    )  # fmt: skip
    assert sol.stats.status.tolist() == [MAX_STEPS, STEP_TOO_SMALL, NON_FINITE, SUCCESS]


if __name__ == "__main__" and "--write" in sys.argv:
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text(page())
