"""The 25 non-stiff problems of DETEST, with their exact solutions or references by SciPy.

Hull, Enright, Fellen and Sedgwick (1972), Comparing numerical methods for ordinary differential
equations, SIAM J. Numer. Anal. 9(4), 603-637. Fields are array arithmetic, which Numba compiles too.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

RATES = np.arange(1.0, 10.0)  # of C2
GRAVITY = 2.95912208286  # C5: astronomical units, masses of the sun, and 100 days
SUN = 1.00000597682  # with the inner planets
PLANETS = np.array(
    [
        0.000954786104043,
        0.000285583733151,
        0.0000437273164546,
        0.0000517759138449,
        0.00000277777777778,
    ]
)
OTHERS = PLANETS * (1.0 - np.eye(5))  # row j: the masses that pull planet j, besides the sun
PLANETS_Y0 = [
    *(3.42947415189, 3.35386959711, 1.35494901715),
    *(6.64145542550, 5.97156957878, 2.18231499728),
    *(11.2630437207, 14.6952576794, 6.27960525067),
    *(-30.1552268759, 1.65699966404, 1.43785752721),
    *(-21.1238353380, 28.4465098142, 15.3882659679),
    *(-0.557160570446, 0.505696783289, 0.230578543901),
    *(-0.415570776342, 0.365682722812, 0.169143213293),
    *(-0.325325669158, 0.189706021964, 0.0877265322780),
    *(-0.0240476254170, -0.287659532608, -0.117219543175),
    *(-0.176860753121, -0.216393453025, -0.0148647893090),
]


class Problem(NamedTuple):
    """y' = fun(t, y), y(t_span[0]) = y0, and y = exact(t) where a closed form is known."""

    name: str
    description: str
    fun: Callable
    y0: ArrayLike
    exact: Callable | None = None
    t_span: tuple[float, float] = (0.0, 20.0)


# ---------------------------------------------------------------- A: single equations


def decay(t, y):
    """y' = -y"""
    return -y


def riccati(t, y):
    """y' = -y^3 / 2"""
    return -0.5 * y * y * y


def oscillatory(t, y):
    """y' = y cos t"""
    return y * np.cos(t)


def logistic(t, y):
    """y' = y / 4 (1 - y / 20)"""
    return 0.25 * y * (1.0 - y / 20.0)


def spiral(t, y):
    """y' = (y - t) / (y + t)"""
    return (y - t) / (y + t)


def spiral_exact(t):
    """In polar coordinates t = r cos(phi), y = r sin(phi) it is r = 4 exp(pi / 2 - phi)."""
    from scipy.optimize import brentq

    def r(phi):
        return 4.0 * np.exp(np.pi / 2 - phi)

    phi = brentq(lambda phi: r(phi) * np.cos(phi) - t, -0.25 * np.pi, 0.75 * np.pi, xtol=1e-16)
    return np.array([r(phi) * np.sin(phi)])


# ---------------------------------------------------------------- B: small systems


def populations(t, y):
    """Two conflicting populations: y1' = 2 (y1 - y1 y2), y2' = -(y2 - y1 y2)"""
    meetings = y[0] * y[1]
    return np.array([2.0 * (y[0] - meetings), meetings - y[1]])


def reaction(t, y):
    """y1' = -y1 + y2, y2' = y1 - 2 y2 + y3, y3' = y2 - y3"""
    return np.array([y[1] - y[0], y[0] - 2.0 * y[1] + y[2], y[1] - y[2]])


def reaction_exact(t):
    """Modes (1, 1, 1), (1, 0, -1) and (1, -2, 1), with the eigenvalues 0, -1 and -3."""
    slow, fast = 0.5 * np.exp(-t), 0.5 * np.exp(-3.0 * t)
    return np.array([1.0 + slow + fast, 1.0 - 2.0 * fast, 1.0 - slow + fast])


def quadratic_reaction(t, y):
    """y1' = -y1, y2' = y1 - y2^2, y3' = y2^2"""
    square = y[1] * y[1]
    return np.array([-y[0], y[0] - square, square])


def quadratic_reaction_exact(t):
    """y2 = u' / u with u'' = exp(-t) u, so that u = a I0(s) + b K0(s), s = 2 exp(-t / 2)."""
    from scipy.special import i0, i1, k0, k1

    s = 2.0 * np.exp(-0.5 * t)
    a, b = k1(2.0), i1(2.0)  # u'(0) = 0
    y2 = -0.5 * s * (a * i1(s) - b * k1(s)) / (a * i0(s) + b * k0(s))
    return np.array([np.exp(-t), y2, 1.0 - np.exp(-t) - y2])


def torus(t, y):
    """The integral surface of a torus, by the distance r of (y1, y2) from the axis"""
    r = np.sqrt(y[0] * y[0] + y[1] * y[1])
    return np.array([-y[1] - y[0] * y[2] / r, y[0] - y[1] * y[2] / r, y[0] / r])


