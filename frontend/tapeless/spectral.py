"""Spectral calculus on periodic boxes and on [-1, 1], each map with its exact transpose.

Fields live on equidistant points of a period (Fourier) or on Chebyshev or Gauss points of [-1, 1]. A function
``name_vjp`` takes a cotangent of what ``name`` returns, dL/dRe + i dL/dIm, to that of its argument.
"""

from tapeless._spectral_ops.calculus import (
    derivative,
    derivative_vjp,
    integral,
    integral_vjp,
    integrate,
    integrate_vjp,
    wavenumbers,
)
from tapeless._spectral_ops.chebyshev import (
    chebyshev_inverse,
    chebyshev_inverse_vjp,
    chebyshev_transform,
    chebyshev_transform_vjp,
)
from tapeless._spectral_ops.chebyshev_points import (
    chebyshev_nodes,
    chebyshev_weights,
    differentiation_matrix,
)
from tapeless._spectral_ops.clenshaw import series_evaluate, series_evaluate_vjp
from tapeless._spectral_ops.filters import dealias, dealias_vjp, filter, filter_vjp
from tapeless._spectral_ops.laplacian import (
    inverse_laplacian,
    inverse_laplacian_vjp,
    laplacian,
    laplacian_vjp,
)
from tapeless._spectral_ops.legendre import (
    legendre_inverse,
    legendre_inverse_vjp,
    legendre_nodes,
    legendre_transform,
    legendre_transform_vjp,
    legendre_weights,
)
from tapeless._spectral_ops.norms import (
    energy_spectrum,
    energy_spectrum_vjp,
    sobolev_norm,
    sobolev_norm_vjp,
)
from tapeless._spectral_ops.parseval import (
    parseval,
    parseval_vjp,
    squared_norm,
    squared_norm_vjp,
)
from tapeless._spectral_ops.points import evaluate, evaluate_vjp
from tapeless._spectral_ops.products import series_product, series_product_vjp
from tapeless._spectral_ops.resolution import interpolate, interpolate_vjp, product, product_vjp
from tapeless._spectral_ops.series import (
    series_derivative,
    series_derivative_vjp,
    series_integrate,
    series_integrate_vjp,
)
from tapeless._spectral_ops.vector import (
    divergence,
    divergence_vjp,
    gradient,
    gradient_vjp,
)

__all__ = [
    "chebyshev_inverse",
    "chebyshev_inverse_vjp",
    "chebyshev_nodes",
    "chebyshev_transform",
    "chebyshev_transform_vjp",
    "chebyshev_weights",
    "dealias",
    "dealias_vjp",
    "derivative",
    "derivative_vjp",
    "differentiation_matrix",
    "divergence",
    "divergence_vjp",
    "energy_spectrum",
    "energy_spectrum_vjp",
    "evaluate",
    "evaluate_vjp",
    "filter",
    "filter_vjp",
    "gradient",
    "gradient_vjp",
    "integral",
    "integral_vjp",
    "integrate",
    "integrate_vjp",
    "interpolate",
    "interpolate_vjp",
    "inverse_laplacian",
    "inverse_laplacian_vjp",
    "laplacian",
    "laplacian_vjp",
    "legendre_inverse",
    "legendre_inverse_vjp",
    "legendre_nodes",
    "legendre_transform",
    "legendre_transform_vjp",
    "legendre_weights",
    "parseval",
    "parseval_vjp",
    "product",
    "product_vjp",
    "series_derivative",
    "series_derivative_vjp",
    "series_evaluate",
    "series_evaluate_vjp",
    "series_integrate",
    "series_integrate_vjp",
    "series_product",
    "series_product_vjp",
    "sobolev_norm",
    "sobolev_norm_vjp",
    "squared_norm",
    "squared_norm_vjp",
    "wavenumbers",
]
