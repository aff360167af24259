"""Second derivatives of networks outside of solves: the transpose and its tangent."""

import ctypes

import numpy as np

from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._evaluate import Evaluator, Floats, _alike, _checked
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput
from tapeless_kernels.launch.tangent_vjp import TangentVjp

_P, _I = ctypes.c_void_p, ctypes.c_int64
_FIELD_VJP_JVP = ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * 14, _I, _I)


class _SecondEvaluator(Evaluator):
    """A network in one dtype, called for the transpose at one state and its tangent; not by several threads at once."""

    def __init__(self, field: VectorField, dtype: np.dtype) -> None:
        super().__init__(field, dtype=dtype)
        self._second = TangentVjp(field.program, dtype, 1)
        self._call_second = _FIELD_VJP_JVP(self._second.address)

    def vjp_jvp(
        self,
        at: tuple[float, Floats, Floats],
        dy_bar: Floats,
        dots: tuple[float, Floats, Floats],
        dy_bar_dot: Floats,
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Return y_bar, theta_bar and their tangents, at (t, y, theta) along `dots` of those."""
        theta, theta_dot = (np.array(x[2], self._dtype) for x in (at, dots))
        used, used_dot = self._field.effective(theta), self._field._effective_jvp(theta, theta_dot)
        self._run(at[0], at[1], used)  # fills the cache
        self._second.prepare(used, used_dot)
        given = (
            *self._arrays(at[0], at[1], used),
            self._cache,
            np.array(dy_bar, self._dtype),
            *self._arrays(dots[0], dots[1], used_dot),
            np.array(dy_bar_dot, self._dtype),
        )
        dy_dot, y_bar, y_bar_dot = (np.full(self.dim, np.nan, self._dtype) for _ in range(3))
        t_bar, t_bar_dot = np.empty(1, self._dtype), np.empty(1, self._dtype)
        theta_bar, theta_bar_dot = np.zeros_like(theta), np.zeros_like(theta)
        found = dy_dot, y_bar, t_bar, theta_bar, y_bar_dot, t_bar_dot, theta_bar_dot
        pointers = [array.ctypes.data for array in (*given, *found)]
        if self._call_second(*pointers[:3], 0, *pointers[3:], self._second.context, self.dim, 1):
            y_bar[:] = y_bar_dot[:] = np.nan
        theta_bar, theta_bar_dot = self._field._effective_vjp_jvp(
            theta, theta_dot, theta_bar, theta_bar_dot
        )
        return y_bar, theta_bar, y_bar_dot, theta_bar_dot


@takes_arrays
def vjp_jvp(
    field: VectorField,
    t: float,
    y: ArrayInput,
    theta: ArrayInput | None,
    dy_bar: ArrayInput,
    *,
    t_dot: float = 0.0,
    y_dot: ArrayInput | None = None,
    theta_dot: ArrayInput | None = None,
    dy_bar_dot: ArrayInput | None = None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what `vjp` returns for a network, and its derivative along a direction of all that it is given.

    With a fixed `dy_bar`, the derivatives are the product of a direction with the Hessian of <dy_bar, f>.

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
    dy_bar : array, shape of `y`
        The cotangent of the field's value.
    t_dot : float
        The direction's part in t.
    y_dot : array, shape of `y`, optional
        Its part in y; by default 0.
    theta_dot : array, shape (n_params,), optional
        Its part in theta; by default 0.
    dy_bar_dot : array, shape of `y`, optional
        Its part in `dy_bar`; by default 0.

    Returns
    -------
    y_bar : ndarray, shape of `y`
        The product of `dy_bar` with df/dy.
    theta_bar : ndarray, shape (n_params,)
        Its product with df/dtheta, summed over the states.
    y_bar_dot : ndarray, shape of `y`
        The derivative of `y_bar`.
    theta_bar_dot : ndarray, shape (n_params,)
        The derivative of `theta_bar`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Notes
    -----
    Where relu and elu have a kink they have the derivatives of one side; a `SpectralDense` whose weights have their
    largest singular value twice has no second derivative, and what is not finite is left out.

    References
    ----------
    .. [1] Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1) (1994), 147-160.

    Examples
    --------
    >>> from tapeless import fields
    >>> field = fields.Network(1, [fields.Activation("sin")])
    >>> y_bar, _, y_bar_dot, _ = fields.vjp_jvp(field, 0.0, [0.5], None, [1.0], y_dot=[1.0])
    >>> y_bar.round(4), y_bar_dot.round(4)
    (array([0.8776]), array([-0.4794]))
    """
    caller = "vjp_jvp"
    y, theta = _checked(caller, field, y, theta)
    if not hasattr(field.program, "operations"):
        raise complain(TypeError, caller, "field", "a Network", describe(field))
    bar = _alike(caller, "dy_bar", dy_bar, y)
    dot, bar_dot = (
        np.zeros_like(y) if x is None else _alike(caller, name, x, y)
        for name, x in (("y_dot", y_dot), ("dy_bar_dot", dy_bar_dot))
    )
    of_theta = np.zeros_like(theta)
    if theta_dot is not None:
        of_theta = _alike(caller, "theta_dot", theta_dot, theta)
    call, rows, rows_dot = _SecondEvaluator(field, y.dtype), np.empty_like(y), np.empty_like(y)
    theta_bar, theta_bar_dot = np.zeros_like(theta), np.zeros_like(theta)
    by_row = [x.reshape(-1, field.dim) for x in (y, bar, dot, bar_dot, rows, rows_dot)]
    for state, cotangent, moved, turned, out, out_dot in zip(*by_row, strict=True):
        found = call.vjp_jvp((t, state, theta), cotangent, (t_dot, moved, of_theta), turned)
        out[:], out_dot[:] = found[0], found[2]
        theta_bar += found[1]
        theta_bar_dot += found[3]
    return rows, theta_bar, rows_dot, theta_bar_dot
