"""Networks, noise, spectral convolutions and heuristics on a GPU against the CPU."""

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless.fields import MLP
from tapeless_kernels.cuda.heuristics import Heuristics


def assert_near(device, found, wanted, rtol):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(device.host(found), wanted, rtol=rtol, atol=rtol * abs(wanted).max())


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-11)])
def test_a_network(machine, monkeypatch, dtype, rtol):
    if not machine.is_gpu:
        monkeypatch.setattr(cuda, "NETWORK_THREADS", 64)
    n, hidden = machine.size(5, 10_007), machine.size((9,), (64, 64))
    field, rng = MLP(3, hidden), np.random.default_rng(0)
    theta, y0 = field.init(rng=1, dtype=dtype), rng.standard_normal((n, 3)).astype(dtype)
    how = {"method": "tsit5", "n_steps": 3, "t_eval": [0.5, 1.0]}
    sol = cuda.solve_ode(field, (0.0, 1.0), y0, theta, device=machine.device, **how)
    wanted = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, interpolate=False, **how)
    assert_near(machine.device, sol.ys, wanted.ys, rtol)
    bar = rng.standard_normal(wanted.ys.shape).astype(dtype)
    for mine, theirs in zip(sol.vjp(bar), wanted.vjp(bar), strict=True):
        assert_near(machine.device, mine, theirs, 10 * rtol)


@pytest.mark.parametrize("method", ["euler_maruyama", "milstein", "milstein_free", "heun"])
def test_noise(machine, method):
    @tapeless.field(dim=2, n_params=1, vjp="symbolic")
    def drift(t, y, theta, dy):
        for i in range(2):
            dy[i] = -theta[0] * y[i]

    @tapeless.diffusion(dim=2, n_params=1, noise="diagonal", vjp="symbolic", jvp="symbolic")
    def volatility(t, y, theta, dg):
        for i in range(2):
            dg[i] = theta[0] * y[i]

    n, theta = machine.size(5, 10_007), [0.4, 0.2]
    how = {"method": method, "n_steps": 4, "rng": 3}
    sol = cuda.solve_sde(
        drift, volatility, (0.0, 1.0), np.ones((n, 2)), theta, device=machine.device, **how
    )
    wanted = tapeless.solve_sde(drift, volatility, (0.0, 1.0), np.ones((n, 2)), theta, **how)
    assert_near(machine.device, sol.ys, wanted.ys, 1e-10)
    for mine, theirs in zip(sol.vjp(np.ones((n, 2))), wanted.vjp(np.ones((n, 2))), strict=True):
        assert_near(machine.device, mine, theirs, 1e-9)


@pytest.mark.parametrize("levy_area", ["none", "space-time-time"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_increments_of_a_path(machine, dtype, levy_area):
    shape = machine.size((5, 3), (10_007, 16))
    path = tapeless.BrownianPath(7, 0.0, 2.0, shape, levy_area, dtype=dtype, first_sample=6)
    times = np.linspace(0.1, 1.9, machine.size(5, 50))
    for s, t in ((times[:-1], times[1:]), (0.0, 1.3)):
        found, wanted = cuda.increments(path, s, t, device=machine.device), path(s, t)
        pairs = [(found, wanted)] if levy_area == "none" else zip(found, wanted, strict=True)
        for mine, theirs in pairs:
            np.testing.assert_array_equal(machine.device.host(mine), theirs)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_a_spectral_convolution(machine, dtype, rtol):
    layer = tapeless.operators.SpectralConv(4, 6, modes=(3, 4))
    grid, batch = machine.size((8, 9), (96, 128)), machine.size(3, 16)
    rng = np.random.default_rng(0)
    theta, x = layer.init(rng=1, dtype=dtype), rng.standard_normal((batch, 4, *grid)).astype(dtype)
    y, pullback = cuda.spectral_conv(layer, x, theta, device=machine.device)
    wanted, pull = layer.pullback(x, theta)
    bar = rng.standard_normal(wanted.shape).astype(dtype)
    for mine, theirs in zip((y, *pullback(bar)), (wanted, *pull(bar)), strict=True):
        assert_near(machine.device, mine, theirs, rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_functional_of_steps(machine, dtype):
    device, shape = machine.device, machine.size((7, 33), (200, 100_003))
    h, x = np.random.default_rng(0).uniform(0.1, 1, (2, *shape)).astype(dtype)
    heuristics = Heuristics(device.xp, dtype, device.raw_module)
    found = heuristics.functional(device.array(h), device.array(x), "sized", "sum")
    assert_near(device, found, (h * x).sum(axis=0), 1e3 * np.finfo(dtype).eps)


def test_a_device_has_a_stream_of_its_own():
    path, layer = tapeless.BrownianPath(0, 0.0, 1.0, ()), tapeless.operators.SpectralConv(1, 1, 1)
    how = {"stream": object(), "device": cuda.StandIn()}
    for call in (
        lambda: cuda.increments(path, 0.0, 1.0, **how),
        lambda: cuda.spectral_conv(layer, np.ones((1, 1, 4)), np.ones(2), **how),
        lambda: cuda.solve_ode(MLP(1, ()), (0.0, 1.0), [1.0], np.ones(2), **how),
    ):
        with pytest.raises(ValueError, match=r": `stream` must be left out with `device`"):
            call()
