"""Operators and solvers of tapeless on one thread: the convolutions, the training of FNOs and the flow of W7."""

import functools

import numpy as np
import problems as P
from core import register

import tapeless
from tapeless import _recycled as recycled
from tapeless.operators import FNO, OperatorObjective, SpectralConv


def convolution(method, case, dtype):
    """Build a convolution, or with it the gradients in x and the weights."""
    p = P.convolution(case)
    channels = len(p["w"])
    conv = SpectralConv(channels, channels, p["modes"], method=method, threads=1)
    theta = conv.flatten(p["w"]).astype(dtype)
    x, y_bar = (p[name].astype(dtype) for name in ("x", "y_bar"))
    if case == P.CONVOLUTION_MEMORY:
        recycled.LEAST = 1 << 62  # what was used before would not be counted
    if case.endswith("fwd"):
        return lambda: conv(x, theta), lambda y: {"y": y}

    def run():
        y, pullback = conv.pullback(x, theta)
        return y, pullback(y_bar)

    def finish(out):
        y, (x_bar, theta_bar) = out
        return {"y": y, "grads": {"x": x_bar, "w": conv.unflatten(theta_bar)["weights"]}}

    return run, finish


def parameters(model, values):
    """Return theta from the problem's parameters by name."""
    theta = np.zeros(model.n_params)
    views = model.unflatten(theta)
    for ours, theirs in names():
        for kind in ("weight", "bias"):
            views[f"{ours}.{kind}"][...] = values[f"{theirs}_{kind[0]}"]
    for i in range(P.LAYERS):
        views[f"layer{i}.spectral"][...] = model.conv.flatten(values[f"spectral{i}"])
    return theta


def names():
    """Return our names of dense layers, and the problem's."""
    layers = [(f"layer{i}", f"skip{i}") for i in range(P.LAYERS)]
    return [("lift", "lift"), *layers, ("projection0", "hidden"), ("projection1", "out")]


def gradients(model, theta_bar):
    """Return gradients by the problem's names."""
    views = model.unflatten(theta_bar)
    found = {
        f"{theirs}_{kind[0]}": views[f"{ours}.{kind}"]
        for ours, theirs in names()
        for kind in ("weight", "bias")
    }
    for i in range(P.LAYERS):
        weights = model.conv.unflatten(views[f"layer{i}.spectral"])["weights"]
        found[f"spectral{i}"] = weights
    return found


def steps(case, dtype):
    """Build one step of training; loss and gradients are compared at the initial parameters."""
    p = P.fno(case)
    model = FNO(
        1, 1, p["modes"], width=P.WIDTH, n_layers=P.LAYERS, projection=P.PROJECTION, threads=1
    )
    start = parameters(model, p["theta"]).astype(dtype)
    x, target = p["x"][:, :1].astype(dtype), p["target"].astype(dtype)
    objective = OperatorObjective(model, tapeless.losses.relative_l2)
    adam, theta = tapeless.optim.Adam(P.RATE, P.BETAS, P.EPS), start.copy()

    def run():
        loss, theta_bar, _ = objective(theta, x, target)
        adam.step(theta, theta_bar, out=theta)
        return loss

    def finish(_):
        loss, theta_bar, _ = objective(start, x, target)
        return {"y": loss, "grads": gradients(model, theta_bar)}

    return run, finish


def flow(case, dtype):
    """Build the steps of IF-RK4, from a field to a field, with all that a solve prepares."""
    q = P.navier_stokes()
    w0 = np.fft.irfft2(q["w"]).astype(dtype)
    options = {"length": 2 * np.pi, "method": "ifrk4", "adjoint": None}

    def run():
        t1 = P.NS_STEPS * q["dt"]
        return tapeless.pde.solve_navier_stokes(w0, t1, q["nu"], n_steps=P.NS_STEPS, **options)

    return run, lambda sol: {"y": np.fft.rfft2(sol.ys), "steps": P.NS_STEPS}


register("tapeless", "W7", "solve_navier_stokes(ifrk4)", [P.NS])(flow)
for method in ("product", "fft"):
    cases = P.CONVOLUTION_CASES + [P.CONVOLUTION_MEMORY] * (method == "product")
    build = functools.partial(convolution, method)
    register("tapeless", "W7", f"SpectralConv({method})", cases)(build)
register("tapeless", "W7", "FNO", P.FNO_CASES)(steps)
