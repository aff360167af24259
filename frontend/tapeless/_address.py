"""The public `address` and `c_declarations`: kernels as C functions, called from the same process."""

import numpy as np
from numpy.typing import DTypeLike

from tapeless import _check as check
from tapeless._complain import complain, describe

ADDRESS = "address"


def address(name: str, dtype: DTypeLike = np.float64) -> int:
    """Return the address of a C function, compiled when it is first asked for and valid as long as the process.

    Parameters
    ----------
    name : str
        One of those in docs/c.md, such as ``"solve"``, ``"solve_vjp"`` or ``"message"``.
    dtype : dtype
        That of the numbers it works on, float32 or float64. `ode_init` too has one for each; for functions without
        numbers it does not matter.

    Returns
    -------
    int
        The address, to be cast to the function's type: ``tapeless_solve_f64`` and so on, as `c_declarations`
        declares them. The function takes no lock and allocates nothing; threads may call it at once.

    Raises
    ------
    ValueError
        If there is no function of this name, or none of this dtype.

    Examples
    --------
    >>> import cffi
    >>> import tapeless
    >>> ffi = cffi.FFI()
    >>> ffi.cdef(tapeless.c_declarations())
    >>> message = ffi.cast("tapeless_message", tapeless.address("message"))
    >>> ffi.string(message(1)).decode()
    'the record is full: point `record` to another block and call again'
    """
    from tapeless._c.entries import BY_NAME  # what these import takes time, and few need it
    from tapeless._c.objects import loaded

    if not isinstance(name, str) or name not in BY_NAME:
        wanted = f"one of {', '.join(map(repr, BY_NAME))}"
        raise complain(ValueError, ADDRESS, "name", wanted, describe(name))
    entry, real = BY_NAME[name], check.float_dtype(ADDRESS, dtype)
    return loaded(entry, real if entry.of_dtype else entry.dtypes[0])


def c_declarations() -> str:
    """Return what the C headers declare, without preprocessor directives: for ``cffi.FFI().cdef``.

    Returns
    -------
    str
        The structs ``tapeless_ode_f32`` and ``tapeless_ode_f64``, enums, types of functions, and the functions of a
        library that ``tapeless c-library`` makes.

    Examples
    --------
    >>> import tapeless
    >>> "tapeless_ode_f64" in tapeless.c_declarations()
    True
    """
    from tapeless._c.header import cffi_declarations

    return cffi_declarations()
