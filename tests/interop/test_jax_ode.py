"""`solve_ode` in jax gives the bits of the NumPy function, under every transformation."""

import numpy as np
import pytest

import tapeless
from tapeless.regularise import Functional

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

import tapeless.interop.jax as tj  # noqa: E402

SPAN = (0.0, 1.0)


def squares(ys):
    return (ys**2).sum() / 2


@pytest.fixture(params=["float32", "float64"])
def case(request, network):
    """Return field, theta and y0 in a dtype, and the NumPy solution."""
    field, theta, y0 = network
    if request.param == "float64":
        request.getfixturevalue("x64")
    theta, y0 = theta.astype(request.param), y0.astype(request.param)
    return field, jnp.asarray(theta), jnp.asarray(y0), tapeless.solve_ode(field, SPAN, y0, theta)


def test_states_and_gradients_have_the_bits_of_numpy(case, passes):
    field, theta, y0, sol = case
    y0_bar, theta_bar = sol.vjp(sol.ys)

    def loss(y0, theta):
        return squares(tj.solve_ode(field, SPAN, y0, theta))

    for transform in (lambda f: f, jax.jit, jax.checkpoint, lambda f: jax.jit(jax.checkpoint(f))):
        ys = transform(lambda y0, theta: tj.solve_ode(field, SPAN, y0, theta))(y0, theta)
        assert ys.dtype == sol.ys.dtype and np.array_equal(ys, sol.ys)
        found = jax.grad(transform(loss), (0, 1))(y0, theta)
        assert [x.dtype for x in found] == [sol.ys.dtype] * 2
        assert np.array_equal(found[0], y0_bar) and np.array_equal(found[1], theta_bar)


def test_a_mapped_axis_is_one_batch(case, passes, monkeypatch):
    field, theta, y0, sol = case
    y0_bar, theta_bar = sol.vjp(sol.ys)
    sizes = []
    solve = tapeless.solve_ode

    def counted(field, t_span, y0, *rest, **options):
        sizes.append(np.shape(y0))
        return solve(field, t_span, y0, *rest, **options)

    def of_one(y0, theta):
        return tj.solve_ode(field, SPAN, y0, theta)

    def loss(y0, theta):
        return squares(of_one(y0, theta))

    mapped = jax.jit(jax.vmap(of_one, (0, None)))
    of_all = jax.jit(jax.grad(lambda y0, theta: jax.vmap(loss, (0, None))(y0, theta).sum(), (0, 1)))
    each = jax.jit(jax.vmap(jax.grad(loss), (0, None)))
    for f in (mapped, of_all, each):
        f(y0, theta)  # checks of constants happen here, with no trajectories
    monkeypatch.setattr(tapeless, "solve_ode", counted)
    assert np.array_equal(mapped(y0, theta), sol.ys)
    found = of_all(y0, theta)
    assert np.array_equal(found[0], y0_bar) and np.array_equal(found[1], theta_bar)
    assert np.array_equal(each(y0, theta), y0_bar)
    assert sizes == [(5, 2)] * 3
    nested = jax.vmap(jax.vmap(of_one, (0, None)), (1, None), 1)(jnp.stack([y0, -y0], 1), theta)
    assert nested.shape == (5, 2, 2) and np.array_equal(nested[:, 0], sol.ys)


def test_each_sample_has_its_own_gradient_of_shared_parameters(network, x64, passes):
    field, theta, y0 = network
    _, theta_bar = (sol := tapeless.solve_ode(field, SPAN, y0, theta)).vjp(sol.ys)

    def loss(theta, y0):
        return squares(tj.solve_ode(field, SPAN, y0, theta))

    found = jax.vmap(jax.grad(loss), (None, 0))(jnp.asarray(theta), jnp.asarray(y0))
    assert found.shape == (5, field.n_params)
    np.testing.assert_allclose(found.sum(axis=0), theta_bar, rtol=1e-12)
    third = tapeless.solve_ode(field, SPAN, y0[3], theta)
    assert np.array_equal(found[3], third.vjp(third.ys)[1])


