"""Find a pendulum's damping from the times at which it passes the vertical: events of solve_ivp."""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import tapeless

T_END, START, N_PASSAGES, NOISE = 40.0, [2.0, 0.0], 16, 0.01
TRUTH = np.array([0.15, 4.0])  # damping per second, g / length


@tapeless.field(dim=2, n_params=2)
def pendulum(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[1] - theta[1] * np.sin(y[0])


def vertical(t, y, theta):
    return y[0]


def turning(t, y, theta):
    return y[1]


def solve(theta, **options):
    tolerances = {"rtol": 1e-10, "atol": 1e-10}
    return tapeless.solve_ivp(
        pendulum, (0.0, T_END), START, "DOP853", args=(theta,), **tolerances, **options
    )


def passages(theta):
    return solve(theta, events=vertical).t_events[0][:N_PASSAGES]


measured = passages(TRUTH) + NOISE * np.random.default_rng(0).normal(size=N_PASSAGES)
guess = [0.05, 3.8]
fit = least_squares(lambda theta: passages(theta) - measured, guess, x_scale=[0.1, 1.0])
variance = np.sum(fit.fun**2) / (N_PASSAGES - 2)
errors = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac) * variance))
for name, true, found, error in zip(("damping", "g / length"), TRUTH, fit.x, errors, strict=True):
    print(f"{name:10} {found:.4f} +- {error:.4f}, true {true}")
print(f"residuals {1e3 * np.sqrt(variance):.1f} ms, noise {1e3 * NOISE:.1f} ms, {fit.nfev} steps")
sol = solve(fit.x, events=(vertical, turning), dense_output=True)
swings = sol.y_events[1][:, 0]
print(f"amplitudes {' '.join(f'{abs(x):.2f}' for x in swings[1:9])}")

t = np.linspace(0.0, measured[-1] + 1.0, 600)
figure = Figure(figsize=(12, 4.2), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1.8, 1))
first = solve(guess, dense_output=True)
left.plot(t, first.sol(t)[0], color="0.75", label="first guess")
left.plot(t, sol.sol(t)[0], label="fit")
left.plot(measured, np.zeros(N_PASSAGES), "k|", markersize=12, label="measured passages")
left.plot(sol.t_events[1], swings, ".", color="tab:red", label="turning points of the fit")
left.set(xlabel="t in seconds", ylabel="angle", xlim=(-0.5, t[-1]), ylim=(-2.2, 3.1))
left.set_title("Only the ticks are given: when it passes the vertical")
left.legend(frameon=False, ncols=2, loc="upper right")
right.axhline(0.0, color="0.85", linewidth=1)
n = np.arange(1, N_PASSAGES + 1)
right.errorbar(n, -1e3 * fit.fun, 1e3 * NOISE, fmt=".", color="k", label="measured minus fit")
right.set(xlabel="passage", ylabel="milliseconds", title="What the fit leaves over")
right.legend(frameon=False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "pendulum.png", dpi=110)
