"""What waits for its transpose in jax's programs is bounded, goes when it may, and is made again."""

import threading

import numpy as np
import pytest

import tapeless

jax = pytest.importorskip("jax")


from tapeless.interop.jax import _host
from tapeless.interop.jax._frozen import Frozen
from tapeless.interop.jax._ode_problem import OdeProblem
from tapeless.interop.jax._operators import _OperatorProblem


def loss_of(solve):
    return lambda y0, theta: (solve(y0, theta) ** 2).sum() / 2


def test_a_thousand_steps_leave_nothing(solve, passes):
    f, y0, theta = solve
    step = jax.jit(lambda theta: theta - 1e-3 * jax.grad(loss_of(f), 1)(y0, theta))
    forward = jax.jit(f)
    for i in range(1000):
        theta = step(theta)
        forward(y0, theta).block_until_ready()
        assert len(passes) == 0 or i == 0
    assert np.isfinite(theta).all()


def test_a_forward_call_keeps_nothing(solve, passes, monkeypatch):
    f, y0, theta = solve
    kept = []
    monkeypatch.setattr(_host, "_keep", lambda *x: kept.append(x))
    jax.jit(f)(y0, theta).block_until_ready()
    jax.vmap(f, (0, None))(y0, theta).block_until_ready()
    jax.checkpoint(f)(y0, theta).block_until_ready()
    assert kept == []


def test_a_checkpointed_forward_pass_keeps_nothing(solve, passes):
    f, y0, theta = solve
    ys, pullback = jax.vjp(jax.checkpoint(f), y0, theta)
    assert len(passes) == 0
    bars = pullback(ys)
    assert np.array_equal(bars[1], jax.vjp(f, y0, theta)[1](ys)[1])


def test_a_pullback_can_be_called_again(solve, passes):
    f, y0, theta = solve
    ys, pullback = jax.vjp(f, y0, theta)
    assert len(passes) == 1 and passes.nbytes > 0
    first = pullback(ys)
    assert len(passes) == 0
    again = pullback(ys)  # from a solve made once more
    assert all(map(np.array_equal, first, again))


def test_the_oldest_passes_go_and_are_made_again(solve, passes, monkeypatch):
    f, y0, theta = solve
    pulled = [jax.vjp(f, scale * y0, theta) for scale in (1.0, 2.0, 3.0)]
    wanted = [pullback(ys) for ys, pullback in pulled]
    monkeypatch.setattr(passes, "limit", 1)
    pulled = [jax.vjp(f, scale * y0, theta) for scale in (1.0, 2.0, 3.0)]
    assert len(passes) == 1  # the newest, whatever its size
    for (ys, pullback), bars in zip(pulled, wanted, strict=True):
        assert all(map(np.array_equal, pullback(ys), bars))


def test_passes_for_tangents_are_few(solve, network):
    f, y0, theta = solve
    for _ in range(3 * _host.PUSHED):
        jax.jvp(f, (y0, theta), (y0, theta))
    assert len(_host.PASSES) <= _host.PUSHED
    for token in list(_host.PASSES._passes):
        _host.PASSES.for_pull(token)


def test_threads_share_programs(solve, passes):
    f, y0, theta = solve
    gradient = jax.jit(jax.grad(loss_of(f)))
    wanted = [np.asarray(gradient(scale * y0, theta)) for scale in range(4)]
    wrong = []

    def work(scale):
        for _ in range(25):
            if not np.array_equal(gradient(scale * y0, theta), wanted[scale]):
                wrong.append(scale)

    threads = [threading.Thread(target=work, args=(scale,)) for scale in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_arrays_come_in_without_a_copy(solve, monkeypatch):
    f, y0, theta = solve
    seen = []
    run = tapeless.solve_ode

    def look(field, t_span, y0, theta, **options):
        seen.append([x.__array_interface__["data"][0] for x in (y0, theta)])
        return run(field, t_span, y0, theta, **options)

    jitted = jax.jit(f)
    jitted(y0, theta)
    monkeypatch.setattr(tapeless, "solve_ode", look)
    jitted(y0, theta).block_until_ready()
    assert seen == [[x.unsafe_buffer_pointer() for x in (y0, theta)]]


@pytest.mark.parametrize("of", ["solve", "operator"])
def test_what_waits_does_not_read_memory_of_xla(network, of):
    if of == "solve":
        field, theta, y0 = network
        times = (Frozen(0.0), Frozen(1.0), Frozen(None))
        problem = OdeProblem(field, times, (False,) * 3, (), False, ())
        operands = [y0.copy(), theta.copy()]
    else:
        model = tapeless.operators.FNO(
            1, 1, 4, width=4, n_layers=2, projection=8, coordinates=False
        )
        problem = _OperatorProblem("fno", model, None)
        operands = [np.random.default_rng(0).standard_normal((3, 1, 16)), model.init(rng=0)]
    outs, kept = problem.keep(*(x.copy() for x in operands))
    wanted = kept.vjp([np.ones_like(outs[0])], (True, True))
    _, kept = problem.keep(*operands)
    for x in operands:  # as XLA does when a buffer is free again
        x[...] = np.nan
    found = kept.vjp([np.ones_like(outs[0])], (True, True))
    assert all(map(np.array_equal, found, wanted))
