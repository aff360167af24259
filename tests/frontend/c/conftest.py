"""A solve from C, driven through cffi: the struct, guarded memory, and fields that a C compiler made."""

import pathlib
import shutil
import subprocess

import cffi
import numpy as np
import pytest

import tapeless

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
INCLUDE = ROOT / "kernels" / "include"
GUARD, MARK = (
    4096,
    0xAB,
)  # bytes beside all memory that a call is given, which it must leave as they are


@pytest.fixture(scope="session")
def ffi():
    ffi = cffi.FFI()
    ffi.cdef(tapeless.c_declarations())
    return ffi


@pytest.fixture(scope="session")
def fields(ffi, tmp_path_factory):
    """Return a function that returns the C function of a name as a field, or as a vjp, of a dtype."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("fields") / "fields.so"
    flags = "-O2", "-ffp-contract=off", "-fPIC", "-shared", f"-I{INCLUDE}"
    subprocess.run([compiler, *flags, "-o", library, HERE / "fields.c"], check=True)
    kept, suffixes = ffi.dlopen(str(library)), {np.dtype("f4"): "f32", np.dtype("f8"): "f64"}
    loaded = cffi.FFI()
    names = [f"{stem}_{s}" for stem in STEMS for s in suffixes.values()]
    loaded.cdef("\n".join(f"int32_t {name}(void);" for name in names))
    lib = loaded.dlopen(str(library))

    def get(stem, dtype):
        assert kept
        kind = "vjp" if stem.endswith("_vjp") else "field"
        address = int(loaded.cast("intptr_t", getattr(lib, f"{stem}_{suffixes[dtype]}")))
        return ffi.cast(f"tapeless_{kind}_{suffixes[dtype]}", address)

    return get


STEMS = "hares", "hares_vjp", "returns", "breaks"


class Guarded:
    """Memory with guards on both sides, at an address that is a multiple of 8 alone."""

    def __init__(self, n_bytes):
        self._all = np.full(n_bytes + 2 * GUARD + 72, MARK, np.uint8)
        self._first = GUARD + 8 - (self._all.ctypes.data + GUARD) % 8
        self._end = self._first + n_bytes
        self.address, self.n_bytes = self._all.ctypes.data + self._first, n_bytes

    def intact(self):
        """Return whether nothing was written outside."""
        return bool(
            (self._all[: self._first] == MARK).all() and (self._all[self._end :] == MARK).all()
        )


class CSolve:
    """A solve in C of hares and lynxes, and all the memory that it is given."""

    def __init__(
        self, ffi, fields, y0, theta, times=None, tiles="", field="hares", iterations=16, **options
    ):
        self.ffi, self.iterations = ffi, iterations
        self.dtype, self.tiles = y0.dtype, tiles
        suffix = {4: "f32", 8: "f64"}[y0.dtype.itemsize]
        self.real = {4: "float*", 8: "double*"}[y0.dtype.itemsize]
        self.ode = ffi.new(f"tapeless_ode_{suffix}*")
        self._suffix = suffix
        assert self.call("ode_init", ffi.sizeof(self.ode[0]), tiles="") == 0
        n, dim = y0.shape
        self.y0, self.theta, self.times = y0, theta, times
        n_times = 0 if times is None else len(times)
        shape = (n, dim) if times is None else (n, n_times, dim)
        self.ys = np.full(shape, -7, self.dtype)
        self.status, self.counts = np.full(n, 99, np.uint8), np.full((n, 3), -1)
        self.reached = np.full((n, 2), np.nan)
        given = {
            "n": n, "dim": dim, "n_params": theta.shape[-1], "n_cache": 1, "n_times": n_times,
            "own_theta": theta.ndim - 1, "own_times": 0 if times is None else times.ndim - 1, "keep": 1,
            "t1": 10.0, "rtol": 1e-5, "atol": 1e-7, "y0": self.pointer(y0), "theta": self.pointer(theta),
            "ys": self.pointer(self.ys), "status": self.pointer(self.status, "uint8_t*"),
            "counts": self.pointer(self.counts, "int64_t*"), "reached": self.pointer(self.reached, "double*"),
            "field": fields(field, self.dtype), "vjp": fields("hares_vjp", self.dtype),
        }  # fmt: skip
        if times is not None:
            given["times"] = self.pointer(times, "double*")
        for name, value in (given | options).items():
            setattr(self.ode, name, value)
        self.blocks, self.workspace = [], None

    def pointer(self, array, kind=None):
        return self.ffi.cast(kind or self.real, array.ctypes.data)

    def call(self, name, *arguments, tiles=None):
        """Call a function of the library; return its code."""
        full = name + (self.tiles if tiles is None else tiles)
        address = tapeless.address(full, self.dtype)
        return self.ffi.cast(f"tapeless_{full}_{self._suffix}", address)(self.ode, *arguments)

    def make_room(self):
        """Have a workspace of the size wanted."""
        assert self.call("ode_sizes") == 0
        self.workspace = Guarded(self.ode.workspace_needed)
        self.ode.workspace = self.ffi.cast("void*", self.workspace.address)
        self.ode.workspace_bytes = self.workspace.n_bytes
        return self

    def add_block(self):
        """Have the record go on in another block."""
        block = Guarded(self.ode.record_overhead + self.iterations * self.ode.iteration_bytes)
        self.ode.record = self.ffi.cast("void*", block.address)
        self.ode.record_bytes = block.n_bytes
        self.blocks.append(block)

    def solve(self):
        """Solve, with as many blocks as it takes; return the code."""
        self.make_room()
        return self.go_on()

    def go_on(self):
        while (code := self.call("solve")) in (1, 2):  # BUFFER_FULL, BUDGET_SPENT
            assert len(self.blocks) < 1000
            if code == 1:
                self.add_block()
        assert self.intact()
        return code

    def vjp(self, ys_bar):
        """Return the code, and the cotangents of y0 and theta."""
        y0_bar, theta_bar = np.full_like(self.y0, np.nan), np.full_like(self.theta, np.nan)
        bars = (self.pointer(x) for x in (ys_bar, y0_bar, theta_bar))
        code = self.call("solve_vjp", *bars)
        assert self.intact()
        return code, y0_bar, theta_bar

    def intact(self):
        return all(memory.intact() for memory in (self.workspace, *self.blocks))


@pytest.fixture
def c_solve(ffi, fields):
    def make(*arguments, **options):
        return CSolve(ffi, fields, *arguments, **options)

    return make
