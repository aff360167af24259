"""Tensors of torch and arrays of jax on a GPU, in and out of `tapeless.cuda`, on a card alone: nothing plays them."""

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp

pytestmark = pytest.mark.gpu
THETA = [10.0, 28.0, 8 / 3]
HOW = {"method": "rk4", "n_steps": 4}
SPAN = (0.0, 0.05)


@pytest.fixture(scope="module")
def device():
    try:
        return cuda.Device()
    except (ImportError, RuntimeError) as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    return torch


@pytest.fixture(scope="module")
def field():
    return tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


@pytest.fixture(scope="module")
def y0():
    return np.random.default_rng(0).standard_normal((10_007, 3)) + np.array([0, 0, 20])


def test_tensors_give_tensors_on_the_same_memory(device, torch, field, y0):
    wanted = cuda.solve_ode(field, SPAN, y0, THETA, **HOW)
    sol = tapeless.solve_ode(field, SPAN, torch.tensor(y0, device="cuda"), THETA, **HOW)
    bars = sol.vjp(torch.ones_like(sol.ys))
    for x in (sol.ys, sol.y, *sol.stats, *bars):
        assert isinstance(x, torch.Tensor) and x.is_cuda
    assert sol.ys.data_ptr() == sol._itself.ys.data.ptr
    for mine, theirs in zip(
        (sol.ys, *bars), (wanted.ys, *wanted.vjp(np.ones_like(y0))), strict=True
    ):
        np.testing.assert_array_equal(mine.cpu().numpy(), device.host(theirs))


def test_what_a_stream_of_torch_still_does_is_waited_for(device, torch, field, y0):
    """On a stream of its own torch works for a while before it has y0, and adds to ys as soon as it is given."""
    wanted = device.host(cuda.solve_ode(field, SPAN, y0, THETA, **HOW).ys)
    ours = device.xp.cuda.Stream(non_blocking=True)
    there, theirs = torch.tensor(y0, device="cuda"), torch.cuda.Stream()
    big = torch.rand(6000, 6000, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(theirs):
        for _ in range(5):
            late = torch.zeros_like(there)
            for _ in range(10):
                big = (big @ big).clamp(0, 1)
            late += there
            sol = cuda.solve_ode(field, SPAN, late, THETA, stream=ours, **HOW)
            found = sol.ys + 1
            np.testing.assert_array_equal(found.cpu().numpy(), wanted + 1)


def test_a_spectral_convolution_of_tensors(device, torch):
    layer = tapeless.operators.SpectralConv(4, 6, modes=(3, 4))
    x, theta = torch.randn(16, 4, 64, 64, device="cuda"), layer.init(rng=1, dtype=np.float32)
    y, pullback = cuda.spectral_conv(layer, x, theta)
    wanted, pull = layer.pullback(x.cpu().numpy(), theta)
    bar = torch.ones_like(y)
    for mine, theirs in zip(
        (y, *pullback(bar)), (wanted, *pull(np.ones_like(wanted))), strict=True
    ):
        assert mine.is_cuda
        np.testing.assert_allclose(mine.cpu(), theirs, rtol=1e-4, atol=1e-4 * abs(theirs).max())


def test_a_tensor_that_requires_grad_is_refused(device, torch, field, y0):
    there = torch.tensor(y0, device="cuda", requires_grad=True)
    for solve in (tapeless.solve_ode, cuda.solve_ode):
        with pytest.raises(TypeError, match=r"`y0` must be .* requires grad.*x\.detach\(\)"):
            solve(field, SPAN, there, THETA, **HOW)
    with pytest.raises(TypeError, match=r"`theta` must be .* requires grad"):
        grad = torch.tensor(THETA, device="cuda", dtype=torch.float64, requires_grad=True)
        cuda.solve_ode(field, SPAN, there.detach(), grad, **HOW)


def test_arrays_of_jax_give_arrays_of_jax(device, field, y0):
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("jax finds no GPU")
    with jax.enable_x64(True):
        sol = tapeless.solve_ode(field, SPAN, jax.numpy.asarray(y0), THETA, **HOW)
        y0_bar, theta_bar = sol.vjp(sol.ys)
        assert all(isinstance(x, jax.Array) for x in (sol.ys, *sol.stats, y0_bar, theta_bar))
        wanted = cuda.solve_ode(field, SPAN, y0, THETA, **HOW)
        np.testing.assert_array_equal(np.asarray(sol.ys), device.host(wanted.ys))
