"""Vector fields that are functions of the user's own."""

from collections.abc import Callable
from types import FunctionType
from typing import Literal

import numpy as np

from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._symbolic import derived_jvp, derived_vjp, derived_vjp_jvp
from tapeless._types import Integer
from tapeless_kernels.launch.user_field import Derived, UserProgram, gives_time_bar


class Field(VectorField):
    """A vector field dy/dt = f(t, y, theta) that is a Python function of one trajectory; `field` makes it.

    The function is compiled with the loop over trajectories around it. Its code, its closure and what
    it names, with their values at its first use, are the key of the compiled form on disk; a function
    that names another module than math, NumPy and operator is compiled anew in each process.

    Parameters
    ----------
    fun : callable
        ``f(t, y, theta, dy)``, which fills dy of shape (dim,) and returns nothing. It may use what Numba
        compiles without allocating: numbers, loops, conditions, functions of `math` and NumPy on numbers,
        and other such functions.
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta.
    vjp : callable or "symbolic", optional
        ``vjp(t, y, theta, dy_bar, y_bar, theta_bar)``, which fills y_bar with the product of dy_bar and
        df/dy, and adds that with df/dtheta to theta_bar; or ``"symbolic"``, to have SymPy derive it,
        which needs a `fun` without conditions on the state. Without it there are no gradients. For those
        with respect to times it takes a seventh argument, t_bar, of one entry, and fills it with the product
        of dy_bar and df/dt.
    jvp : callable or "symbolic", optional
        ``jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)``, which fills dy_dot with the derivative of dy along
        the direction (t_dot, y_dot, theta_dot); or ``"symbolic"``, as for `vjp`. Without it `Solution.jvp` raises.

    Attributes
    ----------
    dim, n_params : int
        As given.
    fun, vjp, jvp : callable
        As given.

    Raises
    ------
    TypeError
        If `fun`, `vjp` or `jvp` is not a Python function of the right number of arguments.
    ValueError
        If `dim` is not positive, or `n_params` negative.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> @tapeless.field(dim=2, n_params=1)
    ... def oscillator(t, y, theta, dy):
    ...     dy[0] = y[1]
    ...     dy[1] = -theta[0] * y[0]
    >>> sol = tapeless.solve_ode(oscillator, (0.0, 1.0), np.ones((1000, 2)), [4.0])
    >>> sol.ys.shape
    (1000, 2)
    """

    def __init__(
        self,
        fun: Callable[..., None],
        dim: Integer,
        n_params: Integer = 0,
        vjp: Callable[..., None] | Literal["symbolic"] | None = None,
        jvp: Callable[..., None] | Literal["symbolic"] | None = None,
    ) -> None:
        for name, number, least in (("dim", dim, 1), ("n_params", n_params, 0)):
            if (
                not isinstance(number, (int, np.integer))
                or isinstance(number, bool)
                or number < least
            ):
                wanted = "a positive integer" if least else "an integer of at least 0"
                raise complain(ValueError, "field", name, wanted, describe(number))
        _check_function("field", "fun", fun, "f(t, y, theta, dy)")
        second = None
        if vjp == jvp == "symbolic":
            second = Derived(derived_vjp_jvp, (fun, int(dim), int(n_params)))
        if vjp == "symbolic":
            vjp = derived_vjp(fun, int(dim), int(n_params))
        elif vjp is not None:
            _check_function("field", "vjp", vjp, "vjp(t, y, theta, dy_bar, y_bar, theta_bar)", 7)
        if jvp == "symbolic":
            jvp = derived_jvp(fun, int(dim), int(n_params))
        elif jvp is not None:
            _check_function(
                "field", "jvp", jvp, "jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)"
            )
        self.fun, self.dim, self.n_params = fun, int(dim), int(n_params)
        self.vjp: Callable[..., None] | None = vjp
        self.jvp: Callable[..., None] | None = jvp
        self.program = UserProgram(fun, vjp, self.dim, self.n_params, jvp, second=second)

    takes_own_theta = True

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The field itself, if it has no transpose."""
        return () if self.vjp else (self,)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field itself, if it has no tangent."""
        return () if self.jvp else (self,)

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The field itself, unless SymPy derives both its transpose and its tangent."""
        return () if self.program.second else (self,)

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The field itself, unless its transpose has a seventh argument."""
        return () if self.vjp and gives_time_bar(self.vjp) else (self,)

    def __repr__(self) -> str:
        name = getattr(self.fun, "__name__", "fun")
        return f"Field({name}, dim={self.dim}, n_params={self.n_params})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.program == other.program

    def __hash__(self) -> int:
        return hash(self.program)


def field(
    dim: Integer,
    n_params: Integer = 0,
    *,
    vjp: Callable[..., None] | Literal["symbolic"] | None = None,
    jvp: Callable[..., None] | Literal["symbolic"] | None = None,
) -> Callable[[Callable[..., None]], Field]:
    """Return a decorator that makes a `Field` of a Python function.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta.
    vjp : callable or "symbolic", optional
        The transpose, as in `Field`.
    jvp : callable or "symbolic", optional
        The tangent, as in `Field`.

    Returns
    -------
    callable
        Takes ``f(t, y, theta, dy)`` and returns a `Field`.

    Raises
    ------
    TypeError, ValueError
        As `Field`.
    """
    return lambda fun: Field(fun, dim, n_params, vjp, jvp)


def _check_function(
    caller: str, name: str, function: object, signature: str, most: int = 0
) -> None:
    wanted = f"a Python function {signature}"
    inner = getattr(function, "py_func", function)
    if not isinstance(inner, FunctionType):
        raise complain(TypeError, caller, name, wanted, describe(function))
    count = inner.__code__.co_argcount
    if count not in (signature.count(",") + 1, most):
        raise complain(TypeError, caller, name, wanted, f"one of {count} arguments")
