"""What solve_ivp takes for a right-hand side, and how it is evaluated."""

import ctypes
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._ivp.arguments import CALLER
from tapeless_kernels.launch.array import contiguous
from tapeless_kernels.launch.cpu import bound
from tapeless_kernels.launch.functions import NumbaField, ScalarField, TileField

WANTED = (
    "a callable f(t, y, *args), a Numba function, a tapeless field, or a C function pointer of "
    "cffi, ctypes or scipy.LowLevelCallable"
)
N_SCALAR, N_SCALAR_VOID, N_TILE = 5, 4, 10  # numbers of arguments tell the signatures apart


class CompiledField:
    """A field that kernels call, and the Python function that does the same where there is one."""

    def __init__(self, source: Any, theta: Any = None, fun: Callable[..., Any] | None = None):
        self.source, self.theta, self.fun = source, theta, fun
        self.address, self.n_cache = source.field, source.n_cache


def compiled(fun: Any, args: tuple[Any, ...], kind: np.dtype[Any], n: int) -> CompiledField | None:
    """Return what kernels can call instead of `fun`, for a state of n numbers; None if nothing."""
    if isinstance(fun, VectorField):
        return _network(fun, args, kind, n)
    if hasattr(type(fun), "nopython_signatures"):
        return _numba(fun, args, kind, n)
    pointer = c_pointer(fun)
    if pointer is not None:
        return _c_function(pointer, args, kind, n)
    if not callable(fun):
        raise complain(TypeError, CALLER, "fun", WANTED, describe(fun))
    return None


def _network(network, args, kind, n):
    if kind.kind == "c":
        raise complain(
            TypeError, CALLER, "y0", "real for a tapeless field", f"an array of dtype {kind}"
        )
    if n != network.dim:
        wanted = f"of shape ({network.dim},) for this field"
        raise complain(ValueError, CALLER, "y0", wanted, f"an array of shape ({n},)")
    if network.n_params == 0 and not args:
        args = (np.zeros(0),)
    if len(args) != 1:
        wanted = f"(theta,) with theta of shape ({network.n_params},) for a tapeless field"
        raise complain(TypeError, CALLER, "args", wanted, describe(args))
    theta = check.as_state(CALLER, "args", args[0])
    if theta.shape != (network.n_params,):
        wanted = f"(theta,) with theta of shape ({network.n_params},) for this field"
        raise complain(ValueError, CALLER, "args", wanted, describe(theta))
    used = network.effective(theta.astype(kind, order="C"))
    return CompiledField(bound(network.program, kind, 1, False), used)


def _numba(function, args, kind, n):
    from numba.core.errors import NumbaError

    in_place = _n_required(function.py_func) == len(args) + 3
    try:
        source = NumbaField(function, args, kind, n * (2 if kind.kind == "c" else 1), in_place)
    except NumbaError:
        if in_place:
            raise
        return None  # called from Python, it says what it does not take
    return CompiledField(source, fun=_returning(function) if in_place else function)


def _returning(function):
    """Return a function that fills its last argument as one that returns it."""

    def fun(t, y, *args):
        slope = np.empty_like(y)
        function(t, y, *args, slope)
        return slope

    return fun


@functools.lru_cache(maxsize=1024)
def _n_required(function):
    """Return how many arguments a Python function has to be given."""
    parameters = inspect.signature(function).parameters.values()
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in plain)


class _Pointer:
    """The address of a C function, how many arguments it takes, and data that it is given."""

    def __init__(self, address, n_arguments, returns=True, data=0, keep=None):
        self.address, self.n_arguments, self.returns = address, n_arguments, returns
        self.data, self.keep = data, keep


