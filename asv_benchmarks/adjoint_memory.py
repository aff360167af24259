"""What checkpointed gradients cost: time at a tenth of the bytes, growth with steps, peaks beside predictions.

    taskset -c 0 python asv_benchmarks/adjoint_memory.py

Prints the table that docs/results/README.md has. Of a process of its own for each peak, as memory that is kept
from before would hide it.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import tapeless

FIELDS = {
    "2-50-50-2": (tapeless.fields.MLP(2, [50, 50]), 64),
    "16-64-64-16": (tapeless.fields.MLP(16, [64, 64]), 64),
}
STEPS, REPEATS = 400, 7


def problem(name):
    field, batch = FIELDS[name]
    y0 = np.random.default_rng(0).standard_normal((batch, field.dim)).astype(np.float32)
    return field, y0, field.init(rng=0).astype(np.float32)


def solve(name, n_steps, **options):
    field, y0, theta = problem(name)
    return tapeless.solve_ode(
        field, (0.0, 1.0), y0, theta, method="rk4", n_steps=n_steps, threads=1, **options
    )


def seconds(function):
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def predicted(name, n_steps, **options):
    field, y0, _ = problem(name)
    return tapeless.adjoint_memory(
        field, len(y0), n_steps, method="rk4", dtype=np.float32, threads=1, **options
    )


def options_for(name, adjoint, n_steps, share):
    """Return the options that keep to this share of the bytes of all steps."""
    budget = int(predicted(name, n_steps).kept * share)
    if adjoint == "binomial":
        return {"adjoint": adjoint, "budget": budget}
    strides = range(1, n_steps // 2)
    kept = [predicted(name, n_steps, adjoint=adjoint, stride=stride).kept for stride in strides]
    assert min(kept) <= budget
    return {"adjoint": adjoint, "stride": strides[kept.index(min(kept))]}


def peak(name, n_steps, options):
    """Return the bytes by which the resident set grows in solve and vjp, at its peak."""
    sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
    from core import peak_resident_delta

    solve(name, 4).vjp(problem(name)[1])  # compiled and warm

    def run():
        sol = solve(name, n_steps, **options)
        sol.vjp(sol.ys)

    return peak_resident_delta(run)


def main():
    print(
        "| layers, batch 64 | adjoint | bytes kept, in those of store | vjp / forward | steps again |"
    )
    print("|---|---|---|---|---|")
    for name in FIELDS:
        forward = seconds(lambda name=name: solve(name, STEPS, adjoint=None))
        whole = predicted(name, STEPS).kept
        for adjoint in ("store", "every", "binomial"):
            options = {} if adjoint == "store" else options_for(name, adjoint, STEPS, 0.1)
            sol = solve(name, STEPS, **options)
            backward = seconds(lambda sol=sol: sol.vjp(sol.ys))
            again = predicted(name, STEPS, **options).again
            share = sol.nbytes_adjoint / whole
            print(f"| {name} | {adjoint} | {share:.3f} | {backward / forward:.2f} | {again:.2f} |")
    name = "2-50-50-2"
    budget = int(1.05 * predicted(name, 50, adjoint="every", stride=10).kept)
    print("\n| steps | vjp / forward | steps again | log2(steps) |\n|---|---|---|---|")
    for n_steps in (50, 150, 500, 1500, 5000):
        options = {"adjoint": "binomial", "budget": budget}
        forward = seconds(lambda n=n_steps: solve(name, n, adjoint=None, max_steps=n))
        sol = solve(name, n_steps, max_steps=n_steps, **options)
        backward = seconds(lambda sol=sol: sol.vjp(sol.ys))
        again = predicted(name, n_steps, **options).again
        print(f"| {n_steps} | {backward / forward:.2f} | {again:.2f} | {np.log2(n_steps):.1f} |")
    print(f"\nbudget of the second table: {budget / 1e3:.0f} kB")
    print(
        "\n| adjoint | predicted total | peak of a process | peak / predicted |\n|---|---|---|---|"
    )
    for adjoint in ("store", "every", "binomial"):
        name, n_steps = "16-64-64-16", 4000
        options = {} if adjoint == "store" else options_for(name, adjoint, n_steps, 0.1)
        script = f"import adjoint_memory as a; print(a.peak({name!r}, {n_steps}, {options!r}))"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            cwd=Path(__file__).resolve().parent,
        )  # fmt: skip
        found, total = int(done.stdout), predicted(name, n_steps, **options).total
        print(f"| {adjoint} | {total / 1e6:.1f} MB | {found / 1e6:.1f} MB | {found / total:.2f} |")


if __name__ == "__main__":
    main()
