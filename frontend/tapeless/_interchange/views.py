"""Arrays of other libraries as NumPy arrays on the same memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._interchange.libraries import Library
from tapeless._interchange.refusals import READABLE, not_exported, on_device, refuse

# What devices of libraries are in DLPack's numbers, so that each is asked for once: torch takes 5 us to answer.
_DEVICES: dict[tuple[str, Any], tuple[int, int]] = {}


def view(caller: str, name: str, x: Any, library: Library) -> NDArray[Any]:
    """Return an array as NumPy's on the same memory, which stays alive as long as it is held."""
    return exported(caller, name, x, library, device_of(caller, name, x, library))


def device_of(caller: str, name: str, x: Any, library: Library) -> tuple[int, int]:
    """Return the type and the number of the device an array is on, in DLPack's numbers; raise if it cannot be taken."""
    refuse(caller, name, x, library)
    device = (library.name, getattr(x, "device", None))
    try:
        return _DEVICES[device]
    except (KeyError, TypeError):  # a device may have no hash
        pass
    if not hasattr(x, "__dlpack_device__"):
        return (2, 0) if hasattr(x, "__cuda_array_interface__") else (1, 0)
    try:
        kind, number = x.__dlpack_device__()
        found = int(kind), int(number)
    except Exception as error:  # whatever a library raises
        raise not_exported(caller, name, x, library, error) from error
    if device[1] is not None and library.module and type(device[1]).__hash__ is not None:
        _DEVICES[device] = found
    return found


def exported(
    caller: str, name: str, x: Any, library: Library, device: tuple[int, int]
) -> NDArray[Any]:
    """Return an array on a device, which `device_of` has found, as NumPy's.

    NumPy asks for a versioned capsule without a copy, and falls back on what an older exporter knows; what it gets of
    one that cannot say whether its memory may be written to, it does not write to.
    """
    if device[0] not in READABLE:
        raise on_device(caller, name, library, device)
    try:
        return np.from_dlpack(x)
    except Exception as error:  # whatever a library raises
        raise not_exported(caller, name, x, library, error) from error
