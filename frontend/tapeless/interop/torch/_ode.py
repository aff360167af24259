"""`solve_ode` for tensors."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tapeless._arguments import SOLVE
from tapeless._composition import VectorField
from tapeless.interop._measures import Measure
from tapeless.interop.torch._call import alone, call_new
from tapeless.interop.torch._ode_problem import OdeProblem, problem_parts, states_and_parameters


def solve_ode(
    field: VectorField,
    t_span: tuple[float | Tensor, float | Tensor],
    y0: Tensor,
    theta: Tensor | None = None,
    *,
    t_eval: Tensor | Sequence[float] | None = None,
    measure: Measure | Sequence[Measure] | None = None,
    **options: Any,
) -> Any:
    """Integrate dy/dt = f(t, y, theta) for a batch of initial states, in autograd's graph.

    Parameters
    ----------
    field : Network, Field or Sum
        The vector field, of dimension `dim`, as `tapeless.solve_ode` takes it.
    t_span : tuple (t0, t1)
        Initial and final time: numbers, or tensors, through which gradients go too.
    y0 : Tensor, shape (batch, dim) or (dim,)
        Initial states, float32 or float64, on the CPU.
    theta : Tensor, shape (n_params,) or (batch, n_params), optional
        Parameters of the field; may be left out if it has none.
    t_eval : Tensor or sequence, shape (n_times,) or (batch, n_times), optional
        Output times within `t_span`, in its direction. By default the final time only.
    measure : str, Functional, or several of them, optional
        What of the solve is returned beside the states, in this order: ``"error"``, ``"error_squared"`` and
        ``"stiffness"``, or a `tapeless.regularise.Functional`, with gradients; and ``"nfe"``, the evaluations of
        the field.
    **options
        The other keyword arguments of `tapeless.solve_ode`: method, rtol, atol, coupled, adjoint and so on.

    Returns
    -------
    Tensor, or tuple of Tensor
        The states, of shape (batch, dim), or (batch, n_times, dim) with `t_eval`, without the batch axis if y0
        has none; and with `measure` what was measured, each of shape (batch,), or () for a single trajectory and
        for functionals of a coupled solve.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or requires a gradient that is not carried.
    SolverError
        As `tapeless.solve_ode`.

    Notes
    -----
    The gradient is the discrete adjoint of `tapeless.Solution.vjp`. Nothing is kept for it under
    ``torch.no_grad()``, or if no tensor requires one. It is that of the forward pass, whatever is written to
    the tensors in between. Gradients of gradients are not carried.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import solve_ode
    >>> field = tapeless.fields.MLP(2, [16])
    >>> theta = torch.tensor(field.init(rng=0), requires_grad=True)
    >>> ys, error = solve_ode(field, (0.0, 1.0), torch.ones(5, 2, dtype=theta.dtype), theta, measure="error")
    >>> (ys.square().sum() + error.mean()).backward()
    >>> ys.shape, error.shape, theta.grad.shape
    (torch.Size([5, 2]), torch.Size([5]), torch.Size([82]))
    """
    parts, times = problem_parts(field, t_span, t_eval, measure, options)
    tensors = [*states_and_parameters(field.n_params, y0, theta, SOLVE), *times]
    return alone(call_new(OdeProblem, parts, tensors))
