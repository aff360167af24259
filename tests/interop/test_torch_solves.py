"""Solves in autograd's graph: the numbers of the NumPy functions, and derivatives that gradcheck confirms."""

import doctest
import importlib
import math

import numpy as np
import pytest

import tapeless
from tapeless.regularise import Functional

torch = pytest.importorskip("torch")

from tapeless.interop.torch import evaluate, solve_ode, solve_sde

FIELD = tapeless.fields.MLP(2, [5])
NOISE = tapeless.DiffusionNetwork(
    2, [tapeless.fields.Dense(2), tapeless.fields.Activation("sigmoid")]
)
MODULES = ("_functions", "_modules", "_ode", "_odeint", "_operators", "_sde")
gradcheck = torch.autograd.gradcheck


def decay_vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    y_bar[0] = -theta[0] * t * dy_bar[0]
    theta_bar[0] -= t * y[0] * dy_bar[0]
    t_bar[0] = -theta[0] * y[0] * dy_bar[0]


@tapeless.field(dim=1, n_params=1, vjp=decay_vjp)
def decay(t, y, theta, dy):
    dy[0] = -theta[0] * t * y[0]


@pytest.fixture
def y0():
    y0 = np.random.default_rng(1).standard_normal((3, 2))
    return torch.tensor(y0, requires_grad=True)


@pytest.fixture
def theta():
    return torch.tensor(FIELD.init(rng=0), requires_grad=True)


def leaf(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"tapeless.interop.torch.{name}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"coupled": True}, {"t_eval": [0.3, 1.0]}, {"n_steps": 4}])
def test_states_and_gradients_are_those_of_numpy(options, dtype):
    theta, y0 = FIELD.init(rng=0, dtype=dtype), np.ones((3, 2), dtype)
    sol = tapeless.solve_ode(FIELD, (0.0, 1.0), y0, theta, **options)
    bars = sol.vjp(2 * sol.ys)
    tensors = [torch.tensor(x, requires_grad=True) for x in (y0, theta)]
    ys = solve_ode(FIELD, (0.0, 1.0), *tensors, **options)
    ys.square().sum().backward()
    assert np.array_equal(ys.detach().numpy(), sol.ys)
    assert all(np.array_equal(x.grad.numpy(), bar) for x, bar in zip(tensors, bars, strict=True))


@pytest.mark.parametrize("options", [{"n_steps": 4}, {"rtol": 1e-9, "atol": 1e-9}])
def test_gradcheck_of_a_solve(y0, theta, options):
    # With adaptive steps differences change the grid too, within the tolerance.
    loose = 1e-5 if "n_steps" in options else 1e-3
    assert gradcheck(
        lambda *x: solve_ode(FIELD, (0.0, 1.0), *x, **options), (y0, theta), rtol=loose, atol=1e-5
    )


def test_gradcheck_of_a_single_trajectory_with_outputs(y0, theta):
    def solve(y0, theta):
        return solve_ode(FIELD, (0.0, 1.0), y0, theta, n_steps=4, t_eval=[0.25, 1.0])

    assert gradcheck(solve, (y0[0].detach().requires_grad_(), theta))


@pytest.mark.parametrize("field, theta", [(FIELD, FIELD.init(rng=0)), (decay, np.array([0.7]))])
def test_gradcheck_in_the_times(field, theta):
    y0 = leaf(np.ones((2, field.dim)))

    def solve(y0, theta, t0, t1, t_eval):
        return solve_ode(field, (t0, t1), y0, theta, t_eval=t_eval, n_steps=5, interpolate=False)

    assert gradcheck(solve, (y0, leaf(theta), leaf(0.1), leaf(1.0), leaf([0.4, 0.9])))
    assert gradcheck(
        lambda y0, t1: solve_ode(field, (0.1, t1), y0, torch.tensor(theta), n_steps=5),
        (y0, leaf(1.0)),
    )


def test_times_of_each_trajectory(y0, theta):
    t1 = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda t1: solve_ode(FIELD, (0.0, t1), y0, theta, n_steps=3), (t1,))


