"""What all vector fields share, and their sums."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain, describe
from tapeless._flat import checked, named
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput
from tapeless_kernels.launch.composed import ComposedProgram, Part


class VectorField:
    """What all vector fields share: sizes, a program that kernels run, and addition."""

    dim: int
    n_params: int
    program: Any
    takes_own_theta = False  # whether each trajectory may have parameters of its own
    maps_theta = False  # whether the effective parameters are others than theta

    @property
    def without_vjp(self) -> "tuple[VectorField, ...]":
        """The parts that have no transpose, for whose lack there are no gradients."""
        return ()

    @property
    def without_jvp(self) -> "tuple[VectorField, ...]":
        """The parts that have no tangent, for whose lack there is no forward mode."""
        return ()

    @property
    def without_vjp_jvp(self) -> "tuple[VectorField, ...]":
        """The parts whose transpose has no derivative, for whose lack Milstein's method has no gradients."""
        return () if hasattr(self.program, "operations") else (self,)

    @property
    def without_time_bar(self) -> "tuple[VectorField, ...]":
        """The parts whose transpose does not give the cotangent of time."""
        return ()

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
        return theta

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        return bar

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        return dot

    def _effective_vjp_jvp(
        self, theta: NDArray[Any], dot: NDArray[Any], bar: NDArray[Any], bar_dot: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what `_effective_vjp` does, and its tangent along `dot` of theta and `bar_dot` of bar."""
        return bar, bar_dot

    def __add__(self, other: "VectorField") -> "Sum":
        if not isinstance(other, VectorField):
            return NotImplemented
        return Sum([*_terms(self), *_terms(other)])


def _terms(field: VectorField) -> tuple[VectorField, ...]:
    return field.fields if isinstance(field, Sum) else (field,)


class Sum(VectorField):
    """The sum of vector fields; ``a + b`` makes it too.

    Each field may be a `Network`, a `Field`, or composed of such. They are compiled and called as they are:
    a new sum compiles nothing.

    Parameters
    ----------
    fields : sequence of fields
        The terms, all of one `dim`.

    Attributes
    ----------
    fields : tuple
        The terms.
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta: the parameters of the terms, one after the other.

    Raises
    ------
    TypeError
        If a term is no field.
    ValueError
        If there are none, or their dimensions differ.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> @tapeless.field(dim=2, n_params=1, vjp="symbolic")
    ... def oscillator(t, y, theta, dy):
    ...     dy[0] = y[1]
    ...     dy[1] = -theta[0] * y[0]
    >>> both = oscillator + tapeless.fields.MLP(2, [16])
    >>> theta = np.concatenate([[4.0], 0.1 * both.fields[1].init(rng=0)])
    >>> sol = tapeless.solve_ode(both, (0.0, 1.0), np.ones((5, 2)), theta)
    >>> {name: part.shape for name, part in both.unflatten(sol.vjp(sol.ys)[1]).items()}
    {'0': (1,), '1.dense0.weight': (2, 16), '1.dense0.bias': (16,), '1.dense1.weight': (16, 2), '1.dense1.bias': (2,)}
    """

    def __init__(self, fields: Iterable[VectorField]) -> None:
        wanted = "a sequence of fields, say [tapeless.fields.MLP(2, [16]), another]"
        if isinstance(fields, VectorField) or not isinstance(fields, Iterable):
            raise complain(TypeError, "Sum", "fields", wanted, describe(fields))
        self.fields = tuple(fields)
        if not self.fields:
            raise complain(ValueError, "Sum", "fields", "at least one field", "none")
        for field in self.fields:
            if not isinstance(field, VectorField):
                raise complain(TypeError, "Sum", "fields", wanted, f"{describe(field)} among them")
        self.dim = self.fields[0].dim
        if any(field.dim != self.dim for field in self.fields):
            got = ", ".join(f"dim={field.dim} of {field}" for field in self.fields)
            raise complain(ValueError, "Sum", "fields", "of one dim", got)
        sizes = [field.n_params for field in self.fields]
        self._starts = [sum(sizes[:i]) for i in range(len(sizes))]
        self.n_params = sum(sizes)
        pairs = zip(self.fields, self._starts, strict=True)
        parts = [Part(field.program, start) for field, start in pairs]
        self.program = ComposedProgram(tuple(parts), self.dim, self.n_params)
        self.maps_theta = any(field.maps_theta for field in self.fields)
        with_params = [field for field in self.fields if field.n_params]
        self.takes_own_theta = all(field.takes_own_theta for field in with_params)

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The terms that have no transpose."""
        return tuple(part for field in self.fields for part in field.without_vjp)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The terms that have no tangent."""
        return tuple(part for field in self.fields for part in field.without_jvp)

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The terms whose transpose has no derivative."""
        return tuple(part for field in self.fields for part in field.without_vjp_jvp)

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The terms whose transpose does not give the cotangent of time."""
        return tuple(part for field in self.fields for part in field.without_time_bar)

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
        return self._by_part(lambda field, x: field.effective(x), theta)

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        return self._by_part(lambda field, x, x_bar: field._effective_vjp(x, x_bar), theta, bar)

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        return self._by_part(lambda field, x, x_dot: field._effective_jvp(x, x_dot), theta, dot)

    def _by_part(self, function: Any, *arrays: NDArray[Any]) -> NDArray[Any]:
        if not self.maps_theta:
            return arrays[-1]
        places = [
            slice(at, at + field.n_params)
            for field, at in zip(self.fields, self._starts, strict=True)
        ]
        parts = zip(self.fields, places, strict=True)
        return np.concatenate([function(field, *(x[at] for x in arrays)) for field, at in parts])

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> Mapping[str, NDArray[Any]]:
        """Return the parameters of the terms as views of theta, by name.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        mapping of str to ndarray
            ``"0"`` of shape (n_params,) for the first term if it is a `Field`, ``"0.dense0.weight"`` and so
            on if it is a `Network`, then those of the second, in order. They share theta's memory.

        Raises
        ------
        ValueError
            If theta has another length.
        """
        theta = checked("Sum.unflatten", theta, self.n_params)
        views: dict[str, NDArray[Any]] = {}
        for i, (field, at) in enumerate(zip(self.fields, self._starts, strict=True)):
            if field.n_params:
                views |= named(field, theta[at : at + field.n_params], str(i))
        return MappingProxyType(views)

    def __repr__(self) -> str:
        return f"Sum({list(self.fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Sum, (self.fields,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((Sum, self.fields))
