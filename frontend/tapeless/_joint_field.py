"""Drift and diffusion of a stochastic differential equation as one function."""

from collections.abc import Callable
from typing import Literal

from tapeless._composition import VectorField
from tapeless._diffusion import Noise, _sizes, _whole
from tapeless._field import _check_function
from tapeless._symbolic import derived_vjp
from tapeless._types import Integer
from tapeless_kernels.launch.user_field import UserProgram


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
        _check_function("JointField", "fun", fun, "fg(t, y, theta, out)")
        if vjp == "symbolic":
            vjp = derived_vjp(fun, self.dim, self.n_params, more=rows)
        elif vjp is not None:
            _check_function(
                "JointField", "vjp", vjp, "vjp(t, y, theta, out_bar, y_bar, theta_bar)", 7
            )
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
