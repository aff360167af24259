"""W10: our methods against the same ones of SciPy and diffrax, and numbalsoda's at equal errors."""

import itertools

import numpy as np
from ratios import disturbances, ratio
from tables import number, seconds, table

SAME_METHOD = (
    "case",
    "ours",
    "time",
    "error",
    "NFE",
    "SciPy / ours",
    "SciPy with Numba / ours",
    "diffrax / ours (minima)",
    "error of diffrax",
)
EQUAL_ERRORS = (
    "system",
    "ours",
    "times",
    "errors",
    "numbalsoda",
    "times",
    "errors",
    "at errors",
    "numbalsoda / ours",
)
PYTHON = ", Python rhs"
# diffrax's dopri8 is another method than DOP853.
IN_DIFFRAX = {
    "RK45": "dopri5",
    "RK45 dense": "dopri5 dense",
    "tsit5": "tsit5",
    "tsit5 dense": "tsit5 dense",
}

NOTE = """\
Ratios of medians, in brackets of minima; over 1, tapeless is faster. SciPy's errors are ours, as its
steps are. At equal errors: on lines between two tolerances in logarithms, at the largest and the least
error that both reach.
(other run): not measured in one run. (busy): something else ran on the core; run it again with
bench.py --redo-noisy 1.2."""


def of(results, lib, method):
    """Return the results of one method of a library, the least error first."""
    found = [r for r in results if (r["lib"], r["method"]) == (lib, method)]
    return sorted(found, key=lambda r: r["err"])


def first(results):
    """Return the only result of a method in one case, or None."""
    return results[0] if results else None


def our_methods(results):
    """Return our methods: those without dense output first, those of a Python callable last."""
    methods = {result["method"] for result in results if result["lib"] == "tapeless"}
    return sorted(methods, key=lambda name: (name.endswith(PYTHON), " " in name, name))


def same_method_row(method, results):
    """Return the cells of one of our methods beside those of the others, in one case."""
    ours = first(of(results, "tapeless", method))
    name = method.removesuffix(PYTHON)
    scipy = first(of(results, "scipy", name))
    compiled = diffrax = None
    if name == method:  # else only the same Python callable is comparable
        compiled = first(of(results, "scipy", f"{name}, Numba rhs"))
        diffrax = first(of(results, "diffrax", IN_DIFFRAX.get(name)))
    measured = [result for result in (ours, scipy, compiled, diffrax) if result]
    minima = number(ratio(ours, diffrax, "min_s"), ".1f")
    return [
        ours["case"],
        method + disturbances(measured),
        seconds(ours["median_s"]),
        number(ours["err"], ".1e"),
        number(ours["nfe"], "d"),
        *(number(ratio(ours, theirs), ".1f") for theirs in (scipy, compiled)),
        f"{ratio(ours, diffrax):.1f} ({minima})" if diffrax else "-",
        number((diffrax or {}).get("err"), ".1e"),
    ]


def same_method_rows(results):
    """Return a row for each of our methods in each case."""
    rows = []
    for _, group in itertools.groupby(results, key=lambda r: r["case"]):
        group = list(group)
        rows += [same_method_row(method, group) for method in our_methods(group)]
    return rows


def time_at(error, results):
    """Return the time that an error takes, by lines between the logarithms of both."""
    errors, times = np.log([(r["err"], r["median_s"]) for r in results]).T
    return np.exp(np.interp(np.log(error), errors, times))


def equal_error_row(system, method, results):
    """Return the cells of one of our methods beside dop853 with like outputs, in one system."""
    # It has no dense output: as many outputs as plots have are the nearest to it.
    n_outputs = 201 if "dense" in method or "201" in method else 2
    theirs_method = f"dop853, {n_outputs} outputs"
    ours, theirs = of(results, "tapeless", method), of(results, "numbalsoda", theirs_method)
    if len(ours) < 2 or len(theirs) < 2:
        return None
    ends = min(ours[-1]["err"], theirs[-1]["err"]), max(ours[0]["err"], theirs[0]["err"])
    ends = ends if ends[0] > ends[1] else ()

    def listed(results):
        times = [seconds(r["median_s"]) for r in reversed(results)]
        return ", ".join(times), ", ".join(number(r["err"], ".1e") for r in reversed(results))

    return [
        system,
        method + disturbances(ours + theirs),
        *listed(ours),
        theirs_method,
        *listed(theirs),
        ", ".join(number(error, ".1e") for error in ends) or "-",
        ", ".join(f"{time_at(e, theirs) / time_at(e, ours):.2f}" for e in ends) or "-",
    ]


def equal_error_rows(results):
    """Return a row for each of our compiled methods in each system."""
    rows = []
    for system, group in itertools.groupby(results, key=lambda r: r["case"].split("@")[0]):
        group = list(group)
        methods = [method for method in our_methods(group) if not method.endswith(PYTHON)]
        rows += [equal_error_row(system, method, group) for method in methods]
    return [row for row in rows if row]


def nonstiff_tables(results, rates):
    """Return both tables, or a sentence where they have no rows."""
    results = [result for result in results if "error" not in result]
    pairs = (
        (SAME_METHOD, same_method_rows(results)),
        (EQUAL_ERRORS, equal_error_rows(results)),
    )
    tables = [table(header, rows) for header, rows in pairs if rows]
    return "\n\n".join([*tables, NOTE]) if tables else "Nothing was measured."
