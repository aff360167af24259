"""What all optimisers share: a step on a flat theta is one pass of a kernel, in place on the running means."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._schedules import Schedule, as_schedule, check_rate
from tapeless._types import ArrayInput
from tapeless_kernels.launch import optimise


class NotFinite(ValueError):
    """A gradient with NaN or inf in it, by which no step was taken."""


class Optimiser:
    """What all optimisers share.

    Attributes
    ----------
    lr : Schedule
        The learning rate, a function of the number of steps taken.
    clip_norm : float or None
        The largest norm of the gradient; a longer one is shortened to it.
    n_steps : int
        Steps taken.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = (
        "lr",
        "clip_norm",
    )  # arguments, in the order they are written
    MEANS: ClassVar[int] = 1  # running means, of theta's shape
    kernel: ClassVar[Any] = None

    def __init__(self, lr: Schedule | float, clip_norm: float | None) -> None:
        caller = type(self).__name__
        self._lr, self.clip_norm = as_schedule(caller, "lr", lr), clip_norm
        if clip_norm is not None:
            check_rate(caller, "clip_norm", clip_norm)
        self.n_steps = 0
        self.means: list[NDArray[np.floating]] | None = None

    @property
    def lr(self) -> Schedule:
        """The learning rate, a function of the number of steps taken; it may be set to a number too."""
        return self._lr

    @lr.setter
    def lr(self, lr: Schedule | float) -> None:
        self._lr = as_schedule(type(self).__name__, "lr", lr)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make an optimiser like this one, which has taken no step."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def fresh(self) -> "Optimiser":
        """Return an optimiser with the same options that has taken no step."""
        return type(self)(**self.options())

    def copy(self) -> "Optimiser":
        """Return an optimiser in the same state, which steps by itself."""
        other = self.fresh()
        other.n_steps = self.n_steps
        other.means = None if self.means is None else [mean.copy() for mean in self.means]
        return other

    @takes_arrays
    def step(
        self, theta: ArrayInput, theta_bar: ArrayInput, *, out: NDArray[Any] | None = None
    ) -> NDArray[np.floating]:
        """Return the parameters after one step against the gradient.

        Parameters
        ----------
        theta : array, shape (n_params,) or any other
            The parameters, float32 or float64; not changed, unless they are `out`.
        theta_bar : array, shape of `theta`
            The gradient of the loss, finite.
        out : ndarray, shape of `theta`, optional
            Where to write the new parameters: contiguous, of theta's dtype. It may be `theta`.

        Returns
        -------
        ndarray, shape of `theta`
            The new parameters, of theta's dtype; `out` if given.

        Raises
        ------
        TypeError
            If an array is of no real dtype.
        ValueError
            If the shapes or the dtype differ from those of the steps before, theta_bar holds NaN or inf,
            or `out` cannot be written. Nothing has changed then.
        """
        caller = f"{type(self).__name__}.step"
        theta = check.as_state(caller, "theta", theta)
        if self.means is None:
            self.means = [np.zeros(theta.shape, theta.dtype) for _ in range(self.MEANS)]
        like = self.means[0]
        bar = check.as_state(caller, "theta_bar", theta_bar)
        for name, x in (("theta", theta), ("theta_bar", bar)):
            if x.shape != like.shape:
                wanted = f"of the parameters' shape {like.shape}"
                raise complain(ValueError, caller, name, wanted, describe(x))
        if theta.dtype != like.dtype:
            wanted = f"of dtype {like.dtype}, that of the steps before"
            raise complain(ValueError, caller, "theta", wanted, describe(theta))
        bar = np.ascontiguousarray(bar, theta.dtype)
        numbers = self._numbers(self.lr(self.n_steps), _scale(caller, bar, self.clip_norm))
        if out is None:
            out = theta.copy(order="C")
        else:
            _check_out(caller, out, theta)
            if out is not theta:
                bar = bar.copy() if np.may_share_memory(bar, out) else bar
                np.copyto(out, theta)
        means = [mean.reshape(-1) for mean in self.means]
        optimise.step(self.kernel, out.reshape(-1), bar.reshape(-1), means, numbers)
        self.n_steps += 1
        return out

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        """Return the numbers of a step as `tapeless_kernels.optimisers` places them."""
        raise NotImplementedError

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({inner})"


def _check_out(caller: str, out: Any, theta: NDArray[Any]) -> None:
    if not isinstance(out, np.ndarray) or (out.shape, out.dtype) != (theta.shape, theta.dtype):
        wanted = f"an array of shape {theta.shape} and dtype {theta.dtype}"
        raise complain(ValueError, caller, "out", wanted, describe(out))
    if not (out.flags.writeable and out.flags.c_contiguous):
        raise complain(ValueError, caller, "out", "contiguous and writable", describe(out))


def _scale(caller: str, bar: NDArray[np.floating], clip_norm: float | None) -> float:
    """Return the factor that shortens a gradient to the norm that it may have; raise where it is not finite."""
    norm = optimise.norm(bar.reshape(-1))
    if not math.isfinite(norm):
        largest = float(np.abs(bar).max())
        if not math.isfinite(largest):
            first = int(np.flatnonzero(~np.isfinite(bar))[0])
            got = f"{bar.reshape(-1)[first]} at place {first}"
            raise complain(NotFinite, caller, "theta_bar", "finite", got)
        norm = largest * optimise.norm(
            (bar / bar.dtype.type(largest)).reshape(-1)
        )  # the squares were too large
    if clip_norm is None or norm <= clip_norm:
        return 1.0
    return float(clip_norm) / norm
