"""Check, time and compare on one GPU, and write docs/results/gpu.md.

    make test-gpu && python asv_benchmarks/gpu_speed.py

Times are medians by CUDA events after a warm-up, in milliseconds, launches from the host included; compilation is not.
Peers run on the same card, with equal steps: diffrax with as many of the same method, torchdiffeq with its RK4 and as
many evaluations; their errors are not compared. For the convolution it is CuPy's FFT. What is not installed is left
out. With --rehearse the CPU plays the device on tiny problems, which shows that the script runs and nothing else: its
table goes to the terminal.
"""

import argparse
import itertools
import statistics
import time
from pathlib import Path

import gpu_problems as problems
import numpy as np

from tapeless import cuda
from tapeless_kernels.cuda.roofline import cases, least_time

PAGE = Path(__file__).parents[1] / "docs/results/gpu.md"
DTYPES = "float32", "float64"
HEADING = """# Times on a GPU

{card}, driver of CUDA {driver}. Written by `python asv_benchmarks/gpu_speed.py`: medians of 20 runs by events, in
milliseconds, launches from the host included and compilation not. "Least" is the prediction of
[gpu_roofline.md](gpu_roofline.md), which is of an H100.

| problem | dtype | tapeless | least | torchdiffeq | diffrax | CuPy FFT |
|---|---|--:|--:|--:|--:|--:|
"""
# Which cases of the roofline page, and how many of their kernels, a problem runs.
LEAST = {
    "lorenz": ("Lorenz", slice(0, 1)),
    "lorenz, gradient": ("Lorenz", slice(1, 3)),
    "network 2-50-50-2": ("2-50-50-2", slice(0, 1)),
    "network 2-50-50-2, gradient": ("2-50-50-2", slice(0, 2)),
    "network 16-64-64-16": ("16-64-64-16", slice(0, 1)),
    "network 16-64-64-16, gradient": ("16-64-64-16", slice(0, 2)),
    "conv1d": ("1024 points", slice(None)),
    "conv2d": ("128 x 128", slice(None)),
    "functional": ("sums over 200", slice(0, 1)),
    "increments": ("1000 increments", slice(None)),
}


def least_milliseconds(problem, dtype):
    """Return what the roofline page predicts, None where it has no such problem."""
    if problem not in LEAST:
        return None
    name, part = LEAST[problem]
    (case,) = (case for case in cases(dtype) if name in case.problem)
    return 1e3 * sum(least_time(work, dtype)[0] for work in case.works[part])


def seconds_of(run, wait, warm_up=3, repeats=20):
    """Return the median seconds of a function of another library, waited for."""
    times = []
    for i in range(warm_up + repeats):
        start = time.perf_counter()
        wait(run())
        if i >= warm_up:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def by_torchdiffeq(problem, dtype):
    """Return milliseconds of torchdiffeq on the card, None where it has no such problem or is not there."""
    try:
        import torch
        from torchdiffeq import odeint
    except ImportError:
        return None
    if problem.startswith(("conv", "functional", "increments")) or not torch.cuda.is_available():
        return None
    real, gradient = getattr(torch, dtype), problem.endswith("gradient")
    if problem.startswith("lorenz"):
        theta = torch.tensor(problems.THETA, dtype=real, device="cuda", requires_grad=gradient)
        y0, steps = torch.tensor(problems.lorenz_states(1_000_000, dtype)).cuda(), 100

        def field(t, y):
            u, v, w = y.unbind(-1)
            rates = theta[0] * (v - u), u * (theta[1] - w) - v, u * v - theta[2] * w
            return torch.stack(rates, -1)

        end = 0.5
    else:
        sizes, n = ((2, 50, 50), 10_000) if "50" in problem else ((16, 64, 64), 100_000)
        widths, steps, end = [*sizes, sizes[0]], 20, 1.0
        layers = [
            layer
            for a, b in itertools.pairwise(widths)
            for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())
        ]
        net = torch.nn.Sequential(*layers[:-1]).to("cuda", real)
        y0 = torch.randn(n, sizes[0], dtype=real, device="cuda")

        def field(t, y):
            return net(y)

    y0.requires_grad_(gradient)
    times = torch.tensor([0.0, end], dtype=real, device="cuda")
    # Its one fixed-step method of order 4 takes 4 evaluations, ours 6: so many steps that both take as many.
    options = {"step_size": end / (1.5 * steps)}

    def run():
        with torch.set_grad_enabled(gradient):
            y = odeint(field, y0, times, method="rk4", options=options)[-1]
            if gradient:
                y.sum().backward()
        torch.cuda.synchronize()

    return 1e3 * seconds_of(run, lambda _: None)


