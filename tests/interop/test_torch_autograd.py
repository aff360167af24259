"""What autograd may do with a solve: again, in threads and in workers, and no wrong gradients."""

import concurrent.futures
import multiprocessing

import numpy as np
import pytest

import tapeless

torch = pytest.importorskip("torch")

from tapeless.interop.torch import (
    _call,
    _ode_problem,
    apply_operator,
    evaluate,
    solve_ode,
    solve_sde,
)
from torch_problem import FIELD, gradients, solve


@tapeless.field(dim=1)
def without_transpose(t, y, theta, dy):
    dy[0] = -y[0]


def test_only_what_requires_a_gradient_gets_one(y0, theta):
    solve(y0.detach(), theta).sum().backward()
    assert y0.grad is None and theta.grad is not None
    solve(y0, theta.detach()).sum().backward()
    assert y0.grad is not None


def test_nothing_is_kept_where_no_gradient_is_asked_for(y0, theta, monkeypatch):
    kept = []
    run = _ode_problem._ode.solve_ode
    monkeypatch.setattr(
        _ode_problem._ode,
        "solve_ode",
        lambda *a, **o: kept.append(o.get("adjoint", "store")) or run(*a, **o),
    )
    with torch.no_grad():
        solve(y0, theta, adjoint="every", stride=2)
    with torch.inference_mode():
        solve(y0, theta)
    solve(y0.detach(), theta.detach())
    assert kept == [None] * 3
    solve(y0, theta)
    assert kept[-1] == "store"


def test_what_is_written_between_forward_and_backward_changes_nothing(y0, theta):
    wanted = gradients(y0, theta)
    ys = solve(y0, theta)
    bar = (2 * ys).detach()
    with torch.no_grad():
        y0.zero_()
        theta.zero_()
    found = torch.autograd.grad(ys, (y0, theta), bar)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_operators_notice_that_their_parameters_were_written_to():
    conv = tapeless.operators.SpectralConv(1, 1, modes=2)
    theta = torch.tensor(conv.init(rng=0), requires_grad=True)
    x = torch.ones(1, 1, 8).double().requires_grad_()
    y = apply_operator(conv, x, theta)
    with torch.no_grad():
        x.zero_()  # of which the modes are kept
    torch.autograd.grad(y.sum(), x, retain_graph=True)
    with torch.no_grad():
        theta.zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


def test_backward_again_and_again(y0, theta):
    ys = solve(y0, theta)
    first = torch.autograd.grad(ys.sum(), y0, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(ys.sum(), y0)[0], first)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(ys.sum(), y0)


def test_a_solve_is_freed_by_its_backward_pass(y0, theta):
    ys = solve(y0, theta)
    before = len(_call.kept.__globals__["_ANCHORS"])
    ys.sum().backward()
    assert len(_call.kept.__globals__["_ANCHORS"]) == before - 1


@pytest.mark.parametrize("loss", [torch.sum, lambda ys: ys.square().sum()])
def test_gradients_of_gradients_raise(y0, theta, loss):
    (bar,) = torch.autograd.grad(loss(solve(y0, theta)), y0, create_graph=True)
    assert torch.equal(bar, torch.autograd.grad(loss(solve(y0, theta)), y0)[0])
    with pytest.raises(NotImplementedError, match="gradient of a gradient"):
        bar.square().sum().backward()


def test_gradients_that_are_not_carried_are_refused_at_once(y0, theta):
    with pytest.raises(ValueError, match=r"`adjoint` must be left out .* `y0`, `theta`"):
        solve(y0, theta, adjoint=None)
    with pytest.raises(ValueError, match="`field` must be one whose every part has a `vjp`"):
        solve_ode(without_transpose, (0.0, 1.0), torch.ones(1, 1, requires_grad=True))
    with pytest.raises(ValueError, match="`adjoint` must be left out"):
        solve_sde(FIELD, FIELD, (0.0, 1.0), y0, torch.cat([theta, theta]), n_steps=2, adjoint=None)
    with pytest.raises(ValueError, match="`t` must be a number"):
        evaluate(FIELD, torch.zeros((), requires_grad=True), y0, theta)
    with pytest.raises(TypeError, match="no derivative with respect to time"):
        solve_sde(FIELD, FIELD, (0.0, torch.ones(())), y0, torch.cat([theta, theta]), n_steps=2)


def test_checkpoints_take_the_solve_again(y0, theta):
    wanted = gradients(y0, theta)
    ys = torch.utils.checkpoint.checkpoint(solve, y0, theta, use_reentrant=False)
    found = torch.autograd.grad(ys.square().sum(), (y0, theta))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_hook_that_copies_what_is_saved_is_told(y0, theta):
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone(), lambda x: x):
        ys = solve(y0, theta)
    with pytest.raises(RuntimeError, match="a hook has copied"):
        ys.sum().backward()


def test_threads_that_differentiate_at_once(y0, theta):
    wanted = gradients(y0, theta)

    def one(_):
        return gradients(y0.detach().requires_grad_(), theta.detach().requires_grad_())

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(one, range(16)):
            assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_one_graph_pulled_back_by_another_thread(y0, theta):
    wanted = gradients(y0, theta)
    loss = solve(y0, theta).square().sum()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(loss.backward).result()
    assert torch.equal(y0.grad, wanted[0])


def in_a_worker(index):
    theta = torch.tensor(FIELD.init(rng=0), requires_grad=True)
    solve(torch.ones(index + 1, 2).double(), theta).sum().backward()
    return theta.grad.numpy()


def test_forked_workers_solve_and_differentiate(y0, theta):
    wanted = [in_a_worker(i) for i in range(2)]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.map_async(in_a_worker, range(2)).get(timeout=120)
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
