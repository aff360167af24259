"""tapeless.BrownianPath: the queries of W6."""

import functools

import problems as P
from core import register

import tapeless


def build(levy_area, resolution, case, dtype):
    """Build the queries of one path on one thread."""
    options = {"dtype": dtype, "resolution": resolution}

    def run():
        path = tapeless.BrownianPath(0, 0.0, 1.0, P.QUERY_SHAPE, levy_area, **options)
        return path(*P.queries(case), threads=1)

    def finish(found):
        return {"extra": P.spread(found if levy_area == "none" else found.W)}

    return run, finish


for levy_area in ("none", "space-time-time"):
    for power in (10, 14):
        method = f"BrownianPath({levy_area}, resolution=2^-{power})"
        register("tapeless", "W6", method, P.QUERY_CASES, ("float32",))(
            functools.partial(build, levy_area, 2.0**-power)
        )
