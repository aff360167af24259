"""Arrays of libraries on a GPU, into `tapeless.cuda` and out of it: over a CuPy made of NumPy, played by the CPU.

What is held: results are of the library of the states, on the memory that kernels wrote, and streams wait for each
other. The numbers are those of the same calls with arrays on the host.
"""

import copy
import pathlib
import re

import numpy as np
import pytest
from cuda_on_cpu import OnCpu, missing_compiler

import fake_cupy
import foreign_arrays
import tapeless
from fake_cupy import ENTERED, WAITS, Array, Played, Stream
from foreign_arrays import Exporter, OfNumba
from tapeless import cuda
from tapeless._interchange.refusals import REFUSALS
from tapeless.errors import SolverError
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.stand_in import StandIn

DOCS = pathlib.Path(__file__).parents[2] / "docs/cuda.md"
THETA = np.array([10, 28, 8 / 3])
Y0 = np.array([[1.0, 2, 20], [-3, 0.5, 15]])
SPAN, HOW = (0.0, 0.05), {"method": "rk4", "n_steps": 2}
OURS, THEIRS = 77, 7  # streams


@pytest.fixture(scope="module")
def field():
    return tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


@pytest.fixture
def tensors(monkeypatch):
    """Return the module of a library of tensors, and have CuPy installed."""
    fake_cupy.installed(monkeypatch, fake_cupy.Fake(free=1 << 30))
    return foreign_arrays.installed(monkeypatch, "tensors", THEIRS)


@pytest.fixture
def device(tensors):
    return Played(Stream(OURS))


def leaves(sol):
    return sol.ys, sol.y, *sol.stats


def given_over(tensor):
    """Return the numbers of a tensor, and hold that they are on the memory of the array of CuPy's behind it."""
    assert isinstance(tensor.base, Array)
    assert np.shares_memory(tensor.memory, tensor.base)
    return tensor.memory


def test_a_solve_returns_tensors_on_the_memory_that_was_written(field, tensors, device):
    y0 = tensors.Tensor(Y0)
    sol = cuda.solve_ode(field, SPAN, y0, THETA, device=device, t_eval=[0.0, 0.05], **HOW)
    wanted = cuda.solve_ode(field, SPAN, Y0, THETA, device=StandIn(), t_eval=[0.0, 0.05], **HOW)
    assert type(sol.ys) is tensors.Tensor and sol.ys is sol.ys
    assert sol.ys.base is sol._itself.ys and sol.ys.place == (2, 0)
    for mine, theirs in zip(leaves(sol), leaves(wanted), strict=True):
        assert mine.memory.dtype == theirs.dtype
        np.testing.assert_array_equal(given_over(mine), np.asarray(theirs))
    bar = np.random.default_rng(0).standard_normal(wanted.ys.shape)
    found, right = sol.vjp(tensors.Tensor(bar)), wanted.vjp(bar)
    for mine, theirs in zip(found, right, strict=True):
        np.testing.assert_array_equal(given_over(mine), np.asarray(theirs))
    assert isinstance(sol, cuda.Solution) and sol.success and sol.parts == [2]
    assert type(sol.ts) is np.ndarray  # on the host, as it is for all
    assert all(type(x) is np.ndarray for x in sol.host_stats())
    assert not sol.stats.t.streams  # not by way of tensors, which may lack types
    assert "in arrays of tensors" in repr(sol)


def test_streams_wait_for_each_other(field, tensors, device):
    """What a tensor still waits for is done before it is read, and what is given before it is read there."""
    y0, theta, bar = tensors.Tensor(Y0), tensors.Tensor(THETA), tensors.Tensor(np.ones((2, 3)))
    sol = cuda.solve_ode(field, SPAN, y0, theta, device=device, **HOW)
    assert y0.streams == [OURS] and theta.streams == [OURS]
    WAITS.clear()
    sol.ys  # noqa: B018
    assert WAITS == [(THEIRS, OURS)]  # in that of the solve, whichever is current where it is read
    WAITS.clear()
    sol.vjp(bar)
    assert bar.streams == [OURS] and WAITS == [(THEIRS, OURS)] * 2
    assert len(ENTERED) == 1  # all that were entered were left
    by_default = Played()
    cuda.solve_ode(field, SPAN, late := tensors.Tensor(Y0), THETA, device=by_default, **HOW)
    assert late.streams == [1]  # as the array API calls the default stream


