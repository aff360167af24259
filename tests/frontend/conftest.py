"""What tests of the frontend share."""

from types import SimpleNamespace

import numpy as np
import pytest

from tapeless.fields import MLP


@pytest.fixture(scope="module")
def problem():
    """A small network that depends on time, and states for it."""
    field = MLP(3, [8], time=True)
    theta = 1.5 * field.init(rng=0)
    y0 = np.random.default_rng(1).standard_normal((20, 3))
    return SimpleNamespace(field=field, theta=theta, y0=y0)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax
