"""Ensembles on an NVIDIA GPU: one trajectory a thread, arrays that stay on the device, discrete adjoints.

No number in these pages was taken on a GPU: `docs/cuda.md` says what is proved without one, and how.
"""

from functools import partial
from typing import Any, Literal

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless import methods
from tapeless._arguments import SOLVE
from tapeless._complain import check_arrival, complain
from tapeless._cuda_arguments import (
    AnyDevice,
    as_state,
    check_network_method,
    device_for,
    layers_of,
    on_host,
    parameters,
)
from tapeless._cuda_brownian import increments
from tapeless._cuda_conv import spectral_conv
from tapeless._cuda_results import returns_arrays_like
from tapeless._cuda_sde import solve_sde
from tapeless._cuda_sde_solution import SdeSolution
from tapeless._cuda_solution import Solution
from tapeless._plan import interpolates, make_plan
from tapeless._types import Integer
from tapeless.fields import Field, Network
from tapeless_kernels.buffers import Control
from tapeless_kernels.controllers.step_size import Controller
from tapeless_kernels.cuda.arrays import sizes_of
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.ensemble import BLOCK, EnsembleSolve, Setup, kernels_for
from tapeless_kernels.cuda.network_ensemble import NetworkEnsemble
from tapeless_kernels.cuda.network_ode import NetworkSetup
from tapeless_kernels.cuda.stand_in import StandIn
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.reversible import ReversibleMethod

__all__ = [
    "Device",
    "SdeSolution",
    "Solution",
    "StandIn",
    "increments",
    "solve_ode",
    "solve_sde",
    "spectral_conv",
]

ADJOINTS = ("store", "reversible", None)
NETWORK_THREADS = 256  # of a block that integrates a tile of a network's trajectories