def test_times_of_a_library_are_read_once_they_are_there(field, tensors, device):
    t0, rtol = Exporter(np.array(0.0)), tensors.Tensor(np.full(2, 1e-3))
    sol = cuda.solve_ode(field, (t0, 0.05), tensors.Tensor(Y0), THETA, rtol=rtol, device=device)
    assert t0.streams == [OURS] and rtol.streams == [OURS]  # the library is that of y0
    wanted = cuda.solve_ode(field, SPAN, Y0, THETA, device=StandIn())
    np.testing.assert_array_equal(given_over(sol.ys), np.asarray(wanted.ys))


@tapeless.field(2, 1, vjp="symbolic")
def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0]
    dy[1] = y[0]


@tapeless.diffusion(2, None, 1, noise="diagonal", vjp="symbolic")
def volatility(t, y, theta, dg):
    dg[0] = theta[0] * y[0]
    dg[1] = theta[0]


def test_sdes(tensors, device):
    y0, theta, how = np.ones((3, 2)), [0.5, 0.2], {"n_steps": 3, "rng": 1}
    sol = cuda.solve_sde(
        drift, volatility, SPAN, tensors.Tensor(y0), theta, device=device, dt=None, **how
    )
    wanted = cuda.solve_sde(drift, volatility, SPAN, y0, theta, device=StandIn(), **how)
    for mine, theirs in zip(leaves(sol), leaves(wanted), strict=True):
        np.testing.assert_array_equal(given_over(mine), np.asarray(theirs))
    for mine, theirs in zip(sol.vjp(tensors.Tensor(y0)), wanted.vjp(y0), strict=True):
        np.testing.assert_array_equal(given_over(mine), np.asarray(theirs))
    assert isinstance(sol, cuda.SdeSolution) and isinstance(sol.path, tapeless.BrownianPath)
    assert type(sol.host_stats().t) is np.ndarray and not sol.stats.t.streams


@pytest.fixture
def in_c(monkeypatch, tensors):
    """Return a device that has the CPU run kernels in CUDA C, in small blocks."""
    monkeypatch.setattr(cuda, "NETWORK_THREADS", 64)
    if reason := missing_compiler():
        pytest.skip(reason)
    return Played(Stream(OURS), OnCpu())


def test_networks(tensors, in_c):
    net = tapeless.fields.MLP(3, (9,))
    theta = net.init(rng=0)
    sol = cuda.solve_ode(net, SPAN, tensors.Tensor(Y0), tensors.Tensor(theta), device=in_c, **HOW)
    wanted = tapeless.solve_ode(net, SPAN, Y0, theta, **HOW)
    for mine, theirs in zip(
        (sol.ys, *sol.vjp(sol.ys)), (wanted.ys, *wanted.vjp(wanted.ys)), strict=True
    ):
        np.testing.assert_allclose(given_over(mine), theirs, rtol=1e-12)


def test_spectral_convolutions(tensors, in_c):
    layer = tapeless.operators.SpectralConv(2, 3, modes=(2,))
    theta, x = layer.init(rng=1), np.random.default_rng(2).standard_normal((2, 2, 8))
    y, pullback = cuda.spectral_conv(layer, tensors.Tensor(x), theta, device=in_c)
    wanted, pull = layer.pullback(x, theta)
    np.testing.assert_allclose(given_over(y), wanted, rtol=1e-12, atol=1e-12)
    bar = tensors.Tensor(np.ones(wanted.shape))
    for mine, theirs in zip(pullback(bar), pull(bar.memory), strict=True):
        np.testing.assert_allclose(given_over(mine), theirs, rtol=1e-12, atol=1e-12)
    assert bar.streams == [OURS]


