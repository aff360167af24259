"""W7: our fastest row of each case beside the fastest of its peers, and the memory of gradients."""

import itertools

from ratios import disturbances, ratio
from tables import number, seconds, table

TIME_HEADER = (
    "case", "dtype", "ours", "time", "best peer", "time", "peer / ours (minima)", "others / ours",
    "error, theirs", "gradient error, theirs",
)  # fmt: skip
MEMORY_HEADER = (
    "case", "dtype", "ours", "peak RSS delta", "least of peers", "peak RSS delta", "peer / ours",
)  # fmt: skip
# What we wrote to see how far one gets: a user does not pick it instead.
NOT_PEERS = ("probe", "hand-written")
NOTE = """\
Ratios of medians, in brackets of minima; over 1, tapeless is faster. Others are the fastest rows of the other
libraries; those marked (probe) and (hand-written) are no peers."""


def label(result):
    """Return the library of a peer; what is no peer keeps the word that says so."""
    word = next((word for word in NOT_PEERS if result["method"].startswith(word)), None)
    return f"{result['lib']} ({word})" if word else result["lib"]


def first_of_each(results):
    """Return our first result or None, then the others' first by label, and the first of a peer or None."""
    ours = next((r for r in results if r["lib"] == "tapeless"), None)
    others = {}
    for result in results:
        if result["lib"] != "tapeless":
            others.setdefault(label(result), result)
    return ours, others, next((r for name, r in others.items() if name == r["lib"]), None)


def name_of(result):
    """Write a library and its method."""
    return f"{result['lib']} {result['method']}" if result else "-"


def ours_to_show(ours, best):
    """Write our method, and what has to be said against a comparison."""
    return ours["method"] + disturbances([r for r in (ours, best) if r]) if ours else "-"


def time_row(results):
    """Return the cells of one case; ours may be absent, or the peers."""
    ours, others, best = first_of_each(sorted(results, key=lambda r: r["median_s"]))
    further = [
        f"{name} {ratio(ours, r):.2f}" for name, r in others.items() if ours and r is not best
    ]

    def both(name):
        return ", ".join(number((r or {}).get(name), ".1e") for r in (ours, best))

    return [
        results[0]["case"], results[0]["dtype"], ours_to_show(ours, best), seconds(ours and ours["median_s"]),
        name_of(best), seconds(best and best["median_s"]),
        f"{ratio(ours, best):.2f} ({ratio(ours, best, 'min_s'):.2f})" if ours and best else "-",
        ", ".join(further) or "-", both("err"), both("gerr"),
    ]  # fmt: skip


def memory_row(results):
    """Return the cells of one case."""
    name = "rss_peak_delta"
    measured = [r for r in results if r.get(name) is not None]
    ours, _, best = first_of_each(sorted(measured, key=lambda r: r[name]))
    ours_bytes, best_bytes = (f"{r[name] / 1e6:.1f} MB" if r else "-" for r in (ours, best))
    return [
        results[0]["case"], results[0]["dtype"], ours_to_show(ours, best), ours_bytes,
        name_of(best), best_bytes, number(ratio(ours, best, name), ".2f"),
    ]  # fmt: skip


def spectral_tables(results, rates):
    """Return the tables, or a sentence where they have no rows."""
    results = [result for result in results if "error" not in result]
    times, memory = [], []
    for (case, _), group in itertools.groupby(results, key=lambda r: (r["case"], r["dtype"])):
        if case.startswith("memory@"):
            memory.append(memory_row(list(group)))
        else:
            times.append(time_row(list(group)))
    parts = [f"{table(TIME_HEADER, times)}\n\n{NOTE}"] * bool(times)
    parts += [table(MEMORY_HEADER, memory)] * bool(memory)
    return "\n\n".join(parts) or "Nothing was measured."