@returns_arrays_like("y0")
def solve_ode(
    field: Field | Network,
    t_span: tuple[Any, Any],
    y0: Any,
    theta: Any = None,
    *,
    method: str | ButcherTableau | ReversibleMethod = "tsit5",
    rtol: Any = 1e-3,
    atol: Any = 1e-6,
    t_eval: Any = None,
    interpolate: bool | None = None,
    controller: str | Controller = "pi",
    first_step: Any = None,
    n_steps: Integer | None = None,
    adjoint: Literal["store", "reversible"] | None = "store",
    max_steps: Integer = 4096,
    throw: bool = True,
    chunk: Integer | None = None,
    stream: Any = None,
    device: AnyDevice | None = None,
) -> Solution:
    """Integrate dy/dt = f(t, y, theta) for an ensemble on a GPU, ready to be differentiated.

    Arguments that `tapeless.solve_ode` has mean what they mean there. Arrays are on the device, of any library that
    offers DLPack or ``__cuda_array_interface__``, or on the host, from where they are copied. Results are on the
    device, in arrays of the library of `y0`: CuPy's if that is on the host.

    Parameters
    ----------
    field : Field or Network
        A function of your own by `tapeless.field`, which is compiled into a kernel of one trajectory a thread; or a
        network of Dense layers with activations, say an `MLP`, of which a block of threads integrates a tile of
        trajectories. Then `theta` is shared, and steps end on the times of `t_eval`.
    t_span : tuple (t0, t1)
        Initial and final time, each a number or an array (batch,).
    y0 : array, shape (batch, dim) or (dim,)
        Initial states, of dtype float32 or float64, which is that of the solve.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters of the field, shared by the batch or of its own for each trajectory.
    method : str, ButcherTableau or ReversibleMethod
        One of `tapeless.methods.table`, or what `tapeless.reversible` makes of one.
    rtol, atol : float or array (batch,)
        Tolerances, relative and absolute.
    t_eval : array, shape (n_times,) or (batch, n_times), optional
        Output times. By default the final time only.
    interpolate : bool, optional
        Whether outputs come from the cubic Hermite interpolant instead of steps that end on them.
    controller : str
        ``"pi"``, ``"i"`` or ``"h312"``.
    first_step : float or array (batch,), optional
        Size of the first step; by default Hairer's choice.
    n_steps : int, optional
        Take so many equal steps instead of adaptive ones.
    adjoint : "store", "reversible" or None
        What is kept for `Solution.vjp`: every step; of a reversible method the times of steps alone; or nothing.
    max_steps : int
        Most steps tried for each trajectory.
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
    Solution
        With `ys`, `y`, `stats` and `vjp`, whose arrays are on the device and of the library of `y0`.

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
    The first call with a field, a dtype and a method compiles a kernel, which takes many seconds, in every process.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> from tapeless import cuda
    >>> def decay(t, y, theta, dy):
    ...     dy[0] = -theta[0] * y[0]
    >>> def decay_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    ...     y_bar[0] = -theta[0] * dy_bar[0]
    ...     theta_bar[0] -= y[0] * dy_bar[0]
    >>> field = tapeless.field(dim=1, n_params=1, vjp=decay_vjp)(decay)
    >>> device = cuda.StandIn()
    >>> sol = cuda.solve_ode(field, (0.0, 1.0), np.ones((2, 1)), [0.5], device=device)
    >>> y0_bar, theta_bar = sol.vjp(np.ones((2, 1)))
    >>> device.host(y0_bar).round(3).tolist(), device.host(theta_bar).round(3).tolist()
    ([[0.607], [0.607]], [-1.213])
    """
    layers = layers_of(field)
    device = device_for(SOLVE, stream, device)
    check.one_of(SOLVE, "adjoint", adjoint, ADJOINTS)
    tableau = methods.find(SOLVE, method)
    methods.check_adjoint(SOLVE, tableau, adjoint)
    methods.check_estimate(SOLVE, tableau, n_steps)
    if isinstance(tableau, ReversibleMethod):
        arguments.check_reversible(tableau, interpolate=interpolate)
    if layers is not None:
        check_network_method(tableau, interpolate)
        interpolate = False
    with device:
        y0, single = arguments.batch_of(field, as_state(device, SOLVE, "y0", y0))
        batch, dtype = len(y0), np.dtype(y0.dtype)
        theta = parameters(device, field, theta, dtype, batch)
        host = partial(on_host, device)
        numbers = arguments.numbers(host(t_span), host(first_step), host(rtol), host(atol), batch)
        times = arguments.output_times(host(t_eval), numbers, batch)
        kept = None if _why_not(field, adjoint) else adjoint
        plan = make_plan(
            field.program, dtype, 1, tableau, methods.find_controller(SOLVE, controller), len(times), kept is not None,
            False, t_eval is not None and interpolates(tableau, interpolate),
            check.positive_int(SOLVE, "max_steps", max_steps),
            0 if n_steps is None else check.positive_int(SOLVE, "n_steps", n_steps), 0, theta.ndim > 1, False, -1, 0.0,
        )  # fmt: skip
        chunk = None if chunk is None else check.positive_int(SOLVE, "chunk", chunk)
        own = numbers.shape[1] > 1, theta.ndim > 1, times.shape[1] > 1
        sizes = sizes_of(plan.method)
        shape = kept, _block(plan.control, len(times)), dtype, field.dim, field.n_params
        solve: EnsembleSolve
        if layers is not None:
            network = NetworkSetup(
                device, plan.method, plan.control, sizes, *shape, device.copy(y0), device.array(numbers), theta,
                device.array(times[None]), own, layers, device.shared_bytes(), NETWORK_THREADS,
            )  # fmt: skip
            try:
                solve = NetworkEnsemble(network, chunk)
            except ValueError as reason:
                wanted = "a network whose widest layers fit into the shared memory of a block"
                raise complain(ValueError, SOLVE, "field", wanted, f"one: {reason}") from None
        else:
            assert isinstance(field, Field)
            setup = Setup(
                device, kernels_for(device.target, dtype, field.dim, sizes, field.fun, field.vjp, kept),
                _on(device, plan.method), _on(device, plan.control), sizes, *shape, device.copy(y0),
                device.array(numbers), device.array(theta.T if own[1] else theta[:, None]),
                device.array(times[None]), own,
            )  # fmt: skip
            solve = EnsembleSolve(setup, chunk)
        ts = numbers[1] if numbers.shape[1] > 1 else numbers[1, 0]
        if t_eval is not None:
            ts = times[:, 0] if times.shape[1] == 1 else times.T
        result = Solution(
            ts, solve, solve.run(), single, t_eval is None, throw, _why_not(field, adjoint)
        )
        if throw and not result.success:
            check_arrival(SOLVE, result, numbers[1], result.host_stats())
    return result


def _on(device: AnyDevice, record: Any) -> Any:
    """Return a NamedTuple of arrays and numbers with the arrays on the device."""
    return type(record)(*(device.array(x) if isinstance(x, np.ndarray) else int(x) for x in record))


def _block(control: Control, n_outputs: int) -> int:
    """Return how many steps a block of the record holds: all, where their number is known."""
    if control.adaptive:
        return BLOCK
    return int(control.n_steps + (0 if control.interpolate else n_outputs))


def _why_not(field: Field | Network, adjoint: str | None) -> str:
    """Return why a solution has no transpose, empty if it has one."""
    if adjoint is None:
        return "solve_ode was called with adjoint=None, and kept nothing; call it with adjoint='store'."
    if isinstance(field, Field) and field.vjp is None:
        return "the field has no `vjp`, and solve_ode kept nothing; give tapeless.field a `vjp`."
    return ""
