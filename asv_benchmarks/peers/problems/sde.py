"""W6: an SDE of two networks on 256 states of 16 numbers, its memory over many steps, and an ensemble of scalars."""

import numpy as np

SDE_METHODS = ("euler", "heun", "midpoint", "reversible_heun")  # the first is Ito's
SDE_STEPS = 100
SDE_PARAMS = ("A1", "a1", "A2", "a2", "G1", "g1", "G2", "g2")  # the drift's, the diffusion's
FORWARD_CASES = [f"{method}@fwd" for method in SDE_METHODS]
GRADIENT_CASES = [f"{method}@grad" for method in SDE_METHODS]
MEMORY_CASES = [f"memory@{steps}" for steps in (100, 1000, 10_000)]

ENSEMBLE_PATHS, ENSEMBLE_STEPS = 100_000, 1000
GBM, GBM_THREADS = "gbm100k", "gbm100k@threads"


def sde():
    """Return sizes, float64 weights (fan_in, fan_out), initial states and time span.

    The drift is tanh(y A1 + a1) A2 + a2, the diffusion of each component sigmoid(tanh(y G1 + g1) G2 + g2).
    """
    rng = np.random.default_rng(6)
    dim, hidden, batch = 16, 64, 256
    p = {"D": dim, "H": hidden, "B": batch, "t0": 0.0, "t1": 1.0}
    for first, second in ("Aa", "Gg"):
        p[f"{first}1"] = rng.standard_normal((dim, hidden)) / np.sqrt(dim)
        p[f"{second}1"] = 0.1 * rng.standard_normal(hidden)
        p[f"{first}2"] = rng.standard_normal((hidden, dim)) / np.sqrt(hidden)
        p[f"{second}2"] = 0.1 * rng.standard_normal(dim)
    return p | {"y0": rng.standard_normal((batch, dim))}


def gbm():
    """Return the drift and volatility of geometric Brownian motion, initial states (100000, 1) and time span."""
    return {"mu": 0.05, "sigma": 0.2, "y0": np.ones((ENSEMBLE_PATHS, 1)), "t0": 0.0, "t1": 1.0}


def moments(y):
    """Return what a case reports: mean and deviation of all numbers, with standard errors from independent rows."""
    y = np.asarray(y, np.float64)
    mean, std = y.mean(), y.std()
    means, squares = y.mean(axis=1), ((y - mean) ** 2).mean(axis=1)
    rows = np.sqrt(len(y))
    return {
        "mean": float(mean),
        "std": float(std),
        "mean_error": float(means.std() / rows),
        "std_error": float(squares.std() / rows / (2 * std)),
    }


def gradient_norms(y0_bar, theta_bar):
    """Return what a gradient reports: the norms of its parts."""
    parts = {"y0_norm": y0_bar, "theta_norm": theta_bar}
    return {name: float(np.linalg.norm(np.asarray(bar, np.float64))) for name, bar in parts.items()}
