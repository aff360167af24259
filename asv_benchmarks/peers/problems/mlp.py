"""W1, W2, W3: a neural ODE dy/dt = MLP(y) on [0, 1], and the gradient of sum(y(1)**2).

The field is tanh(tanh(y W1 + b1) W2 + b2) W3 + b3, with weights stored (fan_in, fan_out).
"""

import numpy as np

from .cache import cached

# name: (dim, hidden width, batch, scale of the last layer, which makes Dopri5 take 15 to 60 steps)
MLP_SIZES = {
    "D2H50B1": (2, 50, 1, 10.0),
    "D2H50B64": (2, 50, 64, 10.0),
    "D16H64B64": (16, 64, 64, 20.0),
    "D64H128B256": (64, 128, 256, 20.0),
}
RTOL, ATOL = 1e-5, 1e-6
TOLERANCES = ("1e-3", "1e-4", "1e-5", "1e-6", "1e-7")  # of W12
PARAMS = ("W1", "b1", "W2", "b2", "W3", "b3")

# RK4, the 3/8 rule: the method that torchdiffeq calls rk4.
A38 = ((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0))
B38 = (1 / 8, 3 / 8, 3 / 8, 1 / 8)


def at_tolerances(sizes):
    """Return the cases of W12: sizes, each at every tolerance; atol is a tenth of rtol."""
    return [f"{size}@{tolerance}" for size in sizes for tolerance in TOLERANCES]


def mlp(case):
    """Return sizes, float64 parameters, initial state, time span and tolerances of one size."""
    dim, hidden, batch, scale = MLP_SIZES[case]
    rng = np.random.default_rng(1234)
    return {
        "W1": rng.standard_normal((dim, hidden)) / np.sqrt(dim),
        "b1": 0.1 * rng.standard_normal(hidden),
        "W2": rng.standard_normal((hidden, hidden)) / np.sqrt(hidden),
        "b2": 0.1 * rng.standard_normal(hidden),
        "W3": scale * rng.standard_normal((hidden, dim)) / np.sqrt(hidden),
        "b3": 0.1 * rng.standard_normal(dim),
        "y0": rng.standard_normal((batch, dim)),
        "D": dim,
        "H": hidden,
        "B": batch,
        "t0": 0.0,
        "t1": 1.0,
        "rtol": RTOL,
        "atol": ATOL,
    }


def mlp_f(p, y):
    """Evaluate the field on a batch."""
    u = np.tanh(y @ p["W1"] + p["b1"])
    v = np.tanh(u @ p["W2"] + p["b2"])
    return v @ p["W3"] + p["b3"]


def mlp_work(case, grad=False):
    """Return (flops of the matrix products, number of tanh) of one batched evaluation.

    A gradient has two further products per layer, and no further tanh: activations are kept.
    """
    dim, hidden, batch, _ = MLP_SIZES[case]
    flops = 2.0 * batch * (dim * hidden + hidden * hidden + hidden * dim)
    return (3 * flops if grad else flops), 2.0 * batch * hidden


def rk4_forward(p, n, store=False):
    """Take n steps; return y(t1) and, if asked, (state, both activations) of every stage."""
    cast = p["y0"].dtype.type
    h = cast((p["t1"] - p["t0"]) / n)
    W1, b1, W2, b2, W3, b3 = (p[name] for name in PARAMS)
    y = p["y0"]
    saved = []
    for _ in range(n):
        slopes = []
        for row in A38:
            yi = y
            for a, k in zip(row, slopes, strict=True):
                yi = yi + (h * cast(a)) * k
            u = np.tanh(yi @ W1 + b1)
            v = np.tanh(u @ W2 + b2)
            slopes.append(v @ W3 + b3)
            if store:
                saved.append((yi, u, v))
        for b, k in zip(B38, slopes, strict=True):
            y = y + (h * cast(b)) * k
    return y, saved


def rk4_grad(p, n, loss_bar=lambda y: 2 * y):
    """Return y(t1) and the discrete gradient in y0 and all parameters of a loss, by default sum(y(t1)**2)."""
    y, saved = rk4_forward(p, n, store=True)
    cast = y.dtype.type
    h = cast((p["t1"] - p["t0"]) / n)
    W1, W2, W3 = p["W1"], p["W2"], p["W3"]
    bar = {name: np.zeros_like(p[name]) for name in PARAMS}
    y_bar = loss_bar(y)
    for step in reversed(range(n)):
        k_bar = [(h * cast(b)) * y_bar for b in B38]
        for i in reversed(range(4)):
            yi, u, v = saved[4 * step + i]
            bar["W3"] += v.T @ k_bar[i]
            bar["b3"] += k_bar[i].sum(0)
            v_bar = (k_bar[i] @ W3.T) * (1 - v * v)
            bar["W2"] += u.T @ v_bar
            bar["b2"] += v_bar.sum(0)
            u_bar = (v_bar @ W2.T) * (1 - u * u)
            bar["W1"] += yi.T @ u_bar
            bar["b1"] += u_bar.sum(0)
            yi_bar = u_bar @ W1.T
            y_bar = y_bar + yi_bar
            for j, a in enumerate(A38[i]):
                k_bar[j] = k_bar[j] + (h * cast(a)) * yi_bar
    bar["y0"] = y_bar
    return y, bar


def mlp_reference(case):
    """Solution and gradient in float64 by 3000 steps (1000 for the largest size)."""
    return mlp_reference_rk4(case, 1000 if MLP_SIZES[case][0] >= 64 else 3000)


def mlp_reference_rk4(case, n=100):
    """The exact float64 result and gradient of n fixed steps: keys "y" and "g_" + name."""

    def compute():
        y, bar = rk4_grad(mlp(case), n)
        return {"y": y} | {f"g_{name}": array for name, array in bar.items()}

    return cached(f"mlp-rk4-{n}-{case}", compute)
