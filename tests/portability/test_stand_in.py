"""Faults planted in kernels and in the host code around them are found by the checks that hold them; compiled kernels.

Each fault is a change of the source's text. The check is the one that test_cuda.py makes of the source as it is.
"""

import inspect
import itertools
from types import ModuleType

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless_kernels.cuda import ensemble, part, report, sums, trajectories
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.stand_in import ORDERS, Compiled, Plain

THETA = [10.0, 28.0, 8 / 3]
Y0 = np.array([0.0, 0, 10]) + np.random.default_rng(0).standard_normal((7, 3))
YS_BAR = np.random.default_rng(1).standard_normal((7, 3))
HOW = {"method": "bosh3", "rtol": 1e-2}
_NUMBERS = itertools.count()
# What a status that nobody wrote, or a wrong number, comes to.
WRONG = (AssertionError, tapeless.SolverError, KeyError)


def planted(module, *changes):
    """Return the module with its text changed; each change is there once."""
    text = inspect.getsource(module)
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    name = f"{module.__name__}_planted{next(_NUMBERS)}"
    made = ModuleType(name)
    made.__package__, made.__file__ = module.__package__, module.__file__
    exec(compile(text, name, "exec"), made.__dict__)
    return made


@pytest.fixture(scope="module")
def field():
    return tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


def found(field, order="forward", chunk=None, target=Plain):
    """Return states and gradients of the stand-in."""
    device = cuda.StandIn(order=order, target=target)
    sol = cuda.solve_ode(field, (0.0, 0.05), Y0, THETA, device=device, chunk=chunk, **HOW)
    return [device.host(x) for x in (sol.ys, *sol.vjp(YS_BAR))]


def check(field, **how):
    """Hold that the stand-in has the CPU's states and gradients."""
    sol = tapeless.solve_ode(field, (0.0, 0.05), Y0, THETA, **HOW)
    for x, wanted in zip(found(field, **how), (sol.ys, *sol.vjp(YS_BAR)), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-13, atol=1e-13)


def test_the_source_as_it_is_passes(field):
    check(field)


def plant_guard(monkeypatch, guard):
    """Have the solve guarded by another condition."""
    text = inspect.getsource(trajectories.solve_kernel)
    wrong = planted(trajectories, (text, text.replace("if i < codes.shape[0]:", guard)))
    monkeypatch.setattr(part, "solve_kernel", wrong.solve_kernel)


def test_a_missing_guard_is_found(field, monkeypatch):
    plant_guard(monkeypatch, "if i >= 0:")
    with pytest.raises(IndexError):  # a thread beyond the last trajectory
        check(field)


def test_a_wrong_bound_is_found(field, monkeypatch):
    plant_guard(monkeypatch, "if i < codes.shape[0] - 1:")
    with pytest.raises(WRONG):
        check(field)


def test_a_race_is_found_by_the_order_of_threads(field, monkeypatch):
    # All groups add to one number, which real threads would do at once.
    monkeypatch.setattr(sums, "GROUP", 2)
    wrong = planted(
        sums, ("sums[row, group] = total", "sums[row, 0] = total"),
        ("Real(sums[row, group])", "Real(sums[row, 0])"), ("GROUP = 256", "GROUP = 2"),
    )  # fmt: skip
    assert len({found(field, order)[2].tobytes() for order in ORDERS}) == 1
    monkeypatch.setattr(ensemble, "sum_kernel", wrong.sum_kernel)
    assert len({found(field, order)[2].tobytes() for order in ORDERS}) > 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("slice(start, start + size)", "slice(start, start + size - 1)"),
        ("(back.theta, where.start, sums)", "(back.theta, 0, sums)"),
        ("                start += size\n", "                start += size + 1\n"),
    ],
)
def test_a_chunk_that_is_off_by_one_is_found(field, monkeypatch, old, new):
    check(field, chunk=3)
    monkeypatch.setattr(sums, "GROUP", 2)
    wanted = found(field)
    wrong = planted(ensemble, (old, new))
    monkeypatch.setattr(cuda, "EnsembleSolve", wrong.EnsembleSolve)
    with pytest.raises(WRONG):
        for chunk in (1, 3):
            for x, y in zip(found(field, chunk=chunk), wanted, strict=True):
                np.testing.assert_array_equal(x, y)


def test_a_wrong_dtype_is_found():
    pytest.importorskip("numba_cuda")
    kernels = report.kernels(3, np.dtype(np.float32), "store", report.TSIT5)
    wrong = planted(sums, ("Real(sums[row, group])", "0.0 + sums[row, group]"))
    arguments = report.arguments("sum", 3, np.dtype(np.float32))
    assert ".f64" not in report.ptx("sum", 3, np.dtype(np.float32))
    assert ".f64" in kernels.ptx(wrong.sum_kernel, arguments, report.LOWEST)


def test_device_arrays_do_not_mix_with_those_of_the_host():
    device = cuda.StandIn()
    x = device.array(np.ones(3))
    with pytest.raises(TypeError, match="add of an array on the device and one on the host"):
        x + np.ones(3)
    with pytest.raises(TypeError, match="given an array on the host"):
        device.launch(len, 1, (np.ones(3),))
    with pytest.raises(TypeError, match="not contiguous"):
        device.launch(len, 1, (device.array(np.ones((3, 3)))[:, 1],))


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_compiled_kernels_have_the_cpus_bits(field, order):
    plain, compiled = found(field), found(field, order, 4, Compiled)
    assert [x.tobytes() for x in compiled] == [x.tobytes() for x in plain]


def test_tapeless_imports_no_kernel_of_a_device_before_it_is_used(run_python):
    loaded = "print([m for m in sys.modules if 'tapeless_kernels.cuda.' in m][:1])"
    printed = run_python(f"import sys, tapeless; {loaded}; tapeless.cuda; {loaded}")
    assert printed.startswith("[]\n['tapeless_kernels.cuda.")
