"""Fields and their parts, with arrays made by `of`."""

import numpy as np

import tapeless
from array_samples.problem import FIELD, THETA, TWICE, Y0
from tapeless import fields, solve_ode
from tapeless.fields import Dense, Frozen, Kinetic, Network, Slice, Sum

SUM = Sum([FIELD, FIELD])
SLICE = Slice(FIELD, 20)
KINETIC = Kinetic(Network(2, [Dense(2)]))


def still(t, y, theta, dy):
    dy[:] = 0.0


SAMPLES = {
    "CField.prepare_vjp": lambda of: tapeless.c_field(FIELD).prepare_vjp(of(THETA)),
    "Frozen.__init__": lambda of: solve_ode(Frozen(FIELD, of(THETA)), (0.0, 1.0), of(Y0)),
    "Kinetic.effective": lambda of: KINETIC.effective(of(np.ones(6))),
    "Kinetic.initial": lambda of: KINETIC.initial(of(Y0), rng=0),
    "Kinetic.split": lambda of: KINETIC.split(KINETIC.initial(of(Y0), rng=0)),
    "Kinetic.unflatten": lambda of: KINETIC.unflatten(of(np.ones(6))),
    "Network.effective": lambda of: FIELD.effective(of(THETA)),
    "Network.unflatten": lambda of: FIELD.unflatten(of(THETA)),
    "Slice.effective": lambda of: SLICE.effective(of(np.ones(20))),
    "Slice.unflatten": lambda of: SLICE.unflatten(of(np.ones(20))),
    "Sum.effective": lambda of: SUM.effective(of(TWICE)),
    "Sum.unflatten": lambda of: SUM.unflatten(of(TWICE)),
    "VectorField.effective": lambda of: fields.Field(still, 2).effective(of(THETA)),
    "fields.evaluate": lambda of: fields.evaluate(FIELD, 0.0, of(Y0), of(THETA)),
    "fields.jvp": lambda of: fields.jvp(FIELD, 0.0, of(Y0), of(THETA), y_dot=of(Y0)),
    "fields.vjp": lambda of: fields.vjp(FIELD, 0.0, of(Y0), of(THETA), of(Y0)),
    "fields.vjp_jvp": lambda of: fields.vjp_jvp(FIELD, 0.0, of(Y0), of(THETA), of(Y0), y_dot=of(Y0)),
}  # fmt: skip
