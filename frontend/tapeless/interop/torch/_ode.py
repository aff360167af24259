"""`solve_ode` for tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless import _ode
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._memory import without_adjoint
from tapeless._solution import Solution
from tapeless.interop.torch._call import alone, call_new
from tapeless.interop.torch._measures import NFE, Measure, measures_of, steps_bar, value
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback
from tapeless.interop.torch._tensors import checked

TIMES = ("t0", "t1", "t_eval")
REFUSED = {
    "time_gradients": "It is true here where times are tensors that require a gradient.",
    "reduce": "tapeless.solve_ode returns what it keeps.",
    "first_passage": "tapeless.solve_ode returns what it keeps.",
}


class OdeProblem(Problem):
    """A solve: the field, the options, and which of y0, theta and the times are tensors."""

    def __init__(
        self, field: VectorField, names: tuple[str, ...], times: dict[str, Any],
        measure: Measure | Sequence[Measure] | None, options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__()
        for name, why in REFUSED.items():
            if name in options:
                raise complain(ValueError, SOLVE, name, "left out", describe(options[name]), why)
        self.field, self.names, self.times, self.options = field, names, times, options
        self.measures = measures_of(SOLVE, measure)
        self._measured = any(m != NFE for m in self.measures)
        self._unrecorded = without_adjoint(options) | {"adjoint": None}
        self._n_bars = 1 + ("theta" in names)
        self._no_times = (None,) * sum(name in TIMES for name in names)

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.field, self.names, self.times, self.measures, self.options

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return states and what was measured."""
        given = dict(zip(self.names, arrays, strict=True))
        if True in needs:
            self._check_carried(needs)
            options, times = self.options, True in needs[1 + ("theta" in given) :]
        else:
            options, times = self._unrecorded, False
        t0, t1, t_eval = (given.get(name, self.times[name]) for name in TIMES)
        sol = _ode.solve_ode(
            self.field, (_number(t0), _number(t1)), given["y0"], given.get("theta"), t_eval=t_eval,
            measure=self._measured, time_gradients=times, **options,
        )  # fmt: skip
        found = [value(m, sol) for m in self.measures]
        outputs = [
            sol.ys,
            *(
                x if m == NFE else np.asarray(x, sol.ys.dtype)
                for m, x in zip(self.measures, found, strict=True)
            ),
        ]
        return outputs, self._pullback(sol, times) if True in needs else None

    def _pullback(self, sol: Solution, times: bool) -> Pullback:
        def pullback(bars: Sequence[Any]) -> Sequence[Any]:
            of_steps = steps_bar(self.measures, sol, bars[1:]) if self._measured else None
            if times:
                gradient = sol.vjp(bars[0], steps_bar=of_steps, times=True)._asdict()
                return [gradient[name] for name in self.names]
            return (*sol.vjp(bars[0], steps_bar=of_steps)[: self._n_bars], *self._no_times)

        return pullback

    def _check_carried(self, needs: Sequence[bool]) -> None:
        adjoint = self.options.get("adjoint", "store")
        if adjoint in (None, "forward"):
            which = ", ".join(f"`{n}`" for n, need in zip(self.names, needs, strict=True) if need)
            wanted = "left out where a gradient may be asked for"
            got = f"{adjoint!r}, and {which} that requires one"
            advice = "Detach it, or solve under torch.no_grad(), where nothing is kept."
            raise complain(ValueError, SOLVE, "adjoint", wanted, got, advice)
        if self.field.without_vjp:
            parts = ", ".join(map(str, self.field.without_vjp))
            wanted = "one whose every part has a `vjp` where a gradient may be asked for"
            advice = 'vjp="symbolic" may derive it.'
            raise complain(ValueError, SOLVE, "field", wanted, f"{parts} without one", advice)

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shapes and dtypes of states and of what was measured."""
        given = dict(zip(self.names, tensors, strict=True))
        y0, t_eval = given["y0"], given.get("t_eval", self.times["t_eval"])
        *batch, dim = y0.shape
        n_times = (
            ()
            if t_eval is None
            else (np.shape(t_eval)[-1] if "t_eval" not in given else t_eval.shape[-1],)
        )
        alone = () if self.options.get("coupled") else tuple(batch)
        of = [(tuple(batch), torch.int64) if m == NFE else (alone, y0.dtype) for m in self.measures]
        return [((*batch, *n_times, dim), y0.dtype), *of]


def _number(t: Any) -> Any:
    """Return a time as a float if it is one number, which is checked the faster for it."""
    return t.item() if isinstance(t, np.ndarray) and t.ndim == 0 else t


def problem_parts(
    field: VectorField, t_span: Any, t_eval: Any, measure: Any, options: dict[str, Any]
) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Return the arguments of an OdeProblem, and those of the times that are tensors."""
    if not isinstance(field, VectorField):
        wanted, advice = "a tapeless field", "`odeint` takes modules and functions of torch."
        raise complain(TypeError, SOLVE, "field", wanted, describe(field), advice)
    if not isinstance(t_span, (tuple, list)) or len(t_span) != 2:
        raise complain(ValueError, SOLVE, "t_span", "a pair (t0, t1)", describe(t_span))
    names, times, tensors = ["y0", "theta"] if field.n_params else ["y0"], {}, []
    for name, x in zip(TIMES, (*t_span, t_eval), strict=True):
        if isinstance(x, Tensor):
            tensors.append(checked(SOLVE, "t_eval" if name == "t_eval" else "t_span", x))
            names.append(name)
        times[name] = None if isinstance(x, Tensor) else x
    return (field, tuple(names), times, measure, options), tensors


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


def states_and_parameters(n_params: int, y0: Any, theta: Any, caller: str) -> list[Tensor]:
    """Return y0, and theta if there are so many parameters."""
    found = [checked(caller, "y0", y0)]
    return [*found, checked(caller, "theta", theta)] if n_params else found
