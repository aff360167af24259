"""The data of a training, and its batches in an order that a generator's state gives again."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._types import RNG, Integer

Batch = tuple[NDArray[Any], ...]


def as_batch(name: str, data: Any) -> Batch:
    """Return data as a tuple of arrays of one length; a single array is one of them."""
    if data is None:
        return ()
    parts = data if isinstance(data, (tuple, list)) else (data,)
    arrays = tuple(check.as_array("fit", name, part) for part in parts)
    for x in arrays:
        if x.ndim == 0 or len(x) == 0:
            wanted = "arrays with at least one row"
            raise complain(ValueError, "fit", name, wanted, describe(x))
        if len(x) != len(arrays[0]):
            got = " and ".join(str(len(a)) for a in arrays)
            raise complain(ValueError, "fit", name, "arrays of one length", f"lengths {got}")
    return arrays


class Batches:
    """The batches of every epoch: all of the data in the order it has, or parts of it drawn anew each time."""

    def __init__(self, data: Any, batch_size: Integer | None, rng: RNG) -> None:
        self.data = as_batch("data", data)
        self.n = len(self.data[0]) if self.data else 0
        self.size: int | None = None
        self.rng = None if rng is None else check.generator("fit", rng)
        if batch_size is not None:
            self.size = check.positive_int("fit", "batch_size", batch_size)
            if not self.n:
                raise complain(ValueError, "fit", "data", "given with a `batch_size`", "None")
            if self.rng is None:
                wanted = "a numpy Generator or a seed where there is a `batch_size`"
                raise complain(ValueError, "fit", "rng", wanted, "None")
        self.sizes = [self.n]
        if self.size is not None:
            self.sizes = [min(self.size, self.n - i) for i in range(0, self.n, self.size)]

    def order(self) -> NDArray[np.intp] | None:
        """Return the order of the next epoch; None: that of the data."""
        if self.size is None:
            return None
        assert self.rng is not None
        return self.rng.permutation(self.n)

    def epoch(self, order: NDArray[np.intp] | None, done: int) -> Iterator[Batch]:
        """Yield the batches of an epoch in an order, without the first `done`."""
        if order is None:
            if done == 0:
                yield self.data
            return
        assert self.size is not None
        for i in range(done * self.size, self.n, self.size):
            part = order[i : i + self.size]
            yield tuple(x[part] for x in self.data)


def state_of(rng: np.random.Generator | None) -> Any:
    """Return the state of a generator as plain values, for a file."""
    return None if rng is None else _plain(rng.bit_generator.state)


def restore(rng: np.random.Generator, state: Any) -> None:
    """Set a generator to a state; raise ValueError or TypeError if it is of another kind."""
    rng.bit_generator.state = _arrays(state, rng.bit_generator.state)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _arrays(value: Any, like: Any) -> Any:
    """Return plain values with arrays where a present state has such."""
    if isinstance(value, dict):
        return {name: _arrays(inner, like.get(name)) for name, inner in value.items()}
    return np.array(value, like.dtype) if isinstance(like, np.ndarray) else value
