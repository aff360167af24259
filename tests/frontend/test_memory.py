"""A solve and its gradient take 1.1 times the numbers that the transpose must read, and no more."""

import pytest

# What a process takes more for a solve and its reverse pass, by the kernel's own account.
SCRIPT = """
import sys
import numpy as np
import tapeless
from resident import peak_from_here, resident

dtype, dim, hidden, batch, n_steps, method, coupled = eval(sys.argv[1])

field = tapeless.fields.MLP(dim, hidden)
theta, y0 = 0.1 * field.init(rng=0), np.ones((batch, dim), dtype)

def solve(n_steps):
    kwargs = {"n_steps": n_steps, "method": method, "coupled": coupled, "threads": 1}
    sol = tapeless.solve_ode(field, (0, 1), y0, theta, **kwargs)
    sol.vjp(y0)
    return sol

solve(1)
before = resident("VmRSS")
peak_from_here()
sol = solve(n_steps)
print(sol.nbytes_adjoint, resident() - before)
"""
STAGES = {"rk4": 4, "tsit5": 6}


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize(
    ("dtype", "dim", "hidden", "batch", "n_steps", "method"),
    [
        ("float32", 2, [50, 50], 64, 1000, "tsit5"),
        ("float32", 64, [128, 128], 256, 100, "tsit5"),
        ("float64", 16, [64, 64], 64, 400, "rk4"),
        ("float64", 2, [50, 50], 1, 40_000, "rk4"),
    ],
)
def test_memory_of_a_gradient(run_python, dtype, dim, hidden, batch, n_steps, method, coupled):
    case = (dtype, dim, hidden, batch, n_steps, method, coupled)
    kept, taken = map(int, run_python(SCRIPT, repr(case)).split())
    itemsize = 4 if dtype == "float32" else 8
    needed = n_steps * batch * (dim + STAGES[method] * (dim + sum(hidden))) * itemsize
    assert 100e6 < needed < 300e6
    assert kept <= 1.1 * needed
    assert taken <= 1.1 * needed
