"""The public `tapeless.cuda.solve_sde`: check, plan, launch."""

from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless import _sde_arguments as given
from tapeless import _sde_methods as sde_methods
from tapeless._brownian import BrownianPath
from tapeless._complain import check_arrival, complain, describe
from tapeless._composition import VectorField
from tapeless._cuda_arguments import as_state, device_for, on_host
from tapeless._cuda_results import returns_arrays_like
from tapeless._cuda_sde_solution import SdeSolution
from tapeless._memory import check_kept
from tapeless._noise import kind_of_noise
from tapeless._sde_grid import SOLVE, grid_of, make_path, output_times, source_of, span_of
from tapeless._types import RNG, Integer
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.sde_arrays import PathSource, StepGrid
from tapeless_kernels.cuda.sde_kernels import SdeKernels
from tapeless_kernels.cuda.sde_part import SdeEnsembleSolve, SdeSetup
from tapeless_kernels.cuda.stand_in import StandIn
from tapeless_kernels.launch.user_field import UserProgram
from tapeless_kernels.tableaus.stochastic import StochasticArrays, StochasticMethod

ADJOINTS = ("store", "every", "reversible", None)


@returns_arrays_like("y0")
def solve_sde(
    drift: VectorField,
    diffusion: VectorField,
    t_span: tuple[Any, Any],
    y0: Any,
    theta: Any = None,
    *,
    path: BrownianPath | None = None,
    rng: RNG = None,
    method: str | StochasticMethod | None = None,
    calculus: Literal["ito", "stratonovich"] | None = None,
    convert: bool = False,
    dt: Any = None,
    n_steps: Integer | None = None,
    t_eval: Any = None,
    adjoint: Literal["store", "every", "reversible"] | None = "store",
    stride: Integer | None = None,
    throw: bool = True,
    chunk: Integer | None = None,
    stream: Any = None,
    device: Device | StandIn | None = None,
) -> SdeSolution:
    r"""Integrate :math:`dy = f(t, y, \theta) \, dt + g(t, y, \theta) \, dW` for an ensemble on a GPU.

    Arguments that `tapeless.solve_sde` has mean what they mean there. Arrays are on the device, of any library that
    offers DLPack or ``__cuda_array_interface__``, or on the host, from where they are copied. Results are on the
    device, in arrays of the library of `y0`: CuPy's if that is on the host. Trajectory i has the
    path that sample i of `path` has on the CPU, to a few units in the last place.

    Parameters
    ----------
    drift, diffusion : field, Diffusion or field
        Functions of your own, by `tapeless.field` and `tapeless.diffusion`: they are compiled into the kernel.
    t_span : tuple (t0, t1)
        Initial and final time, t0 < t1.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states, of dtype float32 or float64, which is that of the solve.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters: those of the drift, then those of the diffusion; shared, or of its own for each trajectory.
    path : BrownianPath, optional
        The noise, a path of shape (batch, channels).
    rng : numpy.random.Generator or int, optional
        What draws the key of a path, if none is given.
    method : str or StochasticMethod, optional
        One of the table in the documentation. By default ``"euler_maruyama"``, or ``"heun"`` for Stratonovich.
    calculus : "ito" or "stratonovich", optional
        In which sense the equation is meant; by default that of the method.
    convert : bool
        Whether a method of the other sense may be used, as `tapeless.solve_sde` explains.
    dt : float or array (n + 1,), optional
        The size of steps, or the times between which they are.
    n_steps : int, optional
        Take so many equal steps. One of both must be given: steps do not adapt here.
    t_eval : array, shape (n_times,), optional
        Output times in ascending order, on which steps end. By default t1 only.
    adjoint : "store", "every", "reversible" or None
        What is kept for `SdeSolution.vjp`: the state before every step; that before every `stride`-th, from which the
        others are taken again, with the same bits; nothing, where the steps of ``"reversible_heun"`` are taken back.
        The path is a function of its counters, and is kept by none.
    stride : int, optional
        With "every": the steps from one state that is kept to the next.
    throw : bool
        Whether a trajectory that fails raises an error.
    chunk : int, optional
        Most trajectories in the device's working memory at a time; by default as many as fit. No bit depends on it.
    stream : cupy.cuda.Stream, optional
        Where all is done in order; by default CuPy's current stream.
    device : Device or StandIn, optional
        By default ``Device(stream)``. A `StandIn` has the CPU play the device, to test and to debug without one.

    Returns
    -------
    SdeSolution
        With `ys`, `y`, `stats` and `vjp`, whose arrays are on the device and of the library of `y0`, and `path`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be; the message says what was wanted and what came.
    ImportError
        If CuPy or numba-cuda is missing.
    RuntimeError
        If there is no driver, it is too old, or it finds no device.
    BufferError
        If arrays are on two devices, or one does not export its memory.
    MemoryError
        If the device has no room for the results, or for a single trajectory.
    SolverError
        If a trajectory fails and `throw` is true; its attribute `solution` holds what was reached.

    Notes
    -----
    The first call with a pair of fields, a dtype and a method compiles a kernel, which takes many seconds, in every
    process.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> from tapeless import cuda
    >>> @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    ... def drift(t, y, theta, dy):
    ...     dy[0] = theta[0] * y[0]
    >>> @tapeless.diffusion(dim=1, n_params=1, noise="diagonal", vjp="symbolic")
    ... def volatility(t, y, theta, dg):
    ...     dg[0] = theta[0] * y[0]
    >>> device = cuda.StandIn()
    >>> sol = cuda.solve_sde(
    ...     drift, volatility, (0.0, 1.0), np.ones((2, 1)), [0.05, 0.2], n_steps=4, rng=0, device=device
    ... )
    >>> y0_bar, theta_bar = sol.vjp(np.ones((2, 1)))
    >>> bool(np.allclose(device.host(y0_bar), device.host(sol.ys)))  # linear in y0 = 1
    True
    """
    noisy: Any = given.noisy_field(drift, diffusion)
    parts = (drift, noisy)
    _check_fields(parts)
    on: Any = device_for(SOLVE, stream, device)
    device = on
    host = partial(on_host, on)
    with device:
        y0, single = arguments.batch_of(drift, as_state(on, SOLVE, "y0", y0), SOLVE)
        batch, dtype = len(y0), np.dtype(y0.dtype)
        params = _parameters(device, parts, theta, dtype, batch)
        t0, t1 = span_of(host(t_span))
        outputs = output_times(host(t_eval), t0, t1)
        found = sde_methods.find_method(SOLVE, method, calculus)
        if dt is None and n_steps is None:
            wanted = "given, or `n_steps`: steps do not adapt on a device"
            raise complain(ValueError, SOLVE, "dt", wanted, "None")
        example = host(params[: 1 if params.ndim > 1 else None]).reshape(-1)[drift.n_params :]
        noise = kind_of_noise(SOLVE, noisy, host(y0[:1]), t0, example)
        correction = given.correction_of(found, calculus, noise, convert)
        sde_methods.check_method(SOLVE, found, calculus, noise, False, convert)
        if sde_methods.differentiates(found, correction):
            sde_methods.check_tangent(SOLVE, found, noise, noisy, correction, adjoint)
        times, places, equal = grid_of(t0, t1, outputs, host(dt), n_steps)
        n = len(times) - 1
        every = _kept(found, adjoint, stride, n)
        if path is None:
            path = make_path(rng, t0, t1, (batch, noisy.channels), found.area, dtype, times, equal)
        elif rng is not None:
            raise complain(
                ValueError, SOLVE, "rng", "left out where there is a `path`", describe(rng)
            )
        elif not isinstance(path, BrownianPath):
            wanted = "a BrownianPath, whose increments a device computes"
            raise complain(TypeError, SOLVE, "path", wanted, describe(path))
        source = source_of(path, t0, t1, batch, noisy.channels, single, found.area, n, dtype)
        chunk = None if chunk is None else check.positive_int(SOLVE, "chunk", chunk)
        why_not = given.why_no_transpose(parts, found, adjoint, correction)
        kernels = _kernels_for(
            device.target, found, dtype, drift.program, noisy.program, source.rows, source.depth, correction,
        )  # fmt: skip
        setup = SdeSetup(
            device, kernels, StochasticArrays(*map(partial(_on, device), kernels.method)),
            PathSource(device.array(source.key), source.first, *map(float, source.span)),
            StepGrid(device.array(times[:, None, None]), device.array(places[:, None, None])),
            None if why_not else adjoint, every, dtype, drift.dim,
            drift.dim * (noisy.channels if noisy.mixes else 1), params.shape[-1], device.copy(y0),
            device.array(params.T[None] if params.ndim > 1 else params[None, :, None]), (False, params.ndim > 1),
        )  # fmt: skip
        solve = SdeEnsembleSolve(setup, chunk)
        ts = np.array(t1) if t_eval is None else outputs
        result = SdeSolution(
            ts, solve, solve.run(), single, t_eval is None, why_not, (path, found, noise)
        )
        if throw and not result.success:
            check_arrival(SOLVE, result, t1, result.host_stats())
    return result


