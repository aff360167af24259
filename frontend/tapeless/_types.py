"""Types of arguments that may be one of several things."""

import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike


class SupportsDLPack(Protocol):
    """An array that offers its memory through DLPack."""

    # Libraries differ in the arguments they take: only the names are asked for.
    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __dlpack_device__(self) -> Any: ...


ArrayInput: TypeAlias = ArrayLike | SupportsDLPack
Integer: TypeAlias = int | np.integer
Path: TypeAlias = str | os.PathLike[str]
# What numpy.random.default_rng takes: SPEC 7.
RNG: TypeAlias = (
    np.random.Generator
    | np.random.BitGenerator
    | np.random.SeedSequence
    | Integer
    | Sequence[int]
    | None
)