def torus_exact(t):
    """The distance from the axis is 2 + cos t, at the angle t."""
    return np.array([(2.0 + np.cos(t)) * np.cos(t), (2.0 + np.cos(t)) * np.sin(t), np.sin(t)])


def rigid_body(t, y):
    """Euler's equations: y1' = y2 y3, y2' = -y1 y3, y3' = -0.51 y1 y2"""
    return np.array([y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]])


def rigid_body_exact(t):
    """Jacobi's elliptic functions sn, cn and dn of the parameter 0.51."""
    from scipy.special import ellipj

    return np.array(ellipj(t, 0.51)[:3])


# ---------------------------------------------------------------- C: moderate systems


def decay_chain(t, y):
    """y1' = -y1, yi' = y(i-1) - yi, y10' = y9"""
    dy = np.zeros_like(y)
    dy[:-1] -= y[:-1]
    dy[1:] += y[:-1]
    return dy


def decay_chain_exact(t):
    """Terms of Poisson's distribution; what is left of 1 is in the last."""
    terms = np.exp(-t) * np.cumprod(np.append(1.0, t / np.arange(1.0, 9.0)))
    return np.append(terms, 1.0 - terms.sum())


def graded_chain(t, y):
    """y1' = -y1, yi' = (i-1) y(i-1) - i yi, y10' = 9 y9"""
    flow = RATES * y[:-1]
    dy = np.zeros_like(y)
    dy[:-1] -= flow
    dy[1:] += flow
    return dy


def graded_chain_exact(t):
    """Terms of a geometric distribution; what is left of 1 is in the last."""
    terms = np.exp(-t) * (1.0 - np.exp(-t)) ** np.arange(9)
    return np.append(terms, (1.0 - np.exp(-t)) ** 9)


def heat(t, y):
    """Heat in a rod by differences: yi' = y(i-1) - 2 yi + y(i+1), zero beyond both ends"""
    dy = -2.0 * y
    dy[1:] += y[:-1]
    dy[:-1] += y[1:]
    return dy


def heat_exact(n):
    """Return the solution from (1, 0, ..., 0): a sum of sines, each of which decays by itself."""
    angles = np.pi * np.arange(1, n + 1) / (n + 1)
    sines = np.sin(np.outer(np.arange(1, n + 1), angles))

    def exact(t):
        return sines @ (np.exp(-4.0 * np.sin(0.5 * angles) ** 2 * t) * sines[0]) * 2.0 / (n + 1)

    return exact


def outer_planets(t, y):
    """The sun attracts five planets, and they each other and it; positions are from the sun."""
    place = y[:15].copy().reshape(5, 3)
    r = np.sqrt((place * place).sum(axis=1))
    fall = place / (r * r * r).reshape(5, 1)
    squares = np.eye(5)
    for i in range(3):
        apart = place[:, i].copy().reshape(5, 1) - place[:, i]
        squares += apart * apart
    pull = OTHERS / (squares * np.sqrt(squares))
    toward = np.dot(pull, place) - pull.sum(axis=1).reshape(5, 1) * place
    by_sun = (SUN + PLANETS).reshape(5, 1) * fall + np.dot(OTHERS, fall)
    return np.concatenate((y[15:], GRAVITY * (toward - by_sun).reshape(15)))


# ---------------------------------------------------------------- D: orbits


def orbit(t, y):
    """y'' = -y / r^3 in the plane: positions, then velocities"""
    square = y[0] * y[0] + y[1] * y[1]
    cube = square * np.sqrt(square)
    return np.array([y[2], y[3], -y[0] / cube, -y[1] / cube])


def orbit_exact(eccentricity):
    """Return the ellipse at the anomaly E that solves Kepler's equation E - e sin E = t."""
    from_focus = np.sqrt(1.0 - eccentricity**2)

    def exact(t):
        from scipy.optimize import brentq

        def kepler(anomaly):
            return anomaly - eccentricity * np.sin(anomaly) - t

        anomaly = brentq(kepler, t - 1.0, t + 1.0, xtol=1e-16)
        cosine, sine = np.cos(anomaly), np.sin(anomaly)
        speed = 1.0 / (1.0 - eccentricity * cosine)
        place = [cosine - eccentricity, from_focus * sine]
        return np.array([*place, -sine * speed, from_focus * cosine * speed])

    return exact


# ---------------------------------------------------------------- E: higher order equations


def bessel(t, y):
    """Bessel's equation of order 1/2, from t + 1 = 1"""
    s = t + 1.0
    return np.array([y[1], -(y[1] / s + (1.0 - 0.25 / (s * s)) * y[0])])


def bessel_exact(t):
    """J of order 1/2 at s = t + 1 is sqrt(2 / (pi s)) sin s."""
    s = t + 1.0
    scale = np.sqrt(2.0 / (np.pi * s))
    return scale * np.array([np.sin(s), np.cos(s) - 0.5 * np.sin(s) / s])


