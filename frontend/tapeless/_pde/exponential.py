"""Steps of u' = L u + N(u) with a diagonal L and any N, and their transposes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._pde.factors import Array, Coefficients
from tapeless._pde.numbers import as_number
from tapeless._pde.stepping import Evaluate, Factors, Room, step, step_vjp
from tapeless._types import ArrayInput

Nonlinear: TypeAlias = Callable[[Array], Array]


@takes_arrays
def exponential_step(coefficients: Coefficients, u: ArrayInput, nonlinear: Nonlinear) -> Array:
    """Return u after one step of u' = L u + N(u).

    Parameters
    ----------
    coefficients : Coefficients
        Of `etdrk4_coefficients` or `ifrk4_coefficients`.
    u : array, shape (..., *shape of L)
        The state, real or complex.
    nonlinear : callable
        N: takes a state, which it must not change, and returns an array of its shape.

    Returns
    -------
    ndarray, shape of `u`
        The state a step later.

    Raises
    ------
    TypeError
        If `u` is no array of numbers.
    ValueError
        If its last axes are not those of L, or `nonlinear` returns another shape.

    Examples
    --------
    u' = -u + sin(u), with a step of 1/10:

    >>> import numpy as np
    >>> from tapeless import pde
    >>> c = pde.etdrk4_coefficients([-1.0], 0.1)
    >>> pde.exponential_step(c, [1.0], np.sin).round(8)
    array([0.98450259])
    """
    caller = "exponential_step"
    c, state = _state(caller, coefficients, u)
    room = Room.like(state)
    step(c, state, _evaluate(caller, "nonlinear", nonlinear), room)
    return room.next


@takes_arrays
def exponential_step_vjp(
    coefficients: Coefficients, u: ArrayInput, nonlinear: Nonlinear,
    nonlinear_vjp: Callable[[Array, Array], Array], u_bar: ArrayInput,
) -> Array:  # fmt: skip
    """Return the cotangent of u from that of `exponential_step`.

    Parameters
    ----------
    coefficients : Coefficients
        Of the step.
    u : array, shape (..., *shape of L)
        The state before the step.
    nonlinear : callable
        N, as in `exponential_step`.
    nonlinear_vjp : callable
        Takes a state and the cotangent of N there, and returns that of the state.
    u_bar : array, shape of `u`
        The cotangent of the state after the step; of complex ones it is dL/dRe + i dL/dIm.

    Returns
    -------
    ndarray, shape of `u`
        The cotangent of the state before the step.

    Raises
    ------
    TypeError
        If an array is no array of numbers.
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import pde
    >>> c = pde.etdrk4_coefficients([-1.0], 0.1)
    >>> pde.exponential_step_vjp(c, [1.0], np.sin, lambda u, bar: np.cos(u) * bar, [1.0]).round(8)
    array([0.95569637])
    """
    caller = "exponential_step_vjp"
    c, state = _state(caller, coefficients, u)
    bar = as_number(caller, "u_bar", u_bar)
    if bar.shape != state.shape:
        wanted = f"of the shape of `u`, {state.shape}"
        raise complain(ValueError, caller, "u_bar", wanted, describe(bar))
    room, bars = Room.like(state), Room.like(state)
    step(c, state, _evaluate(caller, "nonlinear", nonlinear), room, end=False)
    stages = (state, *room.z)

    def pull(stage: int, n_bar: Array, z_bar: Array) -> None:
        _put(caller, "nonlinear_vjp", z_bar, nonlinear_vjp(stages[stage], n_bar))

    conjugates = Factors(*(np.conj(factor) for factor in c if factor is not None))
    step_vjp(conjugates, np.array(bar, state.dtype), pull, bars)
    return bars.next


def _state(caller: str, coefficients: Coefficients, u: ArrayInput) -> tuple[Factors, Array]:
    """Return factors and a state of one precision, both complex if a factor is."""
    if not isinstance(coefficients, Coefficients):
        wanted = "what etdrk4_coefficients or ifrk4_coefficients returns"
        raise complain(TypeError, caller, "coefficients", wanted, describe(coefficients))
    state, shape = as_number(caller, "u", u), coefficients.half.shape
    if state.ndim < len(shape) or state.shape[state.ndim - len(shape) :] != shape:
        wanted = f"of shape (..., {', '.join(map(str, shape))}), as L is"
        raise complain(ValueError, caller, "u", wanted, describe(state))
    real = state.real.dtype
    is_complex = coefficients.half.dtype.kind == "c"
    of_factors = np.result_type(real, np.complex64) if is_complex else real
    state = state.astype(np.result_type(state, of_factors), copy=False)
    return Factors(*(c.astype(of_factors, copy=False) for c in coefficients)), state


def _evaluate(caller: str, name: str, function: Nonlinear) -> Evaluate:
    def evaluate(stage: int, z: Array, out: Array) -> None:
        _put(caller, name, out, function(z))

    return evaluate


def _put(caller: str, name: str, out: Array, value: Any) -> None:
    value = as_number(caller, name, value)
    if value.shape != out.shape or (value.dtype.kind == "c" and out.dtype.kind != "c"):
        kind = "complex or real" if out.dtype.kind == "c" else "real"
        wanted = f"a function that returns {kind} arrays of shape {out.shape}"
        raise complain(ValueError, caller, name, wanted, describe(value))
    out[...] = value
