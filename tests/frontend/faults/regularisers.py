"""Regularisers of training that cannot be, and training with what is none."""

import numpy as np

import tapeless
from faults.problem import FIELD, THETA, Y0, Fault, solve
from tapeless._regularised import Problem
from tapeless.regularise import RNODE, STEER, Annealed, Functional, Global, Local, WeightDecay


def problem(method="tsit5"):
    return Problem(FIELD, (0.0, 1.0), Y0, {"method": method}, 2)


def train(**options):
    objective = tapeless.Objective(FIELD, (0.0, 1.0), tapeless.losses.mse)
    return tapeless.fit(objective, THETA, (Y0, Y0), epochs=1, **options)


FAULTS = (
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
)
