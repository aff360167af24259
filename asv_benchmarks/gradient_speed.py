"""What each kind of gradient costs, as ratios of times measured in turns.

    taskset -c 0 python asv_benchmarks/gradient_speed.py

Prints the table of docs/results/README.md. Minima of alternating runs, one thread, float64.
"""

import functools

import numpy as np
from benchmarks.heuristics import REGULARISERS, RegularisedStep
from benchmarks.timing import least_in_turns

import tapeless
from tapeless._regularised import regularised

PAIR = tapeless.reversible("tsit5")
least = functools.partial(least_in_turns, repeats=40)
NETWORKS = {
    "2-50-50-2, 1": (tapeless.fields.MLP(2, [50, 50]), 1),
    "2-50-50-2, 64": (tapeless.fields.MLP(2, [50, 50]), 64),
    "16-64-64-16, 64": (tapeless.fields.MLP(16, [64, 64]), 64),
    "64-128-128-64, 256": (tapeless.fields.MLP(64, [128, 128]), 256),
}


def problem(name):
    field, batch = NETWORKS[name]
    y0 = np.random.default_rng(0).standard_normal((batch, field.dim))
    return field, y0, field.init(rng=0)


def measuring():
    print("measured / plain solve (1.03):")
    for name in NETWORKS:
        field, y0, theta = problem(name)
        solve = functools.partial(
            tapeless.solve_ode,
            field,
            (0.0, 1.0),
            y0,
            theta,
            rtol=1e-6,
            atol=1e-6,
            threads=1,
            adjoint=None,
        )
        cells = []
        for coupled in (False, True):
            ways = [functools.partial(solve, coupled=coupled, measure=m) for m in (False, True)]
            plain, measured = least(*ways)
            cells.append(f"{measured / plain:.3f}")
        print(f"  {name}: {cells[0]} alone, {cells[1]} in lockstep")


def regularising():
    case = RegularisedStep()
    case.setup("none")
    n = case.track_steps("none")
    rng = np.random.default_rng(0)

    def step(one):
        if not one:
            return case.objective(case.theta, *case.batch)
        return regularised(case.objective, one, case.theta, case.batch, 0, rng)

    times = least(*(lambda one=one: step(one) for one in REGULARISERS.values()))
    print(f"regularised / plain training step, N = {n} steps; 1 + 1.5 / N = {1 + 1.5 / n:.3f}:")
    for name, t in zip(REGULARISERS, times, strict=True):
        print(f"  {name}: {t / times[0]:.3f}")


def reversing():
    print("reversible gradient / same method with steps stored (1.25), / base method (2.2):")
    for name in NETWORKS:
        field, y0, theta = problem(name)
        bar = np.ones_like(y0)

        def gradient(method, adjoint, field=field, y0=y0, theta=theta, bar=bar):
            sol = tapeless.solve_ode(
                field, (0.0, 1.0), y0, theta, method=method, n_steps=50, adjoint=adjoint, threads=1
            )
            sol.vjp(bar)

        back, stored, base = least(
            lambda g=gradient: g(PAIR, "reversible"),
            lambda g=gradient: g(PAIR, "store"),
            lambda g=gradient: g("tsit5", "store"),
        )
        print(f"  {name}: {back / stored:.2f}, {back / base:.2f}")


def tangents():
    print("8 tangents / forward solve (6): of y0, of y0 and theta:")
    for name in NETWORKS:
        field, y0, theta = problem(name)
        rng = np.random.default_rng(1)
        dots = rng.standard_normal((8, *y0.shape)), rng.standard_normal((8, *theta.shape))
        options = {"rtol": 1e-6, "atol": 1e-6, "threads": 1}
        sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, **options)
        forward, some, both = least(
            lambda f=field, y=y0, p=theta, o=options: tapeless.solve_ode(
                f, (0.0, 1.0), y, p, adjoint=None, **o
            ),
            lambda s=sol, d=dots: s.jvp(d[0]),
            lambda s=sol, d=dots: s.jvp(*d),
        )
        print(f"  {name}: {some / forward:.1f}, {both / forward:.1f}")


def times():
    print("gradient with respect to times too / without:")
    for name in NETWORKS:
        field, y0, theta = problem(name)

        def gradient(wanted, field=field, y0=y0, theta=theta):
            options = {"time_gradients": wanted, "threads": 1, "rtol": 1e-6, "atol": 1e-6}
            sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, **options)
            sol.vjp(sol.ys, times=wanted)

        plain, more = least(lambda g=gradient: g(False), lambda g=gradient: g(True))
        print(f"  {name}: {more / plain:.2f}")


if __name__ == "__main__":
    for part in (measuring, regularising, reversing, tangents, times):
        part()
