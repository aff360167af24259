"""Fields whose parameters are a part of a longer theta, or constants."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_state
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._flat import checked, named
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput, Integer
from tapeless_kernels.launch.composed import ComposedProgram, Part


class Slice(VectorField):
    """A field whose parameters are a part of a longer theta, which holds those of other things too.

    The gradient with respect to theta is 0 outside that part.

    Parameters
    ----------
    field : field
        A `Network`, a `Field`, or one composed of such.
    n_params : int
        Length of theta.
    start : int
        Where the parameters of `field` begin in theta.

    Attributes
    ----------
    field, n_params, start
        As given.
    dim : int
        Number of entries of the state.

    Raises
    ------
    TypeError
        If `field` is no field.
    ValueError
        If the part does not lie within theta.

    Examples
    --------
    >>> import tapeless
    >>> network = tapeless.fields.MLP(2, [16])
    >>> field = tapeless.fields.Slice(network, n_params=100, start=10)
    >>> field.n_params, network.n_params
    (100, 82)
    """

    def __init__(self, field: VectorField, n_params: Integer, start: Integer = 0) -> None:
        _check_field("Slice", field)
        for name, number in (("n_params", n_params), ("start", start)):
            if not isinstance(number, (int, np.integer)) or isinstance(number, bool) or number < 0:
                wanted = "an integer of at least 0"
                raise complain(ValueError, "Slice", name, wanted, describe(number))
        if start + field.n_params > n_params:
            wanted = f"at least {start + field.n_params}, where the {field.n_params} parameters of `field` end"
            raise complain(ValueError, "Slice", "n_params", wanted, describe(n_params))
        self.field, self.dim = field, field.dim
        self.n_params, self.start = int(n_params), int(start)
        parts = (Part(field.program, self.start),)
        self.program = ComposedProgram(parts, self.dim, self.n_params)
        self.takes_own_theta, self.maps_theta = field.takes_own_theta, field.maps_theta

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The field, if it has no transpose."""
        return self.field.without_vjp

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field, if it has no tangent."""
        return self.field.without_jvp

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The part of the field whose transpose has no derivative."""
        return self.field.without_vjp_jvp

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The parts whose transpose does not give the cotangent of time."""
        return self.field.without_time_bar

    @takes_arrays
    def effective(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the parameters that kernels are given for theta.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            The parameters.

        Returns
        -------
        ndarray, shape (n_params,)
            Theta itself, unless a `SpectralDense` maps its weights.
        """
        return self._in_place(theta, self.field.effective(theta[self._place]))

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        inner = self.field._effective_vjp(theta[self._place], bar[self._place])
        return self._in_place(bar, inner)

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        inner = self.field._effective_jvp(theta[self._place], dot[self._place])
        return self._in_place(dot, inner)

    @property
    def _place(self) -> slice:
        return slice(self.start, self.start + self.field.n_params)

    def _in_place(self, whole: NDArray[Any], part: NDArray[Any]) -> NDArray[Any]:
        if not self.maps_theta:
            return whole
        whole = whole.copy()
        whole[self._place] = part
        return whole

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> Mapping[str, NDArray[Any]]:
        """Return the parameters of the field as views of theta, by name.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The longer vector.

        Returns
        -------
        mapping of str to ndarray
            As `field.unflatten` returns it; ``"theta"`` for a `Field`.

        Raises
        ------
        ValueError
            If theta has another length.
        """
        theta = checked("Slice.unflatten", theta, self.n_params)
        part = theta[self.start : self.start + self.field.n_params]
        return MappingProxyType(named(self.field, part, ""))

    def __repr__(self) -> str:
        return f"Slice({self.field}, {self.n_params}, {self.start})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Slice, (self.field, self.n_params, self.start)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slice) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash(self.__reduce__())


class Frozen(VectorField):
    """A field whose parameters are constants, which are not in theta and have no gradient.

    Parameters
    ----------
    field : field
        A `Network`, a `Field`, or one composed of such.
    theta : array, shape (field.n_params,)
        Its parameters, finite; a copy is kept.

    Attributes
    ----------
    field : field
        As given.
    theta : ndarray
        The constants, read-only.
    dim : int
        Number of entries of the state.
    n_params : int
        0.

    Raises
    ------
    TypeError
        If `field` is no field, or theta not of a real dtype.
    ValueError
        If theta has another shape, or holds NaN or inf.

    Examples
    --------
    >>> import tapeless
    >>> learnt = tapeless.fields.MLP(2, [16])
    >>> field = tapeless.fields.MLP(2, [8]) + tapeless.fields.Frozen(learnt, learnt.init(rng=0))
    >>> field.n_params
    42
    """

    @takes_arrays
    def __init__(self, field: VectorField, theta: ArrayInput) -> None:
        _check_field("Frozen", field)
        self.theta = checked("Frozen", as_state("Frozen", "theta", theta), field.n_params).copy()
        if not np.isfinite(self.theta).all():
            raise complain(ValueError, "Frozen", "theta", "finite", "NaN or inf in it")
        self.theta.flags.writeable = False
        self.field, self.dim, self.n_params = field, field.dim, 0
        used = field.effective(self.theta)
        self.program = ComposedProgram((Part(field.program, 0, used),), self.dim, 0)

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The field, if it has no transpose."""
        return self.field.without_vjp

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field, if it has no tangent."""
        return self.field.without_jvp

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The part of the field whose transpose has no derivative."""
        return self.field.without_vjp_jvp

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The parts whose transpose does not give the cotangent of time."""
        return self.field.without_time_bar

    def __repr__(self) -> str:
        return f"Frozen({self.field})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Frozen, (self.field, self.theta)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Frozen) and self.field == other.field
        return same and np.array_equal(self.theta, other.theta)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((Frozen, self.field, self.theta.tobytes()))


def _check_field(caller: str, field: object) -> None:
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, caller, "field", wanted, describe(field))
