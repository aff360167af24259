"""Which library an array is of, told by its type alone, once for each type."""

import sys
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, NamedTuple

import numpy as np

from tapeless._interchange.presented import Presented


class Library(NamedTuple):
    """A library of arrays, found by where a type of its comes from: nothing is imported for it.

    Attributes
    ----------
    name : str
        As people say it, ``"torch"``.
    module : str
        The one whose `from_dlpack` makes its arrays; empty if it has none, and results stay NumPy's.
    """

    name: str
    module: str

    @property
    def from_dlpack(self) -> Callable[[Any], Any]:
        """The function that makes an array of its own on the memory of another."""
        function: Callable[[Any], Any] = sys.modules[self.module].from_dlpack
        return function


class Kind(Enum):
    """What else an argument may be."""

    PLAIN = auto()  # holds no array but NumPy's
    CONTAINER = auto()  # has to be looked into
    PRESENTED = auto()  # a result of ours in the arrays of a library


# Both grow by one entry for each type that is met: a look into a set is all that NumPy's users pay.
PLAIN: set[type] = {np.ndarray, np.float64, float, int, bool, str, type(None)}
_KINDS: dict[type, Kind | Library] = {}


def kind_of(cls: type) -> Kind | Library:
    """Return what the objects of a type are to us."""
    if cls in PLAIN:
        return Kind.PLAIN
    kind = _KINDS.get(cls)
    if kind is None:
        kind = _classify(cls)
        if kind is Kind.PLAIN:
            PLAIN.add(cls)
        else:
            _KINDS[cls] = kind
    return kind


def is_foreign(x: Any) -> bool:
    """Say whether an argument is, or holds, an array of another library."""
    cls = type(x)
    if cls in PLAIN:
        return False
    kind = kind_of(cls)
    if kind is Kind.CONTAINER:
        items: Iterable[Any] = x.values() if isinstance(x, dict) else x
        return not PLAIN.issuperset(map(type, items)) and any(map(is_foreign, items))
    return kind is not Kind.PLAIN


def _classify(cls: type) -> Kind | Library:
    if issubclass(cls, Presented):
        return Kind.PRESENTED
    if issubclass(cls, (tuple, list, dict)):
        return Kind.CONTAINER
    if issubclass(cls, (np.ndarray, np.generic)):
        return Kind.PLAIN
    if not hasattr(cls, "__dlpack__"):
        # Numba's arrays on a GPU say where they are, and offer no DLPack.
        on_gpu = hasattr(cls, "__cuda_array_interface__")
        return Library(_root(cls), "") if on_gpu else Kind.PLAIN
    for base in cls.__mro__:  # a subclass that a user wrote comes from no library, its base does
        for module in _modules(base):
            if hasattr(sys.modules.get(module), "from_dlpack"):
                return Library(module.partition(".")[0], module)
    # With an `__array__` beside it this is a column of a table or the like, which NumPy reads by itself.
    return Kind.PLAIN if hasattr(cls, "__array__") else Library(_root(cls), "")


def _modules(cls: type) -> tuple[str, ...]:
    """Return the modules that may have a `from_dlpack` for a type, the likeliest first."""
    root = _root(cls)
    if root == "numpy":
        return ()
    if root == "jaxlib":  # what jax's arrays are made of
        root = "jax"
    return root, f"{root}.numpy"


def _root(cls: type) -> str:
    return cls.__module__.partition(".")[0]
