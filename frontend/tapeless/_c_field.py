"""The public `c_field`: a network, or a function of the user's, as the function pointers that C solves take."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput, Integer
from tapeless_kernels.launch import cpu

C_FIELD = "c_field"


class CField:
    """A field and its vjp as C functions, of tapeless.h's types; made by `c_field`.

    It has to be kept as long as C may call them. They work on scratch of its own: threads need one each.

    Parameters
    ----------
    source : object
        What has the addresses, and keeps alive what they need.
    lanes : int
        Trajectories that each call is of: 1 for `solve`, more for `solve_tiles`.
    n_params : int
        Length of theta.
    dtype : dtype
        Of all numbers.

    Attributes
    ----------
    field, vjp, context : int
        Addresses, for the members of the struct of these names; `vjp` is 0 for a field without one.
    n_cache : int
        Rows of cache, for the member of that name.
    """

    def __init__(self, source: Any, lanes: int, n_params: int, dtype: np.dtype) -> None:
        self._source, self._n_params, self._dtype = source, n_params, dtype
        self.field, self.vjp, self.context = (int(address) for address in source.field[:3])
        self.n_cache, self.lanes = int(source.n_cache), lanes

    @takes_arrays
    def prepare_vjp(self, theta: ArrayInput) -> None:
        """Make ready for a `solve_vjp` with this theta, after the last solve and before the gradient.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters that the solve was made with. Weights are read in another order by the vjp.

        Raises
        ------
        ValueError
            If `theta` has another shape.
        """
        theta = check.as_state("CField.prepare_vjp", "theta", theta)
        if theta.shape != (self._n_params,):
            wanted = f"of shape ({self._n_params},)"
            raise complain(ValueError, "CField.prepare_vjp", "theta", wanted, describe(theta))
        self._source.prepare_vjp(np.array(theta, self._dtype))


def c_field(field: VectorField, dtype: DTypeLike = np.float64, lanes: Integer = 1) -> CField:
    """Return a field as C functions, for a C program in this process and for `address`'s functions.

    Parameters
    ----------
    field : Network, Field or Sum
        What `solve_ode` takes.
    dtype : dtype
        That of its arguments, float32 or float64.
    lanes : int
        Trajectories in a call: 1 or, for `solve_tiles`, 32 of float64 and 64 of float32.

    Returns
    -------
    CField
        The addresses.

    Raises
    ------
    TypeError
        If `field` is no field of tapeless.
    ValueError
        If `dtype` or `lanes` is not one of those, or the field maps its parameters before they are used, as spectrally
        normalised layers do.

    Examples
    --------
    >>> import tapeless
    >>> pointers = tapeless.c_field(tapeless.fields.MLP(2, [16]))
    >>> pointers.field != 0, pointers.vjp != 0, pointers.n_cache
    (True, True, 16)
    """
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, C_FIELD, "field", wanted, describe(field))
    if field.maps_theta:
        wanted = "one that takes its parameters as they are"
        advice = "Take its layers without normalisation, or give them the effective weights."
        raise complain(ValueError, C_FIELD, "field", wanted, describe(field), advice)
    real = check.float_dtype(C_FIELD, dtype)
    if isinstance(lanes, bool) or lanes not in (1, cpu.WIDTHS[real]):
        wanted = f"1 or {cpu.WIDTHS[real]} with {real}"
        raise complain(ValueError, C_FIELD, "lanes", wanted, describe(lanes))
    source = cpu.bound(field.program, real, int(lanes), not field.without_vjp)
    return CField(source, int(lanes), field.n_params, real)
