"""The arguments of `tapeless.cuda`: arrays of the device or of the host, brought to where they are read."""

from typing import Any, TypeAlias

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange.libraries import Library, kind_of
from tapeless._interchange.refusals import not_exported
from tapeless._interchange.views import device_of
from tapeless.fields import Field, Network
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.network_plan import Layer, network_layers
from tapeless_kernels.cuda.stand_in import StandIn
from tapeless_kernels.tableaus.reversible import ReversibleMethod

AnyDevice: TypeAlias = Device | StandIn


def device_for(caller: str, stream: Any, device: AnyDevice | None) -> AnyDevice:
    """Return the device that was given, or the current GPU with this stream."""
    if device is None:
        if stream is not None and not hasattr(stream, "ptr"):
            wanted, advice = (
                "a cupy.cuda.Stream",
                "Its from_external makes one of another library's.",
            )
            raise complain(TypeError, caller, "stream", wanted, describe(stream), advice)
        return Device(stream)
    if not isinstance(device, (Device, StandIn)):
        wanted, advice = "a Device or a StandIn", "Left out, it is the current GPU."
        raise complain(TypeError, caller, "device", wanted, describe(device), advice)
    if stream is not None:
        wanted = "left out with `device`, which has one"
        raise complain(ValueError, caller, "stream", wanted, repr(stream))
    return device


def as_state(device: AnyDevice, caller: str, name: str, x: Any) -> Any:
    """Return x as a float32 or float64 array on the device, without a copy if it is one."""
    library = kind_of(type(x))
    if isinstance(library, Library):  # of which tensors that require grad, say, are refused
        device_of(caller, name, x, library)
    if not device.holds(x):
        return device.array(check.as_state(caller, name, x))
    other = device.elsewhere(x)
    if other is not None:
        wanted = f"on the current device, {device.index}"
        advice = f"Copy it there, or call within `with cupy.cuda.Device({other}):`."
        raise complain(ValueError, caller, name, wanted, f"an array on device {other}", advice)
    try:
        x = device.array(x)
    except (BufferError, TypeError, ValueError, NotImplementedError) as error:
        if not isinstance(library, Library):
            raise
        raise not_exported(caller, name, x, library, error) from error
    if x.dtype in check.FLOATS:
        return x
    if x.dtype.kind in "iub":
        return x.astype(np.float64)
    wanted, advice = "of dtype float32 or float64", "Convert it with astype."
    raise complain(TypeError, caller, name, wanted, describe(x), advice)


def parameters(device: AnyDevice, field: VectorField, theta: Any, dtype: Any, batch: int) -> Any:
    """Return a copy of theta on the device, in the dtype of the solve."""
    if theta is None:
        return device.array(arguments.no_parameters(field, dtype))
    theta = as_state(device, SOLVE, "theta", theta)
    arguments.check_parameters(field, theta, batch)
    if not bool(device.xp.isfinite(theta).all()):
        raise arguments.not_finite()
    return device.copy(device.array(theta, dtype))


def on_host(device: AnyDevice, x: Any) -> Any:
    """Return x with device arrays in it, or in a tuple that it is, copied to the host."""
    if isinstance(x, (tuple, list)):
        return type(x)(on_host(device, part) for part in x)
    return device.host(x)


def layers_of(field: Any) -> tuple[Layer, ...] | None:
    """Return the layers of a network, None of a function; complain of what is neither, or has other layers."""
    if isinstance(field, Field):
        return None
    if not isinstance(field, Network):
        wanted = "a function of your own by tapeless.field, or a network"
        raise complain(TypeError, SOLVE, "field", wanted, describe(field))
    try:
        return network_layers(field.layers, field.dim)
    except (TypeError, ValueError) as reason:
        wanted = "a network of Dense layers, each after at most one ConcatTime and before at most one Activation"
        advice = "tapeless.solve_ode has the others, on the CPU."
        raise complain(
            type(reason), SOLVE, "field", wanted, f"one in which {reason}", advice
        ) from None


def check_network_method(method: Any, interpolate: bool | None) -> None:
    """Complain of what the kernel of networks does not have."""
    if isinstance(method, ReversibleMethod):
        wanted = "an ordinary method for a network on a GPU"
        raise complain(ValueError, SOLVE, "method", wanted, describe(method.name))
    if interpolate:
        wanted = (
            "false or left out for a network on a GPU, whose steps end on the times of `t_eval`"
        )
        raise complain(ValueError, SOLVE, "interpolate", wanted, describe(interpolate))
