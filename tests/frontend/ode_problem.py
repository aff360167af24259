"""What tests of `solve_ode` are repeated for, and the times of their outputs."""

import numpy as np
import pytest

from tapeless.methods import EXPLICIT

ADAPTIVE = [m.name for m in EXPLICIT if m.error is not None]
ORDERS = {m.name: m.order for m in EXPLICIT}
TIMES = np.array([0.3, 0.5, 0.55, 1.2, 2.0])

every_method = pytest.mark.parametrize("method", [m.name for m in EXPLICIT])
every_adaptive_method = pytest.mark.parametrize("method", ADAPTIVE)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
