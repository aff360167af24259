"""A step of the vorticity equation against ones written by hand on NumPy arrays, in turns.

    pip install ducc0 pyfftw
    taskset -c 0 python asv_benchmarks/navier_stokes_speed.py

Prints the numbers of docs/pde.md: milliseconds of a step of 256 x 256 points, minima of alternating runs, one thread;
then how much longer a gradient takes than its solve, and a step by scipy.fft than by ducc0; then training data.
Peers take the integrating-factor RK4 step on rfft2 and irfft2 of one library, five transforms an evaluation; the
floor is the time of the transforms of our own step. First each result is held against that of NumPy.
"""

import functools
import sys
from pathlib import Path

import numpy as np
import scipy.fft
from benchmarks.timing import least_in_turns

from tapeless import fft, pde
from tapeless._pde import transforms
from tapeless._pde.equations import NavierStokes
from tapeless._pde.grid import make_grid
from tapeless._pde.march import mean_squares
from tapeless._pde.method import Method
from tapeless._pde.modes import Box
from tapeless._pde.stepping import Room, step

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from problems import spectral

N, DT, NU = 256, 1e-3, 1e-3


def problem(dtype):
    """Return what a step by hand needs, in one dtype."""
    q = spectral.navier_stokes(N, NU, DT)
    return {
        name: spectral.cast(x, dtype) if isinstance(x, np.ndarray) else x for name, x in q.items()
    }


def by_hand(p, forward, inverse):
    """Take a step with the transforms of a library."""
    return spectral.navier_stokes_step(p, p["w"], forward, inverse)


def libraries(dtype):
    """Yield the names of libraries that are installed, and their transforms."""
    yield "numpy", np.fft.rfft2, np.fft.irfft2
    yield "scipy", scipy.fft.rfft2, scipy.fft.irfft2
    try:
        import ducc0.fft as ducc

        back = {"lastsize": N, "forward": False, "inorm": 2, "allow_overwriting_input": True}
        yield (
            "ducc0",
            functools.partial(ducc.r2c, axes=(0, 1)),
            lambda a: ducc.c2r(a, axes=(0, 1), **back),
        )
    except ImportError:
        pass
    try:
        import pyfftw

        yield "pyfftw", *planned(pyfftw, dtype)
    except ImportError:
        pass


