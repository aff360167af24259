"""The diffusion of a stochastic differential equation as a function of your own."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from tapeless._check import one_of
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._field import _check_function
from tapeless._symbolic import derived_jvp, derived_vjp, derived_vjp_jvp
from tapeless._types import Integer
from tapeless_kernels.launch.user_field import Derived, UserProgram, gives_time_bar
from tapeless_kernels.tableaus.stochastic import NOISES

Noise = Literal["additive", "scalar", "diagonal", "commutative", "diagonal-general", "general"]
MATRICES = ("additive", "scalar", "commutative", "general")
VECTORS = ("additive", "diagonal", "diagonal-general")
SECOND = "t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot"  # what `vjp_jvp` is given


class Diffusion(VectorField):
    r"""The diffusion g of :math:`dy = f\,dt + g\,dW` as a Python function of one trajectory; `diffusion` makes it.

    Parameters
    ----------
    fun : callable
        ``g(t, y, theta, dg)``, which fills dg: of shape (dim,), if each component has a channel of noise of its own,
        or else of shape (dim, channels). It is compiled as that of a `Field` is.
    dim : int
        Number of entries of the state.
    channels : int, optional
        Number of channels of noise that a matrix mixes; None: one for each component, and dg is a vector.
    n_params : int
        Length of its part of theta.
    noise : str, optional
        What g is: ``"additive"``, not a function of y; ``"scalar"``, of one channel; ``"diagonal"``, g_i of y_i alone;
        ``"diagonal-general"``, of a channel for each component but any function of y; ``"commutative"``, a matrix whose
        columns' derivatives along each other agree; ``"general"``. By default `solve_sde` finds out.
    vjp : callable or "symbolic", optional
        ``vjp(t, y, theta, dg_bar, y_bar, theta_bar)``, as that of a `Field`; dg_bar has the shape of dg.
    jvp : callable or "symbolic", optional
        ``jvp(t, y, theta, t_dot, y_dot, theta_dot, dg_dot)``, as that of a `Field`; Milstein's method asks for it, and
        ``convert=True``.
    vjp_jvp : callable or "symbolic", optional
        ``vjp_jvp(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot)``, the derivative of `vjp` along y_dot at
        a fixed dg_bar: it fills y_bar as `vjp` does and y_bar_dot with the derivative of y_bar, and adds that of what
        `vjp` adds to theta_bar to theta_bar_dot. Gradients through what calls `jvp` ask for it. Where both `vjp` and
        `jvp` are ``"symbolic"`` it is derived too, when it is first asked for. `tapeless.testing.check_vjp_jvp` checks
        one.

    Attributes
    ----------
    dim, n_params : int
        As given.
    channels : int
        Number of channels of noise.
    mixes : bool
        Whether g is a matrix.
    noise : str or None
        As given.

    Raises
    ------
    TypeError
        If a function is not a Python function of the right number of arguments.
    ValueError
        If a number is not positive, or `noise` does not go with `channels`.

    Examples
    --------
    >>> import tapeless
    >>> @tapeless.diffusion(dim=2, n_params=1, noise="diagonal", vjp="symbolic")
    ... def g(t, y, theta, dg):
    ...     dg[0] = theta[0] * y[0]
    ...     dg[1] = theta[0] * y[1]
    >>> g.channels
    2
    """

    takes_own_theta = True

    def __init__(
        self, fun: Callable[..., None], dim: Integer, channels: Integer | None = None, n_params: Integer = 0,
        noise: Noise | None = None, vjp: Callable[..., None] | Literal["symbolic"] | None = None,
        jvp: Callable[..., None] | Literal["symbolic"] | None = None,
        vjp_jvp: Callable[..., None] | Literal["symbolic"] | None = None,
    ) -> None:  # fmt: skip
        self.dim, self.channels, self.mixes, self.noise = _sizes("diffusion", dim, channels, noise)
        self.n_params = _whole("diffusion", "n_params", n_params, 0)
        columns = self.channels if self.mixes else 0
        _check_function("diffusion", "fun", fun, "g(t, y, theta, dg)")
        second: Any = vjp_jvp
        if vjp_jvp == "symbolic":
            second = derived_vjp_jvp(fun, self.dim, self.n_params, columns)
        elif vjp_jvp is not None:
            _check_function("diffusion", "vjp_jvp", vjp_jvp, f"vjp_jvp({SECOND})")
        elif vjp == jvp == "symbolic":
            second = Derived(derived_vjp_jvp, (fun, self.dim, self.n_params, columns))
        if vjp == "symbolic":
            vjp = derived_vjp(fun, self.dim, self.n_params, columns)
        elif vjp is not None:
            _check_function(
                "diffusion", "vjp", vjp, "vjp(t, y, theta, dg_bar, y_bar, theta_bar)", 7
            )
        if jvp == "symbolic":
            jvp = derived_jvp(fun, self.dim, self.n_params, columns)
        elif jvp is not None:
            _check_function(
                "diffusion", "jvp", jvp, "jvp(t, y, theta, t_dot, y_dot, theta_dot, dg_dot)"
            )
        self.fun, self.vjp, self.jvp = fun, vjp, jvp
        self.program = UserProgram(fun, vjp, self.dim, self.n_params, jvp, columns, second=second)

    @property
    def vjp_jvp(self) -> Callable[..., None] | None:
        """The derivative of the transpose along a direction of y, if there is one."""
        return self.program.vjp_jvp

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The diffusion itself, if it has no transpose."""
        return () if self.vjp else (self,)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The diffusion itself, if it has no tangent."""
        return () if self.jvp else (self,)

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The diffusion itself, unless its transpose gives the cotangent of time too."""
        return () if self.vjp and gives_time_bar(self.vjp) else (self,)

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The diffusion itself, if its transpose has no derivative."""
        return () if self.program.second else (self,)

    def __repr__(self) -> str:
        name = getattr(self.fun, "__name__", "fun")
        channels = f", channels={self.channels}" if self.mixes else ""
        return f"Diffusion({name}, dim={self.dim}{channels}, n_params={self.n_params})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Diffusion):
            return False
        return self.program == other.program and self.noise == other.noise

    def __hash__(self) -> int:
        return hash((self.program, self.noise))


def diffusion(
    dim: Integer,
    channels: Integer | None = None,
    n_params: Integer = 0,
    *,
    noise: Noise | None = None,
    vjp: Callable[..., None] | Literal["symbolic"] | None = None,
    jvp: Callable[..., None] | Literal["symbolic"] | None = None,
    vjp_jvp: Callable[..., None] | Literal["symbolic"] | None = None,
) -> Callable[[Callable[..., None]], Diffusion]:
    """Return a decorator that makes a `Diffusion` of a Python function.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    channels : int, optional
        Number of channels of noise, if the function fills a matrix (dim, channels).
    n_params : int
        Length of its part of theta.
    noise : str, optional
        What it is, as in `Diffusion`.
    vjp, jvp, vjp_jvp : callable or "symbolic", optional
        Its transpose, its tangent and that of its transpose, as in `Diffusion`.

    Returns
    -------
    callable
        Takes ``g(t, y, theta, dg)`` and returns a `Diffusion`.

    Raises
    ------
    TypeError, ValueError
        As `Diffusion`.
    """
    return lambda fun: Diffusion(fun, dim, channels, n_params, noise, vjp, jvp, vjp_jvp)


def _whole(caller, name, x, least):
    """Return x as an int of at least `least`."""
    if not isinstance(x, (int, np.integer)) or isinstance(x, bool) or x < least:
        wanted = "a positive integer" if least else "an integer of at least 0"
        raise complain(ValueError, caller, name, wanted, describe(x))
    return int(x)


def _sizes(caller, dim, channels, noise):
    """Return dim, the number of channels, whether they are mixed, and what the noise is."""
    dim, mixes = _whole(caller, "dim", dim, 1), channels is not None
    channels = _whole(caller, "channels", channels, 1) if mixes else dim
    if noise is not None:
        one_of(caller, "noise", noise, NOISES)
        if noise not in (MATRICES if mixes else VECTORS) and not (dim == 1 == channels):
            shape = "a matrix" if mixes else "a vector, a channel for each component"
            listed = ", ".join(MATRICES if mixes else VECTORS)
            got = f"{noise!r} with channels={channels if mixes else None}"
            raise complain(ValueError, caller, "noise", f"one of {listed} for {shape}", got)
        if noise == "scalar" and channels != 1:
            raise complain(ValueError, caller, "channels", "1 for noise='scalar'", str(channels))
    return dim, channels, mixes, noise
