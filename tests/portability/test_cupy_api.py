"""CuPy itself, of which no other test here imports anything: it has what we call, and is met without a driver.

So the CuPy made of NumPy cannot offer what CuPy does not.
"""

import ast
import inspect
import pathlib
import re

import numpy as np
import pytest
from cuda_on_cpu import Function, OnCpu

import fake_cupy
import tapeless
from fake_cupy import OURS, Card, Fake, Played, Stream
from tapeless import cuda
from tapeless_kernels import _cupy

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted(
    {
        ROOT / "kernels/tapeless_kernels/_cupy.py",
        *ROOT.glob("kernels/tapeless_kernels/cuda/*.py"),
        *ROOT.glob("frontend/tapeless/_cuda*.py"),
        *ROOT.glob("asv_benchmarks/gpu_*.py"),
    }
    - {ROOT / "kernels/tapeless_kernels/cuda/stand_in.py"}
)
OF_CUPY = re.compile(r"(?:.*\.)?(?:_?xp|cupy|cupy\(\))\.([\w.]+)")
PAIRS = {
    "cupy": (Fake(), cupy),
    "cupy.cuda": (Fake().cuda, cupy.cuda),
    "cupy.cuda.runtime": (Fake().cuda.runtime, cupy.cuda.runtime),
    "a pool": (Fake().get_default_memory_pool(), cupy.cuda.MemoryPool),
    "a stream": (Stream(7), cupy.cuda.Stream.null),
    "a device": (Card(), cupy.cuda.Device),
    "an array": (fake_cupy.Array((1,)), cupy.ndarray),
    "a kernel": (Function, cupy.RawKernel),
}


