"""Increments of Brownian paths within traced programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from tapeless import BrownianPath, Increment
from tapeless._complain import complain, describe
from tapeless.interop.jax._arguments import as_operand, is_traced
from tapeless.interop.jax._frozen import Frozen
from tapeless.interop.jax._keys import as_words, number_of
from tapeless.interop.jax._primitives import call

CALLER = "brownian_increments"


def brownian_increments(
    path: BrownianPath, s: ArrayLike, t: ArrayLike, *, key: ArrayLike | None = None
) -> Any:
    """Return what a Brownian path does from s to t; there are no derivatives.

    Parameters
    ----------
    path : tapeless.BrownianPath
        The path, a constant.
    s, t : float or array, shape (n,)
        Where intervals begin and end. Numbers and NumPy arrays are constants and stay float64; jax arrays are operands.
    key : jax key or int, optional
        The key of another path that is like `path` in all else; it may be traced.

    Returns
    -------
    jax.Array or Increment of jax.Array
        W of shape (*path.shape) or (n, *path.shape), or W and its areas, as ``path(s, t)`` returns.

    Raises
    ------
    TypeError, ValueError
        Where the call is traced, if an argument is not what it must be.
    jax.errors.JaxRuntimeError, ValueError
        Where the program runs, if a time is outside the path, or s > t.

    Examples
    --------
    >>> import jax
    >>> import tapeless, tapeless.interop.jax as tj
    >>> path = tapeless.BrownianPath(0, 0.0, 1.0, (4, 2), dtype="float32")
    >>> tj.brownian_increments(path, 0.25, 0.5, key=jax.random.key(1)).shape
    (4, 2)
    """
    if not isinstance(path, BrownianPath):
        raise complain(TypeError, CALLER, "path", "a tapeless.BrownianPath", describe(path))
    if path.dtype == np.float64 and jnp.result_type(float) != np.float64:
        wanted = "of dtype float32, unless jax_enable_x64 is set"
        raise complain(TypeError, CALLER, "path", wanted, "float64")
    times, operands = [], []
    for name, x in (("s", s), ("t", t)):
        if is_traced(x):
            operands.append(as_operand(CALLER, name, x))
        times.append(None if is_traced(x) else Frozen(np.asarray(x, np.float64)))
        if np.shape(x) != np.shape(s) or np.ndim(x) > 1:
            wanted = f"a number or a flat array, of the shape of `s`, {np.shape(s)}"
            raise complain(ValueError, CALLER, name, wanted, f"shape {np.shape(x)}")
    if key is not None:
        operands.append(as_words(CALLER, key))
    problem = _PathProblem(path, tuple(times), np.shape(s), key is not None)
    found = call(problem, *operands)
    return found[0] if len(found) == 1 else Increment(*found)


@dataclass(frozen=True)
class _PathProblem:
    """A query but for its operands: the times that are traced, and the key if there is one."""

    path: BrownianPath
    times: tuple[Frozen | None, ...]
    shape: tuple[int, ...]
    keyed: bool

    name, folds = CALLER, False

    @property
    def cores(self) -> tuple[int, ...]:
        """The axes of each operand."""
        n_traced = sum(t is None for t in self.times)
        return (*(len(self.shape),) * n_traced, *(1,) * self.keyed)

    @property
    def own(self) -> tuple[bool, ...]:
        """Not asked for: nothing folds."""
        return (False,) * len(self.cores)

    def outputs(self, avals: Sequence[Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Return shapes and dtypes of the increment and its areas."""
        n = {"none": 1, "space-time": 2, "space-time-time": 3}[self.path.levy_area]
        return [((*self.shape, *self.path.shape), self.path.dtype)] * n

    def check_wanted(self, wanted: tuple[bool, ...]) -> None:
        """Complain of any derivative."""
        got = "a derivative with respect to `s` or `t`"
        advice = "Hold times constant with jax.lax.stop_gradient."
        raise complain(
            TypeError, CALLER, "s", "constant, as paths have no derivatives", got, advice
        )

    def check_reverse(self) -> None:
        """Complain of nothing: what is missing is said where it is asked for."""

    def run(self, *operands: Any) -> list[Any]:
        """Return the increment and its areas."""
        given = iter(operands)
        s, t = (next(given) if x is None else x.value for x in self.times)
        path = self.path
        if self.keyed:
            path = BrownianPath(
                number_of(next(given)), path.t0, path.t1, path.shape, path.levy_area,
                dtype=path.dtype, resolution=path.resolution, first_sample=path.first_sample,
            )  # fmt: skip
        found = path(s, t)
        return [x for x in found if x is not None] if isinstance(found, Increment) else [found]

    def keep(self, *operands: Any) -> Any:
        """Complain, as `check_wanted`, which comes before."""
        raise NotImplementedError
