"""The decorator of every public function that takes arrays."""

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from tapeless._complain import complain, describe
from tapeless._interchange.libraries import PLAIN, Kind, Library, is_foreign, kind_of
from tapeless._interchange.refusals import READABLE
from tapeless._interchange.results import Giver, rebuilt
from tapeless._interchange.views import device_of, exported

HOST = (1, 0)  # what DLPack calls the CPU, and we all memory that it reads
F = TypeVar("F", bound=Callable[..., Any])

# Each public function and method that takes arrays, by its name: docs/arrays.md has a row for each.
TAKES_ARRAYS: dict[str, Callable[..., Any]] = {}

# The functions that arrays on a device are handed to, as "module:function", by the name of the public function. They
# are called with the very arguments, and see to the type of their results themselves: `tapeless._cuda_results`.
ON_DEVICE = {
    "solve_ode": "tapeless.cuda:solve_ode",
    "solve_sde": "tapeless.cuda:solve_sde",
}


def takes_arrays(function: F) -> F:
    """Let a function take arrays of any library, and return those of the caller's.

    It is written for NumPy arrays alone. If no argument is or holds any other, it is called straight away. Else those
    come as NumPy arrays on the same memory, and arrays that it returns are made arrays of that library, on the same
    memory too. An exception's result is given back in them likewise.
    """
    name = function.__qualname__
    call = converting(name.removesuffix(".__init__"), function)
    TAKES_ARRAYS[f"{function.__module__}.{name}"] = call
    return call


def converting(name: str, function: F) -> F:
    """Return what `takes_arrays` makes of a function, which complains under a name and is in no table."""
    all_plain = PLAIN.issuperset
    names: list[
        str
    ] = []  # of its parameters, once one is complained of: they take longer than a call

    # Written out, as this is what callers with NumPy arrays wait for: 0.5 us with a tuple among four arguments.
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            cls = type(x)
            if (
                cls not in PLAIN
                and not (cls is tuple and all_plain(map(type, x)))
                and is_foreign(x)
            ):
                return _call_foreign(function, name, names, args, kwargs)
        if kwargs and not all_plain(map(type, kwargs.values())):
            for x in kwargs.values():
                if is_foreign(x):
                    return _call_foreign(function, name, names, args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


class _Taking:
    """The arguments of one call: their arrays, their one library, their one device."""

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.library: Library | None = None
        self.place: Any = None  # the first array's device, as DLPack or its library says it
        self.device: Any = None
        self.first = ""
        self.originals: dict[int, tuple[NDArray[Any], Any]] = {}

    def survey(self, name: str, x: Any) -> bool:
        """Check that an argument goes with those before it, and return whether it is on a device."""
        kind = kind_of(type(x))
        if kind is Kind.CONTAINER:
            items = x.values() if isinstance(x, dict) else x
            return any([self.survey(name, item) for item in items])
        if kind is Kind.PRESENTED:
            self._agree(name, x._giver.library, None, x._giver.device)
            return False
        if not isinstance(kind, Library):
            return False
        place = device_of(self.caller, name, x, kind)
        readable = place[0] in READABLE
        device = getattr(x, "device", None) if kind.module else None  # a stranger's says nothing
        self._agree(name, kind, HOST if readable else place, device)
        return not readable

    def _agree(self, name: str, library: Library, place: Any, device: Any) -> None:
        caller = self.caller
        if self.library is None or not self.library.module:
            self.library, self.first = library, self.first or name
        elif library.module and library != self.library:
            wanted = f"of {self.library.name}, as `{self.first}` is, or of NumPy"
            advice = "A call takes arrays of one library, and returns such: convert the others."
            raise complain(TypeError, caller, name, wanted, f"an array of {library.name}", advice)
        for old, new in ((self.place, place), (self.device, device)):
            if old is not None and new is not None and old != new:
                wanted = f"on the device of `{self.first}`, {self.device or self.place}"
                got = f"an array on {new if device is None else device}"
                advice = "Copy one of them to the device of the other."
                raise complain(BufferError, caller, name, wanted, got, advice)
        self.place = place if self.place is None else self.place
        self.device = device if self.device is None else self.device

    def take(self, name: str, x: Any) -> Any:
        """Return an argument in NumPy arrays."""
        kind = kind_of(type(x))
        if isinstance(kind, Library):
            array = exported(self.caller, name, x, kind, self.place)
            self.originals[id(array)] = array, x
            return array
        if kind is Kind.PRESENTED:
            return x._itself
        return rebuilt(x, functools.partial(self.take, name)) if kind is Kind.CONTAINER else x


def _call_twin(
    function: Callable[..., Any], caller: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call the function that arrays on a device are handed to; complain of what is asked and it does not have."""
    module, _, name = ON_DEVICE[caller].partition(":")
    twin = getattr(importlib.import_module(module), name)
    known, offered = (inspect.signature(f).parameters for f in (function, twin))
    for name in kwargs.keys() - offered.keys():
        value = kwargs.pop(name)
        if name not in known or value is not known[name].default:
            wanted = "left out for arrays on a device, where it is not offered"
            advice = "Copy the arrays to the CPU, or see docs/cuda.md for what there is."
            raise complain(TypeError, caller, name, wanted, describe(value), advice)
    return twin(*args, **kwargs)


def _call_foreign(
    function: Callable[..., Any], caller: str, names: list[str], args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    if not names:
        names += inspect.signature(function).parameters
    given: list[Any] = [*args, *kwargs.values()]
    named = [*names[: len(args)], *names[-1:] * (len(args) - len(names)), *kwargs]
    foreign = [i for i, x in enumerate(given) if is_foreign(x)]
    taking = _Taking(caller)
    on_device = [taking.survey(named[i], given[i]) for i in foreign]
    if any(on_device) and caller in ON_DEVICE:
        return _call_twin(function, caller, args, kwargs)
    for i in foreign:
        given[i] = taking.take(named[i], given[i])
    args, kwargs = tuple(given[: len(args)]), dict(zip(kwargs, given[len(args) :], strict=True))
    library = taking.library
    if library is None or not library.module:
        return function(*args, **kwargs)
    giver = Giver(caller, library, taking.device)
    giver.originals = taking.originals
    return giver.call(function, args, kwargs)
