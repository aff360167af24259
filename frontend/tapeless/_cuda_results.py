"""Results on a device in the caller's arrays: the memory that kernels wrote, under another library's name."""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from tapeless._complain import complain
from tapeless._cuda_arguments import AnyDevice, device_for
from tapeless._interchange.libraries import Kind, Library, kind_of
from tapeless._interchange.presented import Presented
from tapeless._interchange.results import Giver
from tapeless._interchange.views import device_of
from tapeless_kernels._cupy import CUDA

F = TypeVar("F", bound=Callable[..., Any])


def returns_arrays_like(*states: str) -> Callable[[F], F]:
    """Let a function of a device return arrays of the library that its states are of, which are on the same memory.

    `states` are names of its arguments. The library is that of the first of them on a GPU, or of another argument
    where none is; without any it is CuPy's, of which the function's results are.
    """

    def decorate(function: F) -> F:
        signature, caller = inspect.signature(function), function.__name__

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return function(*args, **kwargs)  # which says what is wrong
            first = {name: given[name] for name in states if name in given}
            library = _library_on_gpu(caller, first | given)
            if library is None or library.module in ("", "cupy"):
                return function(*args, **kwargs)
            device = device_for(caller, kwargs.pop("stream", None), kwargs.pop("device", None))
            giver = DeviceGiver(caller, library, device)
            return giver.call(function, args, kwargs | {"device": device})

        return call  # type: ignore[return-value]

    return decorate


def returns_arrays_like_self(method: F) -> F:
    """Let a method of a result on a device return arrays of the library that the result is given in."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, Presented):
            return self._giver.call(method, (self._itself, *args), kwargs)
        return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]


def _library_on_gpu(caller: str, given: dict[str, Any]) -> Library | None:
    """Return the library of the first array on a GPU; complain of arrays that cannot be taken, or are on two."""
    found: tuple[str, int, Library] | None = None
    for name, x in given.items():
        for array, library in _foreign(x):
            kind, number = device_of(caller, name, array, library)
            if kind != CUDA:  # looked at where it is read
                continue
            if found is None:
                found = name, number, library
            elif number != found[1]:
                wanted = f"on the device of `{found[0]}`, number {found[1]}"
                advice = "Copy one of them to the device of the other."
                got = f"an array on device {number}"
                raise complain(BufferError, caller, name, wanted, got, advice)
    return None if found is None else found[2]


def _foreign(x: Any) -> Iterator[tuple[Any, Library]]:
    """Yield the arrays of other libraries that an argument is or holds, with their library."""
    kind = kind_of(type(x))
    if isinstance(kind, Library):
        yield x, kind
    elif kind is Kind.CONTAINER:
        for item in x.values() if isinstance(x, dict) else x:
            yield from _foreign(item)


class DeviceGiver(Giver):
    """What turns results on a device into arrays of one library; what is on the host stays NumPy's."""

    def __init__(self, caller: str, library: Library, on: AnyDevice) -> None:
        super().__init__(caller, library)
        self._on = on

    def give(self, value: Any) -> Any:
        """Return a result in arrays of the library."""
        if self._on.holds(value):
            return self._array(value)
        return value if isinstance(value, (np.ndarray, np.generic)) else super().give(value)

    def take_back(self, value: Any) -> Any:
        """Return what was given: functions of a device take arrays of every library."""
        return value

    def reduced(self, value: Any) -> Any:
        """Return what makes a result that was given again, on the same device."""
        return _given_again, (self.caller, self.library, self._on, value)

    def _array(self, array: Any) -> Any:
        # CuPy has the library's stream wait for the current one, which is to be that of the work.
        with self._on:
            return self._handed(array, self._on.copy)


def _given_again(caller: str, library: Library, on: AnyDevice, value: Any) -> Any:
    return DeviceGiver(caller, library, on).give(value)
