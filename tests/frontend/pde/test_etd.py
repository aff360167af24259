"""The phi functions, the coefficients and the steps of exponential integrators."""

import mpmath
import numpy as np
import pytest

from differences import central_difference
from tapeless import pde

REAL = (
    0.0,
    1e-300,
    1e-16,
    -1e-8,
    1e-3,
    -0.5,
    -0.9999,
    -1.0,
    -1.0001,
    1.5,
    -30.0,
    -1e4,
    -1e200,
    20.0,
)
COMPLEX = (1e-12j, 0.3j, 0.9999j, 1.0001j, 3j, -5 + 40j, -0.7 + 0.7j, 1e-9 - 1e-9j, 1e3j)
METHODS = {"etdrk4": pde.etdrk4_coefficients, "ifrk4": pde.ifrk4_coefficients}


def phi(k, z):
    """Return phi_k by its series, or its recurrence in sixty digits."""
    with mpmath.workdps(60):
        z = mpmath.mpc(z)
        if abs(z) < 1e-2:
            return complex(mpmath.fsum(z**j / mpmath.factorial(j + k) for j in range(30)))
        value = mpmath.exp(z)
        for j in range(k):
            value = (value - 1 / mpmath.factorial(j)) / z
        return complex(value)


def weights(z):
    p1, p2, p3 = (phi(k, z) for k in (1, 2, 3))
    return p1 - 3 * p2 + 4 * p3, 2 * p2 - 4 * p3, 4 * p3 - p2


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("arguments", [REAL, COMPLEX], ids=["real", "complex"])
def test_phi_is_its_integral_near_and_far_from_0(order, arguments):
    expected = np.array([phi(order, z) for z in arguments])
    found = pde.phi(order, arguments)
    assert found.dtype == np.array(arguments).dtype
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-300)


