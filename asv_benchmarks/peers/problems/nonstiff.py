"""W10: one non-stiff system at a time: Lorenz's, and Pleiades, seven stars in a plane.

Pleiades is problem 28 of Mazzia and Magherini, *Test Set for Initial Value Problem Solvers* (2008);
its state is the positions x and y, then the velocities.
"""

import numpy as np

from .cache import cached

MASSES = np.arange(1.0, 8.0)
PLEIADES_Y0 = np.concatenate(
    [
        [3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0],
        [3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5],
        [0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0],
    ]
)


def lorenz_f(t, y):
    """Evaluate Lorenz's field with sigma 10, rho 28, beta 8/3."""
    return np.array(
        [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]]
    )


def pleiades_f(t, y):
    """Evaluate the field of Pleiades by arrays."""
    dx, dy = (q[None, :] - q[:, None] for q in (y[:7], y[7:14]))
    cubes = (dx * dx + dy * dy) ** 1.5
    np.fill_diagonal(cubes, 1.0)
    pull = MASSES[None, :] / cubes
    return np.concatenate([y[14:], (pull * dx).sum(1), (pull * dy).sum(1)])


# name: (field, initial state, final time)
NONSTIFF = {
    "lorenz": (lorenz_f, [1.0, 1.0, 20.0], 10.0),
    "pleiades": (pleiades_f, PLEIADES_Y0, 3.0),
}
NONSTIFF_CASES = [f"{name}@{tolerance}" for name in NONSTIFF for tolerance in ("1e-6", "1e-9")]


def nonstiff(case):
    """Return field, initial state, time span and tolerances of a case, say lorenz@1e-6."""
    name, tolerance = case.split("@")
    f, y0, t1 = NONSTIFF[name]
    return {
        "name": name,
        "f": f,
        "y0": np.array(y0),
        "t0": 0.0,
        "t1": t1,
        "rtol": float(tolerance),
        "atol": float(tolerance),
    }


def nonstiff_reference(name):
    """Return the final state by SciPy's DOP853 at tolerances that leave rounding."""

    def compute():
        from scipy.integrate import solve_ivp

        f, y0, t1 = NONSTIFF[name]
        solution = solve_ivp(f, (0.0, t1), y0, method="DOP853", rtol=1e-13, atol=1e-14)
        return {"y": solution.y[:, -1]}

    return cached(f"nonstiff-{name}", compute)
