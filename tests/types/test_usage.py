"""What mypy was told of the public functions is true of them."""

import pathlib
import runpy

import numpy as np

USAGE = pathlib.Path(__file__).with_name("usage.py")


def test_usage_runs_and_returns_what_its_types_say():
    names = runpy.run_path(str(USAGE))
    sol = names["sol"]
    floats = {x.dtype for x in (sol.ys, sol.y, names["y0_bar"], names["theta_bar"])}
    assert floats == {np.dtype(np.float64)}