def parameters(function):
    """Return the names of parameters without self: of what Cython compiled by the first line of its docstring."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        listed = re.match(r"[\w.]+\((.*?)\)(?: -> |\n|$)", function.__doc__)[1].split(",")
    names = [re.search(r"(\w+)(?:=.*)?$", x.strip()) for x in listed]
    return [found[1] for found in names if found and found[1] != "self"]


def named(thing):
    """Return what is public of an object, and what its class has for Python."""
    found = vars(thing if isinstance(thing, type) else type(thing)).keys()
    found |= set() if isinstance(thing, (type, np.ndarray)) else vars(thing).keys()
    protocols = {
        "__dlpack__",
        "__dlpack_device__",
        "__cuda_array_interface__",
        "__enter__",
        "__exit__",
    }
    return {x for x in found if not x.startswith("_") or x in protocols} - OURS


@pytest.mark.parametrize("name", PAIRS)
def test_cupy_has_what_the_one_made_of_numpy_has(name):
    fake, real = PAIRS[name]
    extra = {"name", "signature"} if fake is Function else set()  # which tests read
    for attribute in named(fake) - extra:
        assert hasattr(real, attribute), attribute
        ours, theirs = getattr(fake, attribute), getattr(real, attribute)
        if callable(ours) and not isinstance(ours, type) and not attribute.startswith("__e"):
            mine, wanted = parameters(ours), parameters(theirs)
            keywords = [
                x.name
                for x in inspect.signature(ours).parameters.values()
                if x.kind is x.KEYWORD_ONLY
            ]
            positional = [x for x in mine if x not in keywords]
            assert wanted[: len(positional)] == positional, attribute
            assert set(keywords) <= set(wanted), attribute


def calls(path):
    """Yield what a file asks of CuPy, the words after `cupy`, and the call that it is part of, if it is."""
    tree = ast.parse(path.read_text())
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (found := OF_CUPY.fullmatch(ast.unparse(node))):
            yield found[1], called.get(id(node))


def test_cupy_has_what_the_package_calls():
    seen = set()
    for path in SOURCES:
        for words, call in calls(path):
            seen.add(words)
            real = cupy
            for word in words.split("."):
                assert hasattr(real, word), f"{path.name}: cupy.{words}"
                real = getattr(real, word)
            if call is not None and call.keywords:
                given = {x.arg for x in call.keywords}
                assert given <= set(parameters(real)), f"{path.name}: cupy.{words}"
    assert {"asarray", "from_dlpack", "cuda.runtime", "cuda.get_elapsed_time"} <= seen


def test_modules_are_made_of_what_raw_modules_are():
    assert set(parameters(OnCpu.__call__)) - {"self"} <= set(parameters(cupy.RawModule))
    assert parameters(cupy.RawModule.get_function) == ["name"]
    assert "shared_mem" in cupy.RawKernel.__call__.__doc__


def test_arrays_are_asked_for_nothing_that_those_of_cupy_have_not(monkeypatch):
    @tapeless.field(1, 1, vjp="symbolic")
    def drift(t, y, theta, dy):
        dy[0] = -theta[0] * y[0]

    @tapeless.diffusion(1, 1, 1, noise="general", vjp="symbolic")
    def volatility(t, y, theta, dg):
        dg[0, 0] = theta[0]

    fake_cupy.installed(monkeypatch, Fake(free=1 << 30))
    device, span, y0 = Played(), (0.0, 1.0), np.ones((2, 1))
    fake_cupy.ASKED.clear()
    for theta in ([1.0], np.ones((2, 1))):
        sol = cuda.solve_ode(drift, span, y0, theta, device=device, n_steps=2)
        sol.vjp(sol.ys)
    how = {"method": "reversible_heun", "adjoint": "reversible", "device": device, "n_steps": 2}
    noisy = cuda.solve_sde(drift, volatility, span, y0, [1.0, 1.0], **how)
    noisy.vjp(noisy.ys)
    repr(noisy), noisy.host_stats()
    asked = {x for x in fake_cupy.ASKED if not x.startswith("_")} - OURS
    assert {"shape", "transpose", "astype"} & asked
    assert asked <= set(dir(cupy.ndarray))


def test_memory_that_ran_out_and_faults_are_caught_as_what_they_are():
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    assert issubclass(cupy.cuda.runtime.CUDARuntimeError, RuntimeError)


class OnGpu:
    """An array that says it is on a GPU."""

    def __dlpack_device__(self):
        return _cupy.CUDA, 0

    def __dlpack__(self, **how):
        raise AssertionError("nobody can read it")


FIELD = tapeless.fields.MLP(1, ())
DRIFT = tapeless.field(1)(lambda t, y, theta, dy: None)
NOISE = tapeless.diffusion(1, noise="diagonal")(lambda t, y, theta, dg: None)
LAYER = tapeless.operators.SpectralConv(1, 1, 1)
CALLS = {
    "Device": lambda: cuda.Device(),
    "increments": lambda: cuda.increments(tapeless.BrownianPath(0, 0.0, 1.0, ()), 0.0, 1.0),
    "solve_ode": lambda: cuda.solve_ode(DRIFT, (0.0, 1.0), [1.0]),
    "solve_ode, a network": lambda: cuda.solve_ode(FIELD, (0.0, 1.0), [1.0], np.ones(2)),
    "solve_sde": lambda: cuda.solve_sde(DRIFT, NOISE, (0.0, 1.0), [1.0], n_steps=1),
    "spectral_conv": lambda: cuda.spectral_conv(LAYER, np.ones((1, 1, 4)), np.ones(2)),
    "tapeless.solve_ode": lambda: tapeless.solve_ode(DRIFT, (0.0, 1.0), OnGpu()),
    "tapeless.solve_sde": lambda: tapeless.solve_sde(DRIFT, NOISE, (0.0, 1.0), OnGpu(), n_steps=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_who_has_no_driver_is_told_so(name):
    if cupy.cuda.runtime.driverGetVersion() > 0:
        pytest.skip("there is a driver")
    with pytest.raises(RuntimeError) as caught:
        CALLS[name]()
    assert str(caught.value) == _cupy.NO_DRIVER


def test_all_that_is_public_is_called():
    makers = {"Solution", "SdeSolution", "StandIn"}  # made by solves, or of the CPU
    assert set(cuda.__all__) - makers <= {name.partition(",")[0] for name in CALLS}
