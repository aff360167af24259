"""The examples in public docstrings print what they say."""

import doctest
import importlib

import pytest

MODULES = (
    "tapeless._adam", "tapeless._address", "tapeless._brownian", "tapeless._c_field",
    "tapeless._check_tableau", "tapeless._composition", "tapeless._dct", "tapeless._diffusion",
    "tapeless._diffusion_network", "tapeless._joint_field",
    "tapeless._fft_engine", "tapeless._fft_frequencies", "tapeless._field", "tapeless._fit",
    "tapeless._fno", "tapeless._ivp.dense", "tapeless._ivp.public", "tapeless._kinetic",
    "tapeless._momentum", "tapeless._network", "tapeless._objective", "tapeless._ode",
    "tapeless._operator_objective", "tapeless._parameters", "tapeless._pde.coefficients",
    "tapeless._pde.exponential", "tapeless._pde.public", "tapeless._pde.random_field",
    "tapeless._portrait", "tapeless._save", "tapeless._schedules", "tapeless._sde",
    "tapeless._sde_solution", "tapeless._second", "tapeless._solution", "tapeless._spectral_conv",
    "tapeless._spectral_ops.calculus", "tapeless._spectral_ops.chebyshev",
    "tapeless._spectral_ops.chebyshev_points", "tapeless._spectral_ops.clenshaw",
    "tapeless._spectral_ops.filters", "tapeless._spectral_ops.laplacian",
    "tapeless._spectral_ops.legendre", "tapeless._spectral_ops.norms",
    "tapeless._spectral_ops.parseval", "tapeless._spectral_ops.points",
    "tapeless._spectral_ops.products", "tapeless._spectral_ops.resolution",
    "tapeless._spectral_ops.series", "tapeless._spectral_ops.vector", "tapeless._truncated",
    "tapeless.cuda", "tapeless.fft", "tapeless.losses", "tapeless.methods", "tapeless.plot",
    "tapeless.sklearn", "tapeless.testing",
)  # fmt: skip

# Those of a framework, where it is installed.
OF_FRAMEWORKS = {
    "jax": ("_brownian", "_ode", "_operators", "_sde"),
    "torch": ("_functions", "_modules", "_ode", "_odeint", "_operators", "_sde"),
}


@pytest.mark.parametrize(
    ("framework", "name"), [(f, name) for f, names in OF_FRAMEWORKS.items() for name in names]
)
def test_examples_of_frameworks(framework, name):
    pytest.importorskip(framework)
    test_examples(f"tapeless.interop.{framework}.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert found.failed == 0
