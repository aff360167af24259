"""Answers are those of peers, which make.py asked; the file holds their versions."""

import json
import pathlib

import numpy as np
import pytest

from tapeless import solve_ode
from tapeless.fields import MLP

FILE = np.load(pathlib.Path(__file__).with_name("neural_ode.npz"), allow_pickle=False)
ABOUT = json.loads(str(FILE["about"]))
PEERS = ("diffrax", "torchdiffeq")
METHODS = {
    "tsit5": {"rtol": 1e-11, "atol": 1e-11, "max_steps": 100_000},
    "dopri5": {"rtol": 1e-11, "atol": 1e-11, "max_steps": 100_000, "coupled": True},
    "rk4": {"n_steps": 3000},
}


def test_file_says_where_it_comes_from():
    assert ABOUT["command"] and all(ABOUT["versions"][peer] for peer in PEERS)


@pytest.mark.parametrize("case", ABOUT["cases"])
def test_peers_agree(case):
    for part in ("ys", "y0_bar", "theta_bar"):
        theirs = [FILE[f"{case}/{peer}/{part}"] for peer in PEERS]
        # torchdiffeq interpolates between its steps.
        np.testing.assert_allclose(*theirs, rtol=0, atol=2e-8 * abs(theirs[0]).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", ABOUT["cases"])
def test_states_and_gradients_are_those_of_the_peers(case, method):
    activation, time = ABOUT["cases"][case]
    dim, *hidden, _ = ABOUT["sizes"]
    field = MLP(dim, hidden, activation=activation, time=time)
    times, theta = ABOUT["times"], FILE[f"{case}/theta"]
    sol = solve_ode(
        field, (times[0], times[-1]), FILE[f"{case}/y0"], theta, method=method, t_eval=times,
        interpolate=False, **METHODS[method],
    )  # fmt: skip
    found = sol.ys, *sol.vjp(FILE[f"{case}/ys_bar"])
    for part, ours in zip(("ys", "y0_bar", "theta_bar"), found, strict=True):
        theirs = FILE[f"{case}/diffrax/{part}"]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * abs(theirs).max())
