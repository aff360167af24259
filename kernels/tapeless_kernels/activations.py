"""Activations on flat arrays, and their derivatives: one dispatch, then a loop that vectorises."""

from typing import NamedTuple

from ._jit import kernel
from .curvatures import (
    bindings,
    elu_curvature,
    gelu_curvature,
    sigmoid_curvature,
    silu_curvature,
    sin_curvature,
    softplus_curvature,
    tanh_curvature,
)
from .elementary import (
    cos,
    elu,
    elu_derivative,
    gelu,
    gelu_derivative,
    power,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    silu,
    silu_derivative,
    sin,
    softplus,
    softplus_derivative,
    tanh,
    tanh_derivative,
)
from .ieee import fma

__all__ = ["ACTIVATIONS", "KEEPS_OUTPUT", "Activation", "bindings", "power"]

IDENTITY, TANH, SOFTPLUS, SILU, RELU, SIGMOID, SIN, ELU, GELU = range(9)


@kernel
def activate(kind, x, at, out, out_at, n):
    """out[out_at + i] = act(x[at + i]) for i < n.

    Copying first costs 0.05 ns a number (float32) and halves the code to compile.
    """
    source, target = x[at : at + n], out[out_at : out_at + n]
    for i in range(n):
        target[i] = source[i]
    activate_in_place(kind, out, out_at, n)


@kernel
def activate_in_place(kind, x, at, n):
    """x[at + i] = act(x[at + i]) for i < n; with one array there are no aliases to check."""
    values = x[at : at + n]
    if kind == TANH:
        tanh_in_place(values)
    elif kind == SOFTPLUS:
        for i in range(n):
            values[i] = softplus(values[i])
    elif kind == SILU:
        for i in range(n):
            values[i] = silu(values[i])
    elif kind == RELU:
        for i in range(n):
            values[i] = relu(values[i])
    elif kind == SIGMOID:
        for i in range(n):
            values[i] = sigmoid(values[i])
    elif kind == SIN:
        for i in range(n):
            values[i] = sin(values[i])
    elif kind == ELU:
        for i in range(n):
            values[i] = elu(values[i])
    elif kind == GELU:
        for i in range(n):
            values[i] = gelu(values[i])


@kernel
def tanh_in_place(x):
    """x = tanh(x), four quarters side by side: their fma chains overlap, which saves 30 %."""
    quarter = len(x) // 4 if len(x) >= 256 else 0
    a, b, c, d = (
        x[:quarter],
        x[quarter : 2 * quarter],
        x[2 * quarter : 3 * quarter],
        x[3 * quarter : 4 * quarter],
    )
    for i in range(quarter):
        tanh_a, tanh_b, tanh_c, tanh_d = tanh(a[i]), tanh(b[i]), tanh(c[i]), tanh(d[i])
        a[i], b[i], c[i], d[i] = tanh_a, tanh_b, tanh_c, tanh_d
    rest = x[4 * quarter :]
    for i in range(len(rest)):
        rest[i] = tanh(rest[i])


@kernel
def activate_vjp(kind, value, value_at, bar, bar_at, n):
    """bar[bar_at + i] *= act' for i < n; value is its output or input, as KEEPS_OUTPUT says."""
    values, bars = value[value_at : value_at + n], bar[bar_at : bar_at + n]
    if kind == TANH:
        for i in range(n):
            bars[i] *= tanh_derivative(values[i])
    elif kind == SOFTPLUS:
        for i in range(n):
            bars[i] *= softplus_derivative(values[i])
    elif kind == SILU:
        for i in range(n):
            bars[i] *= silu_derivative(values[i])
    elif kind == RELU:
        for i in range(n):
            bars[i] *= relu_derivative(values[i])
    elif kind == SIGMOID:
        for i in range(n):
            bars[i] *= sigmoid_derivative(values[i])
    elif kind == SIN:
        for i in range(n):
            bars[i] *= cos(values[i])
    elif kind == ELU:
        for i in range(n):
            bars[i] *= elu_derivative(values[i])
    elif kind == GELU:
        for i in range(n):
            bars[i] *= gelu_derivative(values[i])


@kernel
def activate_vjp_jvp(kind, value, dot, at, bar, bar_dot, bar_at, n):
    """The tangent of `activate_vjp`: bar_dot = act' bar_dot + act'' dot bar, then bar *= act', at bar_at.

    `dot` is the tangent of `value`, both at `at`.
    """
    values, dots = value[at : at + n], dot[at : at + n]
    bars, bar_dots = bar[bar_at : bar_at + n], bar_dot[bar_at : bar_at + n]
    if kind == TANH:
        for i in range(n):
            slope, curve = tanh_derivative(values[i]), tanh_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == SOFTPLUS:
        for i in range(n):
            slope, curve = softplus_derivative(values[i]), softplus_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == SILU:
        for i in range(n):
            slope, curve = silu_derivative(values[i]), silu_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == RELU:
        for i in range(n):
            slope = relu_derivative(values[i])
            bar_dots[i] *= slope
            bars[i] *= slope
    elif kind == SIGMOID:
        for i in range(n):
            slope, curve = sigmoid_derivative(values[i]), sigmoid_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == SIN:
        for i in range(n):
            slope, curve = cos(values[i]), sin_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == ELU:
        for i in range(n):
            slope, curve = elu_derivative(values[i]), elu_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope
    elif kind == GELU:
        for i in range(n):
            slope, curve = gelu_derivative(values[i]), gelu_curvature(values[i])
            bar_dots[i] = fma(slope, bar_dots[i], curve * dots[i] * bars[i])
            bars[i] *= slope


class Activation(NamedTuple):
    """An elementwise function, by the name of its kernel and by its code in a network program."""

    name: str
    code: int
    keeps_output: bool  # whether its derivative is a function of the output; else, of the input
    derivative: str | None  # the name of that kernel; None where it is 1
    curvature: (
        str | None
    )  # that of the second derivative's, a function of the same; None where it is 0


ACTIVATIONS = (
    Activation("identity", IDENTITY, keeps_output=True, derivative=None, curvature=None),
    Activation(
        "tanh", TANH, keeps_output=True, derivative="tanh_derivative", curvature="tanh_curvature"
    ),
    Activation(
        "softplus",
        SOFTPLUS,
        keeps_output=True,
        derivative="softplus_derivative",
        curvature="softplus_curvature",
    ),
    Activation(
        "silu", SILU, keeps_output=False, derivative="silu_derivative", curvature="silu_curvature"
    ),
    Activation("relu", RELU, keeps_output=True, derivative="relu_derivative", curvature=None),
    Activation(
        "sigmoid",
        SIGMOID,
        keeps_output=True,
        derivative="sigmoid_derivative",
        curvature="sigmoid_curvature",
    ),
    Activation("sin", SIN, keeps_output=False, derivative="cos", curvature="sin_curvature"),
    Activation(
        "elu", ELU, keeps_output=True, derivative="elu_derivative", curvature="elu_curvature"
    ),
    Activation(
        "gelu", GELU, keeps_output=False, derivative="gelu_derivative", curvature="gelu_curvature"
    ),
)
KEEPS_OUTPUT = tuple(activation.keeps_output for activation in ACTIVATIONS)  # by code
