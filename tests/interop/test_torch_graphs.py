"""Compilers of graphs and functorch: one graph, the same bits, and operators that torch's own check passes."""

import copy
import gc

import numpy as np
import pytest

import tapeless

torch = pytest.importorskip("torch")

from tapeless.interop.torch import FNO, NeuralODE, NeuralSDE, SpectralConv, solve_ode, solve_sde
from tapeless.interop.torch._operator import operator, operator_vjp
from tapeless.interop.torch._problem import problem_of

FIELD = tapeless.fields.MLP(2, [5])
NOISE = tapeless.DiffusionNetwork(2, [tapeless.fields.Dense(2)])
STATES, GRID = torch.ones(3, 2), torch.linspace(0, 1, 48).reshape(3, 2, 8)
# Imports of the compiler itself warn.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def modules():
    torch.manual_seed(0)
    return {
        "ode": (NeuralODE(FIELD, (0.0, 1.0)), STATES),
        "measured": (NeuralODE(FIELD, (0.0, 1.0), measure=("error", "nfe"), t_eval=[0.5, 1.0]), STATES),
        "sde": (NeuralSDE(FIELD, NOISE, (0.0, 1.0), n_steps=4, t_eval=[0.5, 1.0]), STATES),
        "conv": (SpectralConv(2, 3, 3), GRID),
        "fno": (FNO(2, 1, 3, width=4, n_layers=2, projection=8), GRID),
    }  # fmt: skip


each_module = pytest.mark.parametrize("name", list(modules()))


def values_and_gradient(call, model, x):
    torch.manual_seed(1)
    out = call(x)
    outputs = out if isinstance(out, tuple) else (out,)
    loss = sum(y.square().sum() for y in outputs if y.is_floating_point())
    model.theta.grad = None
    loss.backward()
    return [*(y.detach() for y in outputs), model.theta.grad]


@each_module
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_module_is_compiled_as_one_graph(name, backend):
    torch._dynamo.reset()
    model, x = modules()[name]
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for batch in (x, x[:2]):  # the second with a symbolic size
        found = values_and_gradient(compiled, model, batch)
        wanted = values_and_gradient(model, model, batch)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    with torch.no_grad():
        torch.manual_seed(1)
        found = compiled(x)
        torch.manual_seed(1)
        assert torch.equal(found[0], model(x)[0])


@pytest.mark.slow
def test_the_usual_backend_makes_the_same_numbers():
    torch._dynamo.reset()
    model, x = modules()["measured"]
    found = values_and_gradient(torch.compile(model, fullgraph=True), model, x)
    wanted = values_and_gradient(model, model, x)
    assert all(torch.allclose(a, b) for a, b in zip(found, wanted, strict=True))


def test_functions_are_compiled_as_one_graph_for_each_field():
    torch._dynamo.reset()

    def loss(field, y0, theta, t1):
        ys = solve_ode(field, (0.0, t1), y0, theta, rtol=1e-5)
        return (
            ys.sum()
            + solve_sde(field, field, (0.0, 1.0), y0, theta.repeat(2), n_steps=2, rng=1).sum()
        )

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for field in (FIELD, tapeless.fields.MLP(2, [3])):
        inputs = (
            torch.ones(3, 2),
            torch.tensor(field.init(rng=0, dtype="float32")),
            torch.tensor(1.0),
        )
        inputs = [x.requires_grad_() for x in inputs]
        found, wanted = (torch.autograd.grad(f(field, *inputs), inputs) for f in (compiled, loss))
        assert all(torch.allclose(a, b, rtol=1e-5) for a, b in zip(found, wanted, strict=True))


@each_module
def test_operators_pass_the_check_of_torch(name):
    model, x = modules()[name]
    tensors = [x.clone().requires_grad_(), model.theta]
    tensors += [torch.tensor(3)] if name == "sde" else []
    needs = [x.requires_grad for x in tensors]
    handle = model._problem.handle
    torch.library.opcheck(operator, (handle, tensors, needs))
    torch.library.opcheck(operator, (handle, [x.detach() for x in tensors], [False] * len(needs)))
    *outputs, anchor = operator(handle, tensors, needs)
    bars = [torch.ones_like(y) for y in outputs]
    plain = [x.detach() for x in tensors]
    tests = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    torch.library.opcheck(operator_vjp, (handle, plain, needs, anchor, bars), test_utils=tests)


def test_an_anchor_that_was_copied_is_made_again():
    model, x = modules()["ode"]
    tensors = [x.clone().requires_grad_(), model.theta]
    ys, anchor = operator(model._problem.handle, tensors, [True, True])
    arguments = model._problem.handle, [x.detach() for x in tensors], [True, True]
    kept, again = (
        operator_vjp(*arguments, a, [torch.ones_like(ys)]) for a in (anchor, anchor.clone())
    )
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


def test_cotangents_of_operators_have_the_dtype_of_what_they_belong_to():
    model = NeuralODE(FIELD, (0.0, 1.0), dtype=torch.float64)
    tensors = [STATES, model.theta.detach()]
    ys, anchor = operator(model._problem.handle, tensors, [True, True])
    bars = operator_vjp(model._problem.handle, tensors, [True, True], anchor, [torch.ones_like(ys)])
    assert [bar.dtype for bar in bars] == [torch.float32, torch.float64]


def test_gradients_of_gradients_raise_in_graphs_too():
    model, x = modules()["ode"]
    x = x.clone().requires_grad_()
    ys, _ = operator(model._problem.handle, [x, model.theta], [True, True])
    (bar,) = torch.autograd.grad(ys.square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="gradient of a gradient"):
        bar.sum().backward()


def test_a_graph_outlives_its_module_by_a_sentence():
    handle = copy.deepcopy(modules()["ode"][0])._problem.handle
    gc.collect()
    with pytest.raises(RuntimeError, match="keep it as long as the graph"):
        problem_of(handle)


def test_functorch_grad_vmap_and_jacrev_agree_with_backward():
    theta = torch.tensor(FIELD.init(rng=0))
    y0 = torch.tensor(np.random.default_rng(1).standard_normal((3, 2)))

    def loss(theta, y0):
        return solve_ode(FIELD, (0.0, 1.0), y0, theta).square().sum()

    wanted = []
    for row in y0:
        leaf = theta.clone().requires_grad_()
        wanted.append(torch.autograd.grad(loss(leaf, row), leaf)[0])
    assert torch.equal(torch.func.grad(loss)(theta, y0[0]), wanted[0])
    found = torch.func.vmap(torch.func.grad(loss), (None, 0))(theta, y0)
    assert torch.equal(found, torch.stack(wanted))
    alone = torch.func.vmap(lambda y0: solve_ode(FIELD, (0.0, 1.0), y0, theta))(y0)
    assert torch.equal(alone, solve_ode(FIELD, (0.0, 1.0), y0, theta))
    jacobian = torch.func.jacrev(lambda y0: solve_ode(FIELD, (0.0, 1.0), y0, theta))(y0[0])
    other = torch.autograd.functional.jacobian(
        lambda y0: solve_ode(FIELD, (0.0, 1.0), y0, theta), y0[0]
    )
    assert torch.equal(jacobian, other)
    with pytest.raises(NotImplementedError, match="gradient of a gradient"):
        torch.func.grad(lambda y: torch.func.grad(lambda y: loss(theta, y))(y).square().sum())(
            y0[0]
        )
