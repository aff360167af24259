"""The continuous solution of solve_ivp, a polynomial for each step."""

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tapeless._interchange import presents_arrays, takes_arrays
from tapeless_kernels.interpolants.polynomial import evaluate_dense
from tapeless_kernels.launch.cpu import family


@presents_arrays
class OdeSolution:
    """A solution as a function of time, with the interface of SciPy's; `solve_ivp` makes it.

    Between the steps it is continuous; at their ends it returns the very states of the solve.
    Beyond its ends the first and the last polynomial go on. It can be pickled.

    Parameters
    ----------
    ts : ndarray of float64, shape (n_segments + 1,)
        Times between which the pieces lie, increasing or decreasing.
    steps : ndarray of float64, shape (n_segments,)
        Signed sizes of the steps; the last may reach beyond its piece, if an event cut it short.
    ys : ndarray, shape (n_segments + 1, n)
        States at the times.
    coefficients : ndarray, shape (n_segments, degree, n)
        Of the polynomials, as `tapeless_kernels.interpolants.polynomial` writes them.

    Attributes
    ----------
    t_min, t_max : float
        Where the solution is defined.
    n_segments : int
        Number of pieces.
    ts : ndarray
        The times between the pieces.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> sol = tapeless.solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], dense_output=True).sol
    >>> sol(np.linspace(0.0, 1.0, 5)).shape
    (1, 5)
    """

    def __init__(
        self,
        ts: NDArray[np.float64],
        steps: NDArray[np.float64],
        ys: NDArray[Any],
        coefficients: NDArray[Any],
    ) -> None:
        self.ts, self._steps, self._ys, self._coefficients = ts, steps, ys, coefficients
        self.n_segments = len(steps)
        self.t_min, self.t_max = float(min(ts[0], ts[-1])), float(max(ts[0], ts[-1]))

    def __repr__(self) -> str:
        return (
            f"OdeSolution of {self._ys.shape[1]} components from t = {self.ts[0]:.6g} to "
            f"{self.ts[-1]:.6g}, in {self.n_segments} pieces"
        )

    @takes_arrays
    def __call__(self, t: ArrayLike) -> NDArray[Any]:
        """Evaluate the solution.

        Parameters
        ----------
        t : float or array, shape (n_times,)
            Times, in any order.

        Returns
        -------
        ndarray, shape (n,) or (n, n_times)
            The states, in the dtype of the solve.

        Raises
        ------
        ValueError
            If `t` has more than one axis.
        """
        times = np.asarray(t, np.float64)
        if times.ndim > 1:
            raise ValueError(
                f"OdeSolution: `t` must be a float or a 1-D array. Got an array of shape {times.shape}."
            )
        kind = self._ys.dtype
        out = np.empty((times.size, self._ys.shape[1]), kind)
        if out.size:
            real = np.finfo(kind).dtype
            _evaluator(real)(
                out.view(real), np.array(times, ndmin=1), self.ts, self._steps,
                self._ys.view(real)[..., None], self._coefficients.view(real)[..., None],
            )  # fmt: skip
        return out[0] if times.ndim == 0 else out.T


@functools.cache
def _evaluator(real: np.dtype[Any]) -> Any:
    return family(real, 1)(evaluate_dense)
