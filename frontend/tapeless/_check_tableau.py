"""Tables of coefficients as papers print them, made methods whose order is checked."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from tapeless._complain import complain, describe
from tapeless_kernels.tableaus.butcher import DECIMAL_TOLERANCE, ButcherTableau, butcher
from tapeless_kernels.tableaus.order_conditions import condition_sum, first_missed

Row: TypeAlias = str | Sequence[str | float | Fraction]  # "1/2 0 1", or its entries


def check_tableau(
    name: str,
    order: int,
    a: Sequence[Row],
    b: Row,
    *,
    c: Row | None = None,
    embedded: Row | None = None,
    error: Row | None = None,
    embedded_order: int | None = None,
    lower: Row | None = None,
    lower_order: int | None = None,
    stability_pair: tuple[int, int] | None = None,
    stability_size: float | None = None,
    reference: str = "",
) -> ButcherTableau:
    """Make a method from the table that a paper prints, and check that it has the orders it should have.

    A row is a sequence of coefficients, or a string with blanks between them. A coefficient is an
    int, a Fraction, a float or a string: ``"44/45"``, or a decimal, which stands for its digits.

    Parameters
    ----------
    name : str
        What error messages shall call it.
    order : int
        Order of the solution, from 1 to 10.
    a : sequence of rows
        The strictly lower triangle, with or without row 0, which is empty. A last row that repeats
        `b`, as tables of FSAL methods have, is recognised.
    b : row
        Weights of the solution.
    c : row, optional
        Nodes, which must be the row sums of `a`; by default they are computed.
    embedded, error : row, optional
        Weights of the embedded method, or those of the error estimate, `b` less them. The weight of
        the slope at the end of the step, if any, comes last. One of the two at most.
    embedded_order : int, optional
        Order of the embedded method; needed with `embedded` or `error`.
    lower : row, optional
        Weights of a second embedded method, whose error estimate steadies the first as in DOP853.
    lower_order : int, optional
        Its order; needed with `lower`.
    stability_pair : tuple of int, optional
        Two stages at the same node, which estimate the stiffness.
    stability_size : float, optional
        The method is stable for real h times eigenvalue in [-stability_size, 0].
    reference : str
        Where the coefficients are printed.

    Returns
    -------
    ButcherTableau
        What `solve_ode` takes as `method`.

    Raises
    ------
    ValueError
        If this is no explicit Runge-Kutta method, or misses an order condition: the message says
        which row or condition, what it gives, and what it should.

    References
    ----------
    .. [1] Hairer, Norsett and Wanner, *Solving Ordinary Differential Equations I*, 2nd ed.,
       Springer (1993), II.2.

    Examples
    --------
    >>> import tapeless
    >>> tapeless.check_tableau("ssp3", 3, ["1", "1/4 1/4"], "1/6 1/6 2/3").stages
    3
    >>> tapeless.check_tableau("ssp3", 3, ["1", "1/4 1/4"], "1/6 2/3 1/6")
    Traceback (most recent call last):
      ...
    ValueError: check_tableau: 'ssp3' is not of order 3: the condition sum b_i c_i = 1/2 fails, ...
    """
    try:
        tableau = butcher(
            name, order, a, b, c=c, embedded=embedded, error=error, embedded_order=embedded_order,
            lower=lower, lower_order=lower_order, stability_pair=stability_pair,
            stability_size=stability_size, reference=reference,
        )  # fmt: skip
    except ValueError as reason:
        raise ValueError(f"{reason}.".replace("butcher: ", "check_tableau: ", 1)) from None
    solution = (tableau.a[:-1], tableau.b, tableau.c[:-1])
    _check_order(tableau, "", "order", order, solution)
    if tableau.embedded is not None:
        pair = (tableau.a, tableau.embedded, tableau.c)
        _check_order(tableau, "the embedded method of ", "embedded_order", embedded_order, pair)
    if tableau.lower_error is not None:
        weights = [b - e for b, e in zip((*tableau.b, 0), tableau.lower_error, strict=True)]
        pair = (tableau.a, weights, tableau.c)
        _check_order(tableau, "the second embedded method of ", "lower_order", lower_order, pair)
    return tableau


def _check_order(
    tableau: ButcherTableau,
    which: str,
    argument: str,
    order: object,
    solution: tuple[Any, Any, Any],
) -> None:
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= 10:
        wanted = "an integer from 1 to 10"
        raise complain(ValueError, "check_tableau", argument, wanted, describe(order))
    tolerance = 0 if tableau.exact else DECIMAL_TOLERANCE
    missed = first_missed(*solution, order, tolerance)
    if missed is not None:
        tree, found, wanted = missed
        shown = str(found) if tableau.exact and len(str(found)) < 30 else f"{float(found):.15g}"
        raise ValueError(
            f"check_tableau: {which}{tableau.name!r} is not of order {order}: the condition "
            f"{condition_sum(tree)} = {wanted} fails, the sum is {shown}. Compare the coefficients "
            f"with their source, or lower `{argument}`."
        )
