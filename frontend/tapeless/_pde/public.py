"""`solve_burgers` and `solve_navier_stokes`."""

from typing import Any, Literal, TypeAlias

from tapeless._interchange import takes_arrays
from tapeless._pde.equations import Burgers, NavierStokes
from tapeless._pde.solution import PdeSolution
from tapeless._pde.solve import Options, solve
from tapeless._types import ArrayInput, Integer

Scheme: TypeAlias = Literal["etdrk4", "ifrk4"]
Keep: TypeAlias = Literal["store", "every"]


@takes_arrays
def solve_burgers(
    u0: ArrayInput, t1: float, nu: float, *, dt: float | None = None, n_steps: Integer | None = None,
    t_eval: ArrayInput | None = None, forcing: ArrayInput | None = None, length: float = 1.0,
    method: Scheme = "etdrk4", adjoint: Keep | None = "every", stride: Integer | None = None, throw: bool = True,
) -> PdeSolution:  # fmt: skip
    r"""Solve Burgers' equation :math:`u_t + u u_x = \nu u_{xx} + f` on a periodic interval from t = 0.

    Parameters
    ----------
    u0 : array, shape (n,) or (batch, n)
        Initial fields at the points ``length * arange(n) / n``, float32 or float64. Modes above (n - 1) // 3 are
        left out, at t = 0 too.
    t1 : float
        Where to end, positive.
    nu : float
        The viscosity, at least 0.
    dt : float, optional
        The largest step. Steps are shortened so that they end on each output time.
    n_steps : int, optional
        Instead of `dt`: the number of equal steps to t1, on whose ends output times must lie.
    t_eval : array, shape (n_times,), optional
        Ascending output times from 0 to t1; the solve ends with the last one. By default t1 alone.
    forcing : array, shape (n,) or (batch, n), optional
        The f of the equation, constant in time.
    length : float
        Of the interval.
    method : "etdrk4" or "ifrk4"
        Exponential time differencing, or an integrating factor: `tapeless.pde.etdrk4_coefficients` and
        `tapeless.pde.ifrk4_coefficients`. Both are of order 4.
    adjoint : "every", "store" or None
        What is kept for `PdeSolution.vjp`: the state at every `stride`-th step, at every step, or nothing. The
        gradients are the same to the bit.
    stride : int, optional
        With "every": the steps from one state that is kept to the next; by default the root of their number.
    throw : bool
        Whether a sample that fails raises.

    Returns
    -------
    PdeSolution
        Fields at the output times, of the dtype of `u0`, and what their derivatives need.

    Raises
    ------
    SolverError
        If a sample fails and `throw` is true: it says when, why, and where the field was largest. A sample fails if
        it is not finite, or its norm more than twice what the equation allows, that of u0 and t1 times that of f.
    TypeError, ValueError
        For an argument that is not as above.
    KeyboardInterrupt
        Between steps; its `solution` has what was reached.

    References
    ----------
    .. [1] Canuto, Hussaini, Quarteroni and Zang, *Spectral Methods: Fundamentals in Single Domains*, Springer (2006),
       section 3.4 for the 2/3 rule.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import pde
    >>> x = np.arange(64) / 64
    >>> sol = pde.solve_burgers(np.sin(2 * np.pi * x), 1.0, 0.05, dt=0.01)
    >>> sol
    PdeSolution(ys of shape (64,) and dtype float64, success=True, n_steps=100)
    >>> bool(np.abs(sol.ys).max() < 0.2)
    True
    >>> sol.vjp(sol.ys).u0.shape
    (64,)
    """
    options = Options(t_eval, dt, n_steps, forcing, length, method, adjoint, stride, throw)
    return solve("solve_burgers", "u0", Burgers, 1, u0, t1, nu, options)


@takes_arrays
def solve_navier_stokes(
    w0: ArrayInput, t1: float, nu: float, *, dt: float | None = None, n_steps: Integer | None = None,
    t_eval: ArrayInput | None = None, forcing: ArrayInput | None = None, length: Any = 1.0,
    method: Scheme = "etdrk4", adjoint: Keep | None = "every", stride: Integer | None = None, throw: bool = True,
) -> PdeSolution:  # fmt: skip
    r"""Solve the vorticity equation :math:`w_t + u \cdot \nabla w = \nu \Delta w + f` on a torus from t = 0.

    The velocity :math:`u = (\partial_y \psi, -\partial_x \psi)` is that of the stream function
    :math:`-\Delta \psi = w`, without a mean flow. The first axis is x, the second y. The mean of w stays as it is but
    for that of f, and moves nothing.

    Parameters
    ----------
    w0 : array, shape (n, m) or (batch, n, m)
        Initial vorticities at the points ``length[0] * arange(n) / n`` by ``length[1] * arange(m) / m``, float32 or
        float64. Modes above (n - 1) // 3 and (m - 1) // 3 are left out, at t = 0 too.
    t1 : float
        Where to end, positive.
    nu : float
        The viscosity, at least 0.
    dt : float, optional
        The largest step. Steps are shortened so that they end on each output time.
    n_steps : int, optional
        Instead of `dt`: the number of equal steps to t1, on whose ends output times must lie.
    t_eval : array, shape (n_times,), optional
        Ascending output times from 0 to t1; the solve ends with the last one. By default t1 alone.
    forcing : array, shape (n, m) or (batch, n, m), optional
        The f of the equation, the curl of a force, constant in time.
    length : float or (float, float)
        Of the sides.
    method : "etdrk4" or "ifrk4"
        Exponential time differencing, or an integrating factor: `tapeless.pde.etdrk4_coefficients` and
        `tapeless.pde.ifrk4_coefficients`. Both are of order 4.
    adjoint : "every", "store" or None
        What is kept for `PdeSolution.vjp`: the state at every `stride`-th step, at every step, or nothing. The
        gradients are the same to the bit.
    stride : int, optional
        With "every": the steps from one state that is kept to the next; by default the root of their number.
    throw : bool
        Whether a sample that fails raises.

    Returns
    -------
    PdeSolution
        Vorticities at the output times, of the dtype of `w0`, and what their derivatives need.

    Raises
    ------
    SolverError
        If a sample fails and `throw` is true: it says when, why, and where the field was largest. A sample fails if
        it is not finite, or its norm more than twice what the equation allows, that of w0 and t1 times that of f.
    TypeError, ValueError
        For an argument that is not as above.
    KeyboardInterrupt
        Between steps; its `solution` has what was reached.

    References
    ----------
    .. [1] Canuto, Hussaini, Quarteroni and Zang, *Spectral Methods: Evolution to Complex Geometries and Applications
       to Fluid Dynamics*, Springer (2007), chapter 3.
    .. [2] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, arXiv 2010.08895 (2020), section 5.3.

    Examples
    --------
    The vortex of Taylor and Green decays as it is:

    >>> import numpy as np
    >>> from tapeless import pde
    >>> x = 2 * np.pi * np.arange(32) / 32
    >>> w0 = 2 * np.cos(x)[:, None] * np.cos(x)
    >>> sol = pde.solve_navier_stokes(w0, 1.0, 0.1, n_steps=10, length=2 * np.pi)
    >>> bool(np.allclose(sol.ys, np.exp(-0.2) * w0, rtol=0, atol=1e-14))
    True
    """
    options = Options(t_eval, dt, n_steps, forcing, length, method, adjoint, stride, throw)
    return solve("solve_navier_stokes", "w0", NavierStokes, 2, w0, t1, nu, options)
