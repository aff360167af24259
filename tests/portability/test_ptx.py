"""PTX of the CUDA kernels, compiled where there is no GPU; nothing here runs on one."""

import importlib.util
import re

import numpy as np
import pytest

from tapeless_kernels import _cuda
from tapeless_kernels.cuda.report import ARCHITECTURES, DTYPES, VARIANTS, ptx

pytest.importorskip("numba_cuda")

FLOAT32, FLOAT64 = DTYPES
LOOPS = [name for name in VARIANTS if "solve" in name or "take_back" in name]
STEPS = [name for name in VARIANTS if name not in LOOPS]
TIMED = ("solve", "solve_vjp")  # whose PTX is looked at in every run; of the others in slow ones


def looked_at(names):
    marked = (pytest.param(name, marks=pytest.mark.slow) for name in names if name not in TIMED)
    return pytest.mark.parametrize("name", [*(name for name in names if name in TIMED), *marked])


def doubles(code):
    return code.count(".f64")


@pytest.mark.parametrize("name", STEPS)
def test_float32_steps_hold_no_double(name):
    code = ptx(name, 3, FLOAT32)
    assert ".target sm_75" in code
    assert ".visible .entry" in code and ".f32" in code
    assert doubles(code) == 0
    assert "call.uni" not in code
    assert doubles(ptx(name, 3, FLOAT64)) > 0


@looked_at(LOOPS)
def test_float32_loops_hold_float64_times_and_call_nothing(name):
    """All is inlined: a call would pass arrays through memory."""
    code = ptx(name, 3, FLOAT32)
    assert doubles(code) > 0
    assert "call.uni" not in code


@pytest.mark.parametrize(
    "name", [pytest.param(x, marks=[] if x == "solve_vjp" else [pytest.mark.slow]) for x in LOOPS]
)
def test_float32_loops_hold_no_double_but_time(name):
    assert doubles(ptx(name, 3, FLOAT32, time=np.float32)) == 0


@pytest.mark.parametrize("cc", ARCHITECTURES, ids="sm_{0[0]}{0[1]}".format)
def test_ptx_is_made_for_each_architecture(cc):
    """The table is of PTX for the lowest, which is what is compiled for the others too."""
    assert f".target sm_{cc[0]}{cc[1]}" in ptx("step", 3, FLOAT32, cc)


@looked_at(LOOPS)
def test_arguments_fit_a_launch(name):
    """Older drivers take 4096 bytes: an array is five words and two for each dimension."""
    head = ptx(name, 3, FLOAT32).partition(".entry")[2].partition(")")[0]
    sizes = re.findall(r"\.param \.[a-z](\d+) ", head)
    assert 0 < sum(int(bits) // 8 for bits in sizes) < 4096


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"numba-cuda.*tapeless\[cuda\]"):
        _cuda.numba_cuda.__wrapped__()
