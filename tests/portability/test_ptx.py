"""PTX of the CUDA kernels, compiled where there is no GPU; nothing here runs on one."""

import importlib.util

import numpy as np
import pytest

from tapeless_kernels import _cuda
from tapeless_kernels.cuda.report import ARCHITECTURES, DTYPES, KERNELS, ptx
from tapeless_kernels.cuda.trajectories import (
    solve_kernel,
    solve_vjp_kernel,
    step_kernel,
    step_vjp_kernel,
)

pytest.importorskip("numba_cuda")

FLOAT32, FLOAT64 = DTYPES
STEPS, LOOPS = (step_kernel, step_vjp_kernel), (solve_kernel, solve_vjp_kernel)
architectures = pytest.mark.parametrize("cc", ARCHITECTURES, ids="sm_{0[0]}{0[1]}".format)


def kernels(*names):
    return pytest.mark.parametrize("kernel", names, ids=lambda kernel: kernel.__name__)


def doubles(code):
    return code.count(".f64")


def test_all_kernels_are_tried():
    assert set(KERNELS) == {*STEPS, *LOOPS}


@architectures
@kernels(*STEPS)
def test_float32_steps_hold_no_double(kernel, cc):
    code = ptx(kernel, FLOAT32, cc)
    assert f".target sm_{cc[0]}{cc[1]}" in code
    assert ".visible .entry" in code and ".f32" in code
    assert doubles(code) == 0


@architectures
@kernels(*LOOPS)
def test_float32_loops_hold_float64_times(kernel, cc):
    code = ptx(kernel, FLOAT32, cc)
    assert f".target sm_{cc[0]}{cc[1]}" in code
    assert doubles(code) > 0


@kernels(*LOOPS)
def test_float32_loops_hold_no_double_but_time(kernel):
    assert doubles(ptx(kernel, FLOAT32, ARCHITECTURES[-1], np.float32)) == 0


@architectures
@kernels(*STEPS, *(pytest.param(kernel, marks=pytest.mark.slow) for kernel in LOOPS))
def test_float64_compiles(kernel, cc):
    code = ptx(kernel, FLOAT64, cc)
    assert f".target sm_{cc[0]}{cc[1]}" in code
    assert doubles(code) > 0


@architectures
@kernels(*KERNELS)
def test_nothing_is_called(kernel, cc):
    """All is inlined: a call would pass arrays through memory."""
    assert "call.uni" not in ptx(kernel, FLOAT32, cc)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"numba-cuda.*tapeless\[cuda\]"):
        _cuda.numba_cuda.__wrapped__()
