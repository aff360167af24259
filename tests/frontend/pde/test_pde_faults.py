"""Spectral solvers: bad arguments, samples that fail, and Ctrl-C."""

import math
import pickle
import signal

import numpy as np
import pytest

from tapeless import SolverError
from tapeless._pde import march
from tapeless._pde import method as methods
from tapeless.pde import solve_burgers, solve_navier_stokes
from tapeless_kernels.status import INTERRUPTED, NON_FINITE, SUCCESS

X = np.arange(32) / 32
SINE = np.sin(2 * np.pi * X)
WAVE = SINE * np.ones((32, 1))


def burgers(u0=SINE, t1=0.1, nu=0.1, **kwargs):
    return solve_burgers(u0, t1, nu, **({"n_steps": 4} | kwargs))


def vortices(w0=WAVE, t1=0.1, nu=0.1, **kwargs):
    return solve_navier_stokes(w0, t1, nu, **({"n_steps": 4} | kwargs))


def poisoned(value):
    u0 = np.stack([SINE, SINE])
    u0[1, 7] = value
    return u0


BAD = {
    "nan": (lambda: burgers(poisoned(np.nan)), r"solve_burgers: `u0` must be finite; got nan at \(1, 7\)"),
    "inf": (lambda: burgers(poisoned(-np.inf)), r"`u0` must be finite; got -inf at \(1, 7\)"),
    "no points": (lambda: burgers(np.empty((2, 0))), r"`u0` must be of shape \(n,\) or \(batch, n\), with points"),
    "number": (lambda: burgers(1.0), r"`u0` must be of shape \(n,\)"),
    "axes": (lambda: burgers(np.ones((2, 2, 2))), r"`u0` must be of shape \(n,\) or"),
    "complex": (lambda: burgers(SINE * 1j), "`u0` must be of dtype float32 or float64"),
    "half": (lambda: burgers(SINE.astype(np.float16)), "`u0` must be of dtype"),
    "text": (lambda: burgers("ab"), "`u0`"),
    "2-d": (lambda: vortices(np.ones(4)), r"solve_navier_stokes: `w0` must be of shape \(n, m\) or \(batch, n, m\)"),
    "2-d points": (lambda: vortices(np.ones((4, 0))), "`w0` must be of shape"),
    "nu": (lambda: burgers(nu=-1e-3), "`nu` must be a finite number of at least 0; got -0.001"),
    "nu nan": (lambda: burgers(nu=np.nan), "`nu` must be a finite number"),
    "nu array": (lambda: burgers(nu=[0.1, 0.2]), "`nu` must be a finite number"),
    "t1": (lambda: burgers(t1=0.0), "`t1` must be a positive finite number"),
    "t1 inf": (lambda: burgers(t1=np.inf), "`t1` must be a positive finite number"),
    "dt": (lambda: burgers(n_steps=None, dt=0.0), "`dt` must be a positive finite number; got 0.0"),
    "dt negative": (lambda: burgers(n_steps=None, dt=-0.1), "`dt` must be a positive finite number"),
    "dt and n_steps": (lambda: burgers(dt=0.1), "`dt` must be given, or `n_steps`, and not both; got both"),
    "neither": (lambda: burgers(n_steps=None), "`dt` must be given, or `n_steps`, and not both; got neither"),
    "n_steps": (lambda: burgers(n_steps=0), "`n_steps` must be a positive integer; got 0"),
    "n_steps float": (lambda: burgers(n_steps=2.0), "`n_steps` must be a positive integer"),
    "too many steps": (lambda: burgers(n_steps=None, dt=1e-13), r"`dt` must be such that less than 2\*\*32 steps"),
    "too many n_steps": (lambda: burgers(n_steps=2**40), r"less than 2\*\*32 steps lead to 0.1; got n_steps = 109"),
    "t_eval between": (lambda: burgers(t_eval=[0.06, 0.1]), "`t_eval` must be multiples of the step, t1 / n_steps"),
    "t_eval order": (lambda: burgers(t_eval=[0.1, 0.05]), "`t_eval` must be a flat array of ascending times from 0"),
    "t_eval twice": (lambda: burgers(t_eval=[0.1, 0.1]), "`t_eval` must be a flat array of ascending"),
    "t_eval late": (lambda: burgers(t_eval=[0.2]), "`t_eval` must be"),
    "t_eval nan": (lambda: burgers(t_eval=[np.nan]), "`t_eval` must be"),
    "t_eval empty": (lambda: burgers(t_eval=[]), "`t_eval` must be"),
    "forcing": (lambda: burgers(forcing=np.ones(31)), r"`forcing` must be of shape \(32,\)"),
    "forcing nan": (lambda: burgers(forcing=SINE * np.nan), "`forcing` must be finite"),
    "length": (lambda: burgers(length=0.0), "`length` must be a positive number; got 0.0"),
    "lengths": (lambda: vortices(length=(1.0, 2.0, 3.0)), "`length` must be a positive number, or one for each axis"),
    "method": (lambda: burgers(method="rk4"), "`method` must be one of 'etdrk4', 'ifrk4'"),
    "adjoint": (lambda: burgers(adjoint="binomial"), "`adjoint` must be one of 'store', 'every', None"),
    "stride": (lambda: burgers(stride=0), "`stride` must be a positive integer"),
    "stride store": (lambda: burgers(adjoint="store", stride=2), "`stride` must be left out, unless adjoint='every'"),
    "bar": (lambda: burgers().vjp(np.ones(31)), r"PdeSolution.vjp: `ys_bar` must be of shape \(32,\), as `ys`"),
    "bar nan": (lambda: burgers().vjp(SINE * np.nan), "`ys_bar` must be finite"),
    "bar complex": (lambda: burgers().vjp(SINE * 1j), "`ys_bar` must be of dtype"),
    "nothing kept": (lambda: burgers(adjoint=None).vjp(SINE), "called with adjoint=None"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_steps_are_shortened_to_meet_outputs():
    times = [0.0, 0.05, 0.07, 0.1]
    sol = burgers(n_steps=None, dt=0.02, t_eval=times)
    assert sol.ts.tolist() == times and sol.stats.n_steps == 3 + 1 + 2 and sol.stats.nfe == 24
    assert burgers(n_steps=None, dt=9.0).stats.n_steps == 1
    fine = burgers(n_steps=4000, t_eval=[0.05, 0.07, 0.1]).ys
    np.testing.assert_allclose(sol.ys[1:], fine, atol=1e-5)


def test_outputs_that_are_multiples_but_for_rounding_share_one_step(monkeypatch):
    made, original = [], methods.method_factors

    def counted(*arguments):
        made.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(methods, "method_factors", counted)
    sol = burgers(t1=1.0, n_steps=100, t_eval=np.linspace(0, 1, 11))
    assert len(made) == 1 and sol.stats.n_steps == 100


def test_an_empty_batch_and_single_fields_have_their_shapes():
    for solve, shape in ((burgers, (32,)), (vortices, (8, 9))):
        empty = solve(np.empty((0, *shape)), t_eval=[0.0, 0.1], forcing=np.ones(shape))
        assert empty.ys.shape == (0, 2, *shape) and empty.success
        gradient = empty.vjp(empty.ys)
        assert gradient.u0.shape == (0, *shape) and not gradient.forcing.any() and gradient.nu == 0
        single, batched = solve(np.ones(shape)), solve(np.ones((1, *shape)))
        assert single.ys.shape == single.y.shape == shape and batched.ys.shape == (1, *shape)
        assert single.stats.status == SUCCESS and batched.stats.status.shape == (1,)
        assert single.stats.peak.shape == (len(shape),)
        assert batched.stats.peak.shape == (1, len(shape))


def test_a_size_of_1_axis_only_has_a_mean():
    np.testing.assert_allclose(burgers(np.array([[2.0], [3.0]])).ys, [[2.0], [3.0]])
    np.testing.assert_allclose(vortices(np.full((1, 1), 2.0), forcing=np.ones((1, 1))).ys, 2.1)


@pytest.mark.parametrize("solve", [burgers, vortices])
def test_an_unstable_sample_is_named_with_time_and_place_and_the_others_go_on(solve):
    noise = np.random.default_rng(0).standard_normal((3, 32) if solve is burgers else (3, 32, 32))
    u0 = 0.01 * noise
    u0[1] *= 700 if solve is burgers else 2e4
    options = {"t1": 0.5, "nu": 1e-4, "n_steps": 50, "t_eval": [0.0, 0.01, 0.5]}
    with pytest.raises(
        SolverError, match=r"1 of 3 samples failed. Sample 1 reached t = 0\.\d+ of 0.5"
    ) as info:
        solve(u0, **options)
    assert "grew beyond what the equation allows" in str(
        info.value
    ) and "largest at index (" in str(info.value)
    sol = solve(u0, **options, throw=False)
    assert np.array_equal(sol.ys, info.value.solution.ys, equal_nan=True)
    status = sol.stats.status
    assert status[0] == status[2] == SUCCESS and status[1] == march.UNSTABLE
    assert not sol.success and 0 <= sol.stats.t[1] < 0.5
    assert sol.stats.n_steps[1] == round(sol.stats.t[1] / 0.01)
    assert np.isnan(sol.ys[1, 2]).all() and np.isfinite(sol.ys[[0, 2]]).all()
    assert np.isfinite(sol.y).all()
    peak = tuple(sol.stats.peak[1])
    assert np.abs(sol.y[1][peak]) == np.abs(sol.y[1]).max()
    # Those that arrived have states and gradients as without it.
    alone = solve(u0[[0, 2]], **options)
    np.testing.assert_allclose(sol.ys[[0, 2]], alone.ys, rtol=0, atol=1e-14)
    bar = np.random.default_rng(1).standard_normal(sol.ys.shape)
    found, expected = sol.vjp(bar), alone.vjp(bar[[0, 2]])
    np.testing.assert_allclose(found.u0[[0, 2]], expected.u0, rtol=0, atol=1e-12)
    assert np.isfinite(found.u0).all() and np.isfinite(found.nu)
    # And so has the one that failed, of what it reached.
    early = bar.copy()
    early[:, 2] = 0
    reached = sol.vjp(early).u0[1]
    assert np.abs(reached).max() > 0
    again = solve(u0[1], **options, throw=False, adjoint="store").vjp(early[1]).u0
    np.testing.assert_allclose(reached, again, rtol=1e-10, atol=1e-12)


def test_a_sample_stops_before_the_step_that_exceeds_twice_the_norm(monkeypatch):
    u0 = 7 * np.random.default_rng(0).standard_normal((3, 32))[1]
    u0 = np.fft.irfft(np.where(np.arange(17) < 11, np.fft.rfft(u0), 0), 32)  # no mode is cut off
    reached = int(burgers(u0, t1=0.5, nu=1e-4, n_steps=50, throw=False).stats.n_steps)
    monkeypatch.setattr(march, "EXCESS", np.inf)
    norms = [
        np.linalg.norm(burgers(u0, t1=0.01 * n, nu=1e-4, n_steps=n).ys) / np.linalg.norm(u0)
        for n in (reached, reached + 1)
    ]
    assert reached > 0 and norms[0] <= 2 < norms[1]


def test_overflow_in_one_step_is_not_finite():
    with pytest.raises(SolverError, match="met a value that is not finite") as info:
        burgers(np.float32(1e30) * SINE.astype(np.float32), t1=1e3)
    assert info.value.solution.stats.status == NON_FINITE


def test_errors_can_be_pickled():
    with pytest.raises(SolverError) as info:
        burgers(1e9 * SINE)
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)


def test_growth_that_forcing_explains_is_no_failure():
    sol = burgers(0 * SINE, t1=1.0, nu=0.0, forcing=1e3 * np.ones(32), n_steps=10)
    np.testing.assert_allclose(sol.ys, 1e3, rtol=1e-12)


@pytest.mark.parametrize("solve", [burgers, vortices])
def test_interrupt_between_steps_keeps_what_was_reached(solve, monkeypatch):
    monkeypatch.setattr("tapeless._pde.solve.CHUNK", 1)  # each sample is a chunk
    shape = (3, 32) if solve is burgers else (3, 32, 32)
    u0 = np.random.default_rng(0).standard_normal(shape)
    options = {"t1": 0.1, "nu": 0.05, "n_steps": 10, "t_eval": [0.02, 0.1]}
    whole = solve(u0, **options)
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.default_int_handler)
    taken = []

    def step(*arguments, **kwargs):
        taken.append(1)
        if len(taken) == 15:
            signal.raise_signal(signal.SIGINT)  # while Ctrl-C is held
        return original(*arguments, **kwargs)

    original = march.step
    monkeypatch.setattr(march, "step", step)
    with pytest.raises(KeyboardInterrupt) as info:
        solve(u0, **options)
    assert len(taken) == 15
    partial = info.value.solution
    assert partial.stats.status.tolist() == [SUCCESS, INTERRUPTED, INTERRUPTED]
    assert partial.stats.n_steps.tolist() == [10, 5, 0]
    np.testing.assert_allclose(partial.stats.t, [0.1, 0.05, 0.0], atol=1e-15)
    assert np.array_equal(partial.ys[0], whole.ys[0]) and np.array_equal(
        partial.ys[1, 0], whole.ys[1, 0]
    )
    assert np.isnan(partial.ys[1, 1]).all() and np.isnan(partial.ys[2]).all()
    np.testing.assert_allclose(partial.y[1], solve(u0[1], 0.05, 0.05, n_steps=5).ys, atol=1e-14)
    bar = np.ones_like(whole.ys)
    bar[1:, 1] = 0
    found, expected = partial.vjp(bar), whole.vjp(bar)
    np.testing.assert_allclose(found.u0[:2], expected.u0[:2], atol=1e-13)
    assert not found.u0[2].any()


def test_inputs_are_not_written_to():
    u0, forcing = SINE.copy(), SINE.copy()
    for x in (u0, forcing):
        x.flags.writeable = False
    sol = burgers(u0, forcing=forcing)
    bar = np.ones(32)
    bar.flags.writeable = False
    sol.vjp(bar)
    assert math.isclose(bar.sum(), 32)
