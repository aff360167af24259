"""Problems for a GPU, of the sizes of docs/results/gpu_roofline.md or, to rehearse, small; and how they are timed."""

import numpy as np

import tapeless
from tapeless import cuda
from tapeless.fields import MLP
from tapeless_kernels.cuda.brownian import BrownianKernels
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.heuristics import Heuristics

THETA = [10.0, 28.0, 8 / 3]


def device(stream=None):
    """Return the GPU."""
    return cuda.Device(stream)


def scaled(device, n):
    """Return n, or 2 where the CPU plays the device."""
    return n if isinstance(device, cuda.Device) else 2


def lorenz_states(n, dtype):
    """Return states near the attractor."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((n, 3)) * [8, 8, 5] + [0, 0, 25]).astype(dtype)


def solve_lorenz(device, dtype, adjoint):
    """Return a function that solves an ensemble of 100 equal steps, and with an adjoint runs it backward."""
    field = tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)
    y0 = device.array(lorenz_states(scaled(device, 1_000_000), dtype))
    how = {"method": "dopri5", "n_steps": scaled(device, 100), "adjoint": adjoint, "device": device}
    bar = device.array(np.ones(y0.shape, dtype))

    def run():
        sol = cuda.solve_ode(field, (0.0, 0.5), y0, THETA, **how)
        return sol.ys if adjoint is None else sol.vjp(bar)

    return run


def solve_network(device, dtype, sizes, n, gradient):
    """Return a function that solves an ensemble of one network, 20 equal steps, and runs it backward if so said."""
    dim, *hidden = sizes
    field, n = MLP(dim, hidden), scaled(device, n)
    theta = device.array(field.init(rng=0, dtype=dtype))
    y0 = device.array(np.random.default_rng(1).standard_normal((n, dim)).astype(dtype))
    bar = device.array(np.ones((n, dim), dtype))
    how = {"method": "tsit5", "n_steps": scaled(device, 20), "device": device}
    how["adjoint"] = "store" if gradient else None

    def run():
        sol = cuda.solve_ode(field, (0.0, 1.0), y0, theta, **how)
        return sol.vjp(bar) if gradient else sol.ys

    return run


def convolve(device, dtype, shape, modes, gradient):
    """Return a function that convolves as a layer of an FNO does, and takes a cotangent back if so said."""
    batch, channels, *grid = shape if isinstance(device, cuda.Device) else (2, 3, *shape[2:])
    layer, rng = (
        tapeless.operators.SpectralConv(channels, channels, modes),
        np.random.default_rng(0),
    )
    theta = device.array(layer.init(rng=1, dtype=dtype))
    x = device.array(rng.standard_normal((batch, channels, *grid)).astype(dtype))

    def run():
        y, pullback = cuda.spectral_conv(layer, x, theta, device=device)
        return pullback(y) if gradient else y

    return run


def add_up(device, dtype):
    """Return a function that sums |h| E over the steps of an ensemble."""
    h, x = np.random.default_rng(0).uniform(
        0.1, 1, (2, scaled(device, 200), scaled(device, 1_000_000))
    )
    h, x = device.array(h.astype(dtype)), device.array(x.astype(dtype))
    heuristics = Heuristics(device.xp, dtype, device.raw_module)
    return lambda: heuristics.functional(h, x, "sized", "sum")


def increments(device, dtype):
    """Return a function that finds the increments over steps that follow one another."""
    n, samples = scaled(device, 1000), scaled(device, 256)
    made = BrownianKernels(device.xp, 1, 0, samples, 16, 1, 10, dtype, device.raw_module)
    times = np.linspace(0.0, 1.0, n + 1)
    return lambda: made(0.0, 1.0, times[:-1], times[1:])


PROBLEMS = {
    "lorenz": lambda d, dtype: solve_lorenz(d, dtype, None),
    "lorenz, gradient": lambda d, dtype: solve_lorenz(d, dtype, "store"),
    "network 2-50-50-2": lambda d, dtype: solve_network(d, dtype, (2, 50, 50), 10_000, False),
    "network 2-50-50-2, gradient": lambda d, dtype: solve_network(d, dtype, (2, 50, 50), 10_000, True),
    "network 16-64-64-16": lambda d, dtype: solve_network(d, dtype, (16, 64, 64), 100_000, False),
    "network 16-64-64-16, gradient": lambda d, dtype: solve_network(d, dtype, (16, 64, 64), 100_000, True),
    "conv1d": lambda d, dtype: convolve(d, dtype, (16, 64, 1024), (16,), False),
    "conv1d, gradient": lambda d, dtype: convolve(d, dtype, (16, 64, 1024), (16,), True),
    "conv2d": lambda d, dtype: convolve(d, dtype, (8, 32, 128, 128), (12, 12), False),
    "conv2d, gradient": lambda d, dtype: convolve(d, dtype, (8, 32, 128, 128), (12, 12), True),
    "functional": add_up,
    "increments": increments,
}  # fmt: skip


def median_milliseconds(device, run, warm_up=3, repeats=20):
    """Return the median time of a function on the stream, by events, its launches from the host included."""
    times = []
    for i in range(warm_up + repeats):
        start = device.event()
        run()
        end = device.event()
        if i >= warm_up:
            times.append(device.milliseconds(start, end))
    return float(np.median(times))