def test_parameters_of_each_trajectory():
    theta = leaf([[0.5], [1.0]])
    assert gradcheck(
        lambda theta: solve_ode(decay, (0.0, 1.0), torch.ones(2, 1).double(), theta, n_steps=4),
        (theta,),
    )


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize(
    "of, reduce", [("error", "sum"), ("error_squared", "mean"), ("stiffness", "max")]
)
def test_measures_and_their_gradients_are_those_of_numpy(y0, theta, of, reduce, coupled):
    functional = Functional(of, reduce)
    options = {"rtol": 1e-5, "atol": 1e-5, "coupled": coupled}
    ys, measured, nfe = solve_ode(
        FIELD, (0.0, 1.0), y0, theta, measure=(functional, "nfe"), **options
    )
    sol = tapeless.solve_ode(
        FIELD, (0.0, 1.0), y0.detach().numpy(), theta.detach().numpy(), measure=True, **options
    )
    (ys.sum() + 3 * measured.sum()).backward()
    bar = functional.vjp(sol.steps, np.full(np.shape(functional.value(sol.steps)), 3.0))
    bars = sol.vjp(np.ones_like(sol.ys), steps_bar=bar)
    assert np.array_equal(measured.detach().numpy(), functional.value(sol.steps))
    assert np.array_equal(nfe.numpy(), sol.stats.nfe) and not nfe.requires_grad
    assert np.array_equal(y0.grad.numpy(), bars[0]) and np.array_equal(theta.grad.numpy(), bars[1])


def test_measures_by_name_of_a_single_trajectory_in_float32():
    y0, theta = torch.ones(2), torch.tensor(FIELD.init(rng=0, dtype="float32"), requires_grad=True)
    _, error, nfe = solve_ode(FIELD, (0.0, 1.0), y0, theta, measure=("error", "nfe"))
    assert error.dtype == torch.float32 and error.shape == nfe.shape == ()
    error.backward()
    assert theta.grad.abs().max() > 0


def test_sde_is_that_of_numpy_and_gradcheck(y0):
    drift_and_noise = np.concatenate([FIELD.init(rng=0), NOISE.init(rng=1)])
    theta = leaf(drift_and_noise)
    sol = tapeless.solve_sde(
        FIELD, NOISE, (0.0, 1.0), y0.detach().numpy(), drift_and_noise, n_steps=8, rng=5
    )
    ys = solve_sde(FIELD, NOISE, (0.0, 1.0), y0, theta, n_steps=8, rng=5)
    assert np.array_equal(ys.detach().numpy(), sol.ys)
    assert gradcheck(
        lambda y0, theta: solve_sde(FIELD, NOISE, (0.0, 1.0), y0, theta, n_steps=4, rng=5),
        (y0, theta),
    )


def test_gradcheck_of_an_sde_through_the_derivative_of_its_diffusion(y0):
    @tapeless.diffusion(2, None, 1, noise="diagonal", vjp="symbolic", jvp="symbolic")
    def waves(t, y, theta, dg):
        dg[0] = theta[0] * math.sin(y[0])
        dg[1] = math.cos(theta[0] * y[1])

    def solve(y0, theta):
        return solve_sde(FIELD, waves, (0.0, 1.0), y0, theta, n_steps=4, rng=5, method="milstein")

    assert gradcheck(solve, (y0, leaf(np.append(FIELD.init(rng=0), 0.7))))


def test_noise_comes_from_torch_unless_given(y0):
    theta = torch.tensor(np.concatenate([FIELD.init(rng=0), NOISE.init(rng=1)]))

    def solve(**noise):
        return solve_sde(
            FIELD, NOISE, (0.0, 1.0), y0.detach(), theta, n_steps=4, t_eval=[0.5, 1.0], **noise
        )

    torch.manual_seed(3)
    first, second = solve(), solve()
    torch.manual_seed(3)
    assert torch.equal(solve(), first) and not torch.equal(first, second)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(*(solve(rng=g) for g in generators))
    assert torch.equal(solve(rng=7), solve(rng=torch.tensor(7)))
    assert torch.equal(*(solve(rng=np.random.default_rng(2)) for _ in range(2)))
    increments = np.zeros((4, 3, 2))
    assert torch.equal(solve(path=increments), solve(path=increments))


def test_gradcheck_of_a_field(y0, theta):
    assert gradcheck(lambda y, theta: evaluate(FIELD, 0.0, y, theta), (y0, theta))
    assert gradcheck(lambda y: evaluate(decay, 0.5, y, torch.tensor([0.3])), (leaf([[1.0]]),))
