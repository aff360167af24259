"""What tests of the frontend share."""

from types import SimpleNamespace

import numpy as np
import pytest

from tapeless import _fft_libraries, fft
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


@pytest.fixture(params=[*fft.engines(), "public"])
def engine(request, monkeypatch):
    """Run a test on each engine of the transforms, and on scipy.fft's public functions."""
    name = request.param
    if name == "public":
        name = "scipy"
        monkeypatch.setitem(_fft_libraries._engines, name, _fft_libraries.scipy_public())
    with fft.engine(name):
        yield
