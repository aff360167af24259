"""Layers name what they cannot be, and parameters their parts."""

import numpy as np
import pytest

from tapeless.fields import Network
from tapeless_kernels.fields.layers import (
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    LayerNorm,
    LowRankDense,
    Residual,
    Skip,
    SpectralDense,
)


def test_parts_are_views_that_cover_theta():
    field = Network(
        3, [ConcatTime(), Dense(5), Activation("tanh"), Residual((Dense(5),)), Dense(3)]
    )
    theta = np.arange(field.n_params, dtype=np.float32)
    parts = field.unflatten(theta)
    shapes = {name: part.shape for name, part in parts.items()}
    assert shapes == {
        "dense0.weight": (4, 5), "dense0.bias": (5,), "dense1.weight": (5, 5), "dense1.bias": (5,),
        "dense2.weight": (5, 3), "dense2.bias": (3,),
    }  # fmt: skip
    assert np.array_equal(np.concatenate([part.ravel() for part in parts.values()]), theta)
    parts["dense1.weight"][...] = -1
    assert (theta == -1).sum() == 25
    with pytest.raises(TypeError):
        parts["dense0.bias"] = theta


BAD_LAYERS = (
    ([Dense(3)], "the layers map 4 values to 3"),
    ([ConcatTime()], "the layers map 4 values to 5"),
    ([Residual((Dense(5),)), Dense(4)], "a Residual block maps 4 values to 5"),
    ([Dense(4), Activation("tan")], "no activation is called 'tan'; there are identity, tanh"),
    ([Dense(4), "tanh"], "'tanh' is no layer"),
    ([Dense], "is no layer"),
    ([Residual(Dense(4))], "4 is no layer"),
    ([Dense(0), Dense(4)], "0 outputs"),
    ([Dense(-3), Dense(4)], "-3 outputs"),
    ([Dense(2.5), Dense(4)], "2.5 outputs"),
    ([Dense("8"), Dense(4)], "'8' outputs"),
    ([LowRankDense(4, 0)], "LowRankDense layer has 0 ranks"),
    ([LowRankDense(-1, 2)], "LowRankDense layer has -1 outputs"),
    ([SpectralDense(4, 0.0)], "lipschitz=0.0"),
    ([Bilinear(True)], "Bilinear layer has True outputs"),
    ([LayerNorm(-1.0)], "eps=-1.0"),
    ([FourierFeatures(0)], "FourierFeatures layer has 0 waves"),
    ([FourierFeatures(2, np.inf)], "scale=inf"),
    ([Skip((Dense(3),))], "the layers map 4 values to 7"),
)


@pytest.mark.parametrize(("layers", "sentence"), BAD_LAYERS, ids=[x[1] for x in BAD_LAYERS])
def test_bad_layers_get_a_sentence(layers, sentence):
    with pytest.raises((ValueError, TypeError), match=r"^Network: in `layers`, ") as caught:
        Network(4, layers)
    assert sentence in str(caught.value) and str(caught.value).endswith(".")
