"""W7: a step of training a Fourier neural operator: forward, relative L2 loss, gradient, Adam (RATE, BETAS, EPS).

The architecture is Li et al.'s (arXiv 2010.08895) with gelu: coordinates k/n are appended to the input, a linear map
lifts it to `width` channels; four blocks of a spectral convolution plus a linear map of channels follow, with gelu
after all but the last; two linear maps with gelu between them, through 128 channels, project to the output.
"""

import numpy as np

from .spectral import spectral_convolution, spectral_convolution_vjp

WIDTH, LAYERS, PROJECTION = 32, 4, 128
FNO_CASES = {  # name: (batch, points, modes)
    "fno1d@step": (16, (1024,), (16,)),
    "fno2d@step": (8, (64, 64), (12, 12)),
}


def fno(case):
    """Return x with its coordinates (batch, 1 + dim, *points), the target (batch, 1, *points) and parameters by name.

    Weights of linear maps are (fan_in, fan_out); those of spectral convolutions are as `convolution` has them.
    """
    batch, points, modes = FNO_CASES[case]
    rng = np.random.default_rng(75)
    axes = range(2, 2 + len(points))
    rough = np.fft.rfftn(rng.standard_normal((batch, 1, *points)), axes=axes)
    wavenumbers = np.meshgrid(
        *(np.fft.fftfreq(n, 1 / n) for n in points), indexing="ij", sparse=True
    )
    decay = np.exp(-sum(k**2 for k in wavenumbers) / 50)[..., : points[-1] // 2 + 1]
    smooth = np.fft.irfftn(rough * decay, points, axes)
    smooth /= smooth.std()
    grid = np.stack(np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij"))
    grid = np.broadcast_to(grid, (batch, *grid.shape))

    theta = {}

    def linear(name, fan_in, fan_out):
        theta[f"{name}_w"] = rng.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)
        theta[f"{name}_b"] = 0.1 * rng.standard_normal(fan_out)

    linear("lift", 1 + len(points), WIDTH)
    shape = (WIDTH, WIDTH, *(2 * m for m in modes[:-1]), modes[-1])
    for i in range(LAYERS):
        w = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        theta[f"spectral{i}"] = w / WIDTH
        linear(f"skip{i}", WIDTH, WIDTH)
    linear("hidden", WIDTH, PROJECTION)
    linear("out", PROJECTION, 1)
    return {
        "x": np.concatenate([smooth, grid], axis=1),
        "target": np.roll(smooth, points[-1] // 4, axis=-1),
        "theta": theta,
        "points": points,
        "modes": modes,
    }


def mix(theta, name, x):
    """Apply a linear map to the channels."""
    y = np.einsum("bi...,io->bo...", x, theta[f"{name}_w"], optimize=True)
    return y + theta[f"{name}_b"].reshape(-1, *[1] * (x.ndim - 2))


def mix_vjp(theta, name, x, y_bar, theta_bar):
    """Return the cotangent of x, and fill in those of the parameters."""
    theta_bar[f"{name}_w"] = np.einsum("bi...,bo...->io", x, y_bar, optimize=True)
    theta_bar[f"{name}_b"] = y_bar.sum(axis=(0, *range(2, x.ndim)))
    return np.einsum("bo...,io->bi...", y_bar, theta[f"{name}_w"], optimize=True)


def gelu(x):
    """Return x Phi(x), and its derivative Phi(x) + x phi(x)."""
    from scipy.special import ndtr

    return x * ndtr(x), ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def relative_l2(y, target):
    """Return the mean over samples of |y - target| / |target|, and the cotangent of y."""
    apart, axes = y - target, tuple(range(1, y.ndim))

    def norm(x):
        return np.sqrt((x**2).sum(axis=axes, keepdims=True))

    distance, scale = norm(apart), norm(target)
    return (distance / scale).mean(), apart / (distance * scale * len(y))


def fno_reference(case):
    """Return the loss and the gradients at the initial parameters in float64: the keys are "y" and "g_" + name."""
    p = fno(case)
    theta, modes, bar, tape = p["theta"], p["modes"], {}, []
    z = mix(theta, "lift", p["x"])
    for i in range(LAYERS):
        y, kept_modes = spectral_convolution(z, theta[f"spectral{i}"], modes)
        y += mix(theta, f"skip{i}", z)
        activated, slope = gelu(y) if i < LAYERS - 1 else (y, 1)
        tape.append((z, kept_modes, slope))
        z = activated
    hidden, hidden_slope = gelu(mix(theta, "hidden", z))
    loss, y_bar = relative_l2(mix(theta, "out", hidden), p["target"])

    hidden_bar = mix_vjp(theta, "out", hidden, y_bar, bar) * hidden_slope
    z_bar = mix_vjp(theta, "hidden", z, hidden_bar, bar)
    for i in reversed(range(LAYERS)):
        z, kept_modes, slope = tape[i]
        y_bar, w = z_bar * slope, theta[f"spectral{i}"]
        z_bar, bar[f"spectral{i}"] = spectral_convolution_vjp(kept_modes, w, modes, y_bar)
        z_bar += mix_vjp(theta, f"skip{i}", z, y_bar, bar)
    mix_vjp(theta, "lift", p["x"], z_bar, bar)
    return {"y": loss} | {f"g_{name}": array for name, array in bar.items()}
