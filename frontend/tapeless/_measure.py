"""What the demo's table says: the gradient against central differences, and where the time goes."""

import ctypes
import time

import numpy as np

from tapeless_kernels.launch import cpu

CHECK_STEPS = 8  # equal steps: an adaptive solve would choose another grid for shifted parameters
CHECK_SHIFT = 1e-6


def check_gradient(model, images, labels, rng):
    """Return rows (direction, adjoint's slope, central difference's slope) in float64.

    The slopes are those of the mean loss over the images along random directions, whose entries are
    normally distributed.
    """
    model = model.astype(np.float64)
    y0, params, theta = model.start(images), model.params, slice(model.field.n_params)
    y0_bar, params_bar = model.loss_vjp(y0, labels, n_steps=CHECK_STEPS)

    def loss(y_shift, shift):
        shifted = model.astype(np.float64)
        shifted.params = params + shift
        return shifted.loss(y0 + y_shift, labels, n_steps=CHECK_STEPS)

    def row(name, v_y, v):
        forward = loss(CHECK_SHIFT * v_y, CHECK_SHIFT * v)
        backward = loss(-CHECK_SHIFT * v_y, -CHECK_SHIFT * v)
        slope = float(np.sum(y0_bar * v_y) + params_bar @ v)
        return name, slope, (forward - backward) / (2 * CHECK_SHIFT)

    rows = []
    for name in (
        "the field's theta",
        "the field's theta",
        "the head",
        "the digits",
        "all of these",
    ):
        v_y, v = rng.standard_normal(y0.shape), rng.standard_normal(params.shape)
        if name != "all of these":
            v_y = v_y * (name == "the digits")
            keep = np.zeros_like(v)
            keep[theta] = name == "the field's theta"
            keep[model.field.n_params :] = name == "the head"
            v = v * keep
        rows.append(row(name, v_y, v))
    return rows


def prediction_seconds(model, images):
    """Return the median seconds that a digit takes in a batch of all, and alone."""
    together = np.median(_times(lambda: model.predict(images)))
    return together / len(images), np.median(_times(lambda: model.predict(images[:1])))


def field_shares(model, images):
    """Return the shares of a solve's forward and adjoint time that the field's layers take.

    One tile on one thread. The field and its transpose are timed by themselves, through the C
    functions that the loop calls, and multiplied by the tile's evaluations, which are those of its
    slowest lane. Least times: a median would carry what else the machine does into the quotient.
    """
    lanes = cpu.WIDTHS[model.params.dtype]
    y0 = model.start(np.resize(images, (lanes, images.shape[1])))
    sol = model.solve(y0, threads=1)
    n, ones, repeats = int(sol.stats.nfe.max()), np.ones_like(sol.ys), range(50)
    field, field_vjp = _field_calls(model, y0)
    layers = min(_times(lambda: [field() for _ in repeats])) / len(repeats)
    layers_vjp = min(_times(lambda: [field_vjp() for _ in repeats])) / len(repeats)
    forward = min(_times(lambda: model.solve(y0, threads=1)))
    adjoint = min(_times(lambda: sol.vjp(ones)))
    return {
        "forward solve": min(1.0, n * layers / forward),
        "adjoint": min(1.0, n * layers_vjp / adjoint),
    }


def _times(function, seconds=0.2):
    """Return the times of at least five calls, and of as many as take about `seconds`."""
    function()
    times = []
    while len(times) < 5 or sum(times) < seconds:
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return times


def _field_calls(model, y):
    """Return the field and its transpose on one tile, as functions without arguments."""
    theta, dtype, (lanes, dim) = model.parts()[0], y.dtype, y.shape
    source = cpu.ProgramField(model.field.program, dtype, lanes, transpose=True)
    arrays = {
        "t": np.zeros(lanes, dtype),
        "y": np.ascontiguousarray(y.T),
        "theta": np.ascontiguousarray(theta),
        "cache": np.zeros((source.n_cache, lanes), dtype),
        "dy": np.ones((dim, lanes), dtype),
        "y_bar": np.zeros((dim, lanes), dtype),
        "t_bar": np.zeros(lanes, dtype),
        "theta_bar": np.zeros_like(theta),
        "lane_status": np.zeros(lanes, np.uint8),
    }
    p, i = ctypes.c_void_p, ctypes.c_int64
    at = {name: p(array.ctypes.data) for name, array in arrays.items()}
    tail = p(source.field.context), i(dim), i(lanes)
    head = at["t"], at["y"], at["theta"], i(0), at["cache"]
    forward = ctypes.CFUNCTYPE(ctypes.c_int32, p, p, p, i, p, p, p, p, i, i)(source.field.address)
    backward = ctypes.CFUNCTYPE(ctypes.c_int32, p, p, p, i, *[p] * 6, i, i)(
        source.field.vjp_address
    )

    def call(arrays=arrays, source=source):  # the defaults keep alive what the addresses point to
        return forward(*head, at["dy"], at["lane_status"], *tail)

    def call_vjp(arrays=arrays, source=source):
        return backward(*head, at["dy"], at["y_bar"], at["t_bar"], at["theta_bar"], *tail)

    return call, call_vjp
