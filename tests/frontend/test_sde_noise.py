"""Kinds of noise, told apart by derivatives or said, and the two senses of the integral."""

import math

import numpy as np
import pytest

import tapeless
from sde_problem import SPAN, THETA, diagonal, drift, general, path_of, states
from tapeless import solve_sde
from tapeless.fields import MLP


def kind(fun, channels=None, n_params=0):
    g = tapeless.diffusion(2, channels, n_params)(fun)
    return solve_sde(
        drift, g, SPAN, states(3), THETA[: 2 + n_params], rng=0, n_steps=2, adjoint=None
    ).noise


def test_derivatives_tell_kinds_of_noise_apart():
    def of_time(t, y, theta, dg):
        dg[0], dg[1] = 1.0 + t, 2.0

    def each(t, y, theta, dg):
        dg[0], dg[1] = y[0], math.sin(y[1])

    def other(t, y, theta, dg):
        dg[0], dg[1] = y[1], 1.0

    def matrix_of_time(t, y, theta, dg):
        dg[0, 0] = dg[1, 1] = t
        dg[0, 1] = dg[1, 0] = 0.5

    def one(t, y, theta, dg):
        dg[0, 0], dg[1, 0] = y[1], y[0] * y[1]

    def commuting(t, y, theta, dg):
        dg[0, 0], dg[1, 0], dg[0, 1], dg[1, 1] = y[0], 0.0, 0.0, y[1]

    assert [kind(f) for f in (of_time, each, other)] == ["additive", "diagonal", "diagonal-general"]
    found = [kind(matrix_of_time, 2), kind(one, 1), kind(commuting, 2)]
    assert found == ["additive", "scalar", "commutative"]
    assert solve_sde(drift, general, SPAN, states(3), THETA, rng=0, n_steps=2).noise == "general"
    # A dense network with one output for each component is not diagonal.
    f, g = MLP(2, 4), MLP(2, 4)
    theta = np.concatenate(
        [f.init(0), np.zeros(g.n_params)]
    )  # nor additive, whatever its parameters are now
    assert solve_sde(f, g, SPAN, states(3), theta, rng=0, n_steps=2).noise == "diagonal-general"


def test_a_start_that_is_not_finite_says_nothing_of_the_noise():
    def steady(t, y, theta, dg):
        dg[0], dg[1] = 0.5, y[1]

    g = tapeless.diffusion(2)(steady)
    options = {"rng": 0, "n_steps": 2, "adjoint": None, "throw": False}
    bad = solve_sde(drift, g, SPAN, np.full((1, 2), np.nan), THETA[:2], **options)
    assert bad.noise == "diagonal-general" and bad.stats.status[0] == 4
    assert solve_sde(drift, g, SPAN, states(2), THETA[:2], **options).noise == "diagonal"


def test_what_is_said_of_the_noise_belongs_to_a_diffusion():
    def mixed(t, y, theta, dg):
        dg[0], dg[1] = y[0], y[1]

    true, wrong = (tapeless.diffusion(2, noise=x)(mixed) for x in ("diagonal", "additive"))
    solve_sde(drift, true, SPAN, states(3), THETA[:2], rng=0, n_steps=2)
    with pytest.warns(UserWarning, match="said to be 'additive', but it looks 'diagonal'"):
        solve_sde(drift, wrong, SPAN, states(3), THETA[:2], rng=0, n_steps=2)


def test_noise_that_is_not_what_was_said_is_warned_of():
    def swapped(t, y, theta, dg):
        dg[0], dg[1] = y[1], y[0]

    g = tapeless.diffusion(2, noise="diagonal")(swapped)
    with pytest.warns(
        UserWarning, match="said to be 'diagonal', but it looks 'diagonal-general': entry"
    ):
        solve_sde(drift, g, SPAN, states(3), THETA[:2], rng=0, n_steps=2)


@pytest.mark.parametrize("method", ["heun", "reversible_heun", "midpoint"])
def test_conversion_leads_to_the_other_solution(method):
    path, y0 = path_of(400, resolution=2.0**-10), np.tile([0.7, -0.4], (400, 1))
    ito = solve_sde(drift, diagonal, SPAN, y0, THETA, path=path, method="milstein", n_steps=1024).ys
    other = solve_sde(drift, diagonal, SPAN, y0, THETA, path=path, method=method, n_steps=1024).ys
    found = solve_sde(
        drift,
        diagonal,
        SPAN,
        y0,
        THETA,
        path=path,
        method=method,
        calculus="ito",
        convert=True,
        n_steps=1024,
    ).ys
    apart = [math.sqrt(((x - ito) ** 2).mean()) for x in (found, other)]
    assert apart[0] < 0.003 and apart[1] > 10 * apart[0]
    back = solve_sde(
        drift, diagonal, SPAN, y0, THETA, path=path, method="milstein", calculus="stratonovich", convert=True,
        n_steps=1024,
    ).ys  # fmt: skip
    assert math.sqrt(((back - other) ** 2).mean()) < 0.003
