"""What is constant in a traced program, as values with a hash: equal calls share what was compiled for them."""

from typing import Any

import numpy as np


class Frozen:
    """A value that is compared by content if it has a hash or is an array, else by identity.

    Parameters
    ----------
    value : object
        The value, which must not be changed any more.
    """

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            value = np.array(value)
            key: Any = value.shape, value.dtype.str, value.tobytes()
        else:
            try:
                hash(value)
                key = value
            except TypeError:
                key = id(value)  # kept alive here, so that no other object gets this one
        self.value, self._key = value, (type(value), key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.value)
