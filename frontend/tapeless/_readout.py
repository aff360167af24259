"""A linear map behind a solve: W^T y(t1) + b, with one flat theta for the field and the map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._composition import VectorField
from tapeless._objective import Evaluation, Loss, _mean_nfe
from tapeless._ode import solve_ode
from tapeless._solution import Solution

Floats = NDArray[np.floating]


class Readout:
    """The outputs W^T y(t1) + b of states, their loss and its gradient: an objective for `fit`.

    Attributes
    ----------
    field : field
        The vector field, of dimension `dim`; its parameters come first in theta.
    n_out : int
        Number of outputs: theta goes on with W (dim, n_out), row by row, and b (n_out,).
    t_span : tuple
        Initial and final time.
    loss : callable
        ``loss(outputs, target)``, as those of `tapeless.losses`.
    options : dict
        Of `solve_ode`.
    """

    def __init__(
        self,
        field: VectorField,
        n_out: int,
        loss: Loss,
        t_span: tuple[float, float] = (0.0, 1.0),
        **options: Any,
    ) -> None:
        self.field, self.n_out, self.loss = field, n_out, loss
        self.t_span, self.options = t_span, options
        self.n_params = field.n_params + (field.dim + 1) * n_out

    def init(self, rng: np.random.Generator, dtype: DTypeLike) -> Floats:
        """Return initial parameters: those of the field, normal weights and zero biases."""
        field: Any = self.field
        start = field.init(rng)
        weight = rng.standard_normal((self.field.dim, self.n_out)) / np.sqrt(self.field.dim)
        return np.concatenate([start, weight.ravel(), np.zeros(self.n_out)]).astype(dtype)

    def parts(self, theta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the field's parameters, W and b, as views of theta."""
        of_field, rest = np.split(theta, [self.field.n_params])
        weight, bias = np.split(rest, [self.field.dim * self.n_out])
        return of_field, weight.reshape(self.field.dim, self.n_out), bias

    def groups(self, theta: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Return the groups of parameters as views of theta, by name."""
        field: Any = self.field
        of_field, weight, bias = self.parts(theta)
        return {**field.unflatten(of_field), "readout.weight": weight, "readout.bias": bias}

    def solve(self, theta: NDArray[Any], y0: Floats, **options: Any) -> Solution:
        """Integrate from y0; options over those of this object."""
        of_field, _, _ = self.parts(theta)
        return solve_ode(self.field, self.t_span, y0, of_field, **self.options | options)

    def outputs(self, theta: NDArray[Any], y: Floats) -> Floats:
        """Return the outputs (batch, n_out) of states at the end (batch, dim)."""
        _, weight, bias = self.parts(theta)
        return y @ weight + bias

    def outputs_vjp(self, theta: NDArray[Any], y: Floats, out_bar: Floats) -> tuple[Floats, Floats]:
        """Return the cotangents of y, and of W and b in one flat vector."""
        _, weight, _ = self.parts(theta)
        bar = np.concatenate([(y.T @ out_bar).ravel(), out_bar.sum(axis=0)])
        return out_bar @ weight.T, bar

    def __call__(self, theta: NDArray[Any], y0: Floats, target: Any) -> Evaluation:
        """Return the loss of a batch, its gradient, and the evaluations of the field."""
        sol = self.solve(theta, y0)
        loss, ys_bar, whole_bar = self.loss_vjp(theta, sol.ys, target)
        return Evaluation(loss, self.join(sol.vjp(ys_bar)[1], whole_bar), _mean_nfe(sol))

    def field_part(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the field's parameters."""
        return theta[: self.field.n_params]

    def loss_vjp(
        self, theta: NDArray[Any], ys: Floats, target: Any
    ) -> tuple[float, Floats, Floats]:
        """Return the loss of states at the end, and its gradients in them and, by W and b, in all parameters."""
        loss, out_bar = self.loss(self.outputs(theta, ys), target)
        ys_bar, readout_bar = self.outputs_vjp(theta, ys, out_bar)
        return loss, ys_bar, self.join(np.zeros(self.field.n_params, theta.dtype), readout_bar)

    def join(self, theta_bar: Floats, whole_bar: Floats) -> Floats:
        """Return the gradient in all parameters from those through the field, and of all or of W and b alone."""
        if len(whole_bar) < self.n_params:
            return np.concatenate([theta_bar, whole_bar])
        whole_bar = whole_bar.copy()
        whole_bar[: len(theta_bar)] += theta_bar
        return whole_bar

    def predict(self, theta: NDArray[Any], y0: Floats, **options: Any) -> Floats:
        """Return the outputs of initial states, which keeps nothing for a gradient."""
        return self.outputs(theta, self.solve(theta, y0, adjoint=None, **options).ys)

    def value(self, theta: NDArray[Any], y0: Floats, target: Any) -> float:
        """Return the loss alone."""
        return float(self.loss(self.predict(theta, y0), target)[0])
