"""The CUDA kernels of SDEs: seen to fail with faults planted, run by threads, and assembled within their budget.

That they have the CPU's bits where Python plays the device, tests/frontend/test_cuda_sde.py holds.
"""

import inspect
import pathlib
import re
import textwrap

import numpy as np
import pytest

import tapeless
from tapeless_kernels._cuda import Resources
from tapeless_kernels.cuda import sde, sde_local
from tapeless_kernels.cuda.report import ARCHITECTURES
from tapeless_kernels.cuda.report_sde import (
    DIFFUSION,
    DRIFT,
    HEADING,
    SDE_CASES,
    SdeRow,
    sde_arguments,
    sde_ptx,
    sde_row,
)
from tapeless_kernels.cuda.sde_arrays import Cotangents, Span, StepGrid
from tapeless_kernels.cuda.sde_kernels import SdeKernels
from tapeless_kernels.cuda.stand_in import _THREAD, Compiled, Plain
from tapeless_kernels.launch.user_field import UserProgram
from tapeless_kernels.tableaus.stochastic import EULER_MARUYAMA

TABLE = pathlib.Path(__file__).parents[2] / "docs/results/gpu_resources_sde.md"
# What another release of the compilers may need more.
BUDGET = Resources(registers=16, stack=64, spills=0)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
FORWARD = sde.sde_kernel  # without a fault
N, STEPS, THETA = 3, 4, np.array([0.5, 1.0, 0.3, 0.2])
Y0 = np.array([[1.0, 6.0], [2.0, 7.0], [3.0, 8.0]])
YS_BAR = np.array([[1.0, -0.5], [0.3, 2.0], [-1.0, 0.7]])


def given(dtype, first=1):
    """Return the arguments of a solve of three trajectories over four steps, and of its transpose."""
    _, source, _, _, state, kept, ys, _ = sde_arguments(FORWARD, EULER_MARUYAMA, dtype)
    state = type(state)(
        Y0.T.astype(dtype), state.z, state.f, state.g, np.zeros(N, np.uint8), np.zeros(N, np.int64), np.zeros(N),
    )  # fmt: skip
    grid = StepGrid(np.linspace(0, 1, STEPS + 1)[:, None, None], np.full((1, 1, 1), STEPS))
    source = source._replace(key=np.array([7, 0], np.uint64), first=first)
    kept, ys = np.full((STEPS, 2, N), np.nan, dtype), np.full((1, 1, 2, N), np.nan, dtype)
    bars = Cotangents(
        YS_BAR.T[None, None].astype(dtype), np.zeros((2, N), dtype), np.zeros((1, 4, N), dtype)
    )
    theta = THETA.astype(dtype)[None, :, None]
    return source, grid, theta, state, kept, ys, bars


def by_threads(kernels, launch, dtype=FLOAT64, threads=5):
    """Return the states and gradients of a solve by more threads than there are trajectories."""
    source, grid, theta, state, kept, ys, bars = given(dtype)
    method, span = type(kernels.method)(*kernels.method), Span(0, STEPS)
    launch(kernels, sde.sde_kernel, threads, (method, source, grid, theta, state, kept, ys, span))
    back = (method, source, grid, theta, kept, state.steps, bars, span)
    launch(kernels, sde.sde_kernel_vjp, threads, back)
    return ys[0, 0].T, bars.y.T, bars.theta[0].T


def one_after_another(kernels, kernel, threads, arguments):
    """Run threads on a core."""
    entry = kernels(kernel)
    for _THREAD[0] in range(threads):
        entry(*arguments)


def made(dtype=FLOAT64, target=Plain):
    return SdeKernels(EULER_MARUYAMA, dtype, DRIFT, DIFFUSION, 1, 2, target=target)


@pytest.fixture(scope="module")
def wanted():
    f = tapeless.field(2, 2, vjp=DRIFT.transpose)(DRIFT.function)
    g = tapeless.diffusion(2, None, 2, noise="diagonal", vjp=DIFFUSION.transpose)(
        DIFFUSION.function
    )
    path = tapeless.BrownianPath(7, 0.0, 1.0, (N, 2), resolution=0.25, first_sample=1)
    sol = tapeless.solve_sde(f, g, (0.0, 1.0), Y0, np.tile(THETA, (N, 1)), path=path, n_steps=STEPS)
    return sol.ys, *sol.vjp(YS_BAR)


def same(found, wanted):
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_threads_have_the_cpus_bits(wanted):
    assert same(by_threads(made(), one_after_another), wanted)


