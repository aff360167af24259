"""Partial differential equations, transforms and spectral calculus, with arrays made by `of`."""

from functools import partial

import numpy as np

from tapeless import fft, pde, spectral

U = np.random.default_rng(0).standard_normal((8, 8))
HALF = np.fft.rfft(U, norm="forward")  # the last axis of a half spectrum


def exponential(of):
    return pde.etdrk4_coefficients(of(-np.arange(8.0)), 0.1)


def cubed(u):
    return u**3


def cubed_vjp(u, bar):
    return 3 * u**2 * bar


ONE, X, POINTS = np.array(1.0), np.array([0.1, 0.5]), np.array([[0.1, 0.2], [0.3, 0.4]])
PAIR = np.stack([U, U.T])
SPECTRAL = {
    "chebyshev_inverse": (U,), "chebyshev_inverse_vjp": (U,), "chebyshev_transform": (U,),
    "chebyshev_transform_vjp": (U,), "dealias": (U,), "dealias_vjp": (U,), "derivative": (U,), "derivative_vjp": (U,),
    "divergence": (PAIR,), "divergence_vjp": (U,), "energy_spectrum": (U,),
    "energy_spectrum_vjp": (lambda: spectral.energy_spectrum(U)[1], U), "evaluate": (U, POINTS),
    "evaluate_vjp": (X, U, POINTS), "filter": (U,), "filter_vjp": (U,), "gradient": (U,), "gradient_vjp": (PAIR,),
    "integral": (U,), "integral_vjp": (ONE, U), "integrate": (U,), "integrate_vjp": (U,), "interpolate": (U, 9),
    "interpolate_vjp": (np.ones((9, 9)), 8), "inverse_laplacian": (U,), "inverse_laplacian_vjp": (U,),
    "laplacian": (U,), "laplacian_vjp": (U,), "legendre_inverse": (U,), "legendre_inverse_vjp": (U,),
    "legendre_transform": (U,), "legendre_transform_vjp": (U,), "parseval": (HALF, HALF),
    "parseval_vjp": (ONE, HALF, HALF), "product": (U, U), "product_vjp": (U, U, U), "series_derivative": (U,),
    "series_derivative_vjp": (U,), "series_evaluate": (U, X), "series_evaluate_vjp": (np.ones((8, 2)), U, X),
    "series_integrate": (U,), "series_integrate_vjp": (U,), "series_product": (U, U, "chebyshev"),
    "series_product_vjp": (np.ones((15, 15)), U, U, "chebyshev"), "sobolev_norm": (U, 1.0),
    "sobolev_norm_vjp": (ONE, U, 1.0), "squared_norm": (HALF,), "squared_norm_vjp": (ONE, HALF),
}  # fmt: skip


def transforms():
    """Yield the name and the arguments of each transform and its transpose; one that is to be computed is a function.

    Nothing is computed when tests are collected, which would compile kernels in each process.
    """
    of_input = {"r2c": U, "c2c": U + 1j, "c2r": HALF}
    of_output = {"r2c": HALF, "c2c": U - 1j, "c2r": U}
    for row in fft.TRANSFORMS:
        yield row.name, (of_input.get(row.kind, U),)
        yield f"{row.name}_vjp", (of_output.get(row.kind, U),)
    for row in fft.TRUNCATED:
        n, modes = (8, 3) if row.over == "axis" else ((8, 8), (3, 3))
        field = U + 1j if row.kind == "c2c" else U
        few = partial(getattr(fft, row.name.replace("truncated_i", "truncated_")), field, modes)
        both = (field, modes), (few, n)
        forward, back = both if row.forward else both[::-1]
        yield row.name, forward
        yield f"{row.name}_vjp", back
    for name in ("fftshift", "fftshift_vjp", "ifftshift", "ifftshift_vjp"):
        yield name, (U,)


def sample(function, args):
    def call(of):
        given = [x() if callable(x) else x for x in args]
        return function(*(of(x) if isinstance(x, np.ndarray) else x for x in given))

    return call


SAMPLES = {
    "PdeSolution.vjp": lambda of: pde.solve_burgers(of(U[:1]), 0.1, 0.1, n_steps=2).vjp(of(U[:1])),
    "pde.etdrk4_coefficients": exponential,
    "pde.exponential_step": lambda of: pde.exponential_step(exponential(of), of(U), cubed),
    "pde.exponential_step_vjp": lambda of: pde.exponential_step_vjp(exponential(of), of(U), cubed, cubed_vjp, of(U)),
    "pde.gaussian_random_field": lambda of: pde.gaussian_random_field((8,), 3, alpha=2.0, tau=of(np.array(3.0))),
    "pde.ifrk4_coefficients": lambda of: pde.ifrk4_coefficients(of(-np.arange(8.0)), 0.1),
    "pde.navier_stokes_forcing": lambda of: pde.navier_stokes_forcing((8, 8)).tolist(),
    "pde.phi": lambda of: pde.phi(1, of(U)),
    "pde.solve_burgers": lambda of: pde.solve_burgers(of(U[:1]), 0.1, 0.1, n_steps=2),
    "pde.solve_navier_stokes": lambda of: pde.solve_navier_stokes(of(U[None]), 0.1, 0.1, n_steps=2),
}  # fmt: skip


SAMPLES |= {f"fft.{name}": sample(getattr(fft, name), args) for name, args in transforms()}
SAMPLES |= {
    f"spectral.{name}": sample(getattr(spectral, name), args) for name, args in SPECTRAL.items()
}
