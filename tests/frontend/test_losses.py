"""Losses against other ways to compute them, their gradients against differences."""

import numpy as np
import pytest
from scipy import special, stats

from differences import central_difference
from tapeless import losses

RNG = np.random.default_rng(11)
Y, TARGET = RNG.standard_normal((2, 6, 4))
LABELS = RNG.integers(0, 4, 6)

ARGUMENTS = {
    losses.mse: (Y, TARGET),
    losses.huber: (Y, TARGET, 0.6),
    losses.cross_entropy: (Y, LABELS),
    losses.gaussian_nll: (Y, TARGET[:, :2]),
    losses.relative_l2: (Y, TARGET),
}


def test_every_loss_is_tested():
    assert set(ARGUMENTS) == set(losses.LOSSES)


@pytest.mark.parametrize("loss", losses.LOSSES, ids=lambda f: f.__name__)
def test_gradients_are_those_of_differences(loss):
    y, *rest = ARGUMENTS[loss]
    value, bar = loss(y, *rest)
    assert isinstance(value, float) and bar.shape == y.shape and bar.dtype == y.dtype
    found = np.empty_like(y)
    for i in np.ndindex(y.shape):
        unit = np.zeros_like(y)
        unit[i] = 1
        found[i] = central_difference(lambda s, unit=unit: loss(y + s * unit, *rest)[0], 1e-6)
    np.testing.assert_allclose(bar, found, atol=1e-9)


def test_values():
    assert losses.mse(Y, TARGET)[0] == pytest.approx(np.mean((Y - TARGET) ** 2))
    assert losses.huber(Y, TARGET, 0.6)[0] == pytest.approx(special.huber(0.6, Y - TARGET).mean())
    expected = -special.log_softmax(Y, axis=1)[np.arange(6), LABELS].mean()
    assert losses.cross_entropy(Y, LABELS)[0] == pytest.approx(expected)
    normal = stats.norm(Y[:, :2], np.exp(Y[:, 2:] / 2))
    expected = -normal.logpdf(TARGET[:, :2]).mean()
    assert losses.gaussian_nll(Y, TARGET[:, :2])[0] == pytest.approx(expected)
    norm = np.linalg.norm
    expected = np.mean([norm(y - t) / norm(t) for y, t in zip(Y, TARGET, strict=True)])
    assert losses.relative_l2(Y, TARGET)[0] == pytest.approx(expected)


@pytest.mark.parametrize("loss", losses.LOSSES, ids=lambda f: f.__name__)
def test_dtypes_are_kept(loss):
    y, *rest = ARGUMENTS[loss]
    single, bar = loss(y.astype(np.float32), *rest)
    assert bar.dtype == np.float32
    assert single == pytest.approx(loss(y, *rest)[0], rel=1e-6)


def test_relative_errors_of_functions():
    """A sample is all that has one first index; one without error has the gradient 0."""
    y, target = np.random.default_rng(0).standard_normal((2, 3, 2, 4, 5))
    y[1] = target[1]
    loss, bar = losses.relative_l2(y, target)
    flat = losses.relative_l2(y.reshape(3, -1), target.reshape(3, -1))
    assert loss == flat[0] and np.array_equal(bar.reshape(3, -1), flat[1])
    assert not bar[1].any() and bar[0].any() and bar[2].any()
    assert losses.relative_l2(1e30 * y, 1e30 * target)[0] == pytest.approx(loss)
    spoilt = y.copy()
    spoilt[0, 0, 0, 0] = np.nan
    loss, bar = losses.relative_l2(spoilt, target)
    assert np.isnan(loss) and np.isnan(bar[0]).all() and np.isfinite(bar[1:]).all()


def test_large_logits_do_not_overflow():
    loss, bar = losses.cross_entropy([[1e4, -1e4], [0.0, 1e300]], [1, 1])
    assert loss == 1e4 and np.isfinite(bar).all()


@pytest.mark.parametrize(
    ("call", "kind", "what"),
    [
        (
            lambda: losses.mse(Y, TARGET[:3]),
            ValueError,
            "mse: `target` must be of the shape of `y`",
        ),
        (lambda: losses.mse(np.empty(0), []), ValueError, "mse: `y` must be not empty"),
        (lambda: losses.huber(Y, TARGET, 0), ValueError, "huber: `delta` must be positive"),
        (lambda: losses.mse(Y, "target"), TypeError, "mse: `target` must be of dtype float32"),
        (lambda: losses.cross_entropy(Y, TARGET[:, 0]), TypeError, "`labels` must be integers"),
        (
            lambda: losses.cross_entropy(Y, LABELS[:3]),
            ValueError,
            r"`labels` must be of shape \(6,\)",
        ),
        (
            lambda: losses.cross_entropy(Y, LABELS - 9),
            ValueError,
            "from 0 to 3, the last of 4 classes",
        ),
        (lambda: losses.cross_entropy(Y, LABELS + 4), ValueError, "`labels` must be from 0 to 3"),
        (lambda: losses.cross_entropy(Y[0], LABELS), ValueError, "`logits` must be an array"),
        (lambda: losses.cross_entropy(Y[:0], LABELS[:0]), ValueError, "not empty"),
        (lambda: losses.gaussian_nll(Y[:, :3], Y), ValueError, "`y` must be of an even last axis"),
        (lambda: losses.gaussian_nll(Y, Y), ValueError, r"`target` must be of shape \(6, 2\)"),
        (lambda: losses.relative_l2(1.0, 2.0), ValueError, r"`y` must be of shape \(batch, ...\)"),
        (
            lambda: losses.relative_l2(Y[:0], Y[:0]),
            ValueError,
            "relative_l2: `y` must be not empty",
        ),
        (
            lambda: losses.relative_l2(Y, np.r_[TARGET[:5], 0 * TARGET[5:]]),
            ValueError,
            "`target` must be not zero, as errors are relative to it; got zeros in sample 5",
        ),
    ],
)
def test_nonsense_is_named(call, kind, what):
    with pytest.raises(kind, match=what):
        call()
