"""What docs/results says of ensembles: costs of spread, size, threads, gradients, dimension and a first call.

``taskset -c 1 python asv_benchmarks/ensembles.py`` prints the table; threads are measured on all cores it is given.
Ratios are of medians of runs that take turns.
"""

import os
import statistics
import time

import numpy as np

import tapeless

OPTIONS = {"method": "dopri5", "rtol": 1e-6, "atol": 1e-6, "max_steps": 100_000}
N = 10_000
THETA = np.array([10.0, 28.0, 8 / 3])


@tapeless.field(dim=3, n_params=3, vjp="symbolic")
def lorenz(t, y, theta, dy):
    """Lorenz's system: 8 operations."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


@tapeless.field(dim=12, n_params=1)
def lorenz96(t, y, theta, dy):
    """A ring of 12 sites: 4 operations at each."""
    for i in range(12):
        dy[i] = (y[(i + 1) % 12] - y[(i + 10) % 12]) * y[(i + 11) % 12] - y[i] + theta[0]


def starts(n):
    """Return states beside one another."""
    return np.array([1.0, 1.0, 20.0]) + np.random.default_rng(7).standard_normal((n, 3))


def medians(runs, repeats=7):
    """Return the median seconds of each run; they take turns."""
    seconds = {name: [] for name in runs}
    for i in range(repeats + 1):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if i > 0:  # the first compiles
                seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(times) for name, times in seconds.items()}


def solver(field, y0, theta, t1, threads=1, **more):
    """Return a function that solves."""
    return lambda: tapeless.solve_ode(
        field, (0.0, t1), y0, theta, threads=threads, **OPTIONS, **more
    )


def per_step(runs, repeats=7):
    """Return nanoseconds for each step tried in each lane."""
    stats = {name: run().stats for name, run in runs.items()}
    steps = {name: (s.accepted + s.rejected).sum() for name, s in stats.items()}
    return {name: 1e9 * x / steps[name] for name, x in medians(runs, repeats).items()}


def spread():
    """Give the cost of a step where ends and parameters spread over a decade, in that where they do not."""
    rng, y0, own = np.random.default_rng(3), starts(N), np.tile(THETA, (N, 1))
    ends, other = 10 ** rng.uniform(0, 1, N), own.copy()
    other[:, 1] *= 10 ** rng.uniform(-0.5, 0.5, N)
    cases = {
        "none": (own, 10.0),
        "ends": (own, ends),
        "parameters": (other, 10.0),
        "both": (other, ends),
    }
    times = per_step({k: solver(lorenz, y0, *v, adjoint=None) for k, v in cases.items()})
    yield "a step and lane, ns", times["none"]
    for name in ("ends", "parameters", "both"):
        yield (
            f"more time a step, {name} spread over a decade, %",
            100 * (times[name] / times["none"] - 1),
        )


def sizes():
    """Give the rates of a million trajectories and of Lorenz-96."""
    y12 = 8 + np.random.default_rng(0).standard_normal((4000, 12))
    runs = {
        "10^4": solver(lorenz, starts(N), THETA, 10.0, adjoint=None),
        "10^6": solver(lorenz, starts(10**6), THETA, 10.0, adjoint=None),
        "12": solver(lorenz96, y12, [8.0], 5.0),
    }
    times = per_step(runs, repeats=3)
    yield "rate of 10^6 trajectories in that of 10^4, %", 100 * times["10^4"] / times["10^6"]
    # Of dopri5: 6 evaluations, sums of 21 and 7 products, the norm.
    work = {dim: 6 * flops + dim * (2 * 28 + 8) for dim, flops in ((3, 8), (12, 48))}
    yield (
        "time per operation, Lorenz-96 in Lorenz's",
        times["12"] / work[12] / (times["10^4"] / work[3]),
    )


def gradients():
    """Give solve and vjp in forward solves."""
    y0, own = starts(N), np.tile(THETA, (N, 1))
    for t1 in (1.0, 3.0):
        both = solver(lorenz, y0, own, t1)

        def gradient(both=both):
            sol = both()
            sol.vjp(np.ones_like(sol.ys))

        times = medians({"f": solver(lorenz, y0, own, t1, adjoint=None), "g": gradient})
        yield f"solve and vjp to t = {t1:g} in forward solves", times["g"] / times["f"]


def spread_gradients():
    """Give solve and vjp in forward solves where ends and parameters spread over a decade."""
    rng, own = np.random.default_rng(3), np.tile(THETA, (N, 1))
    ends = 0.3 * 10 ** rng.uniform(0, 1, N)
    own[:, 1] *= 10 ** rng.uniform(-0.5, 0.5, N)
    both = solver(lorenz, starts(N), own, ends)

    def gradient():
        sol = both()
        sol.vjp(np.ones_like(sol.ys))

    times = medians({"f": solver(lorenz, starts(N), own, ends, adjoint=None), "g": gradient})
    yield "solve and vjp, both spread, in forward solves", times["g"] / times["f"]


def threads():
    """Give the gain of two threads."""
    if len(os.sched_getaffinity(0)) > 1:
        runs = {n: solver(lorenz, starts(N), THETA, 10.0, n, adjoint=None) for n in (1, 2)}
        times = medians(runs)
        yield "two threads, times faster", times[1] / times[2]


def first_call():
    """Give the seconds of the first call of a field that nobody has compiled."""
    scope, constant = {}, time.time_ns()
    exec(f"def f(t, y, theta, dy):\n    dy[0] = theta[0] * y[0] + {constant}\n", scope)
    begun = time.perf_counter()
    field = tapeless.field(dim=1, n_params=1)(scope["f"])
    tapeless.solve_ode(field, (0.0, 1.0), np.ones((100, 1)), [1.0])
    yield "first call of a new field, s", time.perf_counter() - begun


def main():
    """Print the table."""
    print("| | |\n|---|---|")
    for measure in (spread, sizes, gradients, spread_gradients, threads, first_call):
        for name, value in measure():
            print(f"| {name} | {value:.3g} |", flush=True)


if __name__ == "__main__":
    main()
