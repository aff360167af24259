"""Training by L-BFGS, which takes all data at once and chooses its steps by a line search."""

import numpy as np
import pytest

from fit_problem import DATA, THETA, Y0, objective, quadratic
from tapeless import fit, optim


def rosenbrock(theta):
    from scipy.optimize import rosen, rosen_der

    return float(rosen(theta)), rosen_der(theta)


def test_lbfgs_finds_the_minimum_and_says_so():
    found = fit(rosenbrock, np.full(5, -1.0), optimiser=optim.LBFGS(), epochs=500)
    np.testing.assert_allclose(found.theta, 1, atol=1e-5)
    assert found.stopped == "converged" and found.n_epochs == len(found.history.loss) < 100
    assert found.history.loss[-1] < 1e-9
    few = fit(rosenbrock, np.full(5, -1.0), optimiser=optim.LBFGS(), epochs=5)
    assert (few.stopped, few.n_epochs) == ("epochs", 5)
    assert few.history.loss == found.history.loss[:5]


def test_lbfgs_on_solves_in_float32_with_validation():
    single = [x.astype(np.float32) for x in DATA]
    found = fit(
        objective, THETA.astype(np.float32), single, optimiser=optim.LBFGS(), epochs=60,
        validation=single, patience=30,
    )  # fmt: skip
    assert found.theta.dtype == np.float32
    assert found.history.loss[-1] < 0.05 * found.history.loss[0]
    assert min(found.history.validation) == pytest.approx(
        objective.value(found.best_theta, *single), rel=1e-6
    )


def test_lbfgs_stops_when_it_is_told_to():
    lbfgs = {"optimiser": optim.LBFGS(), "epochs": 90}
    found = fit(rosenbrock, np.full(5, -1.0), callback=lambda f: f.n_epochs == 4, **lbfgs)
    assert (found.stopped, found.n_epochs) == ("callback", 4)
    calls = []

    def interrupted(theta):
        calls.append(None)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return rosenbrock(theta)

    found = fit(interrupted, np.full(5, -1.0), **lbfgs)
    assert found.stopped == "interrupted" and 0 < found.n_epochs < 8
    rising = iter(range(99))
    found = fit(rosenbrock, -np.ones(5), validation=lambda x: next(rising), patience=3, **lbfgs)
    assert (found.stopped, found.n_epochs) == ("patience", 4)
    for options in ({"batch_size": 4, "rng": 0}, {"checkpoint": "x.npz"}):
        with pytest.raises(ValueError, match="left out with LBFGS"):
            fit(quadratic, np.ones(2), Y0, optimiser=optim.LBFGS(), **options)