# The name of what a fault is planted in, what is replaced, and what it is replaced by.
FAULTS = {
    "no guard": ("sde_kernel", "i < all.status.shape[0]", "i >= 0"),
    "a guard off by one": ("sde_kernel_vjp", "i < lengths.shape[0]", "i < lengths.shape[0] - 1"),
    "another sample": ("local_path", "(source.first + i) % QUAD", "i % QUAD"),
    "the states of other steps": ("sde_kernel_vjp", "kept[n - span.first, m, i]", "kept[n - span.first - 1, m, i]"),
    "noise of the other sign on the way back": ("sde_kernel_vjp", "go_back(", "record.noise.__imul__(-1); go_back("),
    "another path on the way back": ("sde_kernel_vjp", "local_path(source, i)", "local_path(source, i + 4)"),
    "steps after the end": ("sde_kernel_vjp", "span.last - 1, span.first - 1", "span.last - 2, span.first - 1"),
}  # fmt: skip


def planted(name, old, new):
    """Return a function of the kernels with a fault in it."""
    module = sde_local if name == "local_path" else sde
    function = getattr(module, name)
    function = getattr(function, "py_func", function)
    source = textwrap.dedent(inspect.getsource(function))
    source = re.sub(r"^@\w+\n", "", source)
    assert source.count(old) == 1
    scope = dict(vars(module))
    exec(source.replace(old, new), scope)
    return scope[name]


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_seen(name, wanted, monkeypatch):
    kernels, fault = made(), planted(*FAULTS[name])
    where = FAULTS[name][0]
    if where in ("sde_kernel", "sde_kernel_vjp"):
        monkeypatch.setattr(sde, where, fault)
    else:
        kernels._bind[where] = Plain.entry(fault, kernels._bind, {})
    try:
        found = by_threads(kernels, one_after_another)
    except IndexError:
        return  # as the guard's absence shows here, and a sanitiser's trap would on a device
    assert not same(found, wanted)


@pytest.mark.slow
def test_compiled_threads_have_the_cpus_bits(wanted):
    assert same(by_threads(made(target=Compiled), one_after_another), wanted)


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_sde_cuda import *
from tapeless_kernels import _cuda
from tapeless_kernels.cuda.kernels import CudaTarget

assert _cuda.simulated()

def launch(kernels, kernel, threads, arguments):
    kernels(kernel)[2, threads // 2 + 1](*arguments)

found = by_threads(made(target=CudaTarget), launch)
np.savez(sys.argv[2], *found)
"""


def test_simulated_threads_have_the_cpus_values(run_python, tmp_path, wanted):
    pytest.importorskip("numba_cuda")
    here = pathlib.Path(__file__).parent
    run_python(SCRIPT, here, tmp_path / "found.npz", NUMBA_ENABLE_CUDASIM="1")
    with np.load(tmp_path / "found.npz") as found:
        for a, b in zip(found.values(), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def halved(t, y, theta, dg):
    """Diagonal noise with a literal, which is a double."""
    dg[0] = 0.5 * theta[0] * y[0]
    dg[1] = theta[1]


@pytest.mark.slow
def test_doubles_among_floats_are_seen():
    pytest.importorskip("numba_cuda")
    kernels = SdeKernels(EULER_MARUYAMA, FLOAT32, DRIFT, UserProgram(halved, None, 2, 2), 1, 2)
    arguments = sde_arguments(sde.sde_kernel, EULER_MARUYAMA, FLOAT32)
    assert "cvt.f64.f32" in kernels.ptx(sde.sde_kernel, arguments, ARCHITECTURES[0])


def recorded():
    lines = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (\w+) \| (sm_\d+) \| (\d+) \| (\d+) \| (\d+) \|$", TABLE.read_text(), re.M
    )  # fmt: skip
    rows = [SdeRow(*x[:4], Resources(*map(int, x[4:]))) for x in lines]
    return {row[:4]: row.resources for row in rows}


def test_table_is_whole():
    assert TABLE.read_text().startswith(HEADING)
    assert len(recorded()) == len(SDE_CASES) * len(ARCHITECTURES)


def cases():
    for kernel, method, dtype in SDE_CASES:
        fast = kernel is sde.sde_kernel_vjp and dtype == FLOAT32 and method is EULER_MARUYAMA
        label = f"{kernel.__name__}-{method.name}-{dtype}"
        marks = () if fast else pytest.mark.slow
        yield pytest.param(kernel, method, dtype, id=label, marks=marks)


@pytest.mark.parametrize(("kernel", "method", "dtype"), list(cases()))
def test_kernels_keep_to_the_table(kernel, method, dtype):
    pytest.importorskip("numba_cuda")
    code = sde_ptx(kernel, method, dtype)
    assert "call.uni" not in code  # all is inlined: a call would pass arrays through memory
    # Of time and of the lengths of intervals, which are doubles, nothing comes of the state.
    if dtype == FLOAT32:
        assert "cvt.f64.f32" not in code and ".f32" in code
    for cc in ARCHITECTURES:
        found = sde_row(kernel, method, dtype, cc)
        assert found.resources.spills == 0
        limits = zip(found.resources, recorded()[found[:4]], BUDGET, strict=True)
        for value, limit, more in limits:
            assert value <= limit + more, found
