"""W6: every peer's row beside ours of W alone and of W, H and K, at resolution 2^-10."""

from ratios import disturbances, ratio
from tables import seconds, table

HEADER = (
    "peer",
    "method",
    "case",
    "time",
    "ours, W",
    "peer / ours",
    "ours, W, H, K",
    "peer / ours",
)
METHODS = tuple(f"BrownianPath({area}, resolution=2^-10)" for area in ("none", "space-time-time"))
NOTE = "Peers return W alone. Ratios of medians, in brackets of minima; over 1, tapeless is faster."


def brownian_tables(results, rates):
    """Return the table, or a sentence where it has no rows."""
    results = [result for result in results if "error" not in result]
    mine = {(r["method"], r["case"]): r for r in results if r["lib"] == "tapeless"}
    rows = []
    for peer in (r for r in results if r["lib"] != "tapeless"):
        cells = [
            peer["lib"],
            peer["method"],
            peer["case"],
            seconds(peer["median_s"]),
        ]
        for method in METHODS:
            ours = mine.get((method, peer["case"]))
            if not ours:
                cells += ["-", "-"]
                continue
            both = f"{ratio(ours, peer):.1f} ({ratio(ours, peer, 'min_s'):.1f})"
            cells += [seconds(ours["median_s"]) + disturbances([ours, peer]), both]
        rows.append(cells)
    return f"{table(HEADER, rows)}\n\n{NOTE}" if rows else "Nothing was measured."
