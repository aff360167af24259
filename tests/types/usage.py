"""The public functions as a user calls them: mypy compares the types, test_usage.py runs it."""

from array import array
from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

import tapeless
from tapeless import (
    IvpStats,
    OdeResult,
    OdeSolution,
    Solution,
    SolverError,
    Stats,
    check_tableau,
    methods,
    solve_ivp,
    solve_ode,
)
from tapeless.fields import (
    MLP,
    Activation,
    ConcatTime,
    Dense,
    Field,
    Frozen,
    Network,
    Residual,
    Slice,
    Sum,
)
from tapeless.optim import Adam

Floats = NDArray[np.floating]


class OnlyDLPack:
    """An array of another library, which offers its memory in no other way."""

    def __init__(self, x: Floats) -> None:
        self._x = x

    def __dlpack__(self, *, stream: None = None, **options: Any) -> object:
        return self._x.__dlpack__(stream=stream, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._x.__dlpack_device__()


assert_type(tapeless.__version__, str)
Network(np.int64(2), [ConcatTime(), Dense(3), Residual((Activation("tanh"),)), Dense(2)])
field = assert_type(MLP(2, [3], activation="silu"), Network)
theta = assert_type(field.init(rng=np.random.default_rng(0)), Floats)
assert_type(field.unflatten(theta), Mapping[str, NDArray[Any]])

y0 = np.ones((3, 2))
sol = assert_type(solve_ode(field, (0.0, 1.0), y0, theta), Solution)
ys, stats = assert_type(sol.ys, Floats), assert_type(sol.stats, Stats)
assert_type(stats.nfe, NDArray[np.int64])
assert_type((sol.success, sol.nbytes_adjoint), tuple[bool, int])
y0_bar, theta_bar = assert_type(sol.vjp(2 * ys), tuple[Floats, Floats])
assert_type(Adam(lr=0.1).step(theta, theta_bar), Floats)

# What may be an array may be a list, a number, a buffer, or offer its memory by DLPack alone.
solve_ode(field, (0, [1.0, 2.0]), [[1, 2], [3, 4]], theta, rtol=np.full(2, 1e-3), atol=0)
solve_ode(field, (np.float32(0), 1), OnlyDLPack(y0), OnlyDLPack(theta)).vjp(OnlyDLPack(y0))
solve_ode(field, (0, 1), array("d", [1, 2]), theta, t_eval=(0.5, 1), adjoint=None, threads=1)
method = methods.find("usage.py", "rk4")
solve_ode(field, (0, 1), y0, theta, method=method, n_steps=np.int64(2), controller="i")
method = check_tableau("heun", 2, [[], [1]], (0.5, 0.5), c="0 1", embedded=[1, 0], embedded_order=1)
solve_ode(field, (0, 1), y0, theta, method=method)

try:
    solve_ode(field, (0, 1), y0, theta, max_steps=1)
except SolverError as error:
    assert_type(error.solution, Solution)


def decay(t: float, y: Floats, rate: float) -> Floats:
    return -rate * y


def half(t: float, y: Floats, rate: float) -> float:
    return float(y[0]) - 0.5


result = assert_type(
    solve_ivp(decay, (0, 1), [1, 2], events=[half], args=(2.0,), dense_output=True), OdeResult
)
solve_ivp(lambda t, y: -y, [0.0, 1.0], np.ones(2, np.float32), method, t_eval=(0.5, 1), events=None)
continuous: OdeSolution = result.sol
assert_type(continuous([0.1, 0.2]), NDArray[Any])
assert_type(continuous.t_max, float)
statistics: IvpStats = result["stats"]
assert_type((statistics.looks_stiff, statistics.advice), tuple[bool, str])


@tapeless.field(dim=2, n_params=1)
def oscillator(t: float, y: Floats, theta: Floats, dy: Floats) -> None:
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0]


assert_type(oscillator, Field)
solve_ode(oscillator, (0, 1), np.ones((3, 2)), [4.0])
both = assert_type(oscillator + field, Sum)
assert_type(both.unflatten(np.ones(both.n_params)), Mapping[str, NDArray[Any]])
solve_ode(both + Frozen(field, theta), (0, 1), np.ones((3, 2)), np.ones(both.n_params))
times = solve_ode(field, (0, 1), y0, theta, t_eval=[0.5, 1])
assert_type(times.plot(components=0, names=["x", "y"]), Axes)
assert_type(times.plot_phase(1, 0, tapeless.plot.history({"loss": [1.0]})), Axes)
solve_ode(Slice(oscillator, np.int64(3), 1), (0, 1), np.ones((3, 2)), [1.0, 4.0, 1.0])

objective = tapeless.Objective(field, (0, 1), tapeless.losses.mse)
loss, theta_bar, nfe = assert_type(objective(theta, y0, y0), tapeless.Evaluation)
trained = assert_type(tapeless.fit(objective, theta, (y0, y0), epochs=1), tapeless.Fit)
assert_type(trained.theta, Floats)
assert_type(tapeless.losses.huber(y0, y0), tuple[float, Floats])
assert_type(tapeless.fields.evaluate(field, 0.0, y0, theta), Floats)
assert_type(tapeless.fields.jvp(field, 0.0, y0, theta, y_dot=y0), tuple[Floats, Floats])
assert_type(
    tapeless.fields.vjp_jvp(field, 0.0, y0, theta, y0, y_dot=y0),
    tuple[Floats, Floats, Floats, Floats],
)
assert_type(tapeless.fields.Kinetic(field).initial(y0, 0), Floats)

Array = NDArray[Any]
spectrum = assert_type(tapeless.fft.rfft(y0, n=np.int64(6), axis=-1, norm="ortho"), Array)
assert_type(tapeless.fft.rfft_vjp(spectrum, 6, n_x=2, norm="ortho"), Array)
assert_type(tapeless.fft.irfftn([[1j, 2j], [3j, 4j]], s=(2, 3)), Array)
assert_type(tapeless.fft.dctn(OnlyDLPack(y0), 2, axes=(0, 1), orthogonalize=True), Array)
assert_type(tapeless.fft.engines(), tuple[str, ...])
modes = assert_type(tapeless.fft.truncated_rfftn(y0, [1, 2], method="fft"), Array)
assert_type(tapeless.fft.truncated_irfftn(modes, (4, np.int64(6)), threads=1), Array)
assert_type(tapeless.fft.truncated_ifft_vjp(y0, 1, axis=0, method=None), Array)

Inexact = NDArray[np.inexact[Any]]
assert_type(tapeless.spectral.wavenumbers(np.int64(8), half=True), Floats)
nodes = assert_type(tapeless.spectral.chebyshev_nodes(5, "gauss"), Floats)
series = assert_type(tapeless.spectral.chebyshev_transform(nodes, 0, "gauss"), Inexact)
assert_type(tapeless.spectral.squared_norm(series, "chebyshev"), NDArray[np.floating[Any]])
assert_type(tapeless.spectral.derivative(OnlyDLPack(y0), axis=0), Inexact)
assert_type(tapeless.spectral.evaluate_vjp([1.0], y0, [[0.5, 1.0]]), tuple[Inexact, Floats])
