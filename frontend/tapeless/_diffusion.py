"""The diffusion of a stochastic differential equation: functions of your own, networks, and both fields at once."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._check import one_of
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._symbolic import derived_jvp, derived_vjp, derived_vjp_jvp
from tapeless._types import RNG, Integer
from tapeless.fields import Network, _check_function
from tapeless_kernels.fields.lower import lower
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
        _check_function("fun", fun, "g(t, y, theta, dg)")
        second: Any = vjp_jvp
        if vjp_jvp == "symbolic":
            second = derived_vjp_jvp(fun, self.dim, self.n_params, columns)
        elif vjp_jvp is not None:
            _check_function("vjp_jvp", vjp_jvp, f"vjp_jvp({SECOND})")
        elif vjp == jvp == "symbolic":
            second = Derived(derived_vjp_jvp, (fun, self.dim, self.n_params, columns))
        if vjp == "symbolic":
            vjp = derived_vjp(fun, self.dim, self.n_params, columns)
        elif vjp is not None:
            _check_function("vjp", vjp, "vjp(t, y, theta, dg_bar, y_bar, theta_bar)", 7)
        if jvp == "symbolic":
            jvp = derived_jvp(fun, self.dim, self.n_params, columns)
        elif jvp is not None:
            _check_function("jvp", jvp, "jvp(t, y, theta, t_dot, y_dot, theta_dot, dg_dot)")
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


class DiffusionNetwork(VectorField):
    """A diffusion that is a network, whose last layer returns dim values, or dim by channels row by row.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    layers : sequence of layers
        Of `tapeless.fields.LAYERS`, applied one after the other to y.
    channels : int, optional
        Number of channels of noise that a matrix mixes; None: one for each component.
    noise : str, optional
        What it is, as in `Diffusion`.

    Attributes
    ----------
    dim, channels, n_params : int
        Entries of the state, channels of noise, length of its part of theta.
    mixes : bool
        Whether it is a matrix.
    layers : tuple
        The layers.
    noise : str or None
        As given.

    Raises
    ------
    ValueError
        If the layers do not return as many values as are wanted, or `noise` does not go with `channels`.

    Examples
    --------
    >>> from tapeless import DiffusionNetwork
    >>> from tapeless.fields import Activation, Dense
    >>> g = DiffusionNetwork(2, [Dense(16), Activation("tanh"), Dense(6)], channels=3)
    >>> g.init(rng=0).shape
    (150,)
    """

    def __init__(
        self,
        dim: Integer,
        layers: Iterable[Any],
        channels: Integer | None = None,
        noise: Noise | None = None,
    ) -> None:
        name = "DiffusionNetwork"
        self.dim, self.channels, self.mixes, self.noise = _sizes(name, dim, channels, noise)
        self.layers, rows = tuple(layers), self.dim * (self.channels if self.mixes else 1)
        try:
            self.program = lower(self.layers, self.dim, rows, "this diffusion")
        except (ValueError, TypeError) as error:
            raise type(error)(f"{name}: in `layers`, {error}.") from None
        self.n_params: int = self.program.n_params
        self.maps_theta = any(part.lipschitz for part in self.program.parts)

    effective = Network.effective
    _effective_vjp = Network._effective_vjp
    _effective_jvp = Network._effective_jvp
    unflatten = Network.unflatten

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> NDArray[np.floating]:
        """Return initial parameters, as `Network.init` does.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where the numbers come from.
        dtype : dtype
            Of the parameters, float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters.
        """
        return Network.init(self, rng, dtype)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        channels = f", channels={self.channels}" if self.mixes else ""
        return f"DiffusionNetwork({self.dim}, {list(self.layers)}{channels})"

    def __reduce__(self) -> tuple[Any, ...]:
        channels = self.channels if self.mixes else None
        return DiffusionNetwork, (self.dim, self.layers, channels, self.noise)


class JointField(VectorField):
    """Drift and diffusion of an SDE as one function, for what they have in common to be computed once.

    Parameters
    ----------
    fun : callable
        ``fg(t, y, theta, out)``, which fills out: the dim entries of the drift, then those of the diffusion, dim or
        dim by channels, row by row.
    dim : int
        Number of entries of the state.
    channels : int, optional
        Number of channels of noise that a matrix mixes; None: one for each component.
    n_params : int
        Length of theta.
    noise : str, optional
        What the diffusion is, as in `Diffusion`.
    vjp : callable or "symbolic", optional
        ``vjp(t, y, theta, out_bar, y_bar, theta_bar)``, as that of a `Field`.

    Attributes
    ----------
    dim, channels, n_params : int
        As given.
    mixes : bool
        Whether the diffusion is a matrix.
    noise : str or None
        As given.

    Raises
    ------
    TypeError, ValueError
        As `Diffusion`.

    Examples
    --------
    >>> import math
    >>> import tapeless
    >>> def both(t, y, theta, out):
    ...     wave = math.sin(y[0])
    ...     out[0] = theta[0] * wave
    ...     out[1] = theta[1] * wave
    >>> field = tapeless.JointField(both, 1, n_params=2, vjp="symbolic")
    >>> sol = tapeless.solve_sde(field, None, (0.0, 1.0), [[1.0]], [-1.0, 0.5], n_steps=64, rng=0)
    >>> sol.ys.shape
    (1, 1)
    """

    takes_own_theta = True

    def __init__(
        self, fun: Callable[..., None], dim: Integer, channels: Integer | None = None, n_params: Integer = 0,
        noise: Noise | None = None, vjp: Callable[..., None] | Literal["symbolic"] | None = None,
    ) -> None:  # fmt: skip
        self.dim, self.channels, self.mixes, self.noise = _sizes("JointField", dim, channels, noise)
        self.n_params = _whole("JointField", "n_params", n_params, 0)
        rows = self.dim * (self.channels if self.mixes else 1)
        _check_function("fun", fun, "fg(t, y, theta, out)")
        if vjp == "symbolic":
            vjp = derived_vjp(fun, self.dim, self.n_params, more=rows)
        elif vjp is not None:
            _check_function("vjp", vjp, "vjp(t, y, theta, out_bar, y_bar, theta_bar)", 7)
        self.fun, self.vjp = fun, vjp
        self.program = UserProgram(fun, vjp, self.dim, self.n_params, None, 0, rows)

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The field itself, if it has no transpose."""
        return () if self.vjp else (self,)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field itself: it has no tangent."""
        return (self,)

    def __repr__(self) -> str:
        name = getattr(self.fun, "__name__", "fun")
        channels = f", channels={self.channels}" if self.mixes else ""
        return f"JointField({name}, dim={self.dim}{channels}, n_params={self.n_params})"


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