@lru_cache(maxsize=64)
def _kernels_for(
    target: Any, method: StochasticMethod, dtype: Any, drift: UserProgram, diffusion: UserProgram, rows: int,
    depth: int, correction: int,
) -> SdeKernels:  # fmt: skip
    """Return the kernels of these, the same ones each time: they are compiled once in a process."""
    return SdeKernels(method, dtype, drift, diffusion, rows, depth, correction, target)


def _on(device: Any, x: Any) -> Any:
    """Return an array on the device, a number as it is."""
    return device.array(x) if isinstance(x, np.ndarray) else int(x)


def _check_fields(parts: Any) -> None:
    """Complain of fields that are not compiled into a kernel of one trajectory a thread."""
    for name, part in zip(("drift", "diffusion"), parts, strict=True):
        if not isinstance(getattr(part, "program", None), UserProgram):
            wanted = "a function of your own, which is compiled into the kernel"
            raise complain(TypeError, SOLVE, name, wanted, describe(part))


def _parameters(device: Any, parts: Any, theta: Any, dtype: Any, batch: int) -> Any:
    """Return a copy of theta on the device, in the dtype of the solve."""
    theta = None if theta is None else as_state(device, SOLVE, "theta", theta)
    if not given.check_parameters(parts, theta, batch):
        return device.zeros(0, dtype)
    if not bool(device.xp.isfinite(theta).all()):
        raise given.not_finite()
    return device.copy(device.array(theta, dtype))


def _kept(method: StochasticMethod, adjoint: Any, stride: Any, n: int) -> int:
    """Return every how many of n steps a state is kept; complain of an adjoint that does not go with the method."""
    check_kept(SOLVE, adjoint, ADJOINTS, stride, None)
    given.check_adjoint(method, adjoint, stride, None, "")
    if adjoint != "every":
        return n
    if sde_methods.is_reversible(method):
        wanted = "'store', 'reversible' or None on a device with 'reversible_heun'"
        raise complain(ValueError, SOLVE, "adjoint", wanted, repr(adjoint))
    return min(check.positive_int(SOLVE, "stride", stride), n)
