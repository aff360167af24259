"""`solve_sde`, operators and Brownian paths in jax give the bits of the NumPy functions."""

import numpy as np
import pytest

import tapeless

jax = pytest.importorskip("jax")

import jax.numpy as jnp
from jax.test_util import check_grads

import tapeless.interop.jax as tj

SPAN, KEY = (0.0, 1.0), 2**40 + 3


@pytest.fixture(scope="session")
def sde():
    """Return drift, diffusion, parameters and initial states."""
    drift = tapeless.fields.MLP(2, [8])
    diffusion = tapeless.DiffusionNetwork(2, [tapeless.fields.Dense(2)])
    theta = np.concatenate([drift.init(rng=0), diffusion.init(rng=1)])
    return drift, diffusion, theta, np.random.default_rng(0).standard_normal((5, 2))


@pytest.fixture(scope="session")
def layer():
    """Return a spectral convolution, its parameters and a field."""
    conv = tapeless.operators.SpectralConv(2, 3, modes=4)
    return conv, conv.init(rng=0), np.random.default_rng(0).standard_normal((5, 2, 32))


def key_of(number):
    return jnp.array([number >> 32, number & 0xFFFFFFFF], jnp.uint32)


@pytest.mark.parametrize("noise", ["key", "path"])
def test_an_sde_has_the_bits_of_numpy(sde, x64, passes, noise):
    *fields, theta, y0 = sde
    path = tapeless.BrownianPath(5, 0.0, 1.0, (5, 2))
    ours, theirs = ({"key": key_of(KEY)}, {"rng": KEY}) if noise == "key" else ({"path": path},) * 2
    options = {"n_steps": 8, "t_eval": [0.5, 1.0]}

    def solve(y0, theta):
        return tj.solve_sde(*fields, SPAN, y0, theta, **ours, **options)

    sol = tapeless.solve_sde(*fields, SPAN, y0, theta, **theirs, **options)
    operands = jnp.asarray(y0), jnp.asarray(theta)
    ys, pullback = jax.vjp(jax.jit(solve), *operands)
    assert np.array_equal(ys, sol.ys)
    assert all(map(np.array_equal, pullback(ys), sol.vjp(sol.ys)))
    check_grads(solve, operands, 1, modes=("rev",))


def test_an_sde_converted_to_the_other_sense_has_the_bits_of_numpy(sde, x64):
    drift, _, theta, y0 = sde
    noise = tapeless.DiffusionNetwork(2, [tapeless.fields.Activation("sin")], noise="diagonal")
    path, theta = tapeless.BrownianPath(5, 0.0, 1.0, (5, 2)), theta[: drift.n_params]
    options = {"n_steps": 8, "path": path, "method": "heun", "calculus": "ito", "convert": True}
    sol = tapeless.solve_sde(drift, noise, SPAN, y0, theta, **options)
    ys, pullback = jax.vjp(lambda *x: tj.solve_sde(drift, noise, SPAN, *x, **options), y0, theta)
    assert np.array_equal(ys, sol.ys)
    assert all(map(np.array_equal, pullback(ys), sol.vjp(sol.ys)))


def test_a_mapped_key_has_its_own_noise(sde, x64, passes):
    *fields, theta, y0 = sde

    def solve(key, y0):
        return tj.solve_sde(*fields, SPAN, y0, theta, key=key, n_steps=8)

    keys = jax.random.split(jax.random.key(0), 3)
    found = jax.jit(jax.vmap(solve, (0, None)))(keys, y0)
    assert all(np.array_equal(ys, solve(key, y0)) for key, ys in zip(keys, found, strict=True))
    assert not np.array_equal(found[0], found[1])
    # A mapped y0 has the noise that it has alone.
    both = jax.vmap(solve, (None, 0))(keys[0], jnp.stack([y0, y0]))
    assert np.array_equal(both[0], found[0]) and np.array_equal(both[1], found[0])
    bars = jax.vmap(jax.grad(lambda y0, key: solve(key, y0).sum()), (None, 0))(
        jnp.asarray(y0), keys
    )
    one = jax.grad(lambda y0: solve(keys[2], y0).sum())(jnp.asarray(y0))
    assert np.array_equal(bars[2], one)


def test_a_convolution_has_the_bits_of_numpy(layer, x64, passes):
    conv, theta, x = layer
    y, numpy_pullback = conv.pullback(x, theta, shape=(48,))
    operands = jnp.asarray(x), jnp.asarray(theta)

    def f(x, theta):
        return tj.spectral_conv(conv, x, theta, shape=(48,))

    found, pullback = jax.vjp(jax.jit(f), *operands)
    assert np.array_equal(found, y)
    for _ in range(2):
        assert all(map(np.array_equal, pullback(found), numpy_pullback(y)))
    check_grads(f, operands, 1, modes=("rev",))


