"""One signature per kernel, dtype and width; conftest.py lets this file run last, after all other tests."""

from collections import Counter

import numpy as np
import pytest

from tapeless import adjoint_memory, solve_ivp, solve_ode
from tapeless.fields import MLP, Activation, ConcatTime, Dense, Network, Residual
from tapeless_kernels import _cache
from tapeless_kernels.launch import cpu

KINDS = [(dtype, lanes) for dtype, wide in cpu.WIDTHS.items() for lanes in (1, wide)]


def entries(dtype, lanes):
    """Return the kernels of a family that Python or C calls, by name."""
    family = cpu.family(dtype, lanes)
    return family._entries, family._addresses


def batches(lanes):
    return (1, 3, 16) if lanes == 1 else (17, lanes, 2 * lanes + 3)


def solve_variously(dtype, lanes):
    """Solve and differentiate networks of many shapes, batches, methods, inputs and outputs."""
    fields = (
        MLP(2, [16]),
        MLP(3, [130, 7], time=True, activation="sin"),
        Network(4, [ConcatTime(), Dense(6), Residual((Activation("silu"), Dense(6))), Dense(4)]),
        Network(5, []),
    )
    variants = (
        {},
        {"method": "rk4", "n_steps": 3},
        {"method": "heun21", "t_eval": [0.2, 1.0], "interpolate": True},
        {"method": "dopri5", "t_eval": [0.2, 1.0], "coupled": True, "rtol": 1e-2},
        {"method": "bosh3", "adjoint": None, "controller": "h312", "first_step": 0.1},
    )
    for field in fields:
        theta = 0.5 * field.init(rng=0)
        for batch in batches(lanes):
            y0 = np.random.default_rng(0).standard_normal((batch, field.dim)).astype(dtype)
            for kwargs in variants:
                sol = solve_ode(field, (0, 1), y0, theta, **kwargs)
                if kwargs.get("adjoint", "store"):
                    sol.vjp(sol.ys)
            solve_in_little_memory(field, y0, theta)
            own = np.linspace(0.5, 1, batch)
            read_only, backward = np.asfortranarray(y0), theta.astype(dtype)[::-1].copy()[::-1]
            read_only.flags.writeable = backward.flags.writeable = False
            sol = solve_ode(
                field, (np.zeros(batch), own), read_only, backward, rtol=1e-3 * own, threads=2,
                t_eval=np.stack([own / 2, own], 1),
            )  # fmt: skip
            if lanes == 1:
                ivp_variously(y0[0])
            sol.vjp(np.broadcast_to(np.ones(field.dim), sol.ys.shape))
            sol.vjp(np.ones(sol.ys.shape[::-1]).T)


def solve_in_little_memory(field, y0, theta):
    """Differentiate a solve whose few states are kept in turns, and go back from them."""
    batch, steps = len(y0), {"method": "rk4", "threads": 1}
    whole = adjoint_memory(field, batch, 40, dtype=y0.dtype, **steps)
    budget = whole.starts + 3 * whole.steps // 40 + 600 * batch  # a state may be larger than a step
    sol = solve_ode(
        field, (0, 1), y0, theta, n_steps=40, adjoint="binomial", budget=budget, **steps
    )
    sol.vjp(sol.ys)


def ivp_variously(y0):
    """Solve by solve_ivp with methods, outputs, stops, events and complex states."""
    complex_y0 = y0 * y0.dtype.type(1).astype(np.result_type(y0, np.complex64))
    for state in (y0, complex_y0):
        for method in ("RK23", "tsit5", "DOP853"):
            sol = solve_ivp(lambda t, y: -y, (0, 1), state, method, dense_output=True, jump_ts=0.5)
            sol.sol(np.linspace(0, 1, 7))
        solve_ivp(
            lambda t, y: -y, (1, 0), state, "rkf45", t_eval=[0.5], events=lambda t, y: t - 0.3
        )


@pytest.mark.parametrize(("dtype", "lanes"), KINDS, ids=str)
def test_new_shapes_compile_nothing_and_add_no_signature(dtype, lanes):
    field = MLP(2, [3])
    y0, theta = np.ones((max(batches(lanes)), 2), dtype), field.init(rng=0)
    sol = solve_ode(field, (0, 1), y0, theta)
    sol.vjp(sol.ys)  # makes every kernel ready
    solve_in_little_memory(field, y0, theta)
    if lanes == 1:
        ivp_variously(np.ones(2, dtype))
    dispatchers, callbacks = entries(dtype, lanes)
    before, names = len(_cache.COMPILATIONS), (set(dispatchers), set(callbacks))
    solve_variously(dtype, lanes)
    assert _cache.COMPILATIONS[before:] == []
    assert (set(dispatchers), set(callbacks)) == names


@pytest.mark.parametrize(("dtype", "lanes"), KINDS, ids=str)
def test_each_kernel_has_one_signature(dtype, lanes):
    solve_variously(dtype, lanes)
    family = cpu.family(dtype, lanes)
    solver = "launch.entry"
    entered = {f.__name__: d for f, d in family._entries.items() if f.__module__.endswith(solver)}
    assert {"begin", "run", "finish", "begin_vjp", "run_vjp", "finish_vjp"} <= entered.keys()
    assert {name: len(d.signatures) for name, d in entered.items()} == dict.fromkeys(entered, 1)
    ready = Counter(c.kernel for c in _cache.COMPILATIONS)
    label = f"_{dtype.name}_{lanes}_"
    of_solver = {d.py_func.__name__ for d in entered.values()}
    of_solver |= {name for name in ready if name.endswith(f"{label}address")}
    assert {name: ready[name] for name in of_solver} == dict.fromkeys(of_solver, 1)
