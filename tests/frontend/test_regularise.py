"""Penalties on how equations are solved: their gradients, what samplers expect, and trainings with them."""

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless import regularise
from tapeless._regularised import regularised
from tapeless.regularise import RNODE, STEER, Annealed, Functional, Global, Local, WeightDecay

FIELD = tapeless.fields.MLP(2, [8], time=True)
THETA = FIELD.init(rng=0)
Y0 = np.random.default_rng(0).normal(size=(4, 2))
TARGET = np.zeros((4, 2))
FIXED = {"n_steps": 6, "rtol": 1e-5, "atol": 1e-5}


def objective(**options):
    return tapeless.Objective(FIELD, (0.0, 1.0), tapeless.losses.mse, **options)


def evaluate(one, rng=0, theta=THETA, n=0, **options):
    rng = np.random.default_rng(rng) if isinstance(rng, int) else rng
    return regularised(objective(**options), [one], theta, (Y0, TARGET), n, rng)


class Given:
    """Draws what it is given."""

    def __init__(self, *numbers):
        self._numbers = list(numbers)

    def uniform(self, low=0.0, high=1.0, size=None):
        drawn = low + (high - low) * self._numbers[0]
        return drawn if size is None else np.full(size, drawn)


EXACT = [
    Global("error", 3.0),
    Global("error_squared", Annealed(1.0, 0.1, 10), "mean"),
    Global("stiffness", 0.1, "max"),
    Local(2.0, "unbiased", "accepted", through_state=True),
    Local(2.0, "biased", "accepted", through_state=True),
    Local(2.0, "exact", through_state=True),
    WeightDecay(0.1),
    STEER(0.3),
    RNODE(0.1, 0.1),
    RNODE(0.1, 0.0),
]


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("one", EXACT, ids=repr)
def test_gradients_agree_with_differences_on_fixed_steps(one, coupled):
    (loss, theta_bar, nfe), penalty = evaluate(one, n=3, coupled=coupled, **FIXED)
    assert (penalty > 0) == (not isinstance(one, STEER)) and nfe > 6 and loss > penalty
    v = np.random.default_rng(1).standard_normal(len(THETA))

    def at(e):
        return evaluate(one, theta=THETA + e * v, n=3, coupled=coupled, **FIXED)[0].loss

    np.testing.assert_allclose(theta_bar @ v, central_difference(at, 3e-5, order=4), rtol=1e-5)


@pytest.mark.parametrize("t_eval", [None, [0.3, 0.8]])
@pytest.mark.parametrize("sampler", regularise.LOCAL_SAMPLERS)
@pytest.mark.parametrize("through_state", [False, True])
def test_local_penalties_are_of_one_step(sampler, through_state, t_eval):
    options = {"rtol": 1e-4, "atol": 1e-4, "coupled": True, "t_eval": t_eval}
    one = Local(1.0, sampler, through_state=through_state)
    target = TARGET if t_eval is None else np.zeros((4, 2, 2))
    found = regularised(
        objective(**options), [one], THETA, (Y0, target), 0, np.random.default_rng(3)
    )
    plain = objective(**options)(THETA, Y0, target)
    assert found[1] > 0
    # A step that has to end on the time that is drawn changes the others.
    close = 1e-3 if t_eval and sampler == "unbiased" else 1e-10
    np.testing.assert_allclose(found[0].loss - found[1], plain.loss, rtol=close)
    assert not np.array_equal(found[0].theta_bar, plain.theta_bar)


