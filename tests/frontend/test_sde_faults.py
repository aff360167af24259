"""`solve_sde` names what it cannot take, and what has no gradient."""

import numpy as np
import pytest

import tapeless
from sde_problem import SPAN, THETA, diagonal, drift, general, path_of, states
from tapeless import solve_sde

BAD = {
    "drift": ({"drift": 3}, "`drift` must be a tapeless field"),
    "diffusion": ({"diffusion": lambda t: t}, "`diffusion` must be a tapeless.diffusion"),
    "no diffusion": (
        {"diffusion": None},
        "`diffusion` must be given, unless `drift` is a JointField",
    ),
    "reversed": ({"t_span": (1.0, 0.0)}, "`t_span` must be a pair with t0 < t1"),
    "empty span": ({"t_span": (1.0, 1.0)}, "`t_span` must be a pair with t0 < t1"),
    "NaN span": ({"t_span": (0.0, np.nan)}, "`t_span` must be a pair of finite numbers"),
    "y0": ({"y0": np.ones((3, 5))}, r"`y0` must be of shape \(batch, 2\)"),
    "theta": ({"theta": [1.0]}, r"`theta` must be of shape \(3,\), the drift's 2 numbers first"),
    "inf theta": ({"theta": [1.0, np.inf, 0.0]}, "`theta` must be finite"),
    "dt": ({"n_steps": None, "dt": -0.1}, "`dt` must be a positive number"),
    "NaN dt": ({"n_steps": None, "dt": np.nan}, "`dt` must be a positive number"),
    "tiny dt": ({"n_steps": None, "dt": 1e-300}, "`dt` must be a positive number"),
    "both": ({"dt": 0.1}, "`dt` must be left out where there is `n_steps`"),
    "n_steps": ({"n_steps": 0}, "`n_steps` must be a positive integer"),
    "times": ({"n_steps": None, "dt": [0.0, 0.5]}, "times of steps from t0 = 0.0 to t1 = 1.0"),
    "t_eval": ({"t_eval": [0.5, 2.0]}, r"`t_eval` must be in ascending order, within \[0.0, 1.0\]"),
    "method": ({"method": "rk4"}, "`method` must be one of euler_maruyama, milstein"),
    "calculus": ({"calculus": "stochastic"}, "`calculus` must be 'ito' or 'stratonovich'"),
    "other sense": (
        {"method": "heun", "calculus": "ito"},
        "Those that do: euler_maruyama, milstein, milstein_free",
    ),
    "noise": (
        {"method": "sra1"},
        "`method` must be one that takes 'diagonal' noise; got 'sra1', which takes additive",
    ),
    "adaptive": (
        {"n_steps": None, "method": "euler_maruyama"},
        "adaptive methods for 'diagonal' noise are sriw1",
    ),
    "path and rng": (
        {"rng": 0, "path": path_of(3)},
        "`rng` must be left out where there is a `path`",
    ),
    "path's shape": ({"path": path_of(4)}, r"`path` must be of shape \(3, 2\)"),
    "path's span": (
        {"path": path_of(3), "t_span": (0.0, 2.0)},
        r"`path` must be on all of \[0.0, 2.0\]",
    ),
    "path's areas": (
        {"path": path_of(3, levy_area="none"), "method": "sriw1"},
        "one with areas for this method",
    ),
    "increments": ({"path": np.zeros((9, 3, 2))}, "`path` must be of 8 steps"),
    "increments' shape": ({"path": np.zeros((8, 4, 2))}, r"increments of shape \(n_steps, 3, 2\)"),
    "NaN increments": ({"path": np.full((8, 3, 2), np.nan)}, "`path` must be finite"),
    "adapted increments": (
        {"path": np.zeros((8, 3, 2)), "n_steps": None, "method": "sriw1"},
        "BrownianPath",
    ),
    "no areas": ({"path": np.zeros((8, 3, 2)), "method": "sriw1"}, "and areas of that shape"),
    "adjoint": ({"adjoint": "forward"}, "`adjoint` must be one of 'store'"),
    "stride": ({"adjoint": "every"}, "`stride` must be given with adjoint='every'"),
    "budget": ({"adjoint": "binomial", "budget": 10}, "`budget` must be at least"),
    "reversible": (
        {"adjoint": "reversible"},
        "only the steps of 'reversible_heun' can be taken back",
    ),
    "backsolve": ({"adjoint": "backsolve"}, "the continuous adjoint is that of Stratonovich ones"),
    "rtol": (
        {"n_steps": None, "method": "sriw1", "rtol": -1.0},
        "`rtol` must be a number, finite and not negative",
    ),
    "tolerances": (
        {"n_steps": None, "method": "sriw1", "rtol": 0, "atol": 0},
        "`atol` must be positive",
    ),
    "convert": (
        {"diffusion": general, "method": "heun", "calculus": "ito", "convert": True},
        "one with a `jvp`",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_nonsense_is_named(case):
    changes, match = BAD[case]
    given = {
        "drift": drift, "diffusion": diagonal, "t_span": SPAN, "y0": states(3), "theta": THETA, "n_steps": 8,
    } | changes  # fmt: skip
    arguments = [given.pop(name) for name in ("drift", "diffusion", "t_span", "y0", "theta")]
    with pytest.raises((TypeError, ValueError), match=match) as caught:
        solve_sde(*arguments, **given)
    assert str(caught.value).startswith("solve_sde: ")


def test_gradients_that_there_are_not():
    sol = solve_sde(drift, diagonal, SPAN, states(3), THETA, rng=0, n_steps=4)
    with pytest.raises(ValueError, match="a Brownian path has no derivative"):
        sol.vjp(sol.ys, times=True)
    with pytest.raises(ValueError, match="`ys_bar` must be of shape"):
        sol.vjp(np.ones(3))
    with pytest.raises(ValueError, match="`ys_bar` must be finite"):
        sol.vjp(np.full((3, 2), np.nan))
    none = solve_sde(drift, diagonal, SPAN, states(3), THETA, rng=0, n_steps=4, adjoint=None)
    with pytest.raises(ValueError, match="nothing was kept"):
        none.vjp(sol.ys)
    plain = tapeless.diffusion(2, n_params=1)(diagonal.fun)
    with pytest.raises(ValueError, match="`vjp` must be given for every field"):
        solve_sde(drift, plain, SPAN, states(3), THETA, rng=0, n_steps=4).vjp(sol.ys)
