"""The methods and controllers there are, by name."""

from collections.abc import Iterable
from typing import TypeVar

from tapeless._complain import describe
from tapeless_kernels.controllers.step_size import CONTROLLERS, Controller
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.explicit import EXPLICIT

__all__ = ["CONTROLLERS", "EXPLICIT", "table"]

Entry = TypeVar("Entry", ButcherTableau, Controller)


def table() -> list[tuple[str, int, int | None, int, bool, str]]:
    """Return the methods as rows of text: what docs/methods.md prints.

    Returns
    -------
    list of tuple
        Name, order, order of the embedded method, evaluations a step, whether it is FSAL, reference.
    """
    return [(m.name, m.order, m.embedded_order, m.stages, m.fsal, m.reference) for m in EXPLICIT]


def find(caller: str, method: str | ButcherTableau) -> ButcherTableau:
    """Return a method by its name.

    Parameters
    ----------
    caller : str
        The function that an error message names.
    method : str or ButcherTableau
        A name in `EXPLICIT`; a tableau is returned as it is.

    Returns
    -------
    ButcherTableau
        The method.

    Raises
    ------
    ValueError
        If no method has that name.
    """
    if isinstance(method, ButcherTableau):
        return method
    return _named(caller, "method", method, EXPLICIT)


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