def test_parameters_and_times_of_each_trajectorys_own_are_one_batch(predator, x64, passes):
    rng = np.random.default_rng(1)
    y0, theta = rng.uniform(0.5, 1.5, (2, 6, 2))
    t1, at = np.linspace(1.0, 2.0, 6), np.linspace(0.2, 1.0, 6)[:, None] * [0.5, 1.0]
    of = Functional("error")

    def loss(y0, theta, t1, at):
        found = tj.solve_ode(
            predator, (0.0, t1), y0, theta, t_eval=at, functionals=of, time_gradients=True
        )
        return squares(found.ys) + found.values[0].sum()

    operands = tuple(map(jnp.asarray, (y0, theta, t1, at)))
    bars = jax.vmap(jax.grad(loss, (0, 1, 2, 3)))(*operands)
    sol = tapeless.solve_ode(
        predator, (0.0, t1), y0, theta, t_eval=at, measure=True, time_gradients=True
    )
    wanted = sol.vjp(sol.ys, steps_bar=of.vjp(sol.steps, np.ones(6)), times=True)
    for found, name in zip(bars, ("y0", "theta", "t1", "t_eval"), strict=True):
        assert np.array_equal(found, getattr(wanted, name)), name
    # Parameters that are shared but wanted one by one go through the same batch.
    each = jax.vmap(jax.grad(loss, 1), (0, None, 0, 0))(operands[0], operands[1][0], *operands[2:])
    alone = jax.grad(loss, 1)(operands[0][4], operands[1][0], operands[2][4], operands[3][4])
    assert np.array_equal(each[4], alone)


def test_a_coupled_solve_is_mapped_one_by_one(network, x64, passes):
    field, theta, y0 = network
    both = jnp.stack([jnp.asarray(y0), 3 * jnp.asarray(y0)])

    def solve(y0, theta):
        return tj.solve_ode(field, SPAN, y0, theta, coupled=True)

    found = jax.vmap(solve, (0, None))(both, theta)
    wanted = [tapeless.solve_ode(field, SPAN, y, theta, coupled=True) for y in (y0, 3 * y0)]
    assert np.array_equal(found, [sol.ys for sol in wanted])

    def loss(theta):
        return squares(jax.vmap(solve, (0, None))(both, theta))

    bars = [sol.vjp(sol.ys)[1] for sol in wanted]
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(theta)), sum(bars), rtol=1e-13)


@pytest.mark.parametrize("adjoint", ["store", "binomial", "backsolve"])
def test_check_grads(network, x64, passes, adjoint):
    field, theta, y0 = network
    options = {"budget": 10**6} if adjoint == "binomial" else {}
    options |= {"n_steps": 8} if adjoint != "backsolve" else {"rtol": 1e-9, "atol": 1e-9}

    def solve(y0, theta):
        return tj.solve_ode(field, SPAN, y0, theta, t_eval=[0.5, 1.0], adjoint=adjoint, **options)

    check_grads(solve, (jnp.asarray(y0), jnp.asarray(theta)), 1, modes=("rev",), rtol=1e-5)


def test_check_grads_of_times_and_in_forward_mode(network, x64):
    field, theta, y0 = network

    def solve(y0, theta, t0, at):
        return tj.solve_ode(field, (t0, 1.0), y0, theta, t_eval=at, n_steps=8, time_gradients=True)

    operands = (y0, theta, 0.1, [0.3, 0.9])
    check_grads(solve, tuple(map(jnp.asarray, operands)), 1, modes=("fwd", "rev"))
    jacobians = [jac(solve, 1)(*map(jnp.asarray, operands)) for jac in (jax.jacfwd, jax.jacrev)]
    np.testing.assert_allclose(*jacobians, rtol=1e-10, atol=1e-12)


