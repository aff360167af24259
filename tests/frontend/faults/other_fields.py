"""Fields of the user's own, fields made of fields, and derivatives of networks that go wrong."""

import sys

import numpy as np

from faults.problem import FIELD, NAN, THETA, Y0, Fault, solve, still
from tapeless import fields
from tapeless.fields import Field, Frozen, Kinetic, Slice, Sum
from tapeless_kernels.launch.user_field import NotCompiled


def prints(t, y, theta, dy):
    dy[0] = sys.getrefcount(y)


FAULTS = (
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
)
