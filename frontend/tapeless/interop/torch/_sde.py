"""`solve_sde` for tensors."""

from typing import Any

from torch import Tensor

from tapeless._complain import complain
from tapeless._composition import VectorField
from tapeless._sde_grid import SOLVE
from tapeless.interop.torch._call import call_new
from tapeless.interop.torch._ode_problem import states_and_parameters
from tapeless.interop.torch._sde_problem import SdeProblem, as_seed, check_fields, n_params


def solve_sde(
    drift: VectorField,
    diffusion: VectorField | None,
    t_span: tuple[float, float],
    y0: Tensor,
    theta: Tensor | None = None,
    *,
    rng: Any = None,
    path: Any = None,
    **options: Any,
) -> Tensor:
    """Integrate dy = f dt + g dW for a batch of initial states, in autograd's graph.

    Parameters
    ----------
    drift, diffusion : field
        As `tapeless.solve_sde` takes them.
    t_span : tuple (t0, t1)
        Initial and final time, numbers: a Brownian path has no derivative with respect to time.
    y0 : Tensor, shape (batch, dim) or (dim,)
        Initial states, float32 or float64, on the CPU.
    theta : Tensor, shape (n_params,) or (batch, n_params), optional
        Parameters: those of the drift, then those of the diffusion.
    rng : int, Tensor, torch.Generator or numpy.random.Generator, optional
        The seed of the noise, the same as in `tapeless.solve_sde`, or what draws it; by default torch's own
        generator, which ``torch.manual_seed`` sets.
    path : BrownianPath, array or Increment, optional
        The noise itself, in place of a seed.
    **options
        The other keyword arguments of `tapeless.solve_sde`: method, n_steps, dt, t_eval, adjoint and so on.

    Returns
    -------
    Tensor, shape (batch, dim) or (batch, n_times, dim)
        The states, without the batch axis if y0 has none.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or requires a gradient that is not carried.
    SolverError
        As `tapeless.solve_sde`.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import solve_sde
    >>> drift = tapeless.fields.MLP(2, [8])
    >>> layers = [tapeless.fields.Dense(2), tapeless.fields.Activation("sigmoid")]
    >>> diffusion = tapeless.DiffusionNetwork(2, layers)
    >>> theta = torch.zeros(drift.n_params + diffusion.n_params, requires_grad=True)
    >>> ys = solve_sde(drift, diffusion, (0.0, 1.0), torch.ones(5, 2), theta, rng=0, n_steps=16)
    >>> ys.square().mean().backward()
    >>> ys.shape, theta.grad.shape
    (torch.Size([5, 2]), torch.Size([48]))
    """
    check_fields(drift, diffusion)
    for name, x in zip(
        ("t_span", "t_span", "t_eval"), (*t_span, options.get("t_eval")), strict=True
    ):
        if isinstance(x, Tensor):
            wanted = "numbers: a Brownian path has no derivative with respect to time"
            raise complain(TypeError, SOLVE, name, wanted, "a tensor", "Call its .tolist().")
    tensors = states_and_parameters(n_params(drift, diffusion), y0, theta, SOLVE)
    names = ("y0", "theta")[: len(tensors)]
    if path is None:
        names, tensors = (*names, "seed"), [*tensors, as_seed(rng)]
    else:
        options = options | {"path": path} | ({} if rng is None else {"rng": rng})
    return call_new(SdeProblem, (drift, diffusion, names, t_span, options), tensors)[0]