def test_scan_saves_a_pass_for_each_round(network, x64, passes):
    field, theta, y0 = network

    def rolled(y0, theta):
        def round_(y, _):
            return tj.solve_ode(field, SPAN, y, theta), None

        return squares(jax.lax.scan(round_, y0, None, length=4)[0])

    y, sols = y0, []
    for _ in range(4):
        sols.append(tapeless.solve_ode(field, SPAN, y, theta))
        y = sols[-1].ys
    y_bar, theta_bar = y, 0
    for sol in reversed(sols):
        y_bar, bar = sol.vjp(y_bar)
        theta_bar += bar
    for f in (rolled, jax.checkpoint(rolled)):
        found = jax.jit(jax.grad(f, (0, 1)))(jnp.asarray(y0), jnp.asarray(theta))
        np.testing.assert_allclose(found[0], y_bar, rtol=1e-13)
        np.testing.assert_allclose(found[1], theta_bar, rtol=1e-13)


def test_functionals_are_differentiable_outputs(network, x64, passes):
    field, theta, y0 = network
    kinds = [
        Functional("error"),
        Functional("stiffness", "max"),
        Functional("error_squared", "mean"),
    ]
    options = {"rtol": 1e-6, "atol": 1e-6}

    def penalty(theta, kinds):
        _, values = tj.solve_ode(field, SPAN, y0, theta, functionals=kinds, **options)
        assert [x.shape for x in values] == [(5,)] * len(kinds)
        return sum(x.sum() for x in values)

    sol = tapeless.solve_ode(field, SPAN, y0, theta, measure=True, **options)
    gradient = jax.jit(jax.grad(penalty), static_argnums=1)
    bars = [kind.vjp(sol.steps, np.ones(5)) for kind in kinds]
    for kind, bar in zip(kinds, bars, strict=True):
        found = gradient(jnp.asarray(theta), (kind,))
        assert np.array_equal(found, sol.vjp(None, steps_bar=bar)[1]), kind
    error, stiffness, h = bars[0].error + bars[2].error, bars[1].stiffness, bars[0].h + bars[1].h
    both = tapeless.StepsBar(error, stiffness, h + bars[2].h)
    found = gradient(jnp.asarray(theta), tuple(kinds))
    assert np.array_equal(found, sol.vjp(None, steps_bar=both)[1])


def test_constants_stay_float64_where_jax_has_float32(network):
    field, theta, y0 = (x if i == 0 else x.astype("float32") for i, x in enumerate(network))
    sol = tapeless.solve_ode(field, (0.1, 1.0), y0, theta, t_eval=[0.3, 0.7])
    found = tj.solve_ode(field, (0.1, 1.0), y0, theta, t_eval=[0.3, 0.7])
    assert np.array_equal(found, sol.ys)
    assert found.dtype == np.float32
    # A float64 array comes in as jax takes it.
    assert tj.solve_ode(field, SPAN, y0.astype("float64"), theta).dtype == np.float32
    assert tj.solve_ode(field, SPAN, np.ones((3, 2), int), theta).shape == (3, 2)


def test_the_callback_of_other_devices_gives_the_same(network, x64, passes, monkeypatch):
    from tapeless.interop.jax import _primitives

    field, theta, y0 = network

    def loss(y0, theta):
        return squares(tj.solve_ode(field, SPAN, y0, theta))

    def by_callback(primitive, operands, call):
        return jax.jit(lambda *x: _primitives._by_callback(*x, call=call))(*operands)

    wanted = jax.grad(loss, (0, 1))(jnp.asarray(y0), jnp.asarray(theta))
    for primitive in (_primitives.KEEP, _primitives.PULL):
        monkeypatch.setattr(
            primitive, "impl", lambda *x, call, primitive=primitive: by_callback(primitive, x, call)
        )
    found = jax.grad(loss, (0, 1))(jnp.asarray(y0), jnp.asarray(theta))
    assert all(map(np.array_equal, found, wanted))
