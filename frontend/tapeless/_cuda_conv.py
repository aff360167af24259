"""Spectral convolutions on a GPU, by the kernels of `truncated_conv.cu`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._cuda_arguments import as_state, device_for
from tapeless._cuda_results import returns_arrays_like
from tapeless._kept_modes import check_modes
from tapeless._spectral_conv import SpectralConv
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.stand_in import StandIn
from tapeless_kernels.cuda.truncated_conv import MOST_POINTS, TruncatedConv

CALLER = "spectral_conv"


@returns_arrays_like("x")
def spectral_conv(
    layer: SpectralConv,
    x: Any,
    theta: Any,
    *,
    shape: tuple[int, ...] | None = None,
    stream: Any = None,
    device: Device | StandIn | None = None,
) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    """Return the convolved field, on the device, and a function that takes its cotangent back.

    Modes are found by products with waves, and those that are not kept are never computed. Results are arrays of the
    library of `x`, or CuPy's if that is on the host.

    Parameters
    ----------
    layer : SpectralConv
        The layer, with dense weights.
    x : array, shape (batch, in_channels, *grid)
        The field, of dtype float32 or float64, on the device or on the host. No axis has more than 65536 points.
    theta : array, shape (n_params,)
        Parameters of the layer, which become of the dtype of x.
    shape : tuple of int, optional
        Another grid to evaluate the result on.
    stream : cupy.cuda.Stream, optional
        Where all is done in order; by default CuPy's current stream.
    device : Device or StandIn, optional
        By default ``Device(stream)``.

    Returns
    -------
    y : device array, shape (batch, out_channels, *shape)
        The result.
    pullback : callable
        ``pullback(y_bar)`` returns ``(x_bar, theta_bar)``, on the device. It keeps the modes of x, and theta.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or weights are separable or of low rank.
    BufferError
        If arrays are on two devices, or one does not export its memory.
    ImportError, RuntimeError
        If CuPy is missing, or there is no driver, it is too old, or it finds no device.

    References
    ----------
    .. [1] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, ICLR (2021), eq. (4).
    """
    if not isinstance(layer, SpectralConv):
        wanted = "a tapeless.operators.SpectralConv"
        raise complain(TypeError, CALLER, "layer", wanted, describe(layer))
    if layer.kind != "dense":
        wanted, advice = "of dense weights on a GPU", "On the CPU layers have the others."
        raise complain(ValueError, CALLER, "layer", wanted, f"{layer.kind!r} ones", advice)
    device = device_for(CALLER, stream, device)
    with device:
        x = as_state(device, CALLER, "x", x)
        dtype, n_axes = np.dtype(x.dtype), len(layer.modes)
        if x.ndim != 2 + n_axes or x.shape[1] != layer.in_channels:
            wanted = f"of shape (batch, {layer.in_channels}, *grid), with a grid of {n_axes} axes"
            raise complain(ValueError, CALLER, "x", wanted, describe(x))
        grid = x.shape[2:]
        target = grid if shape is None else shape
        if not isinstance(target, (tuple, list)) or len(target) != n_axes:
            wanted = f"a tuple of {n_axes} integers"
            raise complain(ValueError, CALLER, "shape", wanted, describe(shape))
        target = tuple(check.positive_int(CALLER, "shape", n) for n in target)
        for name, sizes in (("x", grid), ("shape", target)):
            check_modes(CALLER, layer.modes, sizes)
            if max(sizes) > MOST_POINTS:
                wanted = f"a grid of at most {MOST_POINTS} points along an axis"
                raise complain(ValueError, CALLER, name, wanted, f"one of {sizes}")
        theta = _parameters(device, layer, theta, dtype)
        conv = TruncatedConv(
            grid, layer.modes, layer.in_channels, layer.out_channels, dtype, device, target
        )
        y, x_modes = conv.forward(x, theta)
    return y, partial(_pullback, conv, device, x_modes, theta, y.shape)


def _parameters(device: Any, layer: SpectralConv, theta: Any, dtype: Any) -> Any:
    theta = as_state(device, CALLER, "theta", theta)
    if theta.shape != (layer.n_params,):
        wanted = f"of shape ({layer.n_params},) for this layer"
        raise complain(ValueError, CALLER, "theta", wanted, describe(theta))
    return device.copy(device.array(theta, dtype))


def _pullback(
    conv: TruncatedConv, device: Any, x_modes: Any, theta: Any, shape: tuple[int, ...], y_bar: Any
) -> tuple[Any, Any]:
    """Return the cotangents of x and theta from that of y: the transpose."""
    with device:
        bar = device.array(as_state(device, f"{CALLER}.pullback", "y_bar", y_bar), conv.dtype)
        if bar.shape != shape:
            wanted = f"of the shape of y, {shape}"
            raise complain(ValueError, f"{CALLER}.pullback", "y_bar", wanted, describe(bar))
        x_bar, theta_bar = conv.vjp(x_modes, theta, bar)
        return x_bar, theta_bar
