"""What operators say to bad arguments."""

import numpy as np
import pytest

from tapeless import losses
from tapeless.operators import FNO, OperatorObjective, SpectralConv

CONV, FLAT = SpectralConv(2, 3, (2, 4)), SpectralConv(1, 1, 3)
MODEL = FNO(2, 1, 4, width=3, n_layers=1, projection=3)
THETA, ONES, OF_MODEL = CONV.init(rng=0), FLAT.init(rng=0), MODEL.init(rng=0)
X, LINE, PAIR = np.ones((2, 2, 6, 8)), np.ones((2, 1, 8)), np.ones((2, 2, 8))
Y_BAR = np.ones((2, 3, 6, 8))

FAULTS = [
    (lambda: SpectralConv(0, 1, 2), ValueError, "SpectralConv: `in_channels` must be a positive"),
    (
        lambda: SpectralConv(1, 2.5, 2),
        ValueError,
        "`out_channels` must be a positive integer; got 2.5",
    ),
    (lambda: SpectralConv(1, 1, 0), ValueError, "`modes` must be a positive integer; got 0"),
    (lambda: SpectralConv(1, 1, ()), ValueError, r"`modes` .* tuple of 1 to 3 of them; got \(\)"),
    (lambda: SpectralConv(1, 1, (1,) * 4), ValueError, r"`modes` .* got \(1, 1, 1, 1\)"),
    (lambda: SpectralConv(1, 1, True), ValueError, "`modes` must be a positive integer; got True"),
    (lambda: SpectralConv(1, 1, "3"), ValueError, "`modes` .* got '3'"),
    (
        lambda: SpectralConv(1, 1, 2, weights="full"),
        ValueError,
        "`weights` .* 'tucker'; got 'full'",
    ),
    (lambda: SpectralConv(1, 1, 2, weights=None), ValueError, "`weights` .* got None"),
    (lambda: SpectralConv(1, 1, 2, method="fast"), ValueError, "`method` .* 'fft'; got 'fast'"),
    (lambda: SpectralConv(1, 1, 2, threads=0), ValueError, "`threads` .* positive integer; got 0"),
    (lambda: SpectralConv(1, 1, 2, rank=2), ValueError, "`rank` .* left out with weights='dense'"),
    (lambda: SpectralConv(1, 1, 2, weights="cp", rank=0), ValueError, "`rank` must be a positive"),
    (
        lambda: SpectralConv(1, 2, 2, weights="separable"),
        ValueError,
        "`out_channels` must be in_channels=1 with separable weights; got 2",
    ),
    (lambda: CONV.init(dtype=np.float16), ValueError, "SpectralConv.init: `dtype` must be float32"),
    (lambda: CONV.init(rng="a"), (TypeError, ValueError), "SpectralConv.init: `rng` must be"),
    (
        lambda: CONV(X[0], THETA),
        ValueError,
        r"`x` must be of shape \(batch, 2, n, n\); got .*\(2, 6, 8\)",
    ),
    (lambda: CONV(X[:, :1], THETA), ValueError, r"`x` must be of shape \(batch, 2, n, n\)"),
    (lambda: CONV(X[:, :0], THETA), ValueError, r"`x` .* got an array of shape \(2, 0, 6, 8\)"),
    (
        lambda: CONV(X + 1j, THETA),
        TypeError,
        "SpectralConv: `x` must be of dtype float32 or float64",
    ),
    (lambda: CONV("x", THETA), TypeError, "SpectralConv: `x` must be of dtype"),
    (lambda: CONV(X[:, :, :3], THETA), ValueError, "`modes` must be at most 1 along an axis of 3"),
    (lambda: CONV(X[..., :5], THETA), ValueError, "`modes` must be at most 3 along an axis of 5"),
    (lambda: CONV(X[:, :, :, :0], THETA), ValueError, "at most 0 along an axis of 0 points"),
    (lambda: SpectralConv(1, 1, 1)(LINE[..., :0], np.ones(2)), ValueError, "at most 0 along"),
    (
        lambda: CONV(X, THETA[1:]),
        ValueError,
        r"SpectralConv: `theta` must be an array of shape \(192,\)",
    ),
    (lambda: CONV(X, THETA + 0j), TypeError, "SpectralConv: `theta` must be of dtype float32"),
    (lambda: CONV(X, np.array(["a"] * 192)), TypeError, "SpectralConv: `theta` must be of dtype"),
    (lambda: CONV(X, THETA, shape=8), TypeError, "`shape` must be a tuple of integers; got 8"),
    (lambda: CONV(X, THETA, shape=(8,)), ValueError, r"`shape` must be of 2 axes; got \(8,\)"),
    (lambda: CONV(X, THETA, shape=(8, 0)), ValueError, "`shape` must be a positive integer; got 0"),
    (lambda: CONV(X, THETA, shape=(3, 8)), ValueError, "at most 1 along an axis of 3 points"),
    (
        lambda: CONV.pullback(X, THETA)[1](Y_BAR[:1]),
        ValueError,
        r"SpectralConv.pullback: `y_bar` must be of the shape of y, \(2, 3, 6, 8\)",
    ),
    (lambda: CONV.pullback(X, THETA)[1](Y_BAR + 0j), TypeError, "SpectralConv.pullback: `y_bar`"),
    (lambda: CONV.vjp(X, THETA, Y_BAR[:, :2]), ValueError, "`y_bar` must be of the shape of y"),
    (lambda: CONV.vjp(X, THETA, Y_BAR[..., 0]), ValueError, "`y_bar` must be of the shape of y"),
    (lambda: CONV.vjp(X, THETA, Y_BAR[..., :0]), ValueError, "`y_bar` must be of the shape of y"),
    (lambda: CONV.jvp(X, THETA, X[:1], THETA), ValueError, "SpectralConv.jvp: `x_dot` must be of"),
    (lambda: CONV.jvp(X, THETA, X[0], THETA), ValueError, "SpectralConv.jvp: `x_dot` must be of"),
    (lambda: CONV.jvp(X, THETA, X, THETA[1:]), ValueError, "SpectralConv.jvp: `theta_dot` must be"),
    (
        lambda: FLAT.flatten(np.ones((1, 1, 4))),
        ValueError,
        r"`weights` must be of shape \(1, 1, 3\)",
    ),
    (lambda: FLAT.flatten([[["a"] * 3]]), TypeError, "SpectralConv.flatten: `weights` .* complex"),
    (
        lambda: SpectralConv(2, 2, 3, weights="cp").flatten(np.ones((2, 2, 3))),
        ValueError,
        "SpectralConv.flatten: `weights` .* dense or separable",
    ),
    (lambda: FLAT.unflatten(ONES[1:]), ValueError, r"SpectralConv.unflatten: `theta` .* \(6,\)"),
    (lambda: FNO(0, 1, 2), ValueError, "FNO: `in_channels` must be a positive integer; got 0"),
    (lambda: FNO(1, 0, 2), ValueError, "FNO: `out_channels` must be a positive integer; got 0"),
    (lambda: FNO(1, 1, 2, width=0), ValueError, "FNO: `width` must be a positive integer; got 0"),
    (lambda: FNO(1, 1, 2, n_layers=0), ValueError, "FNO: `n_layers` must be a positive integer"),
    (lambda: FNO(1, 1, 2, projection=0), ValueError, "FNO: `projection` must be a positive"),
    (lambda: FNO(1, 1, 2, activation="swish"), ValueError, "FNO: `activation` .* got 'swish'"),
    (lambda: FNO(1, 1, 2, activation=None), ValueError, "FNO: `activation` .* got None"),
    (lambda: FNO(1, 1, (2, -1)), ValueError, "FNO: `modes` must be a positive integer; got -1"),
    (
        lambda: MODEL(PAIR[:, :1], OF_MODEL),
        ValueError,
        r"FNO: `x` must be of shape \(batch, 2, n\)",
    ),
    (lambda: MODEL(X, OF_MODEL), ValueError, r"FNO: `x` must be of shape \(batch, 2, n\)"),
    (lambda: MODEL(PAIR + 0j, OF_MODEL), TypeError, "FNO: `x` must be of dtype float32 or float64"),
    (lambda: MODEL(PAIR[..., :5], OF_MODEL), ValueError, "FNO: `modes` must be at most 3 along"),
    (lambda: MODEL(PAIR[..., :0], OF_MODEL), ValueError, "FNO: `modes` must be at most 0 along"),
    (lambda: MODEL(PAIR, OF_MODEL[1:]), ValueError, "FNO: `theta` must be an array of shape"),
    (lambda: MODEL(PAIR, OF_MODEL + 0j), TypeError, "FNO: `theta` must be of dtype float32"),
    (lambda: MODEL.vjp(PAIR, OF_MODEL, PAIR), ValueError, "FNO.pullback: `y_bar` must be of the"),
    (lambda: MODEL.jvp(PAIR, OF_MODEL, LINE, OF_MODEL), ValueError, "FNO.jvp: `x_dot` must be of"),
    (lambda: MODEL.jvp(PAIR, OF_MODEL, PAIR, ONES), ValueError, "FNO.jvp: `theta_dot` must be an"),
    (lambda: MODEL.unflatten(ONES), ValueError, "FNO.unflatten: `theta` must be an array of shape"),
    (lambda: OperatorObjective(print, losses.mse), TypeError, "`model` must be an operator"),
    (lambda: OperatorObjective(MODEL, "mse"), TypeError, "`loss` must be a function of y"),
]


@pytest.mark.parametrize(("call", "kind", "what"), FAULTS)
def test_nonsense_is_named(call, kind, what):
    with pytest.raises(kind, match=what):
        call()
