"""Learn a spiral from short pieces of it: the toy of Chen et al. (2018), Neural ordinary differential equations."""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import tapeless

A = np.array([[-0.1, 2.0], [-2.0, -0.1]])
N_TIMES, N_PIECES, LENGTH, N_STEPS = 1000, 128, 10, 3000


@tapeless.field(dim=2, n_params=4)
def truth(t, y, theta, dy):
    """dy = A y^3."""
    x0, x1 = y[0] * y[0] * y[0], y[1] * y[1] * y[1]
    dy[0] = theta[0] * x0 + theta[1] * x1
    dy[1] = theta[2] * x0 + theta[3] * x1


times = np.linspace(0.0, 25.0, N_TIMES)
accurate = {"rtol": 1e-8, "atol": 1e-8, "t_eval": times, "adjoint": None}
spiral = tapeless.solve_ode(truth, (0.0, 25.0), [2.0, 0.0], A.ravel(), **accurate).ys

rng = np.random.default_rng(0)
field = tapeless.fields.MLP(2, [32, 32])
theta, adam = field.init(rng), tapeless.optim.Adam(lr=0.02)
ahead = times[1:LENGTH]
history, begun = {"loss": [], "nfe": []}, time.perf_counter()
for step in range(N_STEPS):
    adam.lr = 0.02 * 0.02 ** (step / N_STEPS)
    first = rng.integers(0, N_TIMES - LENGTH, N_PIECES)
    target = spiral[first[:, None] + np.arange(1, LENGTH)]
    sol = tapeless.solve_ode(
        field, (0.0, ahead[-1]), spiral[first], theta, t_eval=ahead, interpolate=True, rtol=1e-4
    )
    error = sol.ys - target
    theta = adam.step(theta, sol.vjp(2 * error / error.size)[1])
    history["loss"].append(np.mean(error**2))
    history["nfe"].append(sol.stats.nfe.mean())
seconds = time.perf_counter() - begun
learnt = tapeless.solve_ode(field, (0.0, 25.0), [2.0, 0.0], theta, **accurate).ys
distance = np.sqrt(np.sum((learnt - spiral) ** 2, axis=1))
print(f"{N_STEPS} steps in {seconds:.1f} s")
print(f"mean squared error of pieces {np.mean(history['loss'][-100:]):.2e} in the last 100 steps")
print(
    f"distance from the whole spiral {distance.mean():.3f} in the mean, {distance.max():.3f} at most"
)

figure = Figure(figsize=(12.5, 4.2), layout="constrained")
left, middle, right = figure.subplots(1, 3)
for ax, name, shown, parameters in (
    (left, "The truth, dy/dt = A y³", truth, A.ravel()),
    (middle, "The network", field, theta),
):
    tapeless.plot.phase_portrait(
        shown, parameters, (-2.3, 2.3), (-2.3, 2.3), y0=[2.0, 0.0], t_span=(0.0, 25.0), ax=ax
    )
    ax.set_title(name)
tapeless.plot.history(history, xlabel="step", ax=right)
right.set_title("Its training on pieces of 10 points")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "spiral.png", dpi=110)