def test_the_exact_sampler_expects_the_global_penalty():
    """A step is drawn with the probability |h_j| / T, and T E_j taken: the mean of all is the sum of |h_j| E_j."""
    options = {"rtol": 1e-5, "atol": 1e-5, "coupled": True}
    steps = tapeless.solve_ode(FIELD, (0.0, 1.0), Y0, THETA, measure=True, **options).steps
    share = np.abs(steps.h) / np.abs(steps.h).sum()
    middles = np.cumsum(share) - share / 2
    for through_state in (False, True):
        one = Local(1.0, "exact", through_state=through_state)
        drawn = [evaluate(one, Given(u), **options)[1] for u in middles]
        np.testing.assert_allclose(share @ drawn, Functional("error").value(steps), rtol=1e-10)
    gradients = [evaluate(one, Given(u), **options)[0].theta_bar for u in middles]
    whole = evaluate(Global("error", 1.0), **options)[0].theta_bar
    np.testing.assert_allclose(share @ np.array(gradients), whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hold_slope", [False, True])
def test_a_fresh_step_holds_its_state_constant(hold_slope):
    """Of Heun's method e = h (k_1 - k_0) / 2; where k_0 is held, its gradient is that through k_1 alone."""
    options = {"method": "heun21", "n_steps": 4, "rtol": 1e-3, "atol": 1e-3}
    one = Local(1.0, "unbiased", "accepted", hold_slope=hold_slope)
    u = 0.6
    (_, theta_bar, _), penalty = evaluate(one, Given(u), **options)
    sol = tapeless.solve_ode(
        FIELD, (0, 1), Y0, THETA, t_eval=[u, 1.0], interpolate=True, **options
    )  # fmt: skip
    z, h = sol.ys[:, 0], 0.25
    held = tapeless.fields.evaluate(FIELD, u, z, THETA)

    def value(theta):
        k0 = held if hold_slope else tapeless.fields.evaluate(FIELD, u, z, theta)
        k1 = tapeless.fields.evaluate(FIELD, u + h, z + h * k0, theta)
        end = z + h / 2 * (k0 + k1)
        scale = 1e-3 + 1e-3 * np.maximum(abs(z), abs(end))
        return h * np.sqrt(((h / 2 * (k1 - k0) / scale) ** 2).mean(1)).mean()

    np.testing.assert_allclose(penalty, value(THETA), rtol=1e-9)
    plain = objective(**options)(THETA, Y0, TARGET).theta_bar
    v = np.random.default_rng(2).standard_normal(len(THETA))
    slope = central_difference(lambda e: value(THETA + e * v), 1e-5)
    np.testing.assert_allclose((theta_bar - plain) @ v, slope, rtol=1e-6)


def test_fit_regularises_and_goes_on_to_the_bit(tmp_path):
    data = np.linspace(-1, 1, 24)[:, None] * [1.0, -1.0], np.zeros((24, 2))
    one = [Global("error", Annealed(10.0, 1.0, 12)), Local(1.0), STEER(0.2), WeightDecay(1e-3)]
    options = {"batch_size": 8, "rng": 5, "regularise": one}
    problem = objective(rtol=1e-5, atol=1e-5, coupled=True)
    whole = tapeless.fit(problem, THETA, data, epochs=4, **options)
    assert len(whole.history.penalty) == 4 and min(whole.history.step_penalty) > 0
    path = tmp_path / "training.npz"
    tapeless.fit(problem, THETA, data, epochs=2, checkpoint=path, **options)
    rest = tapeless.fit(problem, THETA, data, epochs=4, checkpoint=path, resume=True, **options)
    assert rest.theta.tobytes() == whole.theta.tobytes()
    assert rest.history.penalty == whole.history.penalty


def test_fewer_evaluations_after_a_training_with_global_regularisation():
    rng = np.random.default_rng(0)
    y0 = rng.uniform(-1, 1, (32, 1))
    field = tapeless.fields.MLP(1, [16], time=True)
    start = 3 * field.init(rng=1)
    problem = tapeless.Objective(
        field, (0.0, 1.0), tapeless.losses.mse, rtol=1e-7, atol=1e-7, coupled=True
    )
    nfe = []
    for one in (None, Global("error", 1.0)):
        adam = tapeless.optim.Adam(0.01)
        fit = tapeless.fit(
            problem, start, (y0, np.sin(2 * y0)), optimiser=adam, epochs=150, regularise=one
        )
        nfe.append(fit.history.nfe[-1])
    assert nfe[1] < nfe[0]


def test_an_accepted_step_of_local_regularisation_without_steps_is_zero():
    problem = tapeless.Objective(FIELD, (0.0, 0.0), tapeless.losses.mse)
    for sampler in regularise.LOCAL_SAMPLERS:
        for through_state in (False, True):
            one = Local(1.0, sampler, through_state=through_state)
            found = regularised(problem, [one], THETA, (Y0, TARGET), 0, np.random.default_rng(0))
            assert found[1] == 0 and np.isfinite(found[0].theta_bar).all()


def test_what_methods_and_arguments_must_have():
    with pytest.raises(ValueError, match=r"a pair of stages at one time: .*tsit5"):
        evaluate(Global("stiffness"), method="bosh3")
    with pytest.raises(ValueError, match="an error estimate"):
        evaluate(Local(), method="rk4", n_steps=3)
    with pytest.raises(ValueError, match="`h_reg` must be 'accepted' with sampler='exact'"):
        Local(1.0, "exact", "initial")
    with pytest.raises(ValueError, match="`b` must be less than the length of the span"):
        evaluate(STEER(2.0))
    with pytest.raises(ValueError, match="`rng` must be a numpy Generator"):
        tapeless.fit(objective(), THETA, (Y0, TARGET), regularise=Local())
    with pytest.raises(ValueError, match="do not draw with LBFGS"):
        lbfgs = tapeless.optim.LBFGS()
        tapeless.fit(objective(), THETA, (Y0, TARGET), optimiser=lbfgs, regularise=STEER(), rng=0)
    with pytest.raises(TypeError, match="`regularise` must be a regulariser"):
        tapeless.fit(objective(), THETA, (Y0, TARGET), regularise="error")
    with pytest.raises(TypeError, match=r"unless the objective is a tapeless\.Objective"):
        tapeless.fit(lambda theta: (0.0, theta), THETA, regularise=WeightDecay())
    steps = tapeless.solve_ode(FIELD, (0, 1), Y0, THETA, method="bosh3", measure=True).steps
    with pytest.raises(ValueError, match="methods that have the stiffness are rk4"):
        Functional("stiffness").value(steps)


WAYS = {
    "store": {},
    "every": {"adjoint": "every", "stride": 3},
    "binomial": {"adjoint": "binomial", "budget": 20_000},
    "backsolve": {"adjoint": "backsolve", "backsolve": tapeless.Backsolve(rtol=1e-11, atol=1e-11)},
    "reversible": {"adjoint": "reversible", "method": tapeless.reversible("tsit5")},
    "reversible stored": {"method": tapeless.reversible("tsit5")},
}
PUBLISHED = [
    Local(3.0, "unbiased"),
    Local(3.0, "unbiased", through_state=True),
    Local(3.0, "biased"),
    Local(3.0, "biased", "accepted"),
    Local(3.0, "exact"),
]


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("one", PUBLISHED, ids=repr)
@pytest.mark.parametrize("name", WAYS)
def test_local_penalties_go_with_any_adjoint(name, one, coupled):
    """The penalty is that of stored steps; through_state=False holds the state, so differences do not show it."""
    options = {"rtol": 1e-9, "atol": 1e-9, "coupled": coupled}
    found, penalty = evaluate(one, **options, **WAYS[name])
    stored = {"method": WAYS[name].get("method", "tsit5")}
    wanted, same = evaluate(one, **options, **stored)
    assert penalty > 0 and penalty == pytest.approx(same, rel=1e-6)
    np.testing.assert_allclose(found.theta_bar, wanted.theta_bar, atol=1e-6)
    alone, _ = regularised(objective(**options, **stored), [], THETA, (Y0, TARGET), 0, None)
    assert abs(found.theta_bar - alone.theta_bar).max() > 1e-9


@pytest.mark.parametrize("name", ["backsolve", "reversible"])
def test_what_needs_slopes_names_the_adjoints_that_keep_them(name):
    for one in (Global("error", 1.0), Local(1.0, "exact", "accepted", through_state=True)):
        with pytest.raises(ValueError, match="'store', 'every' and 'binomial'"):
            evaluate(one, **WAYS[name])
    with pytest.raises(ValueError, match="`method` must be a method with an error estimate"):
        evaluate(Local(1.0), method="alf", n_steps=5)
