#!/usr/bin/env python
"""Draw error against work for every adaptive method on DETEST: python asv_benchmarks/work_precision.py"""

import functools
import platform
import sys
import textwrap
import time
import timeit
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import scipy.integrate

import tapeless
from tapeless import methods

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers" / "problems"))
from detest import DETEST, end_error, references  # noqa: E402

TOLERANCES = [10.0**-digits for digits in range(3, 12)]
N_OF_ORDER_2 = 6  # so many of them for order 2, which takes 1e8 evaluations at the last
CLASSES = {
    "A": "single equations",
    "B": "small systems",
    "C": "moderate systems",
    "D": "orbits",
    "E": "higher order",
}
ADAPTIVE = [method for method in methods.EXPLICIT if method.error is not None]
SAME = {"RK23": "bosh3", "RK45": "dopri5", "DOP853": "dop853"}  # SciPy's name, and ours
TIMED_PROBLEMS = "B1", "B5", "C4", "D3"
TIMED_METHODS = "dopri5", "tsit5", "vern7", "dop853"
TIMED_BY_SCIPY = "RK45", "DOP853"
SMALLEST = 1e-17  # an error of zero has no logarithm
COLOURS = dict(
    zip(
        "midpoint heun21 ralston2 bosh3 rkf45 cash_karp dopri5 tsit5 vern6 vern7 dop853".split(),
        "#f4a3a8 #d9534f #8c1c13 #f28e2b #c9b21d #8cba3f #2a8f3c #17becf #4a90d9 #1f3fae "
        "#a53fc4".split(),
        strict=True,
    )
)
# Hollow, so that our points can be seen inside: they coincide where the method is the same.
SCIPY_STYLES = {
    name: {"marker": marker, "color": grey, "markerfacecolor": "none", "linestyle": "--"}
    for name, marker, grey in (("RK23", "^", "0.55"), ("RK45", "o", "0"), ("DOP853", "s", "0.4"))
}


class Points(NamedTuple):
    """Evaluations and errors at the end: a row for each tolerance, a column for each problem."""

    nfev: np.ndarray
    error: np.ndarray

    def means(self, letter):
        """Return the geometric means over the problems of a class."""
        ours = [problem.name[0] == letter for problem in DETEST]
        return [np.exp(np.log(values[:, ours]).mean(axis=1)) for values in self]


@functools.cache
def compiled(fun):
    """Return a field of DETEST as Numba compiles it."""
    return numba.njit(fun)


def solve(problem, fun, method, tolerance):
    """Solve by our function."""
    options = {"rtol": tolerance, "atol": tolerance}
    return tapeless.solve_ivp(fun, problem.t_span, problem.y0, method, **options)


def solve_by_scipy(problem, fun, method, tolerance):
    """Solve by SciPy's function."""
    options = {"rtol": tolerance, "atol": tolerance}
    return scipy.integrate.solve_ivp(fun, problem.t_span, problem.y0, method, **options)


def count_and_error(problem, solution):
    """Return evaluations and the error at the end."""
    if not solution.success:
        raise SystemExit(f"{problem.name}: {solution.message}")
    error = end_error(solution.y[:, -1], references()[problem.name])
    return solution.nfev, max(error, SMALLEST)


def points(solver, method, tolerances):
    """Solve every problem at every tolerance, fields compiled."""
    started = time.perf_counter()
    rows = [
        [count_and_error(p, solver(p, compiled(p.fun), method, tolerance)) for p in DETEST]
        for tolerance in tolerances
    ]
    print(f"{solver.__name__} {method}: {time.perf_counter() - started:.1f} s", flush=True)
    return Points(*np.moveaxis(rows, -1, 0))


def fastest(run):
    """Return the least time that a call takes the processor, of seven groups of calls."""
    clock = time.process_time
    number = max(1, int(0.01 / timeit.timeit(run, timer=clock, number=1)))
    return min(timeit.repeat(run, timer=clock, number=number, repeat=7)) / number