@pytest.mark.parametrize("area", ["none", "space-time-time"])
def test_increments(tensors, in_c, area):
    path = tapeless.BrownianPath(7, 0.0, 2.0, (3, 2), area)
    s, t = np.linspace(0.1, 1.0, 4), np.linspace(0.3, 1.9, 4)
    found = cuda.increments(path, s, tensors.Tensor(t), device=in_c)
    wanted = path(s, t)
    assert area == "none" or type(found) is type(wanted)
    pairs = [(found, wanted)] if area == "none" else zip(found, wanted, strict=True)
    for mine, theirs in pairs:
        np.testing.assert_array_equal(given_over(mine), np.asarray(theirs))


def test_the_error_of_a_solve_holds_tensors(field, tensors, device):
    y0 = tensors.Tensor(Y0 * [[1], [np.nan]])
    with pytest.raises(SolverError, match="1 of 2 trajectories failed") as caught:
        cuda.solve_ode(field, SPAN, y0, THETA, device=device, **HOW)
    assert type(caught.value.solution.ys) is tensors.Tensor


def test_a_single_state_and_a_copy_of_a_solution(field, tensors, device):
    sol = cuda.solve_ode(field, SPAN, tensors.Tensor(Y0[0]), THETA, device=device, **HOW)
    assert sol.ys.shape == (3,) and sol.stats.t.shape == () and float(sol.ts) == 0.05
    again = copy.copy(sol)
    WAITS.clear()
    assert type(again.ys) is tensors.Tensor and again.ys.base is sol.ys.base
    assert WAITS[0] == (THEIRS, OURS)  # on the device that it was on
    sol.stats = kept = sol.stats
    assert sol.stats.t.base is kept.t


def test_plain_functions_hand_tensors_on(field, tensors, device, monkeypatch):
    for module in ("cuda", "_cuda_results"):
        monkeypatch.setattr(f"tapeless.{module}.device_for", lambda *_: device)
    ours = tapeless.solve_ode(field, SPAN, device.array(Y0), device.array(THETA), **HOW)
    assert all(type(x) is Array for x in (ours.ys, *ours.stats, *ours.vjp(ours.ys)))
    sol = tapeless.solve_ode(field, SPAN, tensors.Tensor(Y0), THETA, **HOW)
    assert type(sol.ys) is tensors.Tensor and isinstance(sol, cuda.Solution)
    noisy = tapeless.solve_sde(
        drift, volatility, SPAN, tensors.Tensor(Y0[:, :2]), [1, 1], n_steps=2
    )
    assert type(noisy.ys) is tensors.Tensor
    with pytest.raises(
        TypeError, match=r"solve_ode: `measure` must be left out for arrays on a dev"
    ):
        tapeless.solve_ode(field, SPAN, tensors.Tensor(Y0), THETA, measure=True, **HOW)


def test_tensors_that_cannot_be_taken(field, tensors, device, monkeypatch):
    grad = tensors.Tensor(THETA, requires_grad=True)
    monkeypatch.setitem(REFUSALS, "tensors", REFUSALS["torch"][1:2])
    message = r"must be an array whose numbers can be read; .* requires grad.*x\.detach\(\)"
    for place in ("y0", "theta", "t_eval"):
        given = {"y0": tensors.Tensor(Y0), "theta": THETA, "device": device} | {place: grad}
        with pytest.raises(TypeError, match=f"solve_ode: `{place}` {message}"):
            cuda.solve_ode(field, SPAN, **given)
    with pytest.raises(TypeError, match=f"solve_ode: `theta` {message}"):
        tapeless.solve_ode(field, SPAN, tensors.Tensor(Y0), grad)
    for y0 in (Y0, tensors.Tensor(Y0)):
        sol = cuda.solve_ode(field, SPAN, y0, THETA, device=device, **HOW)
        with pytest.raises(TypeError, match=f"Solution.vjp: `ys_bar` {message}"):
            sol.vjp(grad)
    monkeypatch.delitem(REFUSALS, "tensors")
    with pytest.raises(
        BufferError, match=r"solve_ode: `y0` must be .*tensors's Tensor.*Can't export"
    ):
        cuda.solve_ode(field, SPAN, grad, THETA, device=device)


