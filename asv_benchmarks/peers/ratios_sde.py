"""W6: what tapeless is to be beside its peers in solves of SDEs, and what it is; the memory of gradients."""

import itertools
import math
import re
from typing import NamedTuple

from ratios import disturbances, ratio
from tables import number, seconds, table


class Claim(NamedTuple):
    """Our fastest of some rows over the fastest of others, case by case; expressions on library/method."""

    what: str
    cases: str
    theirs: str
    target: float | None = None
    ours: str = "tapeless/"


CLAIMS = (
    Claim("forward, diffrax's tree", "@fwd$", "diffrax/VirtualBrownianTree", 8.0),
    Claim("forward, diffrax's unsafe path", "@fwd$", "diffrax/UnsafeBrownianPath", 0.9),
    Claim("forward, torchsde", "@fwd$", "torchsde/"),
    Claim("gradient, best", "@grad$", "(diffrax/VirtualBrownianTree|torchsde/)", 4.0),
    Claim("gradient, increments drawn before", "@grad$", "diffrax/LinearInterpolation"),
    Claim(
        "gradient, steps taken back",
        "@grad$",
        "torchsde/.*adjoint_reversible_heun",
        ours="tapeless/.*reversible$",
    ),
    Claim("ensemble", "^gbm100k$", "numpy/", 20.0),
    Claim("two threads over one", "threads$", "tapeless/.*=1", 1.8, "tapeless/.*=2"),
)
# Standard errors apart that chance does not explain.
FAR = 4.0
CLAIM_HEADER = (
    "claim", "case", "dtype", "ours", "time", "theirs", "time", "theirs / ours (minima)", "target",
    "met", "apart: mean, std", "gradient norms",
)  # fmt: skip
MEMORY_HEADER = ("method", "steps", "bytes kept", "peak RSS delta", "time")
NOTE = f"""\
Ratios of medians, in brackets of minima; over 1, tapeless is faster. Apart: the differences between ours and theirs in
mean and standard deviation of y(1), in standard errors, (!) over {FAR:.0f}. Gradient norms: those in y0 and theta, ours
over theirs, from different noise."""


def fastest(results, pattern):
    """Return the fastest of the results whose library/method begins with a match, or None."""
    found = [r for r in results if re.match(pattern, f"{r['lib']}/{r['method']}")]
    return min(found, key=lambda result: result["median_s"], default=None)


def differences(ours, theirs):
    """Return how many standard errors mean and deviation are apart."""
    a, b = ours["extra"], theirs["extra"]
    return [
        abs(a[name] - b[name]) / math.hypot(a[f"{name}_error"], b[f"{name}_error"])
        for name in ("mean", "std")
    ]


def gradient_ratios(ours, theirs):
    """Write the ratios of the norms of gradients, or a dash."""
    a, b = ours["extra"], theirs["extra"]
    names = [name for name in ("y0_norm", "theta_norm") if name in a]
    return ", ".join(f"{a[name] / b[name]:.3f}" for name in names) or "-"


def claim_row(claim, ours, theirs):
    """Return the cells of one comparison."""
    apart, faster = differences(ours, theirs), ratio(ours, theirs)
    return [
        claim.what, ours["case"], ours["dtype"],
        ours["method"] + disturbances([ours, theirs]), seconds(ours["median_s"]),
        f"{theirs['lib']} {theirs['method']}", seconds(theirs["median_s"]),
        f"{faster:.2f} ({ratio(ours, theirs, 'min_s'):.2f})", number(claim.target, "g"),
        "-" if claim.target is None else "yes" if faster >= claim.target else "no",
        ", ".join(f"{z:.1f}" for z in apart) + " (!)" * (max(apart) > FAR), gradient_ratios(ours, theirs),
    ]  # fmt: skip


def claim_rows(results):
    """Return the rows of all claims, for the cases that both sides have."""
    groups = itertools.groupby(results, key=lambda r: (r["case"], r["dtype"]))
    groups = [(case, list(group)) for (case, _), group in groups]
    rows = []
    for claim in CLAIMS:
        for case, group in groups:
            ours, theirs = fastest(group, claim.ours), fastest(group, claim.theirs)
            if re.search(claim.cases, case) and ours and theirs:
                rows.append(claim_row(claim, ours, theirs))
    return rows


def memory_rows(results):
    """Return what gradients of many steps hold."""
    found = [r for r in results if r["case"].startswith("memory@")]
    rows = []
    for result in sorted(found, key=lambda r: (r["method"], r["steps"])):
        kept, peak = result["extra"]["bytes_kept"], result.get("rss_peak_delta")
        peak = "-" if peak is None else f"{peak / 1e6:.2f} MB"
        row = [result["method"], result["steps"], f"{kept / 1e6:.2f} MB", peak]
        rows.append([*row, seconds(result["median_s"])])
    return rows


def sde_tables(results, rates):
    """Return the tables, or a sentence where they have no rows."""
    results = [result for result in results if "error" not in result]
    claims, memory = claim_rows(results), memory_rows(results)
    parts = [f"{table(CLAIM_HEADER, claims)}\n\n{NOTE}"] * bool(claims)
    parts += [table(MEMORY_HEADER, memory)] * bool(memory)
    return "\n\n".join(parts) or "Nothing was measured."
