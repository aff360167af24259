"""A field's compiled functions, called from Python for one state at a time: for checks and for pictures."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._composition import VectorField
from tapeless_kernels.launch.cpu import bound

_P, _I = ctypes.c_void_p, ctypes.c_int64
_FIELD = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, _P, _P, _P, _P, _I, _I)
_FIELD_VJP = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, _P, _P, _P, _P, _P, _I, _I)

Floats = NDArray[np.float64]


class Evaluator:
    """A field in float64, called for one state; not by several threads at once."""

    def __init__(self, field: VectorField, transpose: bool = False) -> None:
        source = self._source = bound(field.program, np.dtype(np.float64), 1, transpose)
        self._call, self._context = _FIELD(source.field.address), source.field.context
        self._call_vjp = _FIELD_VJP(source.field.vjp_address) if transpose else None
        self._cache, self._status = np.zeros(source.n_cache + 1), np.zeros(1, np.uint8)
        self.dim, self.n_params = field.dim, field.n_params

    def __call__(self, t: float, y: Floats, theta: Floats) -> Floats:
        """Return f(t, y, theta), NaN where the field reports a failure."""
        dy, self._status[0] = np.full(self.dim, np.nan), 0
        arrays = self._arrays(t, y, theta, self._cache, dy, self._status)
        at = [array.ctypes.data for array in arrays]
        code = self._call(*at[:3], 0, *at[3:], self._context, self.dim, 1)
        return np.full(self.dim, np.nan) if code or self._status[0] else dy

    def vjp(self, t: float, y: Floats, theta: Floats, dy_bar: Floats) -> tuple[Floats, Floats]:
        """Return (df/dy)^T dy_bar and (df/dtheta)^T dy_bar."""
        assert self._call_vjp is not None
        self(t, y, theta)  # fills the cache
        y_bar, theta_bar = np.full(self.dim, np.nan), np.zeros(self.n_params)
        arrays = self._arrays(t, y, theta, self._cache, dy_bar.copy(), y_bar, theta_bar)
        self._source.prepare_vjp(arrays[2])
        at = [array.ctypes.data for array in arrays]
        if self._call_vjp(*at[:3], 0, *at[3:], self._context, self.dim, 1):
            y_bar[:] = np.nan
        return y_bar, theta_bar

    @staticmethod
    def _arrays(
        t: float, y: Floats, theta: Floats, *rest: NDArray[Any]
    ) -> tuple[NDArray[Any], ...]:
        return (
            np.array([t], np.float64),
            np.array(y, np.float64),
            np.array(theta, np.float64),
            *rest,
        )
