"""torchsde's Brownian paths, and as many normal numbers without structure: the queries of W6."""

import functools

import numpy as np
import problems as P
import torch
import torchsde
from core import register

PATHS = {
    "BrownianInterval": torchsde.BrownianInterval,
    "BrownianInterval(dt=1e-3)": functools.partial(torchsde.BrownianInterval, dt=1e-3),
}


def build(make, case, dtype):
    """Build the queries of one path."""
    times = [tuple(map(float, ends)) for ends in zip(*P.queries(case), strict=True)]

    def run():
        path = make(t0=0.0, t1=1.0, size=P.QUERY_SHAPE, dtype=getattr(torch, dtype), entropy=1)
        return [path(s, t) for s, t in times]

    return run, lambda found: {"extra": P.spread(torch.stack(found).numpy())}


for method, make in PATHS.items():
    register("torchsde", "W6", method, P.QUERY_CASES, ("float32",))(functools.partial(build, make))


@register("numpy", "W6", "standard_normal (no structure)", P.QUERY_CASES[:1], ("float32",))
def build_normals(case, dtype):
    """Build the draws of independent numbers."""
    rng = np.random.default_rng(0)
    return (
        lambda: [rng.standard_normal(P.QUERY_SHAPE, dtype) for _ in range(P.QUERIES)],
        lambda found: {"extra": P.spread(np.stack(found))},
    )
