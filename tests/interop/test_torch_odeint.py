"""Modules of torch as fields of the compiled loop: the numbers and gradients of the same steps taken by torch."""

import gc
import itertools
import weakref

import pytest

import tapeless

torch = pytest.importorskip("torch")

from tapeless.interop.torch import VectorField, odeint, solve_ode


class Net(torch.nn.Module):
    """A field that sees the time."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(3, 5, dtype=torch.float64)
        self.second = torch.nn.Linear(5, 2, dtype=torch.float64)
        self.unused = torch.nn.Parameter(torch.ones(2))

    def forward(self, t, y):
        seen = torch.cat([y, t.expand(*y.shape[:-1], 1)], dim=-1)
        return self.second(torch.tanh(self.first(seen)))


@pytest.fixture
def net():
    return Net().double()


@pytest.fixture
def y0():
    return torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(4, 2).requires_grad_()


@pytest.fixture
def t():
    return torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64, requires_grad=True)


def by_torch(func, y, t):
    """Take a step of RK4, the 3/8 rule, from each time to the next."""
    ys = [y]
    for a, b in itertools.pairwise(t):
        h = b - a
        k1 = func(a, y)
        k2 = func(a + h / 3, y + h * k1 / 3)
        k3 = func(a + h * 2 / 3, y + h * (k2 - k1 / 3))
        k4 = func(b, y + h * (k1 - k2 + k3))
        y = y + h * (k1 + 3 * (k2 + k3) + k4) / 8
        ys.append(y)
    return torch.stack(ys)


def everything(solve, net, y0, t):
    for x in (y0, t, *net.parameters()):
        x.grad = None
    ys = solve(net, y0, t)
    ys.square().sum().backward()
    grads = {name: p.grad for name, p in net.named_parameters() if name != "unused"}
    return {"ys": ys.detach(), "y0": y0.grad, "t": t.grad} | grads


def test_steps_and_gradients_are_those_that_torch_would_take(net, y0, t):
    found = everything(lambda *a: odeint(*a, method="rk4"), net, y0, t)
    wanted = everything(by_torch, net, y0, t)
    for name, x in wanted.items():
        assert torch.allclose(found[name], x, rtol=1e-12, atol=1e-14), name
    assert net.unused.grad is None or not net.unused.grad.any()


@pytest.mark.parametrize(
    "options", [{"method": "rk4", "options": {"step_size": 0.25}}, {"rtol": 1e-9, "atol": 1e-9}]
)
def test_gradcheck_of_a_module(net, y0, t, options):
    inputs = y0, t, *(p for name, p in net.named_parameters() if name != "unused")
    loose = 1e-5 if "method" in options else 1e-3
    assert torch.autograd.gradcheck(
        lambda y0, t, *_: odeint(net, y0, t, **options), inputs, rtol=loose, atol=1e-5
    )


def test_a_field_of_ours_takes_the_compiled_path(y0, t):
    f = VectorField(tapeless.fields.MLP(2, [4]), dtype=torch.float64)
    times = t.detach()
    ys = odeint(f, y0, times, rtol=1e-6, atol=1e-8)
    wanted = solve_ode(
        f.field,
        (0.0, 1.0),
        y0,
        f.theta,
        t_eval=times,
        method="dopri5",
        rtol=1e-6,
        atol=1e-8,
        coupled=True,
    )
    assert torch.equal(ys, wanted.movedim(1, 0))
    with torch.no_grad():
        called_back = odeint(lambda t, y: f(t, y), y0, times, rtol=1e-6, atol=1e-8)
    assert torch.allclose(called_back, ys, rtol=1e-4)
    assert odeint(f, y0[0], t).shape == (3, 2)


def test_measures_come_with_the_states(net, y0, t):
    ys, error, nfe = odeint(net, y0, t, rtol=1e-5, atol=1e-5, measure=("error", "nfe"))
    (ys.sum() + error).backward()
    assert error > 0 and nfe > 6 and net.first.weight.grad.abs().max() > 0


def test_several_tensors_of_any_shape_are_a_state():
    state = torch.zeros(2, 1, 3), torch.ones(2, 1, 3, requires_grad=True)
    x, v = odeint(lambda t, s: (s[1], -s[0]), state, torch.tensor([0.0, 1.0, 2.0]))
    assert x.shape == v.shape == (3, 2, 1, 3)
    assert torch.allclose(x[:, 0, 0, 0], torch.tensor([0.0, 1.0, 2.0]).sin(), atol=1e-5)
    x[-1].sum().backward()
    assert torch.allclose(state[1].grad, torch.full((2, 1, 3), 2.0).sin(), atol=1e-4)


def test_backward_in_time_one_time_and_integers(net, y0):
    there = odeint(net, y0, torch.tensor([0, 1]))
    back = odeint(net, there[-1], torch.tensor([1.0, 0.0]).double())
    assert torch.allclose(back[-1], y0, atol=1e-6)
    assert torch.equal(odeint(net, y0, torch.tensor([0.5]).double())[0], y0)


def test_parameters_written_to_after_the_forward_pass_change_nothing(net, y0, t):
    wanted = everything(lambda *a: odeint(*a, method="rk4"), net, y0, t)
    for x in (y0, *net.parameters()):
        x.grad = None
    ys = odeint(net, y0, t, method="rk4")
    bar = (2 * ys).detach()
    with torch.no_grad():
        net.first.weight.zero_()
        y0.zero_()
    ys.backward(bar)
    assert torch.equal(net.second.weight.grad, wanted["second.weight"])
    assert torch.equal(y0.grad, wanted["y0"])


def test_frozen_parameters_get_no_gradient(net, y0, t):
    net.first.requires_grad_(False)
    odeint(net, y0, t.detach(), method="rk4").sum().backward()
    assert net.first.weight.grad is None and net.second.weight.grad.any()


def test_a_module_may_write_to_what_it_is_given(y0):
    def rude(t, y):
        return y.mul_(-1)

    times = torch.tensor([0.0, 1.0]).double()
    assert torch.allclose(
        odeint(rude, y0.detach(), times)[-1], y0.detach() * torch.tensor(-1.0).exp(), atol=1e-6
    )


class Raises(torch.nn.Module):
    """A field that fails in the forward pass or in the backward one."""

    def __init__(self, when):
        super().__init__()
        self.when, self.scale = when, torch.nn.Parameter(torch.ones(()))

    def forward(self, t, y):
        if self.when == "forward" and t > 0.5:
            raise KeyError("lost")
        if self.when == "backward" and t > 0.5 and y.requires_grad:
            raise KeyError("lost")
        return self.scale * y


@pytest.mark.parametrize("when", ["forward", "backward"])
def test_what_a_module_raises_comes_through(when):
    func, y0 = Raises(when), torch.ones(2)
    for _ in range(2):  # and nothing is left behind
        with pytest.raises(KeyError, match="lost"):
            odeint(func, y0, torch.tensor([0.0, 1.0])).sum().backward()


@pytest.mark.parametrize(
    "func, wanted",
    [
        (lambda t, y: y[:1], r"shape \(2,\) and dtype torch.float32, as y0; got \(1,\)"),
        (lambda t, y: y.double(), "got .* of torch.float64"),
        (lambda t, y: 1.0, "got float"),
    ],
)
def test_slopes_that_are_none_raise(func, wanted):
    for grad in (True, False):
        with torch.set_grad_enabled(grad), pytest.raises((TypeError, ValueError), match=wanted):
            odeint(func, torch.ones(2), torch.tensor([0.0, 1.0]))


def test_a_tensor_within_a_function_whose_gradient_would_be_lost_raises(y0, t):
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    with pytest.raises(
        ValueError, match="another tensor that requires a gradient, which would be lost"
    ):
        odeint(lambda t, y: scale * y, y0, t)
    with torch.no_grad():
        odeint(lambda t, y: scale * y, y0, t)


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        ({"t": torch.ones(2, 2)}, "`t` must be of shape"),
        ({"t": torch.ones(0)}, "`t` must be of shape"),
        ({"t": [0.0, 1.0]}, "`t` must be a torch.Tensor"),
        ({"y0": torch.ones(2, device="meta")}, "`y0` must be on the CPU"),
        ({"y0": (torch.ones(2), torch.ones(2).double())}, "`y0` must be of one dtype"),
        ({"options": {"norm": None}}, "`options` must be a dict of step_size"),
        ({"options": {"step_size": -1.0}}, "`options` must be with a positive step_size"),
        ({"method": "rk5"}, "`method` must be"),
        ({"func": Net(), "y0": torch.ones(4, 2)}, "`y0` must be of the dtype of func's parameters"),
    ],
)
def test_other_arguments_raise_sentences(arguments, wanted):
    given = {
        "func": lambda t, y: -y,
        "y0": torch.ones(2),
        "t": torch.tensor([0.0, 1.0]),
    } | arguments
    with pytest.raises((TypeError, ValueError), match=wanted):
        odeint(given.pop("func"), given.pop("y0"), given.pop("t"), **given)


def test_a_module_is_not_kept_alive_by_its_solves(y0, t):
    net = Net().double()
    odeint(net, y0, t, method="rk4").sum().backward()
    alone = weakref.ref(net)
    del net
    gc.collect()
    assert alone() is None
