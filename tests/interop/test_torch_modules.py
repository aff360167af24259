"""Modules: parameters, copies, files, dtypes and trainings, as of any module of torch."""

import copy
import io
import pickle

import numpy as np
import pytest

import tapeless

torch = pytest.importorskip("torch")

from tapeless.interop.torch import (
    FNO,
    NeuralODE,
    NeuralSDE,
    SpectralConv,
    VectorField,
    apply_operator,
    evaluate,
)

FIELD = tapeless.fields.MLP(2, [5])
NOISE = tapeless.DiffusionNetwork(2, [tapeless.fields.Dense(2)])
STATES, GRID = torch.ones(3, 2), torch.linspace(0, 1, 48).reshape(3, 2, 8)
MAKE = {
    "ode": (lambda **o: NeuralODE(FIELD, (0.0, 1.0), t_eval=[0.5, 1.0], **o), (STATES,)),
    "sde": (lambda **o: NeuralSDE(FIELD, NOISE, (0.0, 1.0), n_steps=4, **o), (STATES, 1)),
    "field": (lambda **o: VectorField(FIELD, **o), (0.0, STATES)),
    "conv": (lambda **o: SpectralConv(2, 3, 3, **o), (GRID,)),
    "fno": (lambda **o: FNO(2, 1, 3, width=4, n_layers=2, projection=8, **o), (GRID,)),
}
each = pytest.mark.parametrize("name", list(MAKE))


@tapeless.field(dim=1, n_params=1, vjp="symbolic")
def decay(t, y, theta, dy):
    dy[0] = -theta[0] * y[0]


@each
def test_copies_files_and_states_hold_the_same_module(name):
    make, inputs = MAKE[name]
    model, other = make(), make()
    wanted = model(*inputs)
    assert not torch.equal(other(*inputs), wanted)
    other.load_state_dict(model.state_dict())
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    read = make()
    read.load_state_dict(torch.load(file, weights_only=True))
    for same in (other, read, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(same(*inputs), wanted)
        assert same.theta.data_ptr() != model.theta.data_ptr()
        same(*inputs).sum().backward()
        assert same.theta.grad is not None and model.theta.grad is None


@each
def test_parameters_start_the_same_with_the_same_seed_and_follow_dtypes(name):
    make, inputs = MAKE[name]
    torch.manual_seed(4)
    first = make(dtype=torch.float64)
    torch.manual_seed(4)
    assert torch.equal(make(dtype=torch.float64).theta, first.theta)
    assert list(dict(first.named_parameters())) == ["theta"]
    double = [x.double() if isinstance(x, torch.Tensor) else x for x in inputs]
    assert first(*double).dtype == torch.float64
    single = first.to(torch.float32)
    assert single.theta.dtype == single(*inputs).dtype == torch.float32
    with pytest.raises(TypeError, match="`theta` must be of dtype float32 or float64"):
        single.bfloat16()(*inputs)
    with pytest.raises(ValueError, match="`theta` must be of shape"):
        make(theta=np.zeros(3))


@each
def test_views_of_parameters_share_their_memory(name):
    model = MAKE[name][0]()
    views = model.unflatten()
    first = next(iter(views.values()))
    if not first.is_complex():  # those of a convolution are made of its numbers
        first.fill_(7.0)
        assert (model.theta == 7).sum() >= first.numel()
    assert repr(model).startswith(type(model).__name__)


def test_a_neural_ode_between_layers_learns():
    torch.manual_seed(0)
    model = torch.nn.Sequential(NeuralODE(FIELD, (0.0, 1.0), coupled=True), torch.nn.Linear(2, 1))
    x = torch.randn(32, 2)
    target = x.prod(dim=1, keepdim=True)
    adam = torch.optim.Adam(model.parameters(), 0.05)
    losses = []
    for _ in range(40):
        adam.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_an_optimiser_that_calls_back():
    torch.manual_seed(0)
    model = NeuralODE(FIELD, (0.0, 1.0))
    lbfgs = torch.optim.LBFGS(model.parameters(), max_iter=8, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = model(STATES).square().sum()
        loss.backward()
        return loss

    assert lbfgs.step(closure) > 2 * closure()


def test_parameters_of_a_function_have_to_be_given():
    with pytest.raises(TypeError, match="does not say how its parameters begin"):
        NeuralODE(decay, (0.0, 1.0))
    model = NeuralODE(decay, (0.0, 1.0), [0.5], rtol=1e-6, atol=1e-6)
    assert model(torch.ones(1)).item() == pytest.approx(np.exp(-0.5), rel=1e-4)


def test_what_a_module_does_not_keep_is_refused():
    with pytest.raises(TypeError, match="numbers: a module keeps them"):
        NeuralODE(FIELD, (0.0, torch.tensor(1.0)))
    with pytest.raises(TypeError, match="an argument of the call"):
        NeuralSDE(FIELD, NOISE, (0.0, 1.0), rng=0)
    with pytest.raises(TypeError, match="`field` must be a tapeless field"):
        NeuralODE(torch.nn.Linear(2, 2), (0.0, 1.0))


def test_a_field_is_evaluated_as_by_numpy():
    model = VectorField(FIELD, dtype=torch.float64)
    y = torch.ones(3, 2, dtype=torch.float64)
    wanted = tapeless.fields.evaluate(FIELD, 0.0, y.numpy(), model.theta.detach().numpy())
    assert np.array_equal(model(torch.tensor(0.0), y).detach().numpy(), wanted)
    assert evaluate(FIELD, 0.0, y[0], model.theta).shape == (2,)


@pytest.mark.parametrize("weights", ["dense", "separable", "cp", "tucker"])
def test_gradcheck_of_convolutions(weights):
    conv = tapeless.operators.SpectralConv(2, 2, modes=(2, 2), weights=weights)
    theta = torch.tensor(conv.init(rng=0), requires_grad=True)
    x = torch.tensor(np.random.default_rng(0).standard_normal((2, 2, 6, 5)), requires_grad=True)
    for shape in (None, (8, 9)):
        assert torch.autograd.gradcheck(
            lambda *a, s=shape: apply_operator(conv, *a, shape=s), (x, theta)
        )


def test_gradcheck_of_an_operator_and_its_numbers():
    model = FNO(1, 1, 2, width=3, n_layers=2, projection=4, dtype=torch.float64)
    x = torch.tensor(np.random.default_rng(0).standard_normal((2, 1, 8)), requires_grad=True)
    theta = model.theta.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: apply_operator(model.operator, *a), (x, theta))
    with torch.no_grad():
        assert np.array_equal(
            model(x).numpy(), model.operator(x.detach().numpy(), theta.detach().numpy())
        )
