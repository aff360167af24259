"""Results in the caller's arrays: NumPy's memory under another library's name."""

import functools
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tapeless._interchange.libraries import Kind, Library, kind_of
from tapeless._interchange.presented import Presented
from tapeless._interchange.views import view

C = TypeVar("C", bound=type)
NUMBERS = (
    "biufc"  # the kinds of dtype that are exchanged; names of classes and the like stay NumPy's
)
PYTHONS = frozenset({float, int, bool, str, type(None)})

# Each class of results, with its subclass whose attributes are arrays of the caller's library.
PRESENTED: dict[type, type] = {}


def presents_arrays(cls: C) -> C:
    """Make a class one of results: callers with arrays of a library get its attributes as such.

    Its public methods are to be decorated by `takes_arrays`.
    """
    body = {"__doc__": cls.__doc__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    PRESENTED[cls] = type(cls.__name__, (Presented, cls), body)
    return cls


class Giver:
    """What turns results into arrays of one library, on one device of its."""

    def __init__(self, caller: str, library: Library, device: Any = None) -> None:
        self.caller, self.library, self.device = caller, library, device
        self.originals: dict[int, tuple[NDArray[Any], Any]] = {}

    def call(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a function, and return its result in arrays of the library; so is that of an exception."""
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            for name, value in vars(error).items():
                if type(value) in PRESENTED:  # what was reached
                    setattr(error, name, self.give(value))
            raise
        return self.give(result)

    def reduced(self, value: Any) -> Any:
        """Return what makes a result that was given again; the device is the library's usual one then."""
        return present, (value, self.library)

    def give(self, value: Any) -> Any:
        """Return a result in arrays of the library; what holds no array is returned as it is."""
        if isinstance(value, np.ndarray):
            found = self.originals.get(id(value))  # what came in goes out, as itself
            return self._array(value) if found is None else found[1]
        if (
            type(value) in PYTHONS
        ):  # said first, as the questions below take as long as a conversion
            return value
        if isinstance(value, np.generic):
            return self._array(np.asarray(value))
        if type(value) in PRESENTED:
            return self._present(value)
        if isinstance(value, (tuple, list, dict)):
            return rebuilt(value, self.give)
        if isinstance(value, Mapping):
            return type(value)({key: self.give(item) for key, item in value.items()})  # type: ignore[call-arg]
        if isinstance(value, (FunctionType, functools.partial)):  # a pullback
            return self._function(value)
        return value

    def take_back(self, value: Any) -> Any:
        """Return what was given, in NumPy arrays."""
        kind = kind_of(type(value))
        if isinstance(kind, Library):
            return view(self.caller, "value", value, kind)
        if kind is Kind.PRESENTED:
            return value._itself
        return rebuilt(value, self.take_back) if kind is Kind.CONTAINER else value

    def _array(self, array: NDArray[Any]) -> Any:
        """Return an array of the library, on the same memory wherever the library can be there.

        Memory that is read-only is copied, as most libraries cannot say so; and so are negative strides, at which torch
        2.13 ends the process. What a library refuses in place is copied too, in C order.
        """
        if array.dtype.kind not in NUMBERS:
            return array
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()
        out = self._handed(array, lambda x: np.array(x, x.dtype.newbyteorder("="), order="C"))
        device = self.device
        if device is not None and getattr(out, "device", device) != device:
            out = out.to_device(device)
        return out

    def _handed(self, array: Any, copied: Callable[[Any], Any]) -> Any:
        """Return an array as the library makes it one of its own: it itself, or else a copy of it."""
        try:
            return self.library.from_dlpack(array)
        except (BufferError, RuntimeError, TypeError, ValueError):
            pass  # not in place
        try:
            return self.library.from_dlpack(copied(array))
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TypeError(
                f"{self.caller}: a result of dtype {array.dtype} must be one that {self.library.name} has, as "
                f"arguments were its arrays; it said: {error} Pass NumPy arrays to get NumPy's."
            ) from error

    def _present(self, value: Any) -> Any:
        shown: Any = object.__new__(PRESENTED[type(value)])
        for name, part in (("_itself", value), ("_giver", self), ("_given", {})):
            object.__setattr__(shown, name, part)
        return shown

    def _function(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.give(function(*self.take_back(args), **self.take_back(kwargs)))

        return call


def present(value: Any, library: Library) -> Any:
    """Return a result in arrays of a library, as unpickling does."""
    __import__(library.module)
    return Giver(type(value).__name__, library).give(value)


def rebuilt(container: Any, change: Any) -> Any:
    """Return a container with each item changed: a tuple with names, a dictionary with attributes, as what it was."""
    if isinstance(container, dict):
        out = type(container)()
        out.update({key: change(item) for key, item in container.items()})
        return out
    items = [change(item) for item in container]
    cls = type(container)
    if all(new is old for new, old in zip(items, container, strict=True)):
        return container
    return cls._make(items) if hasattr(cls, "_make") else cls(items)