def planned(pyfftw, dtype):
    """Return the transforms of measured plans."""
    complexes = np.result_type(dtype, np.complex64)
    field, half = (
        pyfftw.empty_aligned((N, N), dtype),
        pyfftw.empty_aligned((N, N // 2 + 1), complexes),
    )
    forward = pyfftw.FFTW(field, half, axes=(0, 1), flags=("FFTW_MEASURE",))
    flags = ("FFTW_MEASURE", "FFTW_DESTROY_INPUT")
    backward = pyfftw.FFTW(half, field, axes=(0, 1), direction="FFTW_BACKWARD", flags=flags)

    def there(a):
        field[:] = a
        return forward().copy()

    def back(a):
        half[:] = a
        return backward().copy()

    return there, back


def floor(dtype):
    """Return the transforms of our steps and nothing else."""
    box = Box((N, N), (2 * np.pi,) * 2, np.dtype(dtype))
    half, fields = np.zeros((1, 2, N, box.width), box.complex), np.zeros((1, 2, N, N), dtype)
    made = half.copy()

    def run():
        for _ in range(4):
            transforms.to_sums(half[..., : box.modes[1]], 2)
            transforms.to_real(fields, half)
            transforms.to_half(made, fields)
            transforms.to_spectra(made[..., : box.modes[1]], 2)

    return run


def ours(w0, method):
    """Return a function that takes the step of a solve, with the check of its norm, from modes to modes."""
    box = Box((N, N), (2 * np.pi,) * 2, w0.dtype)
    factors = Method(method, box, make_grid("", DT, None, DT, None), NU).factors()[0]
    u = box.analyse(w0[None])
    equation, room = NavierStokes(box, np.zeros_like(u), False), Room.like(u)

    def run():
        step(factors, u, equation.evaluate, room)
        mean_squares(box, room.next, room.next)
        return box, room.next

    return run


def main():
    for dtype in (np.float64, np.float32):
        p = problem(dtype)
        w0, reference = np.fft.irfft2(p["w"]).astype(dtype), by_hand(p, np.fft.rfft2, np.fft.irfft2)
        ways = {name: functools.partial(by_hand, p, *pair) for name, *pair in libraries(dtype)}
        for name, way in ways.items():
            off = np.abs(way() - reference).max() / np.abs(reference).max()
            assert off < 100 * np.finfo(dtype).eps, name
        ways |= {f"tapeless {method}": ours(w0, method) for method in ("ifrk4", "etdrk4")}
        box, modes = ways["tapeless ifrk4"]()
        found = np.fft.rfft2(box.synthesise(modes)[0])
        off = np.abs(found - reference).max() / np.abs(reference).max()
        ways["floor: our transforms alone"] = floor(dtype)
        times = dict(zip(ways, least_in_turns(*ways.values(), repeats=300), strict=True))
        best = min(t for name, t in times.items() if name in ("numpy", "scipy", "ducc0", "pyfftw"))
        print(f"{np.dtype(dtype).name}: ifrk4 differs from NumPy by {off:.1e}")
        for name, t in times.items():
            print(f"  {name}: {1e3 * t:.2f} ms, {best / t:.2f} x the best peer")


def gradients(dtype):
    """Print ratios of times."""
    w0 = np.fft.irfft2(problem(dtype)["w"]).astype(dtype)
    options = {"n_steps": 9, "length": 2 * np.pi}
    solve = functools.partial(pde.solve_navier_stokes, w0, 9 * DT, NU, **options)
    kept = {adjoint: solve(adjoint=adjoint) for adjoint in ("store", "every")}
    ways = [functools.partial(sol.vjp, w0) for sol in kept.values()]
    plain, *pulled = least_in_turns(functools.partial(solve, adjoint=None), *ways, repeats=40)
    for adjoint, t in zip(kept, pulled, strict=True):
        print(f"{np.dtype(dtype).name}: gradient / solve, adjoint={adjoint!r}: {t / plain:.2f}")
    if "ducc0" in fft.engines():
        (by_ducc,) = least_in_turns(ours(w0, "etdrk4"), repeats=200)
        with fft.engine("scipy"):
            (by_scipy,) = least_in_turns(ours(w0, "etdrk4"), repeats=200)
        print(f"{np.dtype(dtype).name}: step by scipy.fft / by ducc0: {by_scipy / by_ducc:.2f}")


def data():
    """Print seconds for samples of the problems of Li et al. (2020), and how far steps are from ones half as long."""
    w0 = pde.gaussian_random_field(
        (64, 64), 0, alpha=2.5, tau=7.0, sigma=7**0.75, batch=8, dtype=np.float32
    )
    u0 = pde.gaussian_random_field(8192, 0, alpha=2.0, tau=5.0, sigma=25.0, batch=8)
    options = {"adjoint": None, "forcing": pde.navier_stokes_forcing((64, 64), dtype=np.float32)}
    flows = functools.partial(pde.solve_navier_stokes, w0, 50.0, 1e-3, **options)
    waves = functools.partial(pde.solve_burgers, u0, 1.0, 0.1, adjoint=None)
    for name, solve, dt in (("vorticity 64 x 64", flows, 0.02), ("Burgers 8192", waves, 0.01)):
        found = []
        (t,) = least_in_turns(lambda s=solve, h=dt, f=found: f.append(s(dt=h).ys), repeats=2)
        off = np.abs(solve(dt=dt / 2).ys - found[0]).max() / np.abs(found[0]).max()
        print(f"{name}, dt = {dt}: {t / 8:.3f} s a sample, {off:.0e} from half the step")


if __name__ == "__main__":
    main()
    for kind in (np.float64, np.float32):
        gradients(kind)
    data()
