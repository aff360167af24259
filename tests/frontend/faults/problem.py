"""A problem that is sound, which calls that go wrong have wrong in one argument."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tapeless import solve_ode
from tapeless.fields import MLP, Field


class Fault(NamedTuple):
    call: Callable
    kind: type[Exception]
    got: str  # what the sentence says about the argument


FIELD = MLP(2, [3])
THETA = FIELD.init(rng=0)
Y0 = np.ones((4, 2))
NAN = np.array([[1.0, 1.0], [np.nan, 1.0]])
PER_SAMPLE = np.linspace(0.0, 0.4, 4)


def solve(y0=Y0, t_span=(0.0, 1.0), theta=THETA, field=FIELD, **kwargs):
    return solve_ode(field, t_span, y0, theta, **kwargs)


def still(t, y, theta, dy):
    dy[:] = 0.0


def still_field(**kwargs):
    return solve(field=Field(still, 2), theta=None, **kwargs)
