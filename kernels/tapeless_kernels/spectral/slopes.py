"""Activations of a row together with their slopes: both of gelu's take one exponential."""

from .._jit import kernel, separate
from ..activations import (
    ELU,
    GELU,
    RELU,
    SIGMOID,
    SILU,
    SIN,
    SOFTPLUS,
    TANH,
    activate_in_place,
)
from ..elementary import (
    cos,
    elu,
    elu_derivative,
    gelu,
    gelu_derivative,
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


@separate
def activate_row(code, x, y):
    """y = act(x) of a row, of the activation with this code; of one with the code -code, and then x = act'(x)."""
    if code > 0:
        for i in range(len(x)):
            y[i] = x[i]
        activate_in_place(code, y, 0, len(x))
    else:
        with_slopes(-code, x, y)


@kernel
def with_slopes(code, x, y):
    """y = act(x), then x = act'(x)."""
    n = len(x)
    if code == TANH:
        for i in range(n):
            y[i] = tanh(x[i])
            x[i] = tanh_derivative(y[i])
    elif code == SOFTPLUS:
        for i in range(n):
            y[i] = softplus(x[i])
            x[i] = softplus_derivative(y[i])
    elif code == SILU:
        for i in range(n):
            y[i] = silu(x[i])
            x[i] = silu_derivative(x[i])
    elif code == RELU:
        for i in range(n):
            y[i] = relu(x[i])
            x[i] = relu_derivative(y[i])
    elif code == SIGMOID:
        for i in range(n):
            y[i] = sigmoid(x[i])
            x[i] = sigmoid_derivative(y[i])
    elif code == SIN:
        for i in range(n):
            y[i] = sin(x[i])
            x[i] = cos(x[i])
    elif code == ELU:
        for i in range(n):
            y[i] = elu(x[i])
            x[i] = elu_derivative(y[i])
    elif code == GELU:
        for i in range(n):
            value = x[i]
            y[i] = gelu(value)
            x[i] = gelu_derivative(value)