def timed(problem):
    """Return times and errors at every tolerance, by (library, method, whether the field is compiled)."""
    curves = {}
    for is_compiled in (True, False):
        fun = compiled(problem.fun) if is_compiled else problem.fun
        ours = TIMED_METHODS if is_compiled else [SAME[name] for name in TIMED_BY_SCIPY]
        cases = [("tapeless", solve, name) for name in ours]
        cases += [("scipy", solve_by_scipy, name) for name in TIMED_BY_SCIPY]
        for library, solver, method in cases:
            runs = [functools.partial(solver, problem, fun, method, tol) for tol in TOLERANCES]
            errors = [count_and_error(problem, run())[1] for run in runs]
            curves[library, method, is_compiled] = np.array([fastest(run) for run in runs]), errors
    return curves


# ---------------------------------------------------------------- figures


def figure_of(columns, rows, size, titles, x_label):
    """Return a figure and its axes, logarithmic in both directions."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained")
    for ax, title in zip(axes.flat, titles, strict=False):
        ax.set(xscale="log", yscale="log", xlabel=x_label, ylabel="error at t = 20")
        ax.set_title(title, fontsize=11)
        ax.grid(which="major", color="0.9", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes.flat


def draw_work(ours, theirs, path):
    """Draw the geometric means of error against evaluations, a panel for each class."""
    titles = [f"{letter}: {title}" for letter, title in CLASSES.items()]
    figure, axes = figure_of(3, 2, (13.5, 9.4), titles, "evaluations of the field")
    for ax, letter in zip(axes, CLASSES, strict=False):
        rings = [
            ax.plot(*curve.means(letter), label=f"SciPy {name}", markersize=8, **SCIPY_STYLES[name])
            for name, curve in theirs.items()
        ]
        lines = [
            ax.plot(
                *ours[method.name].means(letter),
                color=COLOURS.get(method.name),
                marker=".",
                label=f"{method.name}, order {method.order}",
            )
            for method in ADAPTIVE
        ]
    axes[5].axis("off")
    handles = [line for (line,) in lines + rings]
    axes[5].legend(handles=handles, loc="center", frameon=False, fontsize=10.5, handlelength=3.5)
    figure.suptitle(
        "DETEST, tolerances 1e-3 to 1e-11 (order 2: to 1e-8), "
        "geometric means over the five problems of a class"
    )
    figure.savefig(path, dpi=110)


def draw_times(curves, path):
    """Draw error against time, a panel for each problem."""
    titles = [f"{p.name}: {p.description}" for p in DETEST if p.name in curves]
    figure, axes = figure_of(2, 2, (11.5, 8.8), titles, "processor time of a solve (s)")
    for ax, lines in zip(axes, curves.values(), strict=True):
        for head, (seconds, errors) in lines.items():
            library, method, is_compiled = head
            if library == "scipy":
                style = SCIPY_STYLES[method]
                if is_compiled:
                    style = {"color": style["color"], "linestyle": ":"}
                ax.plot(seconds, errors, label=called(head), **style)
            elif is_compiled:
                ax.plot(seconds, errors, label=called(head), color=COLOURS[method], marker=".")
    handles, _ = axes[0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def called(head):
    """Return what the legend calls a curve of `timed`."""
    library, method, is_compiled = head
    return f"{'SciPy ' * (library == 'scipy')}{method}, {'Numba' if is_compiled else 'NumPy'} field"


# ---------------------------------------------------------------- page


def counts_seen(ours, theirs):
    """Say in how many solves SciPy takes another number of evaluations."""
    ratios = np.array([ours[mine].nfev / theirs[name].nfev - 1 for name, mine in SAME.items()])
    where = [DETEST[j].name for j in np.flatnonzero(ratios.any(axis=(0, 1)))]
    return (
        f"Of {ratios.size} solves by bosh3, dopri5 and dop853, {np.count_nonzero(ratios)} take another "
        f"number of evaluations than SciPy's RK23, RK45 and DOP853, by {np.abs(ratios).max():.1%} at "
        f"most (on {', '.join(where) or 'none'}): there rounding decides about steps, and SciPy's own "
        "counts change as much with the last digit of y0."
    )


def cheapest_seen(ours, wanted):
    """Say which method needs the fewest evaluations for an error, on lines between the points."""
    best, level = [], np.log(float(wanted))
    for letter in CLASSES:
        needed = {}
        for name, curve in ours.items():
            nfev, error = (np.log(mean[::-1]) for mean in curve.means(letter))
            if error.min() <= level <= error.max():
                needed[name] = np.exp(np.interp(level, error, nfev))
        name = min(needed, key=needed.get)
        best.append(f"{name} in {letter} ({needed[name]:.0f})")
    return f"For an error of {wanted} the fewest evaluations take {', '.join(best)}."


def times_seen(curves):
    """Say how many times longer SciPy takes."""

    def between(theirs, ours):
        ratios = [
            lines["scipy", name, theirs][0] / lines["tapeless", SAME[name], ours][0]
            for lines in curves.values()
            for name in TIMED_BY_SCIPY
        ]
        return f"{np.min(ratios):.2g} to {np.max(ratios):.2g}"

    return (
        f"SciPy's RK45 and DOP853 take {between(False, True)} times as long with the NumPy function "
        f"as ours with the same function compiled by Numba, {between(True, True)} times if both are "
        f"given it compiled, {between(False, False)} times if neither is."
    )


def work_table(ours, theirs, i):
    """Return the Markdown table of evaluations and errors at the tolerance of index i."""
    rows = [["method", *CLASSES], ["---"] * (1 + len(CLASSES))]
    for name, curve in [*ours.items(), *((f"SciPy {name}", c) for name, c in theirs.items())]:
        means = [curve.means(letter) for letter in CLASSES]
        rows.append([name, *(f"{nfev[i]:.0f}, {error[i]:.1e}" for nfev, error in means)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page(ours, theirs, curves):
    """Return docs/results/work_precision.md."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "numba", "scipy", "tapeless")
    )
    paragraphs = [
        "# Error against work",
        "The 25 non-stiff problems of DETEST (Hull, Enright, Fellen and Sedgwick (1972), SIAM J. Numer. "
        "Anal. 9(4), 603-637), t from 0 to 20, by every adaptive method at rtol = atol from 1e-3 to "
        "1e-11, to 1e-8 by those of order 2. Errors are the largest of a component at t = 20, relative "
        "to max(1, |y|), against closed forms or SciPy's DOP853 at 1e-13. Made by",
        "    taskset -c 0 python asv_benchmarks/work_precision.py",
        f"on one core. Python {platform.python_version()}, {packages}.",
        "![Error against evaluations](work_precision.png)",
        f"{counts_seen(ours, theirs)} {cheapest_seen(ours, '1e-4')} {cheapest_seen(ours, '1e-9')}",
        "Evaluations and error at rtol = atol = 1e-6, geometric means over the problems of a class:",
        work_table(ours, theirs, 3),
        "Where solutions decay or settle (A1, A4, B2, C1 to C4, E4), errors made on the way are forgotten "
        "at t = 20.",
        "## Time",
        "![Error against time](work_precision_time.png)",
        times_seen(curves),
    ]
    return "\n\n".join(p if p[0] in " |!#" else textwrap.fill(p, 110) for p in paragraphs) + "\n"


def main():
    """Solve, draw and write."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "results"
    warnings.simplefilter("error")
    ours = {}
    for method in ADAPTIVE:
        n = N_OF_ORDER_2 if method.order == 2 else len(TOLERANCES)
        ours[method.name] = points(solve, method.name, TOLERANCES[:n])
    theirs = {name: points(solve_by_scipy, name, TOLERANCES) for name in SAME}
    curves = {problem.name: timed(problem) for problem in DETEST if problem.name in TIMED_PROBLEMS}
    draw_work(ours, theirs, folder / "work_precision.png")
    draw_times(curves, folder / "work_precision_time.png")
    (folder / "work_precision.md").write_text(page(ours, theirs, curves))


if __name__ == "__main__":
    main()
