"""W4: every peer's row beside our fastest method whose error is no larger."""

from ratios import disturbances, ratio
from tables import number, seconds, table

HEADER = ("peer", "method", "case", "time", "error", "ours", "time", "error", "peer / ours")
NOTE = """\
Ours is the fastest of our rows whose error is at most the peer's, at whatever tolerance. Ratios of medians, in
brackets of minima. The error is the largest over 20 trajectories, which chaos has amplified."""


def ensemble_tables(results, rates):
    """Return the table, or a sentence where it has no rows."""
    results = [result for result in results if "error" not in result]
    ours = sorted((r for r in results if r["lib"] == "tapeless"), key=lambda r: r["median_s"])
    rows = []
    for peer in (r for r in results if r["lib"] != "tapeless"):
        best = next((r for r in ours if r["err"] <= peer["err"]), None)
        if best:
            rows.append(
                [
                    peer["lib"], peer["method"], peer["case"], seconds(peer["median_s"]),
                    number(peer["err"], ".1e"), f"{best['method']}, {best['case']}" + disturbances([best, peer]),
                    seconds(best["median_s"]), number(best["err"], ".1e"),
                    f"{ratio(best, peer):.1f} ({ratio(best, peer, 'min_s'):.1f})",
                ]
            )  # fmt: skip
    return f"{table(HEADER, rows)}\n\n{NOTE}" if rows else "Nothing was measured."
