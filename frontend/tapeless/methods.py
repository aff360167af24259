"""The methods and controllers there are, by name."""

import dataclasses
from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from tapeless._check_tableau import check_tableau
from tapeless._complain import complain, describe
from tapeless_kernels.controllers.step_size import CONTROLLERS, Controller
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.explicit import EXPLICIT
from tapeless_kernels.tableaus.reversible import ALF, REVERSIBLE, ReversibleMethod, paired

__all__ = ["CONTROLLERS", "EXPLICIT", "REVERSIBLE", "alf", "check_tableau", "reversible", "table"]

Method: TypeAlias = ButcherTableau | ReversibleMethod
Entry = TypeVar("Entry", ButcherTableau, Method, Controller)


def table() -> list[tuple[str, int, int | None, int, bool, str]]:
    """Return the methods as rows of text: what docs/methods.md prints.

    Returns
    -------
    list of tuple
        Name, order, order of the embedded method, evaluations a step, whether it is FSAL, reference.
    """
    every = (*EXPLICIT, *REVERSIBLE)
    return [(m.name, m.order, m.embedded_order, m.stages, m.fsal, m.reference) for m in every]


def reversible(base: str | ButcherTableau, coupling: float = 0.999) -> ReversibleMethod:
    """Make a Runge-Kutta method reversible, so that a gradient needs no more than the times of its steps.

    A second state z goes along with y. With the increment Psi of a step of the base method,
    ``y1 = coupling * y0 + (1 - coupling) * z0 + Psi(t0, z0, h)`` and ``z1 = z0 - Psi(t1, y1, -h)``, from which
    y0 and z0 can be computed again. It has the order of the base method, and takes its stages twice a step.

    Parameters
    ----------
    base : str or ButcherTableau
        An explicit Runge-Kutta method: a name of `tapeless.methods.table`, or a tableau of your own.
    coupling : float
        Above 0 and at most 1. Steps h of a decay ``y' = -a y`` are stable for ``h a`` up to about
        ``-log(coupling)``, while taking steps back divides errors by the coupling once a step.

    Returns
    -------
    ReversibleMethod
        What `solve_ode` takes as `method`, with any `adjoint`.

    Raises
    ------
    ValueError
        If no explicit Runge-Kutta method has that name, or the coupling is out of its range.

    References
    ----------
    .. [1] McCallum and Foster (2024), *Efficient, accurate and stable gradients for neural ODEs*,
       arXiv 2410.11648.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> theta, y0 = field.init(rng=0), np.ones((5, 2))
    >>> method = tapeless.reversible("tsit5")
    >>> sol = tapeless.solve_ode(field, (0, 1), y0, theta, method=method, adjoint="reversible")
    >>> y0_bar, theta_bar = sol.vjp(2 * sol.ys)
    >>> bool(sol.stats.reconstruction.max() < 1e-12)
    True
    """
    name = "reversible"
    if not isinstance(base, ButcherTableau):
        base = _named(name, "base", base, EXPLICIT)
    return paired(base, _part(name, "coupling", coupling, 0.0))


def alf(damping: float = 1.0) -> ReversibleMethod:
    """Make the asynchronous leapfrog method with damping; without any it is ``method="alf"``.

    Parameters
    ----------
    damping : float
        The eta of the paper, above 0.5 and at most 1, which stands for none. Below 1 the method is stable for some
        decay, but of order 1, and taking steps back multiplies errors by up to ``1 / (2 eta - 1)`` a step.

    Returns
    -------
    ReversibleMethod
        What `solve_ode` takes as `method`, with any `adjoint`.

    Raises
    ------
    ValueError
        If the damping is out of its range.

    References
    ----------
    .. [1] Zhuang, Dvornek, Tatikonda and Duncan (2021), *MALI: a memory efficient and reverse accurate
       integrator for neural ODEs*, arXiv 2102.04668.

    Examples
    --------
    >>> import tapeless
    >>> tapeless.methods.alf().order, tapeless.methods.alf(0.95).order
    (2, 1)
    """
    return dataclasses.replace(ALF, coupling=_part("alf", "damping", damping, 0.5))


