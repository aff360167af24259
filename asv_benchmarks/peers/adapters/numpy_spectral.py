"""NumPy arrays: full transforms by five libraries, a flow by four, convolutions by hand: W7."""

import functools

import numpy as np
import problems as P
import scipy.fft
from core import register

from adapters._fft_libraries import LIBRARIES, pairs


def transform(library, case, dtype):
    """Build one full transform."""
    p = P.fft_input(case)
    run = LIBRARIES[library](p["kind"], P.cast(p["x"], dtype), p["axes"])
    return run, lambda y: {"y": y}


def flow(library, case, dtype):
    """Build the steps of IF-RK4 with a library's transforms."""
    q = P.navier_stokes()
    q |= {name: P.cast(x, dtype) for name, x in q.items() if isinstance(x, np.ndarray)}
    rfft2, irfft2 = pairs(library, q["n"], dtype)

    def run():
        w = q["w"]
        for _ in range(P.NS_STEPS):
            w = P.navier_stokes_step(q, w, rfft2, irfft2)
        return w

    return run, lambda w: {"y": w, "steps": P.NS_STEPS}


def full_spectrum(case, dtype):
    """Build a convolution by SciPy's full transforms, and one complex product of matrices for each kept mode."""
    p = P.convolution(case)
    x, w = P.cast(p["x"], dtype), P.cast(p["w"], dtype)
    axes, at = range(2, x.ndim), P.kept(p["points"], p["modes"])
    by_mode = matrices(w)

    def run():
        x_hat = scipy.fft.rfftn(x, axes=axes)
        y_hat = np.zeros((len(x), w.shape[1], *x_hat.shape[2:]), x_hat.dtype)
        y_hat[at] = mixed(x_hat[at], by_mode)
        return scipy.fft.irfftn(y_hat, p["points"], axes)

    return run, lambda y: {"y": y}


def matrices(w):
    """Return weights as (modes, channels in, channels out)."""
    return np.ascontiguousarray(np.moveaxis(w.reshape(*w.shape[:2], -1), 2, 0))


def mixed(x_hat, by_mode):
    """Multiply kept modes (batch, channels, *modes) by the matrix of each mode."""
    batch, channels, *modes = x_hat.shape
    columns = np.ascontiguousarray(np.moveaxis(x_hat.reshape(batch, channels, -1), 2, 0))
    y_hat = np.moveaxis(columns @ by_mode, 0, 2)
    return np.ascontiguousarray(y_hat).reshape(batch, -1, *modes)


def half_transforms(n, modes, dtype):
    """Return real matrices: x @ forward, viewed as complex, is rfft(x)[:modes], and its view @ back is the irfft."""
    k = np.arange(modes)
    angle = 2 * np.pi * np.arange(n)[:, None] * k / n
    forward = np.stack([np.cos(angle), -np.sin(angle)], axis=-1).reshape(n, -1)
    twice = np.repeat(np.where(k == 0, 1, 2) / n, 2)
    return forward.astype(dtype), np.ascontiguousarray((forward * twice).T.astype(dtype))


def kept_modes_only(case, dtype):
    """Build a convolution whose transforms are matrix products that compute the kept modes and no others."""
    p = P.convolution(case)
    x, w = P.cast(p["x"], dtype), P.cast(p["w"], dtype)
    (*rows, n), m = p["points"], p["modes"][-1]
    forward, back = half_transforms(n, m, dtype)
    by_mode = matrices(w)
    batch, channels = x.shape[:2]
    if rows:
        k = np.r_[0 : p["modes"][0], -p["modes"][0] : 0]
        wave = np.exp(-2j * np.pi * k[:, None] * np.arange(rows[0]) / rows[0])
        down, up = P.cast(wave, dtype), P.cast(wave.conj().T / rows[0], dtype)

    def run():
        x_hat = (x.reshape(-1, n) @ forward).view(w.dtype).reshape(batch, channels, *rows, m)
        y_hat = mixed(down @ x_hat if rows else x_hat, by_mode)
        if rows:
            y_hat = up @ y_hat
        return (y_hat.reshape(-1, m).view(dtype) @ back).reshape(batch, -1, *p["points"])

    return run, lambda y: {"y": y}


for library in LIBRARIES:
    cases = [case for case in P.FFT_CASES if library != "numpy" or "dct" not in case]
    register(library, "W7", "fft", cases)(functools.partial(transform, library))
    if library != "rocket-fft":
        register(library, "W7", "IF-RK4", [P.NS])(functools.partial(flow, library))

FORWARD = [case for case in P.CONVOLUTION_CASES if case.endswith("fwd")]
register("scipy", "W7", "hand-written, full transforms", FORWARD)(full_spectrum)
register("numpy", "W7", "probe: kept modes as matrix products", FORWARD)(kept_modes_only)
