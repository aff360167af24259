"""Layers as a user has them: initial parameters, scaled weights, values and derivatives outside of solves."""

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless import fields, solve_ivp, solve_ode
from tapeless.fields import (
    LAYERS,
    MLP,
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    Frozen,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Network,
    Residual,
    Skip,
    Slice,
    SpectralDense,
)  # fmt: skip

INNER = (Dense(5), Activation("gelu"), Dense(3))
OF_EACH = {
    Dense: [Dense(3)],
    LowRankDense: [LowRankDense(3, 2)],
    SpectralDense: [SpectralDense(5, 0.8), Activation("tanh"), SpectralDense(3)],
    Bilinear: [Bilinear(3)],
    Activation: [Activation("elu")],
    LayerNorm: [Dense(4), LayerNorm(), Dense(3)],
    FourierFeatures: [FourierFeatures(4, 2.0), Dense(3)],
    GatedCell: [GatedCell()],
    ConcatTime: [ConcatTime(), Dense(3)],
    Residual: [Residual(INNER)],
    Skip: [Skip(INNER), Dense(3)],
}
every_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
Y0 = np.random.default_rng(0).standard_normal((7, 3))


def network(kind):
    field = Network(3, OF_EACH[kind])
    return field, field.init(rng=1)


@every_layer
def test_transpose_is_that_of_differences(kind):
    """Of the state; and of theta, but for waves that are fixed."""
    field, theta = network(kind)
    if kind is FourierFeatures:
        field = Network(3, [FourierFeatures(4, 2.0, trainable=True), Dense(3)])
    tapeless.testing.check_vjp(field, theta=theta)


@every_layer
def test_tangent_and_transpose_are_of_one_matrix(kind):
    field, theta = network(kind)
    rng = np.random.default_rng(2)
    y_dot, dy_bar, theta_dot = (rng.standard_normal(s) for s in (Y0.shape, Y0.shape, theta.shape))
    dy, dy_dot = fields.jvp(field, 0.3, Y0, theta, y_dot=y_dot, theta_dot=theta_dot)
    y_bar, theta_bar = fields.vjp(field, 0.3, Y0, theta, dy_bar)
    pulled = np.vdot(y_dot, y_bar) + np.vdot(theta_dot, theta_bar)
    np.testing.assert_allclose(np.vdot(dy_dot, dy_bar), pulled, rtol=1e-10)
    assert dy.tobytes() == fields.evaluate(field, 0.3, Y0, theta).tobytes()
    _, slope = fields.jvp(field, 0.3, Y0, theta, t_dot=1.0)
    wanted = central_difference(lambda s: fields.evaluate(field, 0.3 + s, Y0, theta), 1e-6)
    np.testing.assert_allclose(slope, wanted, atol=1e-8)


@every_layer
def test_second_derivatives_are_those_of_differences_of_the_transpose(kind):
    field, theta = network(kind)
    rng = np.random.default_rng(4)
    dots = {name: rng.standard_normal(Y0.shape) for name in ("y_dot", "dy_bar_dot")}
    dots["theta_dot"], bar = rng.standard_normal(theta.shape), rng.standard_normal(Y0.shape)
    if kind is FourierFeatures:  # which has no cotangent of these
        dots["theta_dot"][: 3 * 4 + 4] = 0
    found = fields.vjp_jvp(field, 0.3, Y0, theta, bar, t_dot=0.7, **dots)

    def pulled(s):
        y, parameters = Y0 + s * dots["y_dot"], theta + s * dots["theta_dot"]
        return fields.vjp(field, 0.3 + 0.7 * s, y, parameters, bar + s * dots["dy_bar_dot"])

    for x, expected in zip(found[:2], pulled(0.0), strict=True):
        assert x.tobytes() == expected.tobytes()
    for i, x in enumerate(found[2:]):
        slope = central_difference(lambda s, i=i: pulled(s)[i], 2e-5, order=4)
        np.testing.assert_allclose(x, slope, rtol=0, atol=1e-8 * (1 + abs(slope).max(initial=0)))


