#!/usr/bin/env python
"""Print the results of bench.py as Markdown tables: every row, or with --ratios our ratios."""

import argparse
import functools
import itertools
import re

import core
from bench import RESULTS
from floors import Rates
from ratios import NOTE, ratio_table
from ratios_backsolve import backsolve_tables
from ratios_brownian import brownian_tables
from ratios_ensemble import ensemble_tables
from ratios_nonstiff import nonstiff_tables
from ratios_sde import sde_tables
from ratios_spectral import spectral_tables
from tables import number, seconds, table

TITLES = {
    "L": "Physical limits of the core",
    "W1": "W1 neural ODE, forward, adaptive (rtol 1e-5, atol 1e-6, t in [0, 1])",
    "W2": "W2 neural ODE, gradient of sum(y(1)^2) in all parameters and y0",
    "W3": "W3 RK4 (3/8 rule), 100 fixed steps",
    "W4": "W4 10,000 Lorenz systems, t in [0, 10] (rtol = atol, in the names of cases)",
    "W6": "W6 Brownian paths of (256, 16) numbers, neural SDEs on them, 100,000 scalar SDEs",
    "W7": "W7 Fourier transforms, spectral convolutions, steps of training an FNO, a flow on the torus",
    "W9": "W9 fresh process to the first result",
    "W10": "W10 non-stiff single systems (rtol = atol, in the names of cases)",
    "W11": "W11 ten steps of Adam on a neural ODE (rtol 1e-5, atol 1e-6)",
    "W12": "W12 the gradient of W2 by continuous adjoints (rtol in the names of cases, atol a tenth of it)",
}
LIMIT_COLUMNS = ("what", "dtype", "library", "method", "median", "rate")
TIME_COLUMNS = ("case", "dtype", "library", "method", "median", "min", "x fastest")
SOLVE_COLUMNS = ("NFE / steps", "error")
GRADIENT_COLUMNS = (*SOLVE_COLUMNS, "gradient error")
ODE_COLUMNS = (*GRADIENT_COLUMNS, "x peak floor", "x shape floor")
MEMORY_COLUMNS = ("peak RSS delta",)
STOCHASTIC_COLUMNS = ("steps", "mean", "std", "bytes kept", *MEMORY_COLUMNS)
STARTUP_COLUMNS = ("import", "setup", "first call", "second call")


def labels(result):
    """Return the first cells of every row."""
    return [result[name] for name in ("case", "dtype", "lib", "method")]


def rate(result):
    """Write the rate of a row of L."""
    work, unit = result["extra"]["work"], result["extra"]["unit"]
    if unit == "call":
        return f"{result['min_s'] * 1e6:.2f} us/call"
    return f"{work / result['min_s'] * 1e-9:.2f} G{unit}/s"


def solve_cells(result, rates):
    """Return the cells of SOLVE_COLUMNS."""
    return [
        f"{number(result.get('nfe'), 'd')} / {number(result.get('steps'), 'd')}",
        number(result.get("err"), ".1e"),
    ]


def gradient_cells(result, rates):
    """Return the cells of GRADIENT_COLUMNS."""
    return [*solve_cells(result, rates), number(result.get("gerr"), ".1e")]


def ode_cells(result, rates):
    """Return the cells of ODE_COLUMNS."""
    floors = rates.peak_floor(result), rates.shape_floor(result)
    return [
        *gradient_cells(result, rates),
        *(number(floor and result["median_s"] / floor, ".1f") for floor in floors),
    ]


def memory_cells(result, rates):
    """Return the cells of MEMORY_COLUMNS."""
    peak = result.get("rss_peak_delta")
    return ["-" if peak is None else f"{peak / 1e6:.1f} MB"]


def stochastic_cells(result, rates):
    """Return the cells of STOCHASTIC_COLUMNS."""
    extra = result["extra"]
    kept = extra.get("bytes_kept")
    return [
        number(result.get("steps"), "d"),
        *(number(extra.get(name), ".4f") for name in ("mean", "std")),
        "-" if kept is None else f"{kept / 1e6:.2f} MB",
        *memory_cells(result, rates),
    ]


