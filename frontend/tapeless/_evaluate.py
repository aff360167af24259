"""A field's compiled functions, called from Python: values, transposes and tangents, outside of any solve."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput
from tapeless_kernels.launch.cpu import bound

_P, _I = ctypes.c_void_p, ctypes.c_int64
_FIELD = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, _P, _P, _P, _P, _I, _I)
_FIELD_VJP = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, *[_P] * 6, _I, _I)
_FIELD_JVP = ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * 7, _I, _I)
DOUBLE = np.dtype(np.float64)

Floats = NDArray[np.floating]


class Evaluator:
    """A field in one dtype, called for one state; not by several threads at once."""

    def __init__(
        self, field: VectorField, transpose: bool = False, dtype: np.dtype = DOUBLE
    ) -> None:
        source = self._source = bound(field.program, dtype, 1, transpose)
        self._call, self._context = _FIELD(source.field.address), source.field.context
        self._call_vjp = _FIELD_VJP(source.field.vjp_address) if transpose else None
        self._cache, self._status = np.zeros(source.n_cache + 1, dtype), np.zeros(1, np.uint8)
        self.dim, self.n_params, self._field, self._dtype = field.dim, field.n_params, field, dtype
        self._n_rows = getattr(field.program, "n_rows", 0) or field.dim  # of a diffusion others

    def __call__(self, t: float, y: Floats, theta: Floats) -> Floats:
        """Return f(t, y, theta), NaN where the field reports a failure."""
        return self._run(t, y, self._field.effective(np.array(theta, self._dtype)))

    def vjp(self, t: float, y: Floats, theta: Floats, dy_bar: Floats) -> tuple[Floats, Floats]:
        """Return (df/dy)^T dy_bar and (df/dtheta)^T dy_bar; `t_bar` is (df/dt)^T dy_bar then."""
        assert self._call_vjp is not None
        theta = np.array(theta, self._dtype)
        used = self._field.effective(theta)
        self._run(t, y, used)  # fills the cache
        y_bar, theta_bar = np.full(self.dim, np.nan, self._dtype), np.zeros_like(theta)
        t_bar = self.t_bar = np.full(1, np.nan, self._dtype)
        arrays = self._arrays(t, y, used, self._cache, dy_bar.copy(), y_bar, t_bar, theta_bar)
        self._source.prepare_vjp(arrays[2])
        at = [array.ctypes.data for array in arrays]
        if self._call_vjp(*at[:3], 0, *at[3:], self._context, self.dim, 1):
            y_bar[:] = np.nan
        return y_bar, self._field._effective_vjp(theta, theta_bar)

    def jvp(
        self, t: float, y: Floats, theta: Floats, dots: tuple[float, Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """Return f(t, y, theta) and its derivative along (t_dot, y_dot, theta_dot)."""
        call = _FIELD_JVP(self._source.jvp_address())
        theta = np.array(theta, self._dtype)
        dy, dy_dot = (np.full(self._n_rows, np.nan, self._dtype) for _ in range(2))
        theta_dot = self._field._effective_jvp(theta, np.array(dots[2], self._dtype))
        arrays = self._arrays(t, y, self._field.effective(theta), self._cache)
        given = (np.array([dots[0]], self._dtype), np.array(dots[1], self._dtype), theta_dot)
        at = [array.ctypes.data for array in (*arrays, *given, dy, dy_dot)]
        if call(*at[:3], 0, *at[3:], self._context, self.dim, 1):
            dy[:] = dy_dot[:] = np.nan
        return dy, dy_dot

    def _run(self, t: float, y: Floats, theta: Floats) -> Floats:
        dy, self._status[0] = np.full(self._n_rows, np.nan, self._dtype), 0
        arrays = self._arrays(t, y, theta, self._cache, dy, self._status)
        at = [array.ctypes.data for array in arrays]
        code = self._call(*at[:3], 0, *at[3:], self._context, self.dim, 1)
        return np.full_like(dy, np.nan) if code or self._status[0] else dy

    def _arrays(
        self, t: float, y: Floats, theta: Floats, *rest: NDArray[Any]
    ) -> tuple[NDArray[Any], ...]:
        return (
            np.array([t], self._dtype),
            np.array(y, self._dtype),
            np.array(theta, self._dtype),
            *rest,
        )


@takes_arrays
def evaluate(
    field: VectorField, t: float, y: ArrayInput, theta: ArrayInput | None = None
) -> Floats:
    """Return the value of a field.

    Parameters
    ----------
    field : field
        Of `tapeless.fields`.
    t : float
        The time.
    y : array, shape (dim,) or (batch, dim)
        A state or several, float32 or float64.
    theta : array, shape (n_params,), optional
        The parameters; may be left out if there are none.

    Returns
    -------
    ndarray, shape and dtype of `y`
        f(t, y, theta), NaN where a `Field` raises.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import fields
    >>> fields.evaluate(fields.Network(2, [fields.Activation("relu")]), 0.0, [-1.0, 3.0])
    array([0., 3.])
    """
    y, theta = _checked("evaluate", field, y, theta)
    call = Evaluator(field, dtype=y.dtype)
    return np.array([call(t, row, theta) for row in y.reshape(-1, field.dim)], y.dtype).reshape(
        y.shape
    )


@takes_arrays
def vjp(
    field: VectorField, t: float, y: ArrayInput, theta: ArrayInput | None, dy_bar: ArrayInput
) -> tuple[Floats, Floats]:
    """Return the transpose of a field's derivatives, applied to a cotangent.

    Parameters
    ----------
    field : field
        Of `tapeless.fields`, with a `vjp`.
    t : float
        The time.
    y : array, shape (dim,) or (batch, dim)
        A state or several, float32 or float64.
    theta : array, shape (n_params,), or None
        The parameters.
    dy_bar : array, shape of `y`
        The cotangent of the field's value.

    Returns
    -------
    y_bar : ndarray, shape of `y`
        Its product with df/dy.
    theta_bar : ndarray, shape (n_params,)
        Its product with df/dtheta, summed over the states.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import fields
    >>> field = fields.Network(2, [fields.Dense(2)])
    >>> y_bar, theta_bar = fields.vjp(field, 0.0, [1.0, 2.0], np.arange(6.0), [1.0, 0.0])
    >>> y_bar, theta_bar
    (array([0., 2.]), array([1., 0., 2., 0., 1., 0.]))
    """
    y, theta = _checked("vjp", field, y, theta)
    if field.without_vjp:
        got = ", ".join(map(str, field.without_vjp))
        raise complain(TypeError, "vjp", "field", "one with a `vjp`", f"{got} without one")
    bar = _alike("vjp", "dy_bar", dy_bar, y)
    call, theta_bar, rows = Evaluator(field, True, y.dtype), np.zeros_like(theta), []
    for row, row_bar in zip(y.reshape(-1, field.dim), bar.reshape(-1, field.dim), strict=True):
        y_bar, of_row = call.vjp(t, row, theta, row_bar)
        rows.append(y_bar)
        theta_bar += of_row
    return np.array(rows, y.dtype).reshape(y.shape), theta_bar


@takes_arrays
def jvp(
    field: VectorField,
    t: float,
    y: ArrayInput,
    theta: ArrayInput | None,
    *,
    t_dot: float = 0.0,
    y_dot: ArrayInput | None = None,
    theta_dot: ArrayInput | None = None,
) -> tuple[Floats, Floats]:
    """Return the value of a network and its derivative along a direction of time, state and parameters.

    Parameters
    ----------
    field : Network
        The vector field.
    t : float
        The time.
    y : array, shape (dim,) or (batch, dim)
        A state or several, float32 or float64.
    theta : array, shape (n_params,), or None
        The parameters.
    t_dot : float
        The direction's part in t.
    y_dot : array, shape of `y`, optional
        Its part in y; by default 0.
    theta_dot : array, shape (n_params,), optional
        Its part in theta; by default 0.

    Returns
    -------
    dy : ndarray, shape of `y`
        f(t, y, theta).
    dy_dot : ndarray, shape of `y`
        Its derivative.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> from tapeless import fields
    >>> field = fields.Network(1, [fields.Activation("sin")])
    >>> dy, dy_dot = fields.jvp(field, 0.0, [0.5], None, y_dot=[1.0])
    >>> dy.round(4), dy_dot.round(4)
    (array([0.4794]), array([0.8776]))
    """
    y, theta = _checked("jvp", field, y, theta)
    if not hasattr(field.program, "operations"):
        raise complain(TypeError, "jvp", "field", "a Network", describe(field))
    dot = np.zeros_like(y) if y_dot is None else _alike("jvp", "y_dot", y_dot, y)
    of_theta = np.zeros_like(theta)
    if theta_dot is not None:
        of_theta = _alike("jvp", "theta_dot", theta_dot, theta)
    call = Evaluator(field, dtype=y.dtype)
    rows = [
        call.jvp(t, row, theta, (t_dot, row_dot, of_theta))
        for row, row_dot in zip(y.reshape(-1, field.dim), dot.reshape(-1, field.dim), strict=True)
    ]
    shape = (len(rows), 2, field.dim)
    found = np.array(rows, y.dtype).reshape(shape)
    return found[:, 0].reshape(y.shape), found[:, 1].reshape(y.shape)


def _checked(caller: str, field: Any, y: Any, theta: Any) -> tuple[Floats, Floats]:
    """Return states and parameters of one dtype."""
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, caller, "field", wanted, describe(field))
    y = check.as_state(caller, "y", y)
    if y.ndim not in (1, 2) or y.shape[-1] != field.dim:
        wanted = f"of shape ({field.dim},) or (batch, {field.dim})"
        raise complain(ValueError, caller, "y", wanted, describe(y))
    theta = check.as_state(caller, "theta", np.zeros(0) if theta is None else theta)
    if theta.shape != (field.n_params,):
        raise complain(
            ValueError, caller, "theta", f"of shape ({field.n_params},)", describe(theta)
        )
    return y, theta.astype(y.dtype, copy=False)


def _alike(caller: str, name: str, x: Any, like: Floats) -> Floats:
    x = check.as_state(caller, name, x)
    if x.shape != like.shape:
        raise complain(ValueError, caller, name, f"of shape {like.shape}", describe(x))
    return x.astype(like.dtype, copy=False)