@every_layer
def test_hessians_are_symmetric(kind):
    field, theta = network(kind)
    rng = np.random.default_rng(5)
    bar, y_dot, v = (rng.standard_normal(Y0.shape) for _ in range(3))
    theta_dot, w = (rng.standard_normal(theta.shape) for _ in range(2))
    if kind is FourierFeatures:
        theta_dot[: 3 * 4 + 4] = w[: 3 * 4 + 4] = 0
    one = fields.vjp_jvp(field, 0.3, Y0, theta, bar, y_dot=y_dot, theta_dot=theta_dot)
    other = fields.vjp_jvp(field, 0.3, Y0, theta, bar, y_dot=v, theta_dot=w)
    sides = [
        np.vdot(a[2], b) + np.vdot(a[3], c) for a, b, c in ((one, v, w), (other, y_dot, theta_dot))
    ]
    np.testing.assert_allclose(*sides, rtol=1e-10, atol=1e-12)


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_solves_have_the_gradient_of_differences_and_their_dtype(kind, dtype):
    field, theta = network(kind)
    y0, theta = Y0.astype(dtype), theta.astype(dtype)
    sol = solve_ode(field, (0, 1), y0, theta, method="rk4", n_steps=10)
    assert sol.ys.dtype == dtype
    _, theta_bar = sol.vjp(2 * sol.ys)
    assert theta_bar.dtype == dtype
    y64, theta64 = y0.astype(np.float64), theta.astype(np.float64)
    dot = np.random.default_rng(3).standard_normal(len(theta))
    if kind is FourierFeatures:
        field.unflatten(dot)["fourier0.weight"][...] = 0
        field.unflatten(dot)["fourier0.bias"][...] = 0
        assert not field.unflatten(theta_bar)["fourier0.weight"].any()

    def loss(s):
        moved = theta64 + s * dot
        return np.sum(solve_ode(field, (0, 1), y64, moved, method="rk4", n_steps=10).ys ** 2)

    slope = central_difference(loss, 1e-6)
    tolerance = 1e-3 if dtype is np.float32 else 1e-7
    np.testing.assert_allclose(dot @ theta_bar, slope, rtol=tolerance, atol=tolerance)