def test_phi_keeps_dtype_and_shape():
    for dtype in (np.float32, np.float64, np.complex64, np.complex128):
        z = np.full((2, 3), 0.1, dtype)
        assert pde.phi(2, z).dtype == dtype and pde.phi(2, z).shape == (2, 3)
    assert pde.phi(1, 0).dtype == np.float64 and pde.phi(1, [0]).tolist() == [1.0]
    assert pde.phi(1, np.ones(3, ">f8")).dtype.isnative
    assert pde.phi(3, np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("z", [*REAL[:-2], *COMPLEX])
def test_weights_of_etdrk4_have_all_digits_also_for_tiny_steps(z):
    c = pde.etdrk4_coefficients([z], 1.0)
    for found, expected in zip(c[6:], weights(z), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-14, atol=1e-16)
    half = phi(1, z / 2) / 2
    np.testing.assert_allclose([c.a21[0], c.a32[0], c.a43[0] / 2], half, rtol=1e-14)
    np.testing.assert_allclose(c.a41, (np.exp(z / 2) - 1) * half, rtol=1e-7, atol=1e-16)
    assert np.iscomplexobj(c.b1) == np.iscomplexobj(np.array(z))


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
def test_without_a_linear_part_the_step_is_that_of_rk4(make):
    c = make(np.zeros(2), 0.5)
    expected = (1, 1, 0.25, 0.25, 0, 0.5, 0.5 / 6, 0.5 / 3, 0.5 / 6)
    for found, value in zip(c, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-15)


def stiff(n_steps, make, t=1.0):
    """Solve a system with fast decay and fast rotation, coupled by a quadratic term."""
    diagonal = np.array([-40.0, -1.0, 20j, -3 + 5j])
    c, u = make(diagonal, t / n_steps), np.array([0.5, 1.0, 0.3 + 0.2j, 0.1j])
    for _ in range(n_steps):
        u = pde.exponential_step(c, u, lambda u: np.cos(u[::-1]) * u)
    return u


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
def test_steps_are_of_order_4(make):
    finest = stiff(4096, make)
    errors = [np.abs(stiff(n, make) - finest).max() for n in (256, 512)]
    assert abs(np.log2(errors[0] / errors[1]) - 4) < 0.15


def test_a_linear_problem_is_solved_exactly():
    diagonal = np.array([-1e3, -1.0, 7j])
    c = pde.etdrk4_coefficients(diagonal, 0.3)
    u = pde.exponential_step(c, np.ones(3), np.zeros_like)
    np.testing.assert_allclose(u, np.exp(0.3 * diagonal), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("kind", ["real L", "complex L"])
def test_transpose_of_a_step_with_linear_slopes_is_exact(dtype, make, kind):
    """Re<y_bar, A x> = Re<A^H y_bar, x> to rounding: real L and complex states go by the kernels."""
    rng = np.random.default_rng(0)

    def draw(shape):
        x = rng.standard_normal(shape)
        is_complex = np.dtype(dtype).kind == "c"
        return (x + 1j * rng.standard_normal(shape) if is_complex else x).astype(dtype)

    real = draw(1).real.dtype
    n, L = 7, -10 * rng.random(7).astype(real)
    if kind == "complex L":
        L = (L + 3j * rng.standard_normal(n)).astype(np.result_type(real, np.complex64))
    matrix = draw((n, n))
    c, x, bar = make(L, 0.1), draw((3, 2, n)), draw((3, 2, n))

    def slopes(u):
        return u @ matrix

    def slopes_vjp(u, bar):
        return bar @ matrix.conj().T

    out = pde.exponential_step(c, x, slopes)
    x_bar = pde.exponential_step_vjp(c, x, slopes, slopes_vjp, bar)
    expected = np.result_type(x, L)
    assert out.dtype == x_bar.dtype == expected and out.shape == x_bar.shape == x.shape
    a, b = np.vdot(bar, out).real, np.vdot(x_bar, x).real
    scale = np.linalg.norm(bar) * np.linalg.norm(out)
    assert abs(a - b) < 20 * np.finfo(real).eps * scale


def test_transpose_of_a_nonlinear_step_is_its_derivative():
    rng = np.random.default_rng(1)
    c = pde.etdrk4_coefficients(-5 * rng.random(6) + 2j, 0.2)
    u, du, bar = (rng.standard_normal((2, 6)) + 1j * rng.standard_normal((2, 6)) for _ in range(3))

    def slopes(u):
        return np.sin(u) * u

    def slopes_vjp(u, bar):
        return np.conj(np.cos(u) * u + np.sin(u)) * bar

    def at(s):
        return np.vdot(bar, pde.exponential_step(c, u + s * du, slopes)).real

    expected = central_difference(at, 1e-3, order=4)
    found = np.vdot(pde.exponential_step_vjp(c, u, slopes, slopes_vjp, bar), du).real
    assert abs(found - expected) < 1e-10 * abs(expected)


def test_inputs_are_not_written_to_and_may_be_strided():
    c = pde.etdrk4_coefficients([-1.0, -2.0], 0.1)
    u = np.arange(8.0).reshape(2, 4)[:, ::2].astype(">f8")
    u.flags.writeable = False
    plain = pde.exponential_step(c, u.astype(float), np.sin)
    assert np.array_equal(pde.exponential_step(c, u, np.sin), plain)
    assert np.array_equal(pde.exponential_step(c, np.asfortranarray(u), np.sin), plain)


@pytest.mark.parametrize("dtype", [float, complex])
def test_states_may_be_numbers_or_empty(dtype):
    for shape in ((), (1,), (0,), (0, 3), (2, 0)):
        L, u = np.zeros(shape[-1:]) - 1, np.ones(shape, dtype)
        c = pde.etdrk4_coefficients(L, 0.1)
        out = pde.exponential_step(c, u, np.sin)
        bar = pde.exponential_step_vjp(c, u, np.sin, lambda u, bar: np.cos(u) * bar, u)
        assert out.shape == bar.shape == shape and out.dtype == bar.dtype == dtype
        np.testing.assert_allclose(out, 0.9845026, rtol=1e-7)


BAD = {
    "phi order": (lambda: pde.phi(5, 0.0), "phi: `order` must be an integer from 0 to 4; got 5"),
    "phi bool": (lambda: pde.phi(True, 0.0), "`order`"),
    "phi dtype": (lambda: pde.phi(1, "a"), "phi: `z` must be of dtype"),
    "L": (lambda: pde.etdrk4_coefficients([np.nan], 1.0), "etdrk4_coefficients: `L` must be finite"),
    "h": (lambda: pde.ifrk4_coefficients([1.0], np.inf), "ifrk4_coefficients: `h` must be a finite number"),
    "h shape": (lambda: pde.ifrk4_coefficients([1.0], [1.0]), "`h`"),
    "coefficients": (
        lambda: pde.exponential_step(1, [1.0], np.sin),
        "exponential_step: `coefficients` must be what etdrk4_coefficients",
    ),
    "shape": (
        lambda: pde.exponential_step(pde.etdrk4_coefficients([1.0, 2.0], 1.0), [1.0], np.sin),
        r"`u` must be of shape \(..., 2\)",
    ),
    "slopes": (
        lambda: pde.exponential_step(pde.etdrk4_coefficients([1.0], 1.0), [1.0], np.sum),
        r"`nonlinear` must be a function that returns real arrays of shape \(1,\)",
    ),
    "complex slopes": (
        lambda: pde.exponential_step(pde.etdrk4_coefficients([1.0], 1.0), [1.0], lambda u: 1j * u),
        "`nonlinear` must be a function that returns real",
    ),
    "bar": (
        lambda: pde.exponential_step_vjp(
            pde.etdrk4_coefficients([1.0], 1.0), [1.0], np.sin, lambda u, b: b, [1.0, 2.0]
        ),
        "`u_bar` must be of the shape of `u`",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
