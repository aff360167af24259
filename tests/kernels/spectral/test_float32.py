"""float32 kernels compute in float32."""

import re

import numpy as np
import pytest

from tapeless_kernels._jit import Family
from tapeless_kernels.activations import GELU
from tapeless_kernels.spectral import launch

SINGLE = np.dtype(np.float32)


@pytest.fixture
def fresh(monkeypatch):
    """Return a float32 family whose kernels are compiled here: Numba shows no code that it took from the disk."""
    family = Family("fresh_spectral_float32", launch.family(SINGLE).bind, made={})
    monkeypatch.setattr(launch, "family", lambda dtype: family)
    return family


def code(family):
    """Return the LLVM IR of each kernel that was called, by its name."""
    return {f.__name__: "\n".join(d.inspect_llvm().values()) for f, d in family._entries.items()}


@pytest.mark.slow  # half a minute of compilation
def test_float32_kernels_hold_no_double(fresh):
    modes, x = (2, 3), np.ones((4, 8, 12), SINGLE)
    transform = launch.Transform(x.shape[1:], modes, SINGLE)
    found = transform.to_modes(
        x, "plain", np.zeros((4, 2, launch.row_size(modes, SINGLE), 4), SINGLE)
    )
    transform.from_modes(found, "scaled", np.empty_like(x))
    found = found.reshape(*found.shape[:3], 2, 2)
    weights = np.ones((12, 2, 2, 2), SINGLE)
    launch.mixed(found, weights, np.empty_like(found), modes)
    launch.mixed_vjp(found, weights, found, found.copy(), weights.copy(), modes)
    fields, theta = x.reshape(2, 2, 96), np.ones(6, SINGLE)
    launch.points(theta, 0, fields, fields.copy(), fields.copy(), -GELU, 0)
    launch.points_vjp(theta, 0, fields, fields, fields, fields.copy(), 0)
    there = code(fresh)
    assert {"to_modes", "from_modes", "mix", "mix_vjp_x", "pointwise", "pointwise_vjp"} <= set(
        there
    )
    for name, llvm in there.items():
        assert "float" in llvm, name
        assert not re.search(r"\bdouble\b", llvm), name