def startup_cells(result, rates):
    """Return the cells of STARTUP_COLUMNS."""
    names = ("import_s", "setup_s", "first_s", "second_s")
    return [seconds(result["extra"].get(name)) for name in names]


FURTHER = {
    "W1": (ODE_COLUMNS, ode_cells),
    "W2": (
        ODE_COLUMNS + MEMORY_COLUMNS,
        lambda result, rates: ode_cells(result, rates) + memory_cells(result, rates),
    ),
    "W9": (STARTUP_COLUMNS, startup_cells),
    "W4": (SOLVE_COLUMNS, solve_cells),
    "W6": (STOCHASTIC_COLUMNS, stochastic_cells),
    "W7": (
        (*GRADIENT_COLUMNS, *MEMORY_COLUMNS),
        lambda result, rates: gradient_cells(result, rates) + memory_cells(result, rates),
    ),
    "W10": (SOLVE_COLUMNS, solve_cells),
    "W12": (GRADIENT_COLUMNS, gradient_cells),
    "W11": (SOLVE_COLUMNS, solve_cells),
}
FURTHER["W3"] = FURTHER["W2"]


def stochastic_tables(results, rates):
    """Return the tables of W6: of paths, and of solves."""
    parts = {brownian_tables: [], sde_tables: []}
    for result in results:
        of_path = result["case"].startswith("brownian")
        parts[brownian_tables if of_path else sde_tables].append(result)
    return "\n\n".join(tables(part, rates) for tables, part in parts.items() if part)


RATIO_TABLES = {
    "W4": ensemble_tables, "W6": stochastic_tables, "W7": spectral_tables, "W10": nonstiff_tables,
    "W12": backsolve_tables,
}  # fmt: skip


def full_table(workload, results, rates):
    """Return every row of one workload, the fastest of each case first."""
    columns, cells = FURTHER.get(workload, ((), lambda result, rates: []))
    header = LIMIT_COLUMNS if workload == "L" else TIME_COLUMNS + columns
    rows = []
    for _, group in itertools.groupby(results, key=lambda r: (r["case"], r["dtype"])):
        group = sorted(group, key=lambda r: r.get("median_s", float("inf")))
        for result in group:
            if "error" in result:
                row = [f"failed: {result['error'][:100].splitlines()[0]}"]
            elif workload == "L":
                row = [seconds(result["median_s"]), rate(result)]
            else:
                times = result["median_s"], result["min_s"]
                times_fastest = result["median_s"] / group[0]["median_s"]
                row = [*map(seconds, times), f"{times_fastest:.2f}", *cells(result, rates)]
            rows.append([*labels(result), *row, *[""] * (len(header) - 4 - len(row))])
    return table(header, rows)


def describe(meta):
    """Return what the tables have to be read with."""
    versions = ", ".join(f"{name} {v}" for name, v in meta["versions"].items() if v)
    family, model = meta["cpu_family_model"]
    return (
        f"Machine: {meta['cpu']} (family {family}, model {model}), one core. {meta['date']}.\n\n"
        f"Versions: Python {meta['python']}, {versions}.\n"
    )


def main():
    """Read the results and print a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default=RESULTS, help="default: %(default)s")
    parser.add_argument("--ratios", action="store_true", help="tapeless against the best peers")
    parser.add_argument("--only", default="", help="regular expression, as bench.py takes it")
    args = parser.parse_args()

    data = core.load(args.results)
    rates = Rates(data["results"].values())
    chosen = [r for key, r in data["results"].items() if re.search(args.only, key)]
    chosen.sort(key=lambda r: (len(r["workload"]), r["workload"], r["case"], r["dtype"]))
    if not chosen:
        return print(f"report.py: no result in {args.results} matches; run bench.py first")
    print(describe(data["meta"]))
    for workload, group in itertools.groupby(chosen, key=lambda r: r["workload"]):
        if args.ratios and workload == "L":
            continue
        make_table = functools.partial(full_table, workload)
        if args.ratios:
            make_table = RATIO_TABLES.get(workload, ratio_table)
        print(f"## {TITLES.get(workload, workload)}\n\n{make_table(list(group), rates)}\n")
    if args.ratios and any(r["workload"] not in RATIO_TABLES for r in chosen):
        print(NOTE)


if __name__ == "__main__":
    main()
