"""What tests of other frameworks share."""

import numpy as np
import pytest


@pytest.fixture
def x64():
    """Have jax keep float64 within a test."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def passes():
    """Return the forward passes that wait, none at the beginning and none at the end."""
    pytest.importorskip("jax")
    from tapeless.interop.jax._host import PASSES

    for token in list(PASSES._passes):
        PASSES.for_pull(token)
    yield PASSES
    assert (len(PASSES), PASSES.nbytes) == (0, 0)


@pytest.fixture(scope="session")
def network():
    """Return a network, its parameters and five initial states."""
    import tapeless

    field = tapeless.fields.MLP(2, [16])
    return field, field.init(rng=0), np.random.default_rng(0).standard_normal((5, 2))


@pytest.fixture(scope="session")
def predator():
    """Return a field that takes parameters of each trajectory's own, with all derivatives."""
    import tapeless

    @tapeless.field(dim=2, n_params=2, vjp="symbolic", jvp="symbolic")
    def lotka_volterra(t, y, theta, dy):
        dy[0] = theta[0] * y[0] - y[0] * y[1]
        dy[1] = y[0] * y[1] - theta[1] * y[1]

    return lotka_volterra


@pytest.fixture
def solve(network):
    """Return a solve of y0 and theta, which are float32, as a function, and both."""
    jax = pytest.importorskip("jax")
    import tapeless.interop.jax as tj

    field, theta, y0 = network

    def solve(y0, theta, **options):
        return tj.solve_ode(field, (0.0, 1.0), y0, theta, **options)

    return solve, jax.numpy.asarray(y0, "float32"), jax.numpy.asarray(theta, "float32")


@pytest.fixture
def y0():
    torch = pytest.importorskip("torch")
    return torch.tensor(np.random.default_rng(1).standard_normal((3, 2)), requires_grad=True)


@pytest.fixture
def theta():
    torch = pytest.importorskip("torch")
    from torch_problem import FIELD

    return torch.tensor(FIELD.init(rng=0), requires_grad=True)
