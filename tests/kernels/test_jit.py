import contextlib
import resource
import shutil

import numpy as np
import pytest

from tapeless_kernels import _cache
from tapeless_kernels._jit import Family, inlined, kernel, retarget
from tapeless_kernels.tile import fill

CALLEE = """
from ._jit import inlined, kernel

@inlined
def twice(x):
    return 2 * x

@kernel
def fill_twice(out, x):
    for i in range(out.shape[0]):
        out[i] = twice(x[i]) + OFFSET

OFFSET = 0
"""
CALLER = """
from tapeless_kernels._jit import kernel
from tapeless_kernels.probe_callee import fill_twice

@kernel
def negated(out, x):
    fill_twice(out, x)
    for i in range(out.shape[0]):
        out[i] = -out[i]
"""
# Prints the result, and whether the kernel was loaded.
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
# Without that of an editable install, which comes before the path.
sys.meta_path = [f for f in sys.meta_path if f.__module__.startswith("_frozen_importlib")]
import numpy as np
import tapeless_kernels
from tapeless_kernels import _cache, _jit
from tapeless_kernels.CALLER import negated
assert tapeless_kernels.__file__.startswith(sys.argv[1])
out = np.zeros(2)
_jit.Family("probe", {})(negated)(out, np.array([1.0, 4.0]))
print(*out, *(c.loaded for c in _cache.COMPILATIONS))
"""


@pytest.mark.parametrize("caller", ["probe_caller", "spectral.probe_caller"])
def test_changed_callee_in_another_file_recompiles_its_caller(run_python, tmp_path, caller):
    source = tmp_path / "tapeless_kernels"
    shutil.copytree(_cache.ROOT, source, ignore=shutil.ignore_patterns("__pycache__"))
    (source / f"{caller.replace('.', '/')}.py").write_text(CALLER)
    environment = {"TAPELESS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(callee):
        (source / "probe_callee.py").write_text(callee)
        return run_python(SCRIPT.replace("CALLER", caller), tmp_path, **environment).split()

    assert run(CALLEE) == ["-2.0", "-8.0", "False"]
    assert run(CALLEE.replace("2 * x", "3 * x")) == ["-3.0", "-12.0", "False"]
    assert run(CALLEE.replace("OFFSET = 0", "OFFSET = 1")) == ["-3.0", "-9.0", "False"]
    assert run(CALLEE) == ["-2.0", "-8.0", "True"]  # what another process compiled
    (source / "spectral" / "another.py").write_text("")
    alone = str(caller == "probe_caller")  # what is in `spectral` matters only there
    assert run(CALLEE) == ["-2.0", "-8.0", alone]


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Fill an array by a family that this process has not used, and return whether its kernel was loaded."""

    def fill_by_new_family(folder=tmp_path / "cache"):
        monkeypatch.setenv("TAPELESS_CACHE_DIR", str(folder))
        x = np.zeros((2, 3))
        Family("fresh", {"LANES": 2})(fill)(x, 5.0)
        assert x.tolist() == [[5.0, 5.0, 0.0]] * 2
        return _cache.COMPILATIONS[-1].loaded

    return fill_by_new_family


def files(folder, suffix):
    return [path for path in folder.rglob("*") if f".{suffix}" in path.name]


def test_kernel_is_loaded_from_the_cache_the_second_time(fresh):
    assert [fresh(), fresh()] == [False, True]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "truncated"])
def test_corrupt_file_is_compiled_again_and_replaced(fresh, tmp_path, suffix, content):
    fresh()
    found = files(tmp_path, suffix)
    assert found
    for file in found:
        file.write_bytes(file.read_bytes()[:-40] if content is None else content)
    assert [fresh(), fresh()] == [False, True]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_missing_file_is_compiled_again(fresh, tmp_path, suffix):
    fresh()
    for file in files(tmp_path, suffix):
        file.unlink()
    assert [fresh(), fresh()] == [False, True]


def test_folder_that_cannot_be_made_does_not_matter(fresh, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "cache", "/proc/tapeless", "/dev/null"):
        assert [fresh(folder), fresh(folder)] == [False, False]


@contextlib.contextmanager
def files_no_larger_than(n):
    """What a full disk is to a program: writing fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 300, 4000])
def test_full_disk_does_not_matter_and_leaves_nothing_broken(fresh, tmp_path, room):
    with files_no_larger_than(room):
        assert fresh() is False
    assert all(file.stat().st_size <= room for file in files(tmp_path, "nb"))
    assert [fresh(), fresh()] == [False, True]


def test_clear_cache_frees_what_was_written(fresh, tmp_path):
    fresh()
    keepsake = tmp_path / "cache" / "keepsake"
    keepsake.write_text("not ours")
    written = sum(file.stat().st_size for file in files(tmp_path, "nb"))
    assert _cache.clear_cache() == written > 0
    assert not files(tmp_path, "nb") and keepsake.exists()
    assert _cache.clear_cache() == 0


STEP = """
import numpy as np
from tapeless.optim import Adam
from tapeless_kernels._cache import COMPILATIONS
print(*Adam().step(np.ones(3), np.arange(3.0)), COMPILATIONS[-1].loaded)
"""


def test_kernels_work_without_a_cache_folder(run_python, tmp_path):
    """Those of an optimiser, which are quickly compiled."""
    (tmp_path / "file").write_text("")
    *known, _ = run_python(STEP).split()
    assert run_python(STEP, TAPELESS_CACHE_DIR=str(tmp_path / "file")).split() == [*known, "False"]


SCALE = 2.0


@inlined
def scale(x):
    return SCALE * x


@kernel
def scale_all(out, x):
    for i in range(out.shape[0]):
        out[i] = scale(x[i])


@kernel
def scale_twice(out, x):
    scale_all(out, x)
    scale_all(out, out)


def compiled(function, inline):
    return inlined(function) if inline else kernel(function)


@pytest.mark.parametrize("compile", [compiled, lambda f, inline: f], ids=["compiled", "Python"])
def test_retarget_changes_the_callees_of_callees(compile):
    x, out, made = np.array([1.0, 4.0]), np.zeros(2), {}
    retargeted = retarget(scale_twice, {"SCALE": 3.0}, made, compile)
    retargeted(out, x)
    assert out.tolist() == [9.0, 36.0]
    assert set(made) == {f.py_func for f in (scale, scale_all, scale_twice)}
    assert retarget(scale_twice, {"SCALE": 3.0}, made, compile) is retargeted
    scale_twice(out, x)  # and the original is as it was
    assert out.tolist() == [4.0, 16.0]


def test_retarget_replaces_a_callee_by_name():
    @inlined
    def squared(x):
        return x * x

    x, out = np.array([2.0, 3.0]), np.zeros(2)
    retarget(scale_twice, {"scale": squared}, {}, compiled)(out, x)
    assert out.tolist() == [16.0, 81.0]


def test_families_keep_their_bindings_apart_and_compile_once(plain):
    before = len(_cache.COMPILATIONS)
    for lanes in (2, 3, 2, 3):
        x = np.zeros((2, 4))
        plain(np.float64, lanes)(fill)(x, 1.0)
        assert x.sum() == 2 * lanes
    assert len(_cache.COMPILATIONS) - before <= 2