def van_der_pol(t, y):
    """y'' = (1 - y^2) y' - y"""
    return np.array([y[1], (1.0 - y[0] * y[0]) * y[1] - y[0]])


def duffing(t, y):
    """y'' = y^3 / 6 - y + 2 sin(2.78535 t)"""
    return np.array([y[1], y[0] * y[0] * y[0] / 6.0 - y[0] + 2.0 * np.sin(2.78535 * t)])


def falling_body(t, y):
    """y'' = 0.032 - 0.4 y'^2"""
    return np.array([y[1], 0.032 - 0.4 * y[1] * y[1]])


def falling_body_exact(t):
    """The speed tends to sqrt(0.08) like tanh."""
    rate = np.sqrt(0.0128)
    return np.array([30.0 + 2.5 * np.log(np.cosh(rate * t)), np.sqrt(0.08) * np.tanh(rate * t)])


def pursuit(t, y):
    """y'' = sqrt(1 + y'^2) / (25 - t)"""
    return np.array([y[1], np.sqrt(1.0 + y[1] * y[1]) / (25.0 - t)])


def pursuit_exact(t):
    """y' = sinh(log(25 / (25 - t)))"""
    left = (25.0 - t) / 25.0
    return np.array([0.5 * (-25.0 * np.log(left) - t + t * t / 50.0), 0.5 * (1.0 / left - left)])


# ---------------------------------------------------------------- all


def _orbit(name, e):
    y0 = [1.0 - e, 0.0, 0.0, np.sqrt((1.0 + e) / (1.0 - e))]
    return Problem(name, f"orbit of eccentricity {e}", orbit, y0, orbit_exact(e))


DETEST = (
    Problem("A1", "negative exponential", decay, [1.0], lambda t: np.array([np.exp(-t)])),
    Problem("A2", "Riccati", riccati, [1.0], lambda t: np.array([1.0 / np.sqrt(1.0 + t)])),
    Problem("A3", "oscillatory", oscillatory, [1.0], lambda t: np.array([np.exp(np.sin(t))])),
    Problem(
        "A4",
        "logistic curve",
        logistic,
        [1.0],
        lambda t: np.array([20.0 / (1.0 + 19.0 * np.exp(-t / 4.0))]),
    ),
    Problem("A5", "spiral", spiral, [4.0], spiral_exact),
    Problem("B1", "two conflicting populations", populations, [1.0, 3.0]),
    Problem("B2", "linear chemical reaction", reaction, [2.0, 0.0, 1.0], reaction_exact),
    Problem(
        "B3",
        "nonlinear chemical reaction",
        quadratic_reaction,
        [1.0, 0.0, 0.0],
        quadratic_reaction_exact,
    ),
    Problem("B4", "curve on a torus", torus, [3.0, 0.0, 0.0], torus_exact),
    Problem("B5", "rigid body without forces", rigid_body, [0.0, 1.0, 1.0], rigid_body_exact),
    Problem("C1", "radioactive chain", decay_chain, np.eye(10)[0], decay_chain_exact),
    Problem(
        "C2", "radioactive chain, rates 1 to 9", graded_chain, np.eye(10)[0], graded_chain_exact
    ),
    Problem("C3", "heat at 10 points", heat, np.eye(10)[0], heat_exact(10)),
    Problem("C4", "heat at 51 points", heat, np.eye(51)[0], heat_exact(51)),
    Problem("C5", "five outer planets", outer_planets, PLANETS_Y0),
    _orbit("D1", 0.1),
    _orbit("D2", 0.3),
    _orbit("D3", 0.5),
    _orbit("D4", 0.7),
    _orbit("D5", 0.9),
    Problem("E1", "Bessel", bessel, [0.6713967071418030, 0.09540051444747446], bessel_exact),
    Problem("E2", "Van der Pol", van_der_pol, [2.0, 0.0]),
    Problem("E3", "Duffing", duffing, [0.0, 0.0]),
    Problem("E4", "falling body", falling_body, [30.0, 0.0], falling_body_exact),
    Problem("E5", "linear pursuit", pursuit, [0.0, 0.0], pursuit_exact),
)


def by_dop853(problem):
    """Return the end state by SciPy's DOP853 at tolerances that leave little but rounding."""
    from scipy.integrate import solve_ivp

    solution = solve_ivp(
        problem.fun, problem.t_span, problem.y0, method="DOP853", rtol=1e-13, atol=1e-15
    )
    return solution.y[:, -1]


@functools.cache
def references():
    """Return the end state of each problem by its name: exact where that is known, else by DOP853."""
    return {
        problem.name: problem.exact(problem.t_span[1]) if problem.exact else by_dop853(problem)
        for problem in DETEST
    }


def end_error(y, reference):
    """Return the largest error of a component, relative to the larger of 1 and its size."""
    return float(np.max(np.abs(y - reference) / np.maximum(1.0, np.abs(reference))))
