"""Ensembles on a GPU against the CPU: solutions, gradients, chunks, streams; `make test-gpu` runs them on a card.

A GPU contracts products and sums of a field into fma, which the CPU does not: steps that are nearly rejected may be
accepted there. So tolerances are loose where steps adapt, and a few roundings where they do not.
"""

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp

THETA = [10.0, 28.0, 8 / 3]
PAIR = tapeless.reversible("bosh3")
FIXED = {
    "rk4": {"method": "rk4", "n_steps": 6},
    "tsit5": {"method": "tsit5", "n_steps": 4},
    "pair, taken back": {"method": PAIR, "n_steps": 6, "adjoint": "reversible"},
}


@pytest.fixture(scope="module")
def field():
    return tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


def states(n, dtype=np.float64):
    rng = np.random.default_rng(n)
    return (rng.standard_normal((n, 3)) * [8, 8, 5] + [0, 0, 25]).astype(dtype)


def close(device, found, wanted, roundings):
    """Hold that an array on the device is what the CPU has, by so many roundings of the largest number."""
    found, wanted = device.host(found), np.asarray(wanted)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    most = np.finfo(wanted.dtype).eps * max(1.0, abs(wanted).max(initial=0))
    assert abs(found - wanted).max(initial=0) <= roundings * most


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FIXED)
def test_equal_steps(machine, field, name, dtype):
    y0 = states(machine.size(3, 10_007), dtype)
    how = {"t_eval": [0.0, 0.03, 0.06]} | FIXED[name]
    sol = cuda.solve_ode(field, (0.0, 0.06), y0, THETA, device=machine.device, **how)
    wanted = tapeless.solve_ode(field, (0.0, 0.06), y0, THETA, **how)
    close(machine.device, sol.ys, wanted.ys, 200)
    bar = np.random.default_rng(1).standard_normal(wanted.ys.shape).astype(dtype)
    for mine, theirs in zip(sol.vjp(bar), wanted.vjp(bar), strict=True):
        close(machine.device, mine, theirs, 2000)


def test_adaptive_steps(machine, field):
    y0, how = states(machine.size(3, 10_007)), {"rtol": 1e-8, "atol": 1e-8}
    span = 0.0, 0.1 if not machine.is_gpu else 1.0
    sol = cuda.solve_ode(field, span, y0, THETA, device=machine.device, **how)
    wanted = tapeless.solve_ode(field, span, y0, THETA, **how)
    same = machine.device.host(sol.stats.accepted) == wanted.stats.accepted
    assert same.mean() > 0.99
    ys = machine.device.host(sol.ys)
    np.testing.assert_allclose(ys, wanted.ys, rtol=1e-5, atol=1e-5)
    bar = np.ones_like(ys)
    for mine, theirs in zip(sol.vjp(bar), wanted.vjp(bar), strict=True):
        theirs = np.asarray(theirs)
        np.testing.assert_allclose(
            machine.device.host(mine), theirs, rtol=1e-4, atol=1e-4 * abs(theirs).max()
        )


def test_no_bit_depends_on_the_chunk_or_the_stream(machine, field):
    n, found, how = machine.size(5, 1003), set(), {"method": "rk4", "n_steps": 3}
    streams = [None]
    if machine.is_gpu:
        streams.append(machine.device.xp.cuda.Stream(non_blocking=True))
    for chunk in (None, 1 + n // 3):
        for stream in streams:
            device = cuda.Device(stream) if machine.is_gpu else machine.device
            sol = cuda.solve_ode(
                field, (0.0, 0.05), states(n), THETA, device=device, chunk=chunk, **how
            )
            bars = sol.vjp(np.ones((n, 3)))
            found.add(tuple(device.host(x).tobytes() for x in (sol.ys, *bars)))
    assert len(found) == 1


def test_each_trajectory_has_parameters_and_a_span_of_its_own(machine, field):
    n = machine.size(4, 5000)
    theta = np.array(THETA) * np.linspace(0.9, 1.1, n)[:, None]
    span, how = (np.zeros(n), np.linspace(0.02, 0.06, n)), {"method": "rk4", "n_steps": 4}
    sol = cuda.solve_ode(field, span, states(n), theta, device=machine.device, **how)
    wanted = tapeless.solve_ode(field, span, states(n), theta, **how)
    close(machine.device, sol.ys, wanted.ys, 200)
    bars, theirs = sol.vjp(np.ones((n, 3))), wanted.vjp(np.ones((n, 3)))
    close(machine.device, bars[1], theirs[1], 2000)


def test_too_little_memory_is_met_by_smaller_parts(machine, field):
    if not machine.is_gpu:
        device, n = cuda.StandIn(memory=25_000), 40
    else:
        device, n = machine.device, 200_000
        pool = device.xp.get_default_memory_pool()
        pool.free_all_blocks()
        pool.set_limit(size=200 << 20)
    try:
        how = {"method": "rk4", "n_steps": 2 if not machine.is_gpu else 50}
        sol = cuda.solve_ode(field, (0.0, 0.05), states(n), THETA, device=device, **how)
        y0_bar, _ = sol.vjp(np.ones((n, 3)))
        assert len(sol.parts) > 1 and sum(sol.parts) == n
        part = tapeless.solve_ode(field, (0.0, 0.05), states(n), THETA, **how)
        close(device, y0_bar, part.vjp(np.ones((n, 3)))[0], 2000)
    finally:
        if machine.is_gpu:
            pool.set_limit(size=0)


def test_results_stay_on_the_device(machine, field):
    y0 = machine.device.array(states(3))
    how = {"method": "rk4", "n_steps": 2}
    sol = cuda.solve_ode(field, (0.0, 0.05), y0, THETA, device=machine.device, **how)
    bars = sol.vjp(machine.device.array(np.ones((3, 3))))
    assert all(machine.device.holds(x) for x in (sol.ys, sol.y, *sol.stats, *bars))
