"""W7: Fourier transforms, a convolution by its lowest Fourier modes, and a flow on the torus."""

import numpy as np

FFT_CASES = {  # name: (shape, axes, kind)
    "rfft2-16x128x128": ((16, 128, 128), (1, 2), "rfft"),
    "irfft2-16x128x128": ((16, 128, 128), (1, 2), "irfft"),
    "rfft-1024x1024": ((1024, 1024), (1,), "rfft"),
    "irfft-1024x1024": ((1024, 1024), (1,), "irfft"),
    "dct2-1024x1024": ((1024, 1024), (1,), "dct2"),
    "dct3-1024x1024": ((1024, 1024), (1,), "dct3"),
}
CONVOLUTIONS = {  # name: (batch, channels, points, modes)
    "conv1d": (16, 64, (1024,), (16,)),
    "conv2d": (8, 32, (128, 128), (12, 12)),
}
CONVOLUTION_CASES = [f"{name}@{kind}" for name in CONVOLUTIONS for kind in ("fwd", "grad")]
CONVOLUTION_MEMORY = "memory@conv2d"
NS, NS_STEPS = "ns256", 20


def cast(x, dtype):
    """Return an array of the real dtype, or of the complex one that goes with it."""
    return x.astype(np.result_type(dtype, np.complex64) if np.iscomplexobj(x) else dtype)


def fft_input(case):
    """Return what is transformed, the axes and the kind of the transform."""
    shape, axes, kind = FFT_CASES[case]
    x = np.random.default_rng(73).standard_normal(shape)
    if kind == "irfft":
        x = np.fft.rfftn(x, axes=axes)
    return {"x": x, "axes": axes, "kind": kind}


def fft_reference(case):
    """Return the transform by SciPy in float64: the key is "y"."""
    import scipy.fft

    p = fft_input(case)
    if p["kind"].startswith("dct"):
        return {"y": scipy.fft.dct(p["x"], int(p["kind"][3:]))}
    return {"y": getattr(scipy.fft, p["kind"] + "n")(p["x"], axes=p["axes"])}


def convolution(case):
    """Return points x (batch, channels, *points), weights w and the cotangent y_bar of a case.

    The weights (channels in, channels out, *modes) are of the wavenumbers that `kept` lists, so that of all axes
    but the last they hold twice the modes of the case: those that are not negative, then the negative ones.
    """
    name = case.removeprefix("memory@").split("@")[0]
    batch, channels, points, modes = CONVOLUTIONS[name]
    rng = np.random.default_rng(71)
    shape = (channels, channels, *(2 * m for m in modes[:-1]), modes[-1])
    w = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / channels
    x, y_bar = rng.standard_normal((2, batch, channels, *points))
    return {"x": x, "w": w, "y_bar": y_bar, "points": points, "modes": modes}


def kept(points, modes):
    """Return the index of the kept modes in a half spectrum: the lowest of every axis, of both signs but the last."""
    rows = [np.r_[0:m, n - m : n] for n, m in zip(points[:-1], modes[:-1], strict=True)]
    return (..., *np.ix_(*rows, np.arange(modes[-1])))


def spectral_convolution(x, w, modes):
    """Return irfft(w rfft(x)) on the kept modes, summed over channels, and the kept modes of x."""
    points = x.shape[2:]
    axes, at = range(2, x.ndim), kept(points, modes)
    x_hat = np.fft.rfftn(x, axes=axes)
    y_hat = np.zeros((len(x), w.shape[1], *x_hat.shape[2:]), x_hat.dtype)
    y_hat[at] = np.einsum("bi...,io...->bo...", x_hat[at], w)
    return np.fft.irfftn(y_hat, points, axes), x_hat[at]


def spectral_convolution_vjp(kept_modes, w, modes, y_bar):
    """Return the cotangents of x and w; w's is dL/dRe + i dL/dIm, as torch has it."""
    points = y_bar.shape[2:]
    axes, at = range(2, y_bar.ndim), kept(points, modes)
    # A column of the half spectrum stands for two of the whole, the first and Nyquist's for one. The kept ones lie
    # below Nyquist's. What multiplies y_hat in irfftn divides x_hat_bar in the transpose of rfftn.
    y_hat_bar = np.fft.rfftn(y_bar, axes=axes)[at]
    x_hat_bar = np.zeros((len(y_bar), len(w), *points[:-1], points[-1] // 2 + 1), y_hat_bar.dtype)
    x_hat_bar[at] = np.einsum("bo...,io...->bi...", y_hat_bar, w.conj())
    twice = np.where(np.arange(modes[-1]) == 0, 1, 2) / np.prod(points)
    w_bar = np.einsum("bi...,bo...->io...", kept_modes.conj(), twice * y_hat_bar)
    return np.fft.irfftn(x_hat_bar, points, axes), w_bar


def convolution_reference(case):
    """Return the output and both gradients in float64: the keys are "y", "g_x" and "g_w"."""
    p = convolution(case)
    y, kept_modes = spectral_convolution(p["x"], p["w"], p["modes"])
    x_bar, w_bar = spectral_convolution_vjp(kept_modes, p["w"], p["modes"], p["y_bar"])
    return {"y": y, "g_x": x_bar, "g_w": w_bar}


def navier_stokes(n=256, nu=1e-3, dt=1e-3):
    """Return the half spectrum of a vorticity on the torus and the multipliers of a step of IF-RK4.

    The vorticity w obeys w_t + u . grad w = nu lap w with lap psi = -w, u = (psi_y, -psi_x); 2/3 of the modes are
    kept. `decay` is exp(-nu k^2 dt / 2).
    """
    kx, ky = np.fft.fftfreq(n, 1 / n)[:, None], np.fft.rfftfreq(n, 1 / n)[None, :]
    k2 = kx**2 + ky**2
    inverse = np.divide(1, k2, out=np.zeros_like(k2), where=k2 > 0)
    mask = ((abs(kx) < n / 3) & (abs(ky) < n / 3)).astype(float)
    w = np.fft.rfft2(np.random.default_rng(74).standard_normal((n, n))) * np.exp(-k2 / 50) * mask
    return {
        "w": w * (5 / abs(np.fft.irfft2(w)).max()),
        "u": 1j * ky * inverse,
        "v": -1j * kx * inverse,
        "dx": 1j * kx + 0 * ky,
        "dy": 1j * ky + 0 * kx,
        "mask": mask,
        "decay": np.exp(-nu * k2 * dt / 2),
        "dt": dt,
        "nu": nu,
        "n": n,
    }


def navier_stokes_step(q, w, rfft2, irfft2):
    """Take one step of the integrating-factor RK4 on arrays of any library: four times four irfft2 and one rfft2."""
    dt, half = q["dt"], q["decay"]
    whole = half * half

    def f(w):
        u, v, w_x, w_y = (irfft2(q[name] * w) for name in ("u", "v", "dx", "dy"))
        return -q["mask"] * rfft2(u * w_x + v * w_y)

    k1 = f(w)
    k2 = f(half * (w + (dt / 2) * k1))
    k3 = f(half * w + (dt / 2) * k2)
    k4 = f(whole * w + dt * half * k3)
    return whole * w + (dt / 6) * (whole * k1 + 2 * half * (k2 + k3) + k4)


def navier_stokes_reference():
    """Return the half spectrum after all steps in float64: the key is "y"."""
    q = navier_stokes()
    w = q["w"]
    for _ in range(NS_STEPS):
        w = navier_stokes_step(q, w, np.fft.rfft2, np.fft.irfft2)
    return {"y": w}
