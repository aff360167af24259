"""`solve_sde` for tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless import _sde
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._memory import without_adjoint
from tapeless._sde_grid import SOLVE
from tapeless.interop.torch._call import call_new
from tapeless.interop.torch._ode import states_and_parameters
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback
from tapeless.interop.torch._tensors import dense

MOST = 2**63 - 1


class SdeProblem(Problem):
    """A solve: the fields, the options, and whether the noise comes by a seed."""

    def __init__(
        self, drift: VectorField, diffusion: VectorField | None, names: tuple[str, ...], t_span: tuple[Any, Any],
        options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__()
        self.drift, self.diffusion, self.names = drift, diffusion, names
        self.t_span, self.options = t_span, options

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.drift, self.diffusion, self.names, self.t_span, self.options

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return the states."""
        given, options = dict(zip(self.names, arrays, strict=True)), self.options
        if not any(needs):
            options = without_adjoint(options) | {"adjoint": None}
        elif options.get("adjoint", "store") is None:
            wanted, advice = (
                "left out where a gradient may be asked for",
                "Solve under torch.no_grad().",
            )
            raise complain(ValueError, SOLVE, "adjoint", wanted, "None", advice)
        if "seed" in given:
            options = options | {"rng": given["seed"].item()}
        sol = _sde.solve_sde(
            self.drift, self.diffusion, self.t_span, given["y0"], given.get("theta"), **options
        )
        if not any(needs):
            return [sol.ys], None

        def pullback(bars: Sequence[Any]) -> Sequence[Any]:
            found = dict(zip(("y0", "theta"), sol.vjp(bars[0]), strict=True))
            return [found.get(name) for name in self.names]

        return [sol.ys], pullback

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shape and dtype of the states."""
        y0, t_eval = tensors[0], self.options.get("t_eval")
        *batch, dim = y0.shape
        return [
            (
                (*batch, *np.shape([] if t_eval is None else t_eval)[: t_eval is not None], dim),
                y0.dtype,
            )
        ]


def n_params(drift: Any, diffusion: Any) -> int:
    """Return how many parameters both fields have."""
    return int(drift.n_params + (0 if diffusion is None else diffusion.n_params))


def as_seed(rng: Any) -> Tensor:
    """Return the seed of a path as a tensor of one int64, drawn from torch's generator if `rng` is None."""
    if isinstance(rng, Tensor):
        dense(SOLVE, "rng", rng)
        if rng.dtype != torch.int64 or rng.ndim:
            wanted, got = (
                "a tensor of one int64",
                f"one of shape {tuple(rng.shape)} and dtype {rng.dtype}",
            )
            raise complain(TypeError, SOLVE, "rng", wanted, got)
        return rng
    if rng is None or isinstance(rng, torch.Generator):
        return torch.randint(MOST, (), generator=rng, dtype=torch.int64)
    if isinstance(rng, (int, np.integer)) and 0 <= rng <= MOST:
        return torch.full((), int(rng), dtype=torch.int64)
    if isinstance(rng, np.random.Generator):
        return torch.full((), int(rng.integers(MOST)), dtype=torch.int64)
    wanted = "a seed below 2**63, a torch.Generator, a numpy Generator or None"
    raise complain(TypeError, SOLVE, "rng", wanted, describe(rng))


def check_fields(drift: Any, diffusion: Any) -> None:
    """Complain of what has no parameters to be counted."""
    for name, field in (("drift", drift), ("diffusion", diffusion)):
        if not isinstance(field, VectorField) and not (field is None and name == "diffusion"):
            raise complain(TypeError, SOLVE, name, "a tapeless field", describe(field))


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
