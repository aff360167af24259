"""`odeint`: the call that users of torch know, for modules of torch and for fields of tapeless."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tapeless import methods
from tapeless._complain import complain, describe
from tapeless.interop.torch._call import call, call_new
from tapeless.interop.torch._measures import Measure
from tapeless.interop.torch._module_field import CALLER, ModuleField, States
from tapeless.interop.torch._modules import VectorField
from tapeless.interop.torch._ode import OdeProblem, problem_parts
from tapeless.interop.torch._problem import Arrays, Pullback
from tapeless.interop.torch._tensors import checked
from tapeless_kernels.launch.cpu import FieldError

# Where the names that users bring along differ from ours.
ALIASES = {"rk4": "rk4_38", "heun2": "heun21", "dopri8": "dop853", "fehlberg2": "rkf45"}
OPTIONS = {"first_step": "first_step", "max_num_steps": "max_steps"}  # ours by theirs


class ModuleProblem(OdeProblem):
    """A solve whose field is called back; what it raises is raised here."""

    field: ModuleField

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return states and what was measured."""
        outputs, pullback = self._through(lambda: OdeProblem.forward(self, arrays, needs))
        if pullback is None:
            return outputs, None
        return outputs, lambda bars: self._through(lambda: pullback(bars))

    def _through(self, run: Callable[[], Any]) -> Any:
        try:
            return run()
        except FieldError as error:
            raised, self.field.program.error = self.field.program.error, None
            raise (raised or error) from None


def odeint(
    func: Callable[..., Any],
    y0: Tensor | tuple[Tensor, ...],
    t: Tensor,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str = "dopri5",
    options: dict[str, Any] | None = None,
    measure: Measure | Sequence[Measure] | None = None,
    **more: Any,
) -> Any:
    """Integrate dy/dt = func(t, y) from t[0] through the times t, all of y0 with one step size.

    Parameters
    ----------
    func : VectorField, Module or callable
        A `VectorField` is solved by compiled code all through. Any other module or function of (t, y), which
        returns dy/dt of the shape of y, is called back at each stage, and differentiated there by torch: a slow path,
        for fields that tapeless does not have.
    y0 : Tensor of any shape, or tuple of Tensor
        The initial state, float32 or float64, on the CPU. For a `VectorField` of shape (batch, dim) or (dim,).
    t : Tensor, shape (n_times,)
        Times, ascending or descending; gradients go through them too.
    rtol, atol : float
        Tolerances. They are smaller than those of `solve_ode`.
    method : str
        One of `tapeless.methods.table`; "rk4" is the 3/8 rule here, as in torchdiffeq. Without an error estimate
        or a step_size it takes one step from each time to the next.
    options : dict, optional
        Of "step_size", for equal steps, "first_step" and "max_num_steps".
    measure : str, Functional, or several of them, optional
        What is returned beside the states, as of `solve_ode`.
    **more
        Other keyword arguments of `tapeless.solve_ode`, say controller or adjoint.

    Returns
    -------
    Tensor of shape (n_times, *y0.shape), or tuple of such
        The states at the times, of which the first is y0; with `measure` a tuple of these and what was measured.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or `func` hides tensors that require gradients. What `func` raises
        comes through.
    SolverError
        If the solve fails.

    Examples
    --------
    >>> import torch
    >>> from tapeless.interop.torch import odeint
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    >>> ys = odeint(lambda t, y: -y, torch.ones(5, 2), torch.tensor([0.0, 1.0]))
    >>> ys.shape, round(ys[-1, 0, 0].item(), 6)
    (torch.Size([2, 5, 2]), 0.367879)
    """
    if not callable(func):
        wanted = "a module or a function of (t, y)"
        raise complain(TypeError, CALLER, "func", wanted, describe(func))
    t = (
        checked(CALLER, "t", t)
        if not isinstance(t, Tensor) or t.is_floating_point()
        else t.double()
    )
    if t.ndim != 1 or len(t) == 0:
        wanted, got = (
            "of shape (n_times,), with n_times at least 1",
            f"one of shape {tuple(t.shape)}",
        )
        raise complain(ValueError, CALLER, "t", wanted, got)
    several = isinstance(y0, (tuple, list))
    parts = [checked(CALLER, "y0", y) for y in (y0 if several else (y0,))]  # type: ignore[union-attr]
    if len({y.dtype for y in parts}) != 1:
        raise complain(TypeError, CALLER, "y0", "of one dtype", str([y.dtype for y in parts]))
    ends, t_eval = (t[0], t[-1]), t
    if not t.requires_grad:
        ends, t_eval = (t[0].item(), t[-1].item()), t.numpy()
    given = (
        _options(t.detach(), method, options) | {"rtol": rtol, "atol": atol, "coupled": True} | more
    )
    if isinstance(func, VectorField):
        of_field, times = problem_parts(func.field, ends, t_eval, measure, given)
        own = [func.theta] if func.field.n_params else []
        ys, *measured = call_new(OdeProblem, of_field, [*parts, *own, *times])
        ys = ys.movedim(-2, 0)
    else:
        states = States(tuple(parts) if several else parts[0])
        vector, field = (
            states.join(tuple(parts) if several else parts[0]),
            ModuleField(func, states),
        )
        theta = field.theta()
        if theta is not None and theta.dtype != vector.dtype:
            wanted, got = (
                f"of the dtype of func's parameters, {theta.dtype}",
                f"one of {vector.dtype}",
            )
            raise complain(TypeError, CALLER, "y0", wanted, got)
        if torch.is_grad_enabled():
            field.check(t[0].item(), vector, theta)
        of_field, times = problem_parts(field, ends, t_eval, measure, given | {"threads": 1})
        own = [] if theta is None else [theta]
        ys, *measured = call(ModuleProblem(*of_field), [vector, *own, *times])
        ys = states.split(ys)
    return (ys, *measured) if measured else ys


def _options(t: Tensor, method: Any, options: dict[str, Any] | None) -> dict[str, Any]:
    """Return our options for a method and options as torchdiffeq has them."""
    found = methods.find(CALLER, ALIASES.get(method, method) if isinstance(method, str) else method)
    given: dict[str, Any] = {"method": found}
    for name, value in (options or {}).items():
        if name == "step_size":
            length = abs(float(t[-1]) - float(t[0]))
            if not value > 0:
                raise complain(
                    ValueError, CALLER, "options", "with a positive step_size", describe(value)
                )
            # A last step that rounding alone asks for is none.
            given["n_steps"] = max(1, math.ceil(length / value * (1 - 1e-6)))
        elif name in OPTIONS:
            given[OPTIONS[name]] = value
        else:
            wanted = f"a dict of {', '.join(['step_size', *OPTIONS])}"
            raise complain(ValueError, CALLER, "options", wanted, f"one with {name!r}")
    if getattr(getattr(found, "base", found), "error", None) is None:
        given.setdefault("n_steps", 1)  # as long as the span, and shortened to end on each time
    return given | ({"interpolate": False} if "n_steps" in given else {})