@every_layer
def test_solve_ivp_takes_the_same_field(kind):
    field, theta = network(kind)
    by_ivp = solve_ivp(field, (0, 1), Y0[0], "DOP853", args=(theta,), rtol=1e-10, atol=1e-10)
    by_ode = solve_ode(field, (0, 1), Y0[0], theta, method="dop853", rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(by_ivp.y[:, -1], by_ode.ys, rtol=1e-7, atol=1e-7)


def test_a_program_of_any_depth_compiles_nothing():
    from tapeless_kernels import _cache

    field = MLP(3, [4])
    y0 = np.tile(Y0, (8, 1))
    solve_ode(field, (0, 1), y0, field.init(rng=0)).vjp(y0)
    before = len(_cache.COMPILATIONS)
    layers = [layer for kind in LAYERS for layer in OF_EACH[kind]] * 3
    deep = Network(3, layers)
    theta = 0.1 * deep.init(rng=0)
    sol = solve_ode(deep, (0, 0.1), y0, theta, method="rk4", n_steps=2)
    sol.vjp(sol.ys)
    assert len(_cache.COMPILATIONS) == before and len(deep.program.operations) > 100


def test_initial_parameters():
    field = Network(
        6, [LayerNorm(), FourierFeatures(500, 3.0), LowRankDense(6, 2), Bilinear(6), GatedCell()]
    )
    parts = field.unflatten(field.init(rng=0))
    assert (parts["norm0.weight"] == 1).all() and not parts["norm0.bias"].any()
    assert parts["fourier0.weight"].std() == pytest.approx(3, rel=0.05)
    assert {name: x.shape for name, x in parts.items() if "low" in name} == {
        "low_rank0.left": (1000, 2), "low_rank0.right": (2, 6), "low_rank0.bias": (6,),
    }  # fmt: skip
    assert parts["bilinear0.weight"].shape == (6, 6, 6)
    assert list(parts)[-6:] == [
        f"gated0.{gate}_{what}"
        for gate in ("reset", "update", "state")
        for what in ("weight", "bias")
    ]
    assert sum(x.size for x in parts.values()) == field.n_params


def test_kinds_are_not_equal_though_their_numbers_are():
    assert Network(3, [Bilinear(3)]) != Network(3, [Dense(3)])
    assert Network(3, [GatedCell()]) != Network(3, [Residual(())])
    assert Network(3, [Dense(3)]) == Network(3, [Dense(3)])
    assert hash(Network(3, [Dense(3)])) == hash(Network(3, [Dense(3)]))


# ---------------------------------------------------------------- spectral normalisation


def test_spectral_weights_have_the_norm_that_is_asked_for():
    field = Network(3, [SpectralDense(3, 0.7)])
    theta = 5 * field.init(rng=0)
    used = field.unflatten(field.effective(theta))["spectral0.weight"]
    assert np.linalg.norm(used, 2) == pytest.approx(0.7)
    again = field.effective(3.0 * theta)
    np.testing.assert_allclose(field.unflatten(again)["spectral0.weight"], used, rtol=1e-12)
    # The flow is Lipschitz with e**0.7.
    a, b = (solve_ode(field, (0, 1), y0, theta, rtol=1e-8).ys for y0 in (Y0, Y0 + 0.01))
    assert (np.linalg.norm(a - b, axis=1) <= np.exp(0.7) * 0.01 * np.sqrt(3)).all()
    # The gradient has no part along the weights: their scale does not matter.
    theta_bar = solve_ode(field, (0, 1), Y0, theta).vjp(Y0)[1]
    assert abs(theta[:9] @ theta_bar[:9]) < 1e-12


def test_spectral_layers_within_compositions():
    inner = Network(3, [SpectralDense(4, 0.9), Activation("tanh"), SpectralDense(3)])
    plain, theta = MLP(3, [4]), None
    own, other = 4 * inner.init(rng=0), plain.init(rng=1)
    expected = fields.evaluate(inner, 0.0, Y0, own) + fields.evaluate(plain, 0.0, Y0, other)
    both, theta = plain + inner, np.concatenate([other, own])
    np.testing.assert_allclose(fields.evaluate(both, 0.0, Y0, theta), expected, rtol=1e-13)
    tapeless.testing.check_vjp(both, theta=theta)
    part = Slice(inner, len(theta), len(other))
    tapeless.testing.check_vjp(part, theta=theta)
    assert not fields.vjp(part, 0.0, Y0, theta, Y0)[1][: len(other)].any()
    frozen = plain + Frozen(inner, own)
    np.testing.assert_allclose(fields.evaluate(frozen, 0.0, Y0, other), expected, rtol=1e-13)


def test_weights_of_zero_stay():
    field = Network(2, [SpectralDense(2)])
    sol = solve_ode(field, (0, 1), np.ones((3, 2)), np.zeros(6))
    assert (sol.ys == 1).all() and np.isfinite(sol.vjp(sol.ys)[1]).all()


# ---------------------------------------------------------------- values outside of solves


def test_evaluation_of_functions_and_dtypes():
    @tapeless.field(dim=2, n_params=1, vjp="symbolic")
    def spring(t, y, theta, dy):
        dy[0] = y[1]
        dy[1] = -theta[0] * y[0]

    dy = fields.evaluate(spring, 0.0, np.array([[1, 2], [3, 4]], np.float32), [2.0])
    assert dy.dtype == np.float32 and dy.tolist() == [[2, -2], [4, -6]]
    y_bar, theta_bar = fields.vjp(spring, 0.0, [1.0, 2.0], [2.0], [0.0, 1.0])
    assert y_bar.tolist() == [-2, 0] and theta_bar.tolist() == [-1]
    with pytest.raises(TypeError, match="jvp: `field` must be a Network"):
        fields.jvp(spring, 0.0, [1.0, 2.0], [2.0])
    with pytest.raises(TypeError, match="vjp_jvp: `field` must be a Network"):
        fields.vjp_jvp(spring, 0.0, [1.0, 2.0], [2.0], [1.0, 2.0])


@pytest.mark.slow
def test_second_derivatives_in_float32():
    field = MLP(3, [4], activation="silu")
    theta, dots = field.init(rng=0), np.random.default_rng(1).standard_normal((2, *Y0.shape))
    exact = fields.vjp_jvp(field, 0.0, Y0, theta, dots[0], y_dot=dots[1])
    single = [x.astype(np.float32) for x in (Y0, theta, *dots)]
    found = fields.vjp_jvp(field, 0.0, single[0], single[1], single[2], y_dot=single[3])
    for x, y in zip(found, exact, strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=2e-6)


def test_spectral_weights_whose_largest_singular_value_is_double():
    """There is no second derivative; nothing is NaN."""
    field = Network(2, [SpectralDense(2)])
    theta = np.array([2.0, 0, 0, 2, 1, 1])
    found = fields.vjp_jvp(field, 0.0, [1.0, 2.0], theta, [1.0, 1.0], theta_dot=np.arange(6.0))
    zero = fields.vjp_jvp(field, 0.0, [1.0, 2.0], 0 * theta, [1.0, 1.0], theta_dot=theta)
    assert all(np.isfinite(x).all() for x in (*found, *zero))


@pytest.mark.parametrize(
    ("call", "kind", "what"),
    [
        (lambda f, y, p: fields.evaluate("f", 0.0, y, p), TypeError, "evaluate: `field` must be"),
        (lambda f, y, p: fields.evaluate(f, 0.0, y[:, :2], p), ValueError, r"`y` must be of shape"),
        (lambda f, y, p: fields.evaluate(f, 0.0, y, p[1:]), ValueError, "`theta` must be of shape"),
        (lambda f, y, p: fields.evaluate(f, 0.0, y), ValueError, "`theta` must be of shape"),
        (lambda f, y, p: fields.vjp(f, 0.0, y, p, y[0]), ValueError, "`dy_bar` must be of shape"),
        (lambda f, y, p: fields.jvp(f, 0.0, y, p, y_dot=y[0]), ValueError, "`y_dot` must be of"),
        (lambda f, y, p: fields.jvp(f, 0.0, y, p, theta_dot=y), ValueError, "`theta_dot` must be"),
        (lambda f, y, p: fields.vjp_jvp(f, 0.0, y, p, y[0]), ValueError, "`dy_bar` must be of"),
        (lambda f, y, p: fields.vjp_jvp(f, 0.0, y, p[1:], y), ValueError, "`theta` must be of"),
        (
            lambda f, y, p: fields.vjp_jvp(f, 0.0, y, p, y, y_dot=y[0]),
            ValueError,
            "vjp_jvp: `y_dot` must be of",
        ),
        (
            lambda f, y, p: fields.vjp_jvp(f, 0.0, y, p, y, dy_bar_dot=y[0]),
            ValueError,
            "`dy_bar_dot` must be of",
        ),
        (
            lambda f, y, p: fields.vjp_jvp(f, 0.0, y, p, y, theta_dot=y),
            ValueError,
            "`theta_dot` must be",
        ),
    ],
)
def test_nonsense_is_named(call, kind, what):
    field = MLP(3, [4])
    with pytest.raises(kind, match=what):
        call(field, Y0, field.init(rng=0))
