"""What is measured of steps, what its gradient costs, and what regularised training steps do."""

import numpy as np

import tapeless
from tapeless._regularised import regularised
from tapeless.regularise import Global, Local

from . import compile_kernels

setup_cache = compile_kernels

REGULARISERS = {
    "none": (),
    "global": (Global("error", 1.0),),
    "global_stiffness": (Global("stiffness", 1.0),),
    "unbiased": (Local(1.0, "unbiased"),),
    "biased": (Local(1.0, "biased"),),
    "exact": (Local(1.0, "exact", through_state=True),),
    "accepted": (Local(1.0, "biased", "accepted", through_state=True),),
}


class Measuring:
    """A solve that measures its steps, beside one that does not."""

    params = (["plain", "measured"], [False, True])
    param_names = ("measure", "coupled")

    def setup(self, how, coupled):
        self.field = tapeless.fields.MLP(16, [64, 64])
        self.theta = self.field.init(rng=0)
        self.y0 = np.random.default_rng(0).standard_normal((256, 16))
        self.options = {
            "rtol": 1e-6, "atol": 1e-6, "threads": 1, "adjoint": None, "coupled": coupled,
            "measure": how == "measured",
        }  # fmt: skip
        self.time_solve(how, coupled)

    def time_solve(self, how, coupled):
        tapeless.solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, **self.options)


class RegularisedStep:
    """The gradient of a training step of the digits classifier's field, by regulariser."""

    params = (list(REGULARISERS),)
    param_names = ("regulariser",)

    def setup(self, name):
        field = tapeless.fields.MLP(64, [100], time=True, final_activation="tanh")
        self.theta, rng = field.init(rng=0), np.random.default_rng(0)
        self.objective = tapeless.Objective(
            field,
            (0.0, 1.0),
            tapeless.losses.mse,
            rtol=1.4e-8,
            atol=1.4e-8,
            coupled=True,
            threads=1,
        )
        self.batch = tuple(rng.standard_normal((2, 128, 64)))
        self.time_gradient(name)

    def time_gradient(self, name):
        one, rng = REGULARISERS[name], np.random.default_rng(0)
        if not one:
            return self.objective(self.theta, *self.batch)
        return regularised(self.objective, one, self.theta, self.batch, 0, rng)

    def track_steps(self, name):
        sol = tapeless.solve_ode(
            self.objective.field, (0.0, 1.0), self.batch[0], self.theta, adjoint=None,
            **self.objective.options,
        )  # fmt: skip
        return int(sol.stats.accepted[0])


class TimeGradients:
    """A gradient with respect to times too, beside one without."""

    params = ([False, True],)
    param_names = ("times",)

    def setup(self, times):
        self.field = tapeless.fields.MLP(16, [64, 64], time=True)
        self.theta = self.field.init(rng=0)
        self.y0 = np.random.default_rng(0).standard_normal((64, 16))
        self.time_gradient(times)

    def time_gradient(self, times):
        options = {"time_gradients": times, "threads": 1, "rtol": 1e-6, "atol": 1e-6}
        sol = tapeless.solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, **options)
        sol.vjp(sol.ys, times=times)
