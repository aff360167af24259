"""tapeless against the best of its peers, case by case."""

import itertools

import core
import numpy as np
from floors import is_gradient
from tables import number, seconds, table

HEADER = (
    "case",
    "dtype",
    "ours",
    "time",
    "best of diffrax",
    "time",
    "diffrax / ours (minima)",
    "jax scan / ours",
    "torchdiffeq / ours",
    "error, theirs",
    "gradient error, theirs",
    "NFE, theirs",
    "floor",
    "floor / time",
)
# A continuous adjoint is another, less exact gradient: the ratios are among discrete ones.
CONTINUOUS = ("BacksolveAdjoint", "odeint_adjoint")
# Errors of adaptive methods at one tolerance scatter by this factor.
COMPARABLE = 2.0
# Below this many units of rounding an error says nothing about the method.
ROUNDING = 32

NOTE = f"""\
Ratios of medians, in brackets of minima; over 1, tapeless is faster. Continuous adjoints are out.
(!): our error is over {COMPARABLE:.0f} times diffrax's. (other run): not measured in one run.
(busy): something else ran on the core; run it again with bench.py --redo-noisy 1.2.
A floor is missing where the rates of L are: bench.py --only '^L/'."""


def best(results, lib):
    """Return a library's fastest discrete result, or None."""
    mine = [
        result
        for result in results
        if result["lib"] == lib and not result["method"].endswith(CONTINUOUS)
    ]
    return min(mine, key=lambda result: result["median_s"], default=None)


def is_comparable(ours, theirs):
    """Say whether our errors are rounding, or at most COMPARABLE times theirs."""
    rounding = ROUNDING * np.finfo(ours["dtype"]).eps
    return theirs is None or all(
        ours[name] <= max(rounding, COMPARABLE * theirs[name])
        for name in ("err", "gerr")
        if name in ours and name in theirs
    )


def ours_to_show(results, theirs):
    """Return our fastest result of comparable error, else our fastest; all of them in W9."""
    ours = [result for result in results if result["lib"] == "tapeless"]
    if ours and ours[0]["workload"] == "W9":
        return ours
    fair = [result for result in ours if is_comparable(result, theirs)]
    return [best(fair or ours, "tapeless")]


def ratio(ours, theirs, name="median_s"):
    """Return how many times faster we are, or None."""
    return theirs[name] / ours[name] if ours and theirs else None


def disturbances(results):
    """Return what has to be said against a ratio of results, however exact they are."""
    found = (
        (" (other run)", len({result.get("run") for result in results}) > 1),
        (" (busy)", any(result.get("cpu_share", 1.0) < core.QUIET for result in results)),
    )
    return "".join(mark for mark, holds in found if holds)


def warnings(ours, diffrax):
    """Return what has to be said against a ratio."""
    if not ours:
        return ""
    both = [result for result in (ours, diffrax) if result]
    return " (!)" * (not is_comparable(ours, diffrax)) + disturbances(both)


def row(ours, results, rates):
    """Return the cells of one comparison; ours may be None."""
    diffrax, scan, torchdiffeq = (best(results, lib) for lib in ("diffrax", "jax", "torchdiffeq"))
    shown = ours or diffrax or results[0]
    floor = rates.peak_floor(ours) if ours and ours["workload"] != "W9" else None

    def both(name, form):
        return ", ".join(number((r or {}).get(name), form) for r in (ours, diffrax))

    to_diffrax = ratio(ours, diffrax)
    minima = number(ratio(ours, diffrax, "min_s"), ".2f")
    return [
        shown["case"],
        shown["dtype"],
        ours["method"] + warnings(ours, diffrax) if ours else "-",
        seconds(ours and ours["median_s"]),
        diffrax["method"] if diffrax else "-",
        seconds(diffrax and diffrax["median_s"]),
        f"{to_diffrax:.2f} ({minima})" if to_diffrax else "-",
        number(ratio(ours, scan), ".2f"),
        number(ratio(ours, torchdiffeq), ".2f"),
        both("err", ".1e"),
        both("gerr", ".1e") if is_gradient(shown) else "-",
        both("nfe", ".0f"),
        seconds(floor),
        f"{floor / ours['median_s']:.1%}" if floor else "-",
    ]


def ratio_rows(results, rates):
    """Return the rows of one workload."""
    rows = []
    for _, group in itertools.groupby(results, key=lambda r: (r["case"], r["dtype"])):
        measured = [result for result in group if "error" not in result]
        if measured:
            theirs = best(measured, "diffrax")
            rows += [row(ours, measured, rates) for ours in ours_to_show(measured, theirs)]
    return rows


def ratio_table(results, rates):
    """Return the table of one workload, or a sentence where it has no rows."""
    rows = ratio_rows(results, rates)
    return table(HEADER, rows) if rows else "Nothing was measured."