def _part(caller: str, argument: str, value: object, least: float) -> float:
    """Return a number above `least` and at most 1."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0.0
    if isinstance(value, (bool, str)) or not least < number <= 1.0:
        wanted = f"a number above {least:g} and at most 1"
        raise complain(ValueError, caller, argument, wanted, describe(value))
    return number


def check_adjoint(caller: str, method: Method, adjoint: object) -> None:
    """Complain of an adjoint that the method cannot have.

    Parameters
    ----------
    caller : str
        The function that an error message names.
    method : ButcherTableau or ReversibleMethod
        The method.
    adjoint : str or None
        As in `solve_ode`.

    Raises
    ------
    ValueError
        If it is "reversible" and the method is not, or "backsolve" or "forward" and it is.
    """
    if adjoint in ("backsolve", "forward") and not isinstance(method, ButcherTableau):
        wanted = f"'store', 'every', 'binomial', 'reversible' or None with method={method.name!r}"
        raise complain(ValueError, caller, "adjoint", wanted, repr(adjoint))
    if isinstance(adjoint, str) and adjoint == "reversible" and isinstance(method, ButcherTableau):
        names = ", ".join(repr(m.name) for m in REVERSIBLE)
        wanted = (
            f"tapeless.reversible({method.name!r}), or one of {names}, with adjoint='reversible'"
        )
        advice = "Other methods can have adjoint='store', 'every' or 'binomial'."
        raise complain(ValueError, caller, "method", wanted, repr(method.name), advice)


def check_estimate(caller: str, method: Method, n_steps: object) -> None:
    """Complain of adaptive steps by a method without an error estimate.

    Parameters
    ----------
    caller : str
        The function that complains.
    method : ButcherTableau or ReversibleMethod
        The method.
    n_steps : int or None
        The number of equal steps; None asks for adaptive ones.

    Raises
    ------
    ValueError
        If the method cannot size its steps.
    """
    if n_steps is None and method.error is None:
        reversible = isinstance(method, ReversibleMethod)
        with_error = (t.name for t in EXPLICIT if t.error is not None)
        embedded = ", ".join(
            map("reversible({!r})".format, with_error) if reversible else with_error
        )
        raise ValueError(
            f"{caller}: `n_steps` must be given with method={method.name!r}, which has no error "
            f"estimate; adaptive methods are {embedded}."
        )


def find(caller: str, method: str | Method) -> Method:
    """Return a method by its name.

    Parameters
    ----------
    caller : str
        The function that an error message names.
    method : str, ButcherTableau or ReversibleMethod
        A name in `EXPLICIT` or `REVERSIBLE`; a method is returned as it is.

    Returns
    -------
    ButcherTableau or ReversibleMethod
        The method.

    Raises
    ------
    ValueError
        If no method has that name.
    """
    if isinstance(method, ButcherTableau | ReversibleMethod):
        return method
    every: tuple[Method, ...] = (*EXPLICIT, *REVERSIBLE)
    return _named(caller, "method", method, every)


def find_controller(caller: str, controller: str | Controller) -> Controller:
    """Return a controller by its name.

    Parameters
    ----------
    caller : str
        The function that an error message names.
    controller : str or Controller
        A name in `CONTROLLERS`; a controller is returned as it is.

    Returns
    -------
    Controller
        The controller.

    Raises
    ------
    ValueError
        If no controller has that name.
    """
    if isinstance(controller, Controller):
        return controller
    return _named(caller, "controller", controller, CONTROLLERS)


def _named(caller: str, argument: str, name: object, registry: Iterable[Entry]) -> Entry:
    for entry in registry:
        if isinstance(name, str) and entry.name == name:
            return entry
    names = ", ".join(repr(entry.name) for entry in registry)
    raise ValueError(f"{caller}: `{argument}` must be one of {names}; got {describe(name)}.")