def test_a_mapped_field_is_one_batch(layer, passes, monkeypatch):
    conv, theta, x = layer
    x, theta = jnp.asarray(x, "float32"), jnp.asarray(theta, "float32")
    one = tj.spectral_conv(conv, x, theta)
    mapped = jax.jit(jax.vmap(lambda x: tj.spectral_conv(conv, x[None], theta)[0]))
    mapped(x)
    calls = []
    call = type(conv).__call__
    monkeypatch.setattr(
        type(conv), "__call__", lambda *x, **options: calls.append(x) or call(*x, **options)
    )
    np.testing.assert_allclose(mapped(x), one, rtol=1e-5, atol=1e-6)
    assert len(calls) == 1
    each = jax.vmap(
        jax.grad(lambda theta, x: tj.spectral_conv(conv, x[None], theta).sum()), (None, 0)
    )
    total = jax.grad(lambda theta: tj.spectral_conv(conv, x, theta).sum())(theta)
    np.testing.assert_allclose(each(theta, x).sum(axis=0), total, rtol=1e-4, atol=1e-4)


def test_a_fourier_neural_operator_has_the_bits_of_numpy(x64, passes):
    model = tapeless.operators.FNO(1, 1, modes=4, width=4, n_layers=2, projection=8)
    theta, x = model.init(rng=0), np.random.default_rng(0).standard_normal((3, 1, 16))
    y, numpy_pullback = model.pullback(x, theta)
    found, pullback = jax.vjp(
        jax.jit(lambda x, theta: tj.fno(model, x, theta)), jnp.asarray(x), jnp.asarray(theta)
    )
    assert np.array_equal(found, y)
    assert all(map(np.array_equal, pullback(found), numpy_pullback(y)))


@pytest.mark.parametrize("area", ["none", "space-time", "space-time-time"])
def test_increments_have_the_bits_of_numpy(x64, area):
    path = tapeless.BrownianPath(KEY, 0.0, 1.0, (4, 2), area)
    other = tapeless.BrownianPath(0, 0.0, 1.0, (4, 2), area)
    s, t = np.array([0.1, 0.5]), np.array([0.25, 0.9])
    wanted = jax.tree.leaves(path(s, t))
    of_times = jax.jit(lambda s, t: tj.brownian_increments(path, s, t))(s, t)
    of_key = jax.jit(lambda key: tj.brownian_increments(other, s, t, key=key))(key_of(KEY))
    for found in (of_times, of_key):
        leaves = jax.tree.leaves(found)
        assert len(leaves) == len(wanted) and all(map(np.array_equal, leaves, wanted))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda sde, layer: tj.solve_sde(*sde[:2], SPAN, sde[3], sde[2], n_steps=2), TypeError,
         "solve_sde: `key` must be given.*got neither"),
        (lambda sde, layer: tj.solve_sde(*sde[:2], SPAN, sde[3], sde[2], key=jnp.ones(2), n_steps=2),
         TypeError, "solve_sde: `key` must be one key of jax.random.key"),
        (lambda sde, layer: tj.solve_sde(*sde[:2], (0.0, jnp.ones(())), sde[3], sde[2], key=0),
         TypeError, "solve_sde: `t_span` must be a pair .* of Python numbers"),
        (lambda sde, layer: tj.solve_sde(*sde[:2], SPAN, sde[3], sde[2][1:], key=0, n_steps=2),
         ValueError, "solve_sde: `theta` must be of shape"),
        (lambda sde, layer: tj.solve_sde(*sde[:2], SPAN, sde[3], sde[2], key=0, method="em"),
         ValueError, "solve_sde: `method` must be"),
        (lambda sde, layer: tj.spectral_conv(np.sin, *layer[:0:-1]), TypeError,
         "spectral_conv: `conv` must be a tapeless.operators.SpectralConv"),
        (lambda sde, layer: tj.spectral_conv(layer[0], layer[2][0], layer[1]), ValueError,
         "SpectralConv: `x` must be of shape"),
        (lambda sde, layer: tj.spectral_conv(layer[0], layer[2][..., :4], layer[1]), ValueError,
         "SpectralConv: `modes` must be"),
        (lambda sde, layer: tj.brownian_increments(3, 0.0, 1.0), TypeError,
         "brownian_increments: `path` must be a tapeless.BrownianPath"),
        (lambda sde, layer: tj.brownian_increments(
            tapeless.BrownianPath(0, 0.0, 1.0, (2,)), 0.0, 1.0), TypeError,
         "brownian_increments: `path` must be of dtype float32"),
        (lambda sde, layer: jax.grad(lambda s: tj.brownian_increments(
            tapeless.BrownianPath(0, 0.0, 1.0, (), dtype="float32"), s, 1.0))(0.0), TypeError,
         "brownian_increments: `s` must be constant"),
        (lambda sde, layer: jax.jvp(lambda x: tj.spectral_conv(layer[0], x, layer[1]),
            (jnp.asarray(layer[2]),), (jnp.asarray(layer[2]),)),
         (jax.errors.JaxRuntimeError, ValueError), "spectral_conv: it has derivatives in reverse mode only"),
    ],
)  # fmt: skip
def test_bad_arguments_get_a_sentence(sde, layer, call, kind, message):
    with pytest.raises(kind, match=message):
        jax.block_until_ready(call(sde, layer))
