"""The families of compiled kernels: compiled, loaded, listed."""

import json
import os
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple

import numpy as np

from tapeless import pde
from tapeless._brownian import BrownianPath
from tapeless._check import FLOATS
from tapeless._fno import FNO
from tapeless._ivp import solve_ivp
from tapeless._ode import solve_ode
from tapeless._plan import FEW
from tapeless._sde import solve_sde
from tapeless.fields import MLP, Field
from tapeless_kernels import _cache
from tapeless_kernels.launch import cpu


class Kernel(NamedTuple):
    """A compiled kernel."""

    name: str
    dtype: str
    lanes: int
    seconds: float | None  # that compiling or loading it took, if known
    loaded: bool
    n_bytes: int = 0  # on disk, where that was asked for

    @property
    def key(self):
        """The kernel among all kernels."""
        return f"{self.name} {self.dtype} {self.lanes}"


def families():
    """Return the families that solves use, as (dtype, lanes): tiles, which take longest to compile, then one lane."""
    return [(dtype, cpu.WIDTHS[dtype]) for dtype in FLOATS] + [(dtype, 1) for dtype in FLOATS]


def compile_kernels(dtype, lanes, adjoint=True):
    """Compile a family, or load it from the cache; return the kernels this process lacked."""
    before, field = len(_cache.COMPILATIONS), MLP(1, 1)
    # Any solve of this width will do: networks, methods and options are data to the kernels.
    y0 = np.zeros((1 if lanes == 1 else FEW + 1, 1), dtype)
    theta = np.zeros(field.n_params)
    sol = solve_ode(field, (0.0, 1.0), y0, theta, adjoint="store" if adjoint else None)
    if adjoint:
        sol.vjp(y0)
    if lanes > 1:
        _solve_sdes(field, y0, theta, adjoint)
    if lanes == 1:  # what `solve_ivp` runs on
        solve_ivp(lambda t, y: y, (0.0, 1.0), y0[0], dense_output=True).sol(0.5)
        BrownianPath(0, 0.0, 1.0, (), dtype=dtype)(0.0, 1.0)
        _use_spectral(np.dtype(dtype))
    made = used_kernels()[before:]
    _remember(f"{dtype}_{lanes}", [kernel for kernel in made if not kernel.loaded])
    return made


def _use_spectral(dtype):
    """Take an operator and solvers of PDEs there and back; grids, modes and widths are data to the kernels."""
    model = FNO(1, 1, 2, width=2, n_layers=1, projection=2, method="product")
    y, pullback = model.pullback(np.zeros((1, 1, 8), dtype), model.init(rng=0))
    pullback(y)
    for solve, shape in ((pde.solve_burgers, (8,)), (pde.solve_navier_stokes, (8, 8))):
        sol = solve(np.zeros(shape, dtype), 0.1, 0.1, n_steps=1)
        sol.vjp(sol.ys)


def _solve_sdes(field, y0, theta, adjoint):
    """Solve an SDE in all ways that have kernels of their own."""
    both = field, field, (0.0, 1.0), y0, np.concatenate([theta, theta])
    how = {"rng": 0, "n_steps": 1, "method": "reversible_heun"}
    for mode in ("store", "reversible", "backsolve") if adjoint else (None,):
        sol = solve_sde(*both, adjoint=mode, **how)
        if adjoint:
            sol.vjp(y0)
    solve_sde(*both, rng=0, method="heun", adjoint=None)
    # Functions have tiles of their own; of which values does not matter.
    many, function = np.zeros((1024, 1), y0.dtype), Field(_nothing, 1, vjp=_nothing_vjp)
    sol = solve_sde(function, function, (0.0, 1.0), many, rng=0, n_steps=1)
    if adjoint:
        sol.vjp(many)


def _nothing(t, y, theta, dy):
    dy[0] = y[0]


def _nothing_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = dy_bar[0]


def compile_beside(dtype, lanes, **options):
    """Start a process that compiles a family into the cache; a thread would hold up all others."""
    family = "--dtype", str(dtype), "--lanes", "one" if lanes == 1 else "tile"
    return subprocess.Popen([sys.executable, "-m", "tapeless", "compile", *family], **options)


def used_kernels():
    """Return the kernels that this process has compiled or loaded."""
    return [_kernel(*compilation) for compilation in _cache.COMPILATIONS]


def cached_kernels():
    """Return the kernels on disk that these sources can load."""
    sizes, seconds = {}, {}
    spectral = _cache.cache_folder() / _cache.content_key("spectral")
    for path in _folder().glob("*.json"):
        seconds |= _seconds(path)
    # FILE.NAME-PLACE.pyXY.N.nbc, N counting signatures and CPUs
    for path in (*_folder().glob("*.nbc"), *spectral.glob("*.nbc")):
        name = path.name.partition("-")[0].rpartition(".")[2]
        sizes[name] = sizes.get(name, 0) + path.stat().st_size
    kernels = [_kernel(name, None, True, n_bytes) for name, n_bytes in sizes.items()]
    kernels = [kernel._replace(seconds=seconds.get(kernel.key)) for kernel in kernels]
    return sorted(kernels, key=lambda kernel: (kernel.dtype, kernel.lanes, kernel.name))


def writable(folder):
    """Return whether files can be made in a folder, or in the nearest one above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def table(kernels, sizes=False):
    """Return lines that list kernels, with their sizes or else with where they came from."""
    lines = [f"{'kernel':<20} {'dtype':<8} {'lanes':>5} {'seconds':>8}{'  size' if sizes else ''}"]
    for kernel in kernels:
        name, dtype, lanes, seconds, loaded, n_bytes = kernel
        took = "?" if seconds is None else f"{seconds:.2f}"
        last = size(n_bytes) if sizes else "loaded" if loaded else "compiled"
        lines.append(f"{name:<20} {dtype:<8} {lanes:>5} {took:>8}  {last}")
    return lines


def size(n):
    """Return a number of bytes as text."""
    return f"{n} B" if n < 1000 else f"{n / 1e3:.0f} kB" if n < 1e6 else f"{n / 1e6:.1f} MB"


def _kernel(name, seconds, loaded, n_bytes=0):
    match = re.fullmatch(r"(\w+)_(float\d+)_(\d+)_\w+", name)  # as `_jit.Family` names them
    parts = (match[1], match[2], int(match[3])) if match else (name, "", 0)
    return Kernel(*parts, seconds, loaded, n_bytes)


def _folder():
    return _cache.cache_folder() / _cache.content_key()


def _seconds(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _remember(family, kernels):
    """Keep the seconds that compiling took beside the kernels, if that can be."""
    path = _folder() / f"{family}.json"  # one for each family: several may be compiled side by side
    seconds = _seconds(path) | {kernel.key: kernel.seconds for kernel in kernels}
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(seconds, file)
        os.replace(file.name, path)
    except OSError:
        pass
