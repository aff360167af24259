"""What solve_ivp returns: SciPy's fields, and statistics."""

from typing import Any, NamedTuple


class IvpStats(NamedTuple):
    """What happened in a solve.

    Attributes
    ----------
    nfe : int
        Evaluations of the right-hand side.
    accepted, rejected : int
        Steps that were taken, and steps that were tried and made shorter.
    looks_stiff : bool
        Whether the bound of stability, not accuracy, limited many steps.
    advice : str
        What to try, if anything; else empty.
    """

    nfe: int
    accepted: int
    rejected: int
    looks_stiff: bool
    advice: str


class OdeResult(dict[str, Any]):
    """A dictionary whose entries are attributes too, with the fields of SciPy's `solve_ivp`.

    Attributes
    ----------
    t : ndarray, shape (n_points,)
        Times.
    y : ndarray, shape (n, n_points)
        States at `t`.
    sol : OdeSolution or None
        The solution as a function of time, if `dense_output` was asked for.
    t_events, y_events : list of ndarray, or None
        Times and states of each event.
    nfev, njev, nlu : int
        Evaluations of the right-hand side; of its Jacobian, and decompositions, for SciPy's solvers.
    status : int
        0: the end of the span was reached; 1: an event ended the solve; -1: it failed.
    message : str
        What happened: for a failure where, why, and what to try.
    success : bool
        Whether `status` is not negative.
    stats : IvpStats or None
        Statistics; None if SciPy solved.
    backend : str
        ``"tapeless"``, or ``"scipy"`` where a solver of SciPy's was asked for.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        indent = "\n" + " " * (width + 2)
        return "\n".join(
            f"{name:>{width}}: {indent.join(repr(value).splitlines())}"
            for name, value in self.items()
        )
