"""Arguments of a kernel: checked against its signature, which CuPy does not do, and carried there between guards."""

import contextlib

import numpy as np

GUARD, PATTERN = 4096, 0xFF  # bytes before and after each array; read as floats they are NaN


@contextlib.contextmanager
def carried(name, arguments, signature, guard):
    """Yield the address of each argument's value; arrays are copied to guarded memory and, afterwards, back."""
    if len(arguments) != len(signature):
        raise TypeError(f"{name} takes {len(signature)} arguments, got {len(arguments)}")
    values, copies = [], {}
    for i, (argument, wanted) in enumerate(zip(arguments, signature, strict=True)):
        if wanted[0] == "p":
            array = _checked_array(name, i, argument, wanted)
            at = _guarded(name, i, array, copies) if guard else array.ctypes.data
            values.append(np.array(at, np.uint64))
        else:
            values.append(_checked_scalar(name, i, argument, wanted))
    yield [value.ctypes.data for value in values]
    for i, array, room, data in copies.values():
        end = data.ctypes.data - room.ctypes.data + array.nbytes
        for where, part in (("before", room[: end - array.nbytes]), ("beyond", room[end:])):
            if (part != PATTERN).any():
                raise IndexError(f"{name}: a thread wrote {where} argument {i}, {_what(array)}")
        if array.flags.writeable:
            np.asarray(array)[...] = data.view(array.dtype).reshape(array.shape)


def _guarded(name, i, array, copies):
    """Return the address of the array's copy: one for all arguments that are the same memory."""
    start = array.ctypes.data
    for other, (j, theirs, _, data) in copies.items():
        if other == start and theirs.nbytes == array.nbytes:
            return data.ctypes.data
        if array.nbytes and other < start + array.nbytes and start < other + theirs.nbytes:
            raise ValueError(f"{name}: arguments {j} and {i} overlap, and are not one array")
    room = np.full(array.nbytes + 2 * GUARD + 16, PATTERN, np.uint8)
    begin = GUARD + -room.ctypes.data % 16
    data = room[begin : begin + array.nbytes]
    data[:] = array.reshape(-1).view(np.uint8)
    copies[start] = (i, array, room, data)
    return data.ctypes.data


def _checked_array(name, i, array, wanted):
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: argument {i} must be an array, got {type(array).__name__}")
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if wanted[2:] != kind and wanted[2:] != "V1":  # a pointer to void takes all
        raise TypeError(
            f"{name}: argument {i} must be an array of {wanted[2:]}, got {_what(array)}"
        )
    if not array.dtype.isnative or not array.flags.c_contiguous or not array.flags.aligned:
        raise ValueError(
            f"{name}: argument {i} must be native, aligned and C-contiguous, for a kernel sees its address alone"
        )
    if wanted[1] == "+" and not array.flags.writeable:
        raise ValueError(
            f"{name}: argument {i} is read-only, and the kernel's pointer is not const"
        )
    return array


def _checked_scalar(name, i, value, wanted):
    """Return it as an array of its own; a Python int is 64 bits and a float is a double, as CuPy passes them."""
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"{name}: argument {i} must be a number, got {_what(value)}")
    found = np.array(value)
    kind = f"{found.dtype.kind}{found.dtype.itemsize}"
    if kind != wanted:
        raise TypeError(f"{name}: argument {i} must be a {wanted}, got a {kind}, {value!r}")
    return found


def _what(array):
    return f"{array.dtype} of shape {array.shape}"
