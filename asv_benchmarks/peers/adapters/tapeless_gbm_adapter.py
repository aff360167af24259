"""tapeless.solve_sde with Python functions as fields: the ensemble of W6 on one core."""

import functools

import problems as P
from core import register

from adapters._gbm import build

register("tapeless", "W6", "solve_sde", [P.GBM])(functools.partial(build, 1))
