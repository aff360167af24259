"""Solves, solutions, paths and their pictures, with arrays made by `of`."""

import numpy as np

import tapeless
from array_samples.problem import FIELD, THETA, TIMES, TWICE, Y0, decay, drawn, solve
from tapeless import BrownianPath, diffusion, fields, solve_ivp, solve_ode, solve_sde, testing
from tapeless.regularise import Functional


def solved(of, **how):
    return solve(of(Y0), of(THETA), **how)


def noisy(of, **how):
    return solve_sde(FIELD, FIELD, (0.0, 1.0), of(Y0), of(TWICE), rng=0, n_steps=4, **how)


def falling(t, y, theta, dy):
    dy[0] = -theta[0] * y[0]


def falling_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = -theta[0] * dy_bar[0]
    theta_bar[0] += -y[0] * dy_bar[0]


def falling_vjp_jvp(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    y_bar[0] = -theta[0] * dg_bar[0]
    y_bar_dot[0] = 0.0
    theta_bar_dot[0] -= y_dot[0] * dg_bar[0]


FALLING = fields.field(1, 1, vjp=falling_vjp)(falling)
VOLATILITY = diffusion(1, None, 1, vjp=falling_vjp, vjp_jvp=falling_vjp_jvp)(falling)


SAMPLES = {
    "BrownianPath.__init__": lambda of: BrownianPath(3, of(np.array(0.0)), 1.0, (2,))(0.0, 1.0).tolist(),
    "BrownianPath.__call__": lambda of: BrownianPath(3, 0.0, 1.0, (2,), "space-time")(of(TIMES * 0), of(TIMES)),
    "Functional.value": lambda of: Functional().value(solved(of, measure=True).steps),
    "Functional.vjp": lambda of: Functional().vjp(solved(of, measure=True).steps, of(np.ones(4))),
    "OdeSolution.__call__": lambda of: solve_ivp(decay, (0.0, 1.0), of(Y0[0]), dense_output=True).sol(of(TIMES)),
    "SdeSolution.vjp": lambda of: noisy(of).vjp(of(Y0)),
    "Solution.jvp": lambda of: solved(of).jvp(of(Y0), of(THETA)),
    "Solution.plot": lambda of: drawn(lambda: solved(of, t_eval=of(TIMES)).plot()),
    "Solution.plot_phase": lambda of: drawn(lambda: solved(of, t_eval=of(TIMES)).plot_phase()),
    "Solution.vjp": lambda of: solved(of, time_gradients=True).vjp(of(Y0), times=True),
    "testing.check_gradient": lambda of: testing.check_gradient(FIELD, (0.0, 1.0), of(Y0), of(THETA)),
    "testing.check_vjp": lambda of: testing.check_vjp(FALLING, y=of(Y0[0, :1]), n_points=1),
    "testing.check_vjp_jvp": lambda of: testing.check_vjp_jvp(VOLATILITY, y=of(Y0[0, :1]), n_points=1),
    "plot.phase_portrait": lambda of: drawn(lambda: tapeless.plot.phase_portrait(FIELD, of(THETA), y0=of(Y0))),
    "solve_ivp": lambda of: solve_ivp(decay, (0.0, 1.0), of(Y0[0]), t_eval=of(TIMES)),
    "solve_ode": lambda of: (
        solved(of, t_eval=of(TIMES), rtol=of(np.full(4, 1e-4)), reduce=True),
        solve_ode(FIELD, (0.0, of(np.array(1.0))), of(Y0[0]), of(THETA)),  # NumPy's statistics are scalars
    ),
    "solve_sde": noisy,
    "plot.work_precision": lambda of: drawn(
        lambda: tapeless.plot.work_precision(FIELD, (0.0, 1.0), of(Y0), of(THETA), methods=("tsit5",))
    ),
}  # fmt: skip
