"""The arguments of `tapeless.cuda`: arrays of the device or of the host, brought to where they are read."""

from typing import Any, TypeAlias

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless.fields import Field, Network
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.stand_in import StandIn

AnyDevice: TypeAlias = Device | StandIn


def as_state(device: AnyDevice, caller: str, name: str, x: Any) -> Any:
    """Return x as a float32 or float64 array on the device, without a copy if it is one."""
    if not device.holds(x):
        return device.array(check.as_state(caller, name, x))
    other = device.elsewhere(x)
    if other is not None:
        wanted = f"on the current device, {device.index}"
        advice = f"Copy it there, or call within `with cupy.cuda.Device({other}):`."
        raise complain(ValueError, caller, name, wanted, f"an array on device {other}", advice)
    x = device.array(x)
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


def check_field(field: Any) -> None:
    """Complain of what is no field, or none that is compiled into a kernel of one trajectory a thread."""
    if isinstance(field, Field):
        return
    wanted = "a function of your own by tapeless.field, which is compiled into the kernel"
    if isinstance(field, Network):
        advice = "Networks are integrated by a kernel of their own, in which a block of threads shares the weights."
        raise complain(TypeError, SOLVE, "field", wanted, describe(field), advice)
    raise complain(TypeError, SOLVE, "field", wanted, describe(field))
