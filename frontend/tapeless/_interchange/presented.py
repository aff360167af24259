"""Results in the arrays of a library: the result that NumPy's users get, seen through its arrays."""

from types import FunctionType
from typing import Any


class Presented:
    """What every such result is besides the class of the result: see `tapeless._interchange.results`.

    It holds the result itself, in NumPy arrays, for the methods to work on; an attribute is converted when it is
    read, and kept. Private attributes are those of the result itself.
    """

    _itself: Any
    _giver: Any
    _given: dict[str, tuple[Any, Any]]

    def __getattribute__(self, name: str) -> Any:
        """Return a method, which converts by itself, or an attribute in the arrays of the library."""
        if name.startswith("_") or isinstance(getattr(type(self), name, None), FunctionType):
            return object.__getattribute__(self, name)
        value = getattr(self._itself, name)
        known = self._given.get(name)
        if known is None or known[0] is not value:  # `vjp` may have put another in its place
            known = self._given[name] = value, self._giver.give(value)
        return known[1]

    def __getattr__(self, name: str) -> Any:
        """Return a private attribute of the result itself."""
        if name in ("_itself", "_giver", "_given"):  # not there while it is being made
            raise AttributeError(name)
        return getattr(self._itself, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Put an attribute into the result itself."""
        setattr(self._itself, name, self._giver.take_back(value))

    def __dir__(self) -> list[str]:
        """Return the names of the result itself."""
        return dir(self._itself)

    def __repr__(self) -> str:
        """Return the line of the result itself, and whose arrays these are."""
        return f"<{self._itself!r}, in arrays of {self._giver.library.name}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Return what makes it again."""
        return self._giver.reduced(self._itself)
