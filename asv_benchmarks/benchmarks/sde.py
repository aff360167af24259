"""SDEs on one thread: every method, networks as both fields, an ensemble of scalars, and what gradients keep."""

import functools

import numpy as np

import tapeless
from tapeless.fields import Activation, Dense
from tapeless_kernels.tableaus.stochastic import DERIVATIVE, STOCHASTIC

from . import compile_kernels

setup_cache = compile_kernels
timeout = 300

SPAN, N_STEPS, DIM, BATCH = (0.0, 1.0), 100, 4, 64
NAMES = [method.name for method in STOCHASTIC]
OF_ANY_NOISE = [method.name for method in STOCHASTIC if "diagonal-general" in method.strong]
OF_ADDITIVE = [method.name for method in STOCHASTIC if "diagonal" not in method.strong]
WITHOUT_VJP = [method.name for method in STOCHASTIC if method.kind == DERIVATIVE]


@tapeless.diffusion(DIM, n_params=1, noise="diagonal", vjp="symbolic", jvp="symbolic")
def proportional(t, y, theta, dg):
    """Each component's noise in proportion to it."""
    for i in range(4):
        dg[i] = theta[0] * y[i]


@tapeless.diffusion(DIM, n_params=1, noise="additive", vjp="symbolic")
def constant(t, y, theta, dg):
    """Noise that does not depend on the state."""
    for i in range(4):
        dg[i] = theta[0]


def network_and(diffusion, theta, dtype):
    """Return a solve of a network as the drift, and y0."""
    drift = tapeless.fields.MLP(DIM, [32])
    y0 = np.random.default_rng(0).standard_normal((BATCH, DIM)).astype(dtype)
    theta = np.concatenate([drift.init(rng=0), theta])
    run = functools.partial(
        tapeless.solve_sde, drift, diffusion, SPAN, y0, theta, rng=0, n_steps=N_STEPS, threads=1
    )
    return run, y0


def networks(dtype):
    """Return a solve of networks as drift and diffusion, and y0."""
    layers = [Dense(32), Activation("tanh"), Dense(DIM), Activation("sigmoid")]
    diffusion = tapeless.DiffusionNetwork(DIM, layers, noise="diagonal-general")
    return network_and(diffusion, diffusion.init(rng=1), dtype)


def by(method, dtype):
    """Return a solve of a network with noise in proportion to the state, or additive if it must be; and y0."""
    diffusion = constant if method in OF_ADDITIVE else proportional
    run, y0 = network_and(diffusion, [0.2], dtype)
    return functools.partial(run, method=method), y0


class Forward:
    """Every method on a network."""

    params = (NAMES, ["float32", "float64"])
    param_names = ("method", "dtype")

    def setup(self, method, dtype):
        self.run, _ = by(method, dtype)
        self.run(adjoint=None)  # compiles

    def time_forward(self, method, dtype):
        self.run(adjoint=None)


class Gradients:
    """The methods that have a transpose, on the same."""

    params = ([name for name in NAMES if name not in WITHOUT_VJP], ["float32", "float64"])
    param_names = ("method", "dtype")

    def setup(self, method, dtype):
        self.run, self.bar = by(method, dtype)
        self.time_gradient(method, dtype)  # compiles

    def time_gradient(self, method, dtype):
        self.run().vjp(self.bar)


class Networks:
    """Networks as both fields, by the methods that take any noise."""

    params = (OF_ANY_NOISE, ["float32", "float64"])
    param_names = ("method", "dtype")

    def setup(self, method, dtype):
        self.run, self.bar = networks(dtype)
        self.time_gradient(method, dtype)  # compiles

    def time_forward(self, method, dtype):
        self.run(method=method, adjoint=None)

    def time_gradient(self, method, dtype):
        self.run(method=method).vjp(self.bar)

    def track_bytes_kept(self, method, dtype):
        return self.run(method=method).nbytes_adjoint

    track_bytes_kept.unit = "bytes"


class StepsTakenBack:
    """The gradient of reversible Heun against the number of steps."""

    params = (["store", "reversible"], [100, 1000, 10_000])
    param_names = ("adjoint", "n_steps")

    def setup(self, adjoint, n_steps):
        run, self.bar = networks("float32")
        self.run = functools.partial(run, method="reversible_heun", adjoint=adjoint)
        self.run(n_steps=10).vjp(self.bar)  # compiles

    def time_gradient(self, adjoint, n_steps):
        self.run(n_steps=n_steps).vjp(self.bar)

    def peakmem_gradient(self, adjoint, n_steps):
        self.run(n_steps=n_steps).vjp(self.bar)

    def track_bytes_kept(self, adjoint, n_steps):
        return self.run(n_steps=n_steps).nbytes_adjoint

    track_bytes_kept.unit = "bytes"


@tapeless.field(dim=1, n_params=1)
def trend(t, y, theta, dy):
    """The drift of geometric Brownian motion."""
    dy[0] = theta[0] * y[0]


@tapeless.diffusion(dim=1, n_params=1)
def volatility(t, y, theta, dg):
    """The diffusion of geometric Brownian motion."""
    dg[0] = theta[0] * y[0]


class Scalars:
    """Many paths of geometric Brownian motion."""

    params = ([100, 10_000], ["float32", "float64"])
    param_names = ("paths", "dtype")

    def setup(self, paths, dtype):
        y0 = np.ones((paths, 1), dtype)
        self.run = functools.partial(
            tapeless.solve_sde, trend, volatility, SPAN, y0, [0.05, 0.2], rng=1, n_steps=1000,
            method="euler_maruyama", adjoint=None, threads=1,
        )  # fmt: skip
        self.run()

    def time_forward(self, paths, dtype):
        self.run()

    def track_mean_error(self, paths, dtype):
        """Distance of the mean from the exact one, in standard errors."""
        y = self.run().ys
        return abs(y.mean() - np.exp(0.05)) / (y.std() / np.sqrt(paths))
