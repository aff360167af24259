"""What the transforms take and return, for type checkers."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from tapeless._fft_arguments import Norm
from tapeless._types import ArrayInput, Integer

Array: TypeAlias = NDArray[Any]
Several: TypeAlias = Integer | Sequence[Integer]


class AlongAxis(Protocol):
    """A Fourier transform along one axis."""

    def __call__(
        self, a: ArrayInput, n: Integer | None = None, axis: Integer = -1, norm: Norm = None,
        out: Array | None = None,
    ) -> Array: ...  # fmt: skip


class AlongAxisVjp(Protocol):
    """Its transpose."""

    def __call__(
        self, y_bar: ArrayInput, n: Integer | None = None, axis: Integer = -1, norm: Norm = None,
        *, n_x: Integer | None = None,
    ) -> Array: ...  # fmt: skip


class OverAxes(Protocol):
    """A Fourier transform over several axes."""

    def __call__(
        self, a: ArrayInput, s: Several | None = None, axes: Several | None = ..., norm: Norm = None,
        out: Array | None = None,
    ) -> Array: ...  # fmt: skip


class OverAxesVjp(Protocol):
    """Its transpose."""

    def __call__(
        self, y_bar: ArrayInput, s: Several | None = None, axes: Several | None = ...,
        norm: Norm = None, *, s_x: Several | None = None,
    ) -> Array: ...  # fmt: skip


class RealAlongAxis(Protocol):
    """A cosine or sine transform along one axis."""

    def __call__(
        self, x: ArrayInput, type: Integer = 2, n: Integer | None = None, axis: Integer = -1,
        norm: Norm = None, *, orthogonalize: bool | None = None,
    ) -> Array: ...  # fmt: skip


class RealAlongAxisVjp(Protocol):
    """Its transpose."""

    def __call__(
        self, y_bar: ArrayInput, type: Integer = 2, n: Integer | None = None, axis: Integer = -1,
        norm: Norm = None, *, n_x: Integer | None = None, orthogonalize: bool | None = None,
    ) -> Array: ...  # fmt: skip


class RealOverAxes(Protocol):
    """A cosine or sine transform over several axes."""

    def __call__(
        self, x: ArrayInput, type: Integer = 2, s: Several | None = None,
        axes: Several | None = None, norm: Norm = None, *, orthogonalize: bool | None = None,
    ) -> Array: ...  # fmt: skip


class RealOverAxesVjp(Protocol):
    """Its transpose."""

    def __call__(
        self, y_bar: ArrayInput, type: Integer = 2, s: Several | None = None,
        axes: Several | None = None, norm: Norm = None, *, s_x: Several | None = None,
        orthogonalize: bool | None = None,
    ) -> Array: ...  # fmt: skip
