"""W12: every peer's continuous adjoint beside our fastest one whose gradient is as exact."""

from ratios import disturbances, ratio
from tables import number, seconds, table

HEADER = (
    "peer",
    "method",
    "case",
    "dtype",
    "time",
    "gradient error",
    "ours",
    "time",
    "gradient error",
    "peer / ours",
)
NOTE = """\
Ours is the fastest of our rows of that network and dtype whose gradient error is at most the peer's, at whatever
tolerance. Ratios of medians, in brackets of minima; over 1, tapeless is faster."""


def backsolve_tables(results, rates):
    """Return the table, or a sentence where it has no rows."""
    results = [result for result in results if "error" not in result]
    ours = sorted((r for r in results if r["lib"] == "tapeless"), key=lambda r: r["median_s"])
    rows = []
    for peer in (r for r in results if r["lib"] != "tapeless"):
        best = next((r for r in ours if _same(r, peer) and r["gerr"] <= peer["gerr"]), None)
        if best:
            rows.append(
                [
                    peer["lib"], peer["method"], peer["case"], peer["dtype"], seconds(peer["median_s"]),
                    number(peer["gerr"], ".1e"),
                    f"{best['method']}, {best['case'].split('@')[1]}" + disturbances([best, peer]),
                    seconds(best["median_s"]), number(best["gerr"], ".1e"),
                    f"{ratio(best, peer):.1f} ({ratio(best, peer, 'min_s'):.1f})",
                ]
            )  # fmt: skip
    return f"{table(HEADER, rows)}\n\n{NOTE}" if rows else "Nothing was measured."


def _same(ours, peer):
    networks = {result["case"].split("@")[0] for result in (ours, peer)}
    return len(networks) == 1 and ours["dtype"] == peer["dtype"]
