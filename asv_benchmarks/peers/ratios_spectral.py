"""W7: our fastest row of each case beside the fastest of its peers, in time and in memory."""

import itertools

from ratios import disturbances, ratio
from tables import number, seconds, table

HEADER = (
    "case", "dtype", "ours", "time", "best peer", "time", "peer / ours (minima)", "others / ours",
    "error, theirs", "gradient error, theirs", "peak RSS delta, least of theirs",
)  # fmt: skip
# What we wrote to see how far one gets: a user does not pick it instead.
NOT_PEERS = ("probe", "hand-written")
NOTE = """\
Ratios of medians, in brackets of minima; over 1, tapeless is faster. Others are the fastest rows of the other
libraries; those marked (probe) and (hand-written) are no peers. Memory is that of our fastest row, and the least of
any peer's."""


def spectral_tables(results, rates):
    """Return the table, or a sentence where it has no rows."""
    results = [result for result in results if "error" not in result]
    groups = itertools.groupby(results, key=lambda r: (r["case"], r["dtype"]))
    rows = [row(sorted(group, key=lambda r: r["median_s"])) for _, group in groups]
    return f"{table(HEADER, rows)}\n\n{NOTE}" if rows else "Nothing was measured."


def row(fastest_first):
    """Return the cells of one case; ours may be absent, or the peers."""
    ours = next((r for r in fastest_first if r["lib"] == "tapeless"), None)
    others = {}
    for result in fastest_first:
        if result["lib"] != "tapeless":
            others.setdefault(label(result), result)
    peers = [result for name, result in others.items() if name == result["lib"]]
    best = peers[0] if peers else None
    shown, is_memory = fastest_first[0], fastest_first[0]["case"].startswith("memory@")
    return [
        shown["case"], shown["dtype"],
        ours["method"] + disturbances([r for r in (ours, best) if r]) if ours else "-",
        seconds(ours and ours["median_s"]),
        f"{best['lib']} {best['method']}" if best else "-", seconds(best and best["median_s"]),
        f"{ratio(ours, best):.2f} ({ratio(ours, best, 'min_s'):.2f})" if ours and best else "-",
        ", ".join(f"{name} {ratio(ours, r):.2f}" for name, r in others.items() if ours and r is not best) or "-",
        both(ours, best, "err"), both(ours, best, "gerr"),
        f"{megabytes([ours] if ours else [])}, {megabytes(peers)}" if is_memory else "-",
    ]  # fmt: skip


def label(result):
    """Return the library of a peer; what is no peer keeps the word that says so."""
    word = next((word for word in NOT_PEERS if result["method"].startswith(word)), None)
    return f"{result['lib']} ({word})" if word else result["lib"]


def both(ours, theirs, name):
    """Write a number of ours and of theirs."""
    return ", ".join(number((r or {}).get(name), ".1e") for r in (ours, theirs))


def megabytes(results):
    """Write the least memory of some results, or a dash."""
    found = [r["rss_peak_delta"] for r in results if r.get("rss_peak_delta") is not None]
    return f"{min(found) / 1e6:.1f} MB" if found else "-"