# What docs/cuda.md says of arrays that are not all of one library on one GPU: states, theta, and what comes of it.
MIXES = {
    ("a library's, on the GPU", "the same library's, on the GPU"): "the library's",
    ("a library's, on the GPU", "NumPy's"): "the library's",
    ("a library's, on the GPU", "CuPy's"): "the library's",
    ("a library's, on the GPU", "another library's, on the GPU"): "the library's",
    ("a library's, on the GPU", "an array that offers DLPack alone"): "the library's",
    ("a library's, on the GPU", "a library's, on the CPU"): "the library's",
    ("NumPy's", "a library's, on the GPU"): "the library's",
    ("CuPy's", "a library's, on the GPU"): "CuPy's",
    ("CuPy's", "NumPy's"): "CuPy's",
    ("NumPy's", "NumPy's"): "CuPy's",
    ("a library's, on the CPU", "NumPy's"): "CuPy's",
    ("Numba's", "NumPy's"): "CuPy's",
    ("an array that offers DLPack alone", "NumPy's"): "CuPy's",
    ("a library's, on the GPU", "on another GPU"): "BufferError",
    ("on another GPU", "NumPy's"): "ValueError",
}  # fmt: skip


@pytest.mark.parametrize("mix", MIXES, ids=" and ".join)
def test_mixes(field, tensors, device, monkeypatch, mix):
    strict = pytest.importorskip("array_api_strict")
    others = foreign_arrays.installed(monkeypatch, "others", 9)
    makers = {
        "a library's, on the GPU": tensors.Tensor,
        "the same library's, on the GPU": tensors.Tensor,
        "another library's, on the GPU": others.Tensor,
        "a library's, on the CPU": strict.asarray,
        "NumPy's": np.array,
        "CuPy's": device.array,
        "Numba's": OfNumba,
        "an array that offers DLPack alone": Exporter,
        "on another GPU": lambda x: tensors.Tensor(x, (2, 1)),
    }
    y0, theta = (makers[of](x) for of, x in zip(mix, (Y0, THETA), strict=True))
    outcome = MIXES[mix]
    if outcome.endswith("Error"):
        with pytest.raises(
            {"BufferError": BufferError, "ValueError": ValueError}[outcome],
            match=r"solve_ode: `(y0|theta)` must be on the .*device.*; got an array on device 1\. Copy",
        ):
            cuda.solve_ode(field, SPAN, y0, theta, device=device, **HOW)
        return
    sol = cuda.solve_ode(field, SPAN, y0, theta, device=device, **HOW)
    assert type(sol.ys) is {"the library's": tensors.Tensor, "CuPy's": Array}[outcome]


def test_the_table_of_mixes_is_up_to_date():
    lines = ["| states | parameters | results |", "|---|---|---|"]
    lines += [f"| {y0} | {theta} | {found} |" for (y0, theta), found in MIXES.items()]
    [table] = re.findall(r"(?:^\| .*\n\|---.*\n)(?:\|.*\n)+", DOCS.read_text(), re.M)
    assert table == "\n".join(lines) + "\n"


def test_what_is_no_stream_and_no_device_is_named(field, tensors):
    with pytest.raises(
        TypeError, match=r"solve_ode: `stream` must be a cupy.cuda.Stream; got 7\. "
    ):
        cuda.solve_ode(field, SPAN, Y0, THETA, stream=7)
    with pytest.raises(
        TypeError, match=r"solve_ode: `device` must be a Device or a StandIn; got 'cu"
    ):
        cuda.solve_ode(field, SPAN, tensors.Tensor(Y0), THETA, device="cuda:0")