def c_pointer(fun: Any) -> "_Pointer | None":
    """Return the C function that `fun` is, or None."""
    if isinstance(fun, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        if fun.argtypes is None:
            wanted = "a ctypes function whose argtypes are set, which tell its signature"
            got = f"{getattr(fun, '__name__', 'a function')} without them"
            raise complain(TypeError, CALLER, "fun", wanted, got)
        address = ctypes.cast(fun, ctypes.c_void_p).value
        return _Pointer(address, len(fun.argtypes), fun.restype is not None, keep=fun)
    module = type(fun).__module__
    if module == "_cffi_backend":
        import cffi

        ffi = cffi.FFI()
        kind = ffi.typeof(fun)
        if kind.kind != "function":
            wanted = "a function, if it is an object of cffi"
            raise complain(TypeError, CALLER, "fun", wanted, describe(fun))
        returns = kind.result.kind != "void"
        return _Pointer(int(ffi.cast("intptr_t", fun)), len(kind.args), returns, keep=fun)
    if module.startswith("numba.") and type(fun).__name__ == "CFunc":
        return _Pointer(
            fun.address, len(fun._sig.args), str(fun._sig.return_type) != "none", keep=fun
        )
    if module.startswith("scipy.") and type(fun).__name__ == "LowLevelCallable":
        return _low_level(fun)
    return None


def _low_level(fun):
    inner = c_pointer(fun.function)
    if inner is None:  # a capsule, whose name is the signature
        api = ctypes.pythonapi
        api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = (
            ctypes.c_char_p,
            [ctypes.py_object],
        )
        api.PyCapsule_GetPointer.restype = ctypes.c_void_p
        api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        name = api.PyCapsule_GetName(fun.function)
        address = api.PyCapsule_GetPointer(fun.function, name)
        signature = (name or b"").decode()
        returns = not signature.lstrip().startswith("void")
        inner = _Pointer(address, signature.count(",") + 1, returns)
    data = fun.user_data
    if data is None:
        inner.data = 0
    elif isinstance(data, ctypes.c_void_p):
        inner.data = data.value or 0
    elif type(data).__module__ == "_cffi_backend":
        import cffi

        inner.data = int(cffi.FFI().cast("intptr_t", data))
    else:
        wanted = "a LowLevelCallable whose user_data is a ctypes or cffi void pointer"
        raise complain(TypeError, CALLER, "fun", wanted, describe(data))
    inner.keep = fun
    return inner


def _c_function(pointer, args, kind, n):
    params = np.concatenate([np.ravel(check.as_real(CALLER, "args", a)) for a in args] or [[]])
    if pointer.n_arguments == N_TILE:
        if kind.kind == "c":
            raise complain(
                TypeError, CALLER, "y0", "real for a C function", f"an array of dtype {kind}"
            )
        return CompiledField(TileField(pointer.address, pointer.keep), contiguous(params, kind))
    if pointer.n_arguments not in (N_SCALAR, N_SCALAR_VOID):
        wanted = (
            "a C function `int f(double t, const double *y, double *dy, const double *p, void *data)`, "
            "or one of tapeless.h's field type"
        )
        raise complain(TypeError, CALLER, "fun", wanted, f"one of {pointer.n_arguments} arguments")
    if kind != np.float64:
        wanted = "float64 for a C function of doubles"
        raise complain(TypeError, CALLER, "y0", wanted, f"an array of dtype {kind}")
    source = ScalarField(
        pointer.address, contiguous(params, kind), pointer.data, pointer.returns, pointer.keep
    )
    return CompiledField(source)


def python_function(field: CompiledField, kind: np.dtype[Any]) -> Callable[..., Any]:
    """Return a compiled field as a Python function of (t, y), for solvers that are not ours."""
    pointers = [ctypes.c_void_p] * 3
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int32, *pointers, ctypes.c_int64, *[ctypes.c_void_p] * 4,
        ctypes.c_int64, ctypes.c_int64,
    )  # fmt: skip
    call = prototype(field.address.address)
    real = np.finfo(kind).dtype
    theta = np.zeros(1, real) if field.theta is None else field.theta
    cache, status = np.zeros(max(1, field.n_cache), real), np.zeros(1, np.uint8)

    def fun(t, y, *args):
        time, state, slope = np.array([t], real), np.array(y, kind), np.empty(len(y), kind)
        dim = state.size * (2 if kind.kind == "c" else 1)
        addresses = [a.ctypes.data for a in (time, state, theta, cache, slope, status)]
        code = call(*addresses[:3], 0, *addresses[3:], field.address.context, dim, 1)
        if code or status[0]:
            raise RuntimeError(f"{CALLER}: `fun` reported failure {code or status[0]} at t = {t}.")
        return slope

    return fun
