"""What goes wrong in jax's programs is said in a sentence."""

import numpy as np
import pytest

import tapeless

jax = pytest.importorskip("jax")

import jax.numpy as jnp

import tapeless.interop.jax as tj
from tapeless.interop.jax import _ffi

SPAN = (0.0, 1.0)
FAILED = (jax.errors.JaxRuntimeError, ValueError)  # the latter from jitted calls that run at once


def test_a_failure_is_said_where_the_program_runs(passes):
    @tapeless.field(dim=1, vjp="symbolic")
    def blows_up(t, y, theta, dy):
        dy[0] = y[0] * y[0]

    def solve(y0, **options):
        return tj.solve_ode(blows_up, (0.0, 2.0), y0, **options)

    y0 = jnp.ones((3, 1)) * jnp.array([[0.1], [1.0], [0.2]])
    for f in (solve, jax.jit(solve), jax.grad(lambda y0: solve(y0).sum())):
        with pytest.raises(FAILED, match=r"SolverError: solve_ode: 1 of 3 trajectories failed"):
            jax.block_until_ready(f(y0))
    ys = np.asarray(solve(y0, throw=False))
    assert np.isnan(ys[1]) and np.isfinite(ys[[0, 2]]).all()
    assert np.array_equal(solve(y0[:1]), ys[:1])  # and the process goes on


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"theta": np.float32(np.nan)}, r"ValueError: solve_ode: `theta` must be finite"),
        ({"t_eval": [0.7, 0.3]}, r"ValueError: solve_ode: `t_eval` must be sorted"),
        ({"t1": np.inf}, r"ValueError: solve_ode: `t_span` must be finite"),
    ],
)
def test_numbers_are_looked_at_where_the_program_runs(network, bad, message):
    field, theta, y0 = network
    theta = jnp.asarray(theta * bad.get("theta", 1))
    span, at = (0.0, jnp.asarray(bad.get("t1", 1.0))), jnp.asarray(bad.get("t_eval", [0.5]))
    with pytest.raises(FAILED, match=message):
        jax.jit(lambda theta: tj.solve_ode(field, span, y0, theta, t_eval=at))(theta)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"field": np.sin}, TypeError, "`field` must be a tapeless field"),
        ({"y0": jnp.ones((5, 3))}, ValueError, r"`y0` must be of shape \(batch, 2\) or \(2,\)"),
        ({"y0": jnp.ones((5, 2), "bfloat16")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": jnp.ones((5, 2), "float16")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": jnp.ones((5, 2), "complex64")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": "zero"}, TypeError, "`y0` must be an array; got 'zero'"),
        ({"theta": jnp.ones(7)}, ValueError, r"`theta` must be of shape \(82,\)"),
        ({"theta": None}, TypeError, r"`theta` must be an array of shape \(82,\).*init"),
        ({"t_span": 1.0}, ValueError, r"`t_span` must be a pair"),
        ({"t_span": (0.0, jnp.ones(3))}, ValueError, "`t_span` must be a pair of numbers or arr"),
        ({"t_eval": jnp.ones((4, 3))}, ValueError, "`t_eval` must be of shape"),
        ({"t_eval": [0.7, 0.3]}, ValueError, "`t_eval` must be sorted"),
        ({"method": "rk5"}, ValueError, "`method` must be"),
        ({"tolerance": 1e-3}, TypeError, "unexpected keyword argument 'tolerance'"),
        ({"reduce": True}, TypeError, "`reduce` must be left out in jax"),
        ({"rtol": jnp.float32(1e-3)}, TypeError, r"`rtol` must be a number of Python.*float\(x\)"),
        ({"measure": ["length"]}, ValueError, "`measure` must be one of 'error'"),
    ],
)  # fmt: skip
def test_arguments_are_looked_at_where_the_call_is_traced(network, change, kind, message):
    field, theta, y0 = network
    given = {"field": field, "t_span": SPAN, "y0": jnp.asarray(y0), "theta": jnp.asarray(theta)}
    given |= change
    with pytest.raises(kind, match=rf"solve_ode.*{message}"):
        jax.eval_shape(lambda: tj.solve_ode(**given))


def test_what_has_no_derivative_says_so(network):
    field, theta, y0 = network

    def solve(y0, t1):
        return tj.solve_ode(field, (0.0, t1), y0, theta).sum()

    y0 = jnp.asarray(y0)
    with pytest.raises(ValueError, match=r"`time_gradients` must be true.*stop_gradient"):
        jax.grad(solve, 1)(y0, 1.0)
    assert jax.grad(lambda y0: solve(y0, jax.lax.stop_gradient(1.0)))(y0).shape == (5, 2)
    with pytest.raises(TypeError, match=r"first derivatives only"):
        jax.jacfwd(jax.grad(solve))(y0, 1.0)

    @tapeless.field(dim=1)
    def plain(t, y, theta, dy):
        dy[0] = -y[0]

    assert tj.solve_ode(plain, SPAN, jnp.ones((1, 1))).shape == (1, 1)
    with pytest.raises(ValueError, match=r"solve_ode: `field` must be one with a `vjp`"):
        jax.grad(lambda y0: tj.solve_ode(plain, SPAN, y0).sum())(jnp.ones((1, 1)))


def test_no_trajectories_and_deleted_arrays(solve, passes):
    f, y0, theta = solve
    assert f(y0[:0], theta).shape == (0, 2)
    assert not jax.grad(lambda y0, theta: f(y0, theta).sum(), 1)(y0[:0], theta).any()
    assert jax.vmap(f, (0, None))(jnp.ones((0, 3, 2)), theta).shape == (0, 3, 2)
    deleted = y0 + 1
    deleted.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        f(deleted, theta)


def test_a_program_of_another_process_is_refused(solve, monkeypatch):
    f, y0, theta = solve
    jitted = jax.jit(lambda y0, theta: f(y0, theta, n_steps=3))
    jitted(y0, theta)
    monkeypatch.setattr(_ffi, "_calls", {})
    with pytest.raises(FAILED, match="compiled in another process"):
        jax.block_until_ready(jitted(y0, theta))
