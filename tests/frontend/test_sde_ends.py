"""`solve_sde` where lanes fail, steps run out, a user interrupts, or a batch is huge, long or empty."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import tapeless
from sde_problem import SPAN, THETA, WAYS, diagonal, drift, path_of, states
from tapeless import SolverError, solve_sde


def test_a_lane_that_fails_stops_alone_and_has_no_gradient_but_of_its_outputs():
    @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    def explosive(t, y, theta, dy):
        dy[0] = theta[0] * y[0] ** 3

    @tapeless.diffusion(dim=1, vjp="symbolic")
    def small(t, y, theta, dg):
        dg[0] = 1e-3

    y0 = np.array([[0.1], [50.0], [0.2]])
    options = {"rng": 0, "n_steps": 40, "t_eval": [0.025, 0.5, 1.0], "throw": False}
    sol = solve_sde(explosive, small, SPAN, y0, [1.0], **options)
    assert list(sol.stats.status) == [1, 4, 1] and not sol.success
    assert (
        np.isfinite(sol.ys[[0, 2]]).all()
        and np.isnan(sol.ys[1, 1:]).all()
        and np.isfinite(sol.ys[1, 0])
    )
    for mode in ({}, {"adjoint": "every", "stride": 7}):
        y0_bar, theta_bar = solve_sde(explosive, small, SPAN, y0, [1.0], **options, **mode).vjp(
            np.ones((3, 3, 1))
        )
        assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all() and y0_bar[1, 0] != 0


def test_statuses_of_adaptive_steps():
    coarse = path_of(4, resolution=2.0**-4)
    options = {"method": "sriw1", "rtol": 1e-6, "atol": 1e-6}
    with pytest.raises(
        SolverError, match="needed a step below the resolution of its Brownian path"
    ):
        solve_sde(drift, diagonal, SPAN, states(4), THETA, path=coarse, **options)
    with pytest.raises(SolverError, match="had taken all its steps"):
        solve_sde(
            drift,
            diagonal,
            SPAN,
            states(4),
            THETA,
            path=path_of(4, resolution=2.0**-40),
            max_steps=9,
            **options,
        )
    sol = solve_sde(drift, diagonal, SPAN, states(4), THETA, path=coarse, throw=False, **options)
    assert (sol.stats.status == 8).all() and (sol.stats.t < 1).all() and np.isnan(sol.ys).all()
    y0_bar, _ = sol.vjp(np.ones((4, 2)))
    assert (y0_bar == 0).all()


def test_two_million_steps_take_no_recursion():
    @tapeless.field(dim=1)
    def falling(t, y, theta, dy):
        dy[0] = -y[0]

    @tapeless.diffusion(dim=1)
    def tiny(t, y, theta, dg):
        dg[0] = 0.1

    sol = solve_sde(falling, tiny, SPAN, [[1.0]], n_steps=2_000_000, rng=0, adjoint=None)
    assert sol.success and abs(sol.ys[0, 0] - math.exp(-1)) < 0.3


def test_a_record_of_gigabytes_is_not_kept(monkeypatch):
    sol = solve_sde(drift, diagonal, SPAN, states(40), THETA, path=path_of(40), n_steps=200)
    monkeypatch.setattr("tapeless._sde_arguments.LARGEST_RECORD", 1 << 18)
    other = solve_sde(drift, diagonal, SPAN, states(40), THETA, path=path_of(40), n_steps=200)
    assert other.nbytes_adjoint < sol.nbytes_adjoint / 3
    for x, y in zip(sol.vjp(sol.ys), other.vjp(sol.ys), strict=True):
        assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("adaptive", [False, True])
def test_interruption_keeps_what_was_reached(adaptive):
    def press():
        os.kill(os.getpid(), signal.SIGINT)

    how = (
        {"n_steps": 10_000_000}
        if not adaptive
        else {"method": "sriw1", "rtol": 0, "atol": 1e-9, "max_steps": 2**40}
    )
    if adaptive:
        how["path"] = path_of(40, resolution=2.0**-48)
    for warm in ({"n_steps": 2}, {"method": "sriw1"}):  # compiled before
        solve_sde(drift, diagonal, SPAN, states(40), THETA, rng=0, adjoint=None, **warm)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.5, press)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            timer.start()
            solve_sde(drift, diagonal, SPAN, states(40), THETA, adjoint=None, **how)
    finally:
        signal.signal(signal.SIGINT, before)
    sol = caught.value.solution
    assert (
        (sol.stats.status == 6).all()
        and (sol.stats.accepted > 0).all()
        and np.isfinite(sol.y).all()
    )
    assert ((sol.stats.t > 0) & (sol.stats.t < 1)).all() and not sol.success


def test_a_field_that_raises_stops_its_lane():
    @tapeless.field(dim=1)
    def picky(t, y, theta, dy):
        if y[0] > 2.0:
            raise ValueError("too large")
        dy[0] = y[0]

    @tapeless.diffusion(dim=1, noise="additive")
    def small(t, y, theta, dg):
        dg[0] = 1e-3

    with pytest.raises(SolverError, match="was stopped by its field") as caught:
        solve_sde(picky, small, SPAN, [[0.1], [1.5], [0.2]], rng=0, n_steps=50)
    assert list(caught.value.solution.stats.status) == [1, 5, 1]


def test_empty_batches():
    for way in WAYS.values():
        sol = solve_sde(drift, diagonal, SPAN, np.zeros((0, 2)), THETA, rng=0, **way)
        assert sol.ys.shape == (0, 2) and sol.success
        y0_bar, theta_bar = sol.vjp(np.zeros((0, 2)))
        assert y0_bar.shape == (0, 2) and (theta_bar == 0).all()