def by_diffrax(problem, dtype):
    """Return milliseconds of diffrax on the card, None where it has no such problem or is not there."""
    try:
        import diffrax
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    if not problem.startswith("lorenz") or jax.default_backend() != "gpu":
        return None
    jax.config.update("jax_enable_x64", dtype == "float64")
    y0, theta = (
        jnp.asarray(problems.lorenz_states(1_000_000, dtype)),
        jnp.asarray(problems.THETA, dtype),
    )

    def rates(t, y, theta):
        u, v, w = y
        return jnp.stack([theta[0] * (v - u), u * (theta[1] - w) - v, u * v - theta[2] * w])

    def end(y0, theta):
        sol = diffrax.diffeqsolve(
            diffrax.ODETerm(rates), diffrax.Dopri5(), 0.0, 0.5, 0.005, y0, theta,
            stepsize_controller=diffrax.ConstantStepSize(), max_steps=101,
        )  # fmt: skip
        return sol.ys[-1]

    ensemble = jax.vmap(end, (0, None))
    if problem.endswith("gradient"):
        run = jax.jit(jax.grad(lambda y0, theta: ensemble(y0, theta).sum(), (0, 1)))
    else:
        run = jax.jit(ensemble)
    return 1e3 * seconds_of(lambda: run(y0, theta), jax.block_until_ready)


def by_cupy_fft(problem, dtype):
    """Return milliseconds of the convolution by CuPy's FFT of all modes, None where it is none."""
    if problem not in ("conv1d", "conv2d"):
        return None
    import cupy

    shape, modes = ((16, 64, 1024), (16,)) if problem == "conv1d" else ((8, 32, 128, 128), (12, 12))
    x = cupy.random.standard_normal(shape).astype(dtype)
    kept = modes if len(modes) == 1 else (2 * modes[0], modes[1])
    weights = cupy.ones((shape[1], shape[1], *kept), np.result_type(dtype, np.complex64))
    axes = tuple(range(2, len(shape)))

    def run():
        full = cupy.fft.rfftn(x, axes=axes)
        rows = (slice(None), slice(None))
        out = cupy.zeros_like(full)
        if len(modes) == 1:
            part = (*rows, slice(0, modes[0]))
            out[part] = cupy.einsum("bim,iom->bom", full[part], weights)
        else:
            m = modes[0]
            for place, chosen in ((slice(0, m), slice(0, m)), (slice(-m, None), slice(m, None))):
                part = (*rows, place, slice(0, modes[1]))
                out[part] = cupy.einsum("bimn,iomn->bomn", full[part], weights[:, :, chosen])
        return cupy.fft.irfftn(out, shape[2:], axes=axes)

    device = problems.device()
    return problems.median_milliseconds(device, run)


PEERS = by_torchdiffeq, by_diffrax, by_cupy_fft


def check(device):
    """Hold that the device finds what the CPU does, before anything is timed."""
    import tapeless

    field = tapeless.field(dim=3, n_params=3, vjp=problems.lorenz_vjp)(problems.lorenz)
    y0, how = problems.lorenz_states(7, "float64"), {"method": "rk4", "n_steps": 2}
    sol = cuda.solve_ode(field, (0.0, 0.05), y0, problems.THETA, device=device, **how)
    wanted = tapeless.solve_ode(field, (0.0, 0.05), y0, problems.THETA, **how)
    pairs = [(sol.ys, wanted.ys), *zip(sol.vjp(y0), wanted.vjp(y0), strict=True)]
    for found, right in pairs:
        np.testing.assert_allclose(device.host(found), right, rtol=1e-11, atol=1e-11)


def lines(device, peers=PEERS):
    """Yield the lines of the table."""
    for dtype in DTYPES:
        for name, make in problems.PROBLEMS.items():
            run = make(device, dtype)
            run()  # compiles
            mine = problems.median_milliseconds(device, run, *((3, 20) if peers else (0, 1)))
            cells = [mine, least_milliseconds(name, dtype), *(peer(name, dtype) for peer in peers)]
            shown = ["" if x is None else f"{x:.3g}" for x in cells]
            yield f"| {name} | {dtype} | " + " | ".join(shown) + " |"


def main():
    """Check, time, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="tiny problems on the CPU")
    if parser.parse_args().rehearse:
        from cuda_on_cpu import OnCpu  # of tests/portability: PYTHONPATH

        device = cuda.StandIn(raw_module=OnCpu())
        check(device)
        print("\n".join(lines(device, ())))
        return
    try:
        device = problems.device()
    except (ImportError, RuntimeError) as reason:
        parser.exit(1, f"{parser.prog} needs an NVIDIA GPU; --rehearse does without. {reason}\n")
    check(device)
    properties = device.xp.cuda.runtime.getDeviceProperties(device.index)
    driver = device.xp.cuda.runtime.driverGetVersion()
    heading = HEADING.format(
        card=properties["name"].decode(), driver=f"{driver // 1000}.{driver % 1000 // 10}"
    )
    PAGE.write_text(heading + "\n".join(lines(device)) + "\n")
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
