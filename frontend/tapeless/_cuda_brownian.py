"""Increments of a Brownian path on a GPU, by the kernels of `brownian.cu`."""

from typing import Any

from tapeless._brownian import BrownianPath
from tapeless._complain import complain, describe
from tapeless._cuda_arguments import AnyDevice, device_for, on_host
from tapeless._cuda_results import returns_arrays_like
from tapeless_kernels.cuda.brownian import BrownianKernels

CALLER = "increments"


@returns_arrays_like("s", "t")
def increments(
    path: BrownianPath, s: Any, t: Any, *, stream: Any = None, device: AnyDevice | None = None
) -> Any:
    """Return what a path does from s to t, on the device: the bits that ``path(s, t)`` has.

    Parameters
    ----------
    path : BrownianPath
        The path.
    s, t : float or array, shape (n,)
        Where intervals begin and end; in ascending order they are fastest.
    stream : cupy.cuda.Stream, optional
        Where all is done in order; by default CuPy's current stream.
    device : Device or StandIn, optional
        By default ``Device(stream)``.

    Returns
    -------
    device array or Increment
        W, or W and its areas, of the path's shape; with a leading axis of length n for arrays of times. They are of
        the library of times on the device, CuPy's if all are on the host.

    Raises
    ------
    TypeError, ValueError
        If `path` is none, a time is not within it, or s > t.
    BufferError
        If arrays are on two devices, or one does not export its memory.
    ImportError, RuntimeError
        If CuPy is missing, or there is no driver, it is too old, or it finds no device.
    """
    if not isinstance(path, BrownianPath):
        raise complain(TypeError, CALLER, "path", "a tapeless.BrownianPath", describe(path))
    device = device_for(CALLER, stream, device)
    with device:
        begins, ends, lead = path._intervals(CALLER, on_host(device, s), on_host(device, t))
        samples, channels = path._size
        kernels = BrownianKernels(
            device.xp, path.key, path.first_sample, samples, channels, path._rows, path._depth,
            path.dtype, device.raw_module,
        )  # fmt: skip
        out = kernels(path.t0, path.t1 - path.t0, begins, ends)
        return path._named(device.xp.ascontiguousarray(device.xp.moveaxis(out, 1, 0)), lead)
