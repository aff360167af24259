"""diffrax's Brownian paths: the queries of W6. Compile time is in first_s."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import problems as P
from core import register


def build(tolerance, case, dtype):
    """Build the queries of one path, compiled as one program; without a tolerance, of one that is not a path."""
    times = tuple(jnp.asarray(t, dtype) for t in P.queries(case))
    shape = jax.ShapeDtypeStruct(P.QUERY_SHAPE, jnp.dtype(dtype))

    def increments(key, s, t):
        if tolerance is None:
            path = diffrax.UnsafeBrownianPath(shape=shape, key=key)
        else:
            ends = jnp.asarray(0, dtype), jnp.asarray(1, dtype)
            path = diffrax.VirtualBrownianTree(*ends, tol=tolerance, shape=shape, key=key)
        return jax.lax.map(lambda ends: path.evaluate(*ends), (s, t))

    compiled, key = jax.jit(increments), jax.random.PRNGKey(0)
    return (
        lambda: jax.block_until_ready(compiled(key, *times)),
        lambda found: {"extra": P.spread(np.asarray(found))},
    )


for method, tolerance in (
    ("VirtualBrownianTree(tol=2^-10)", 2.0**-10),
    ("VirtualBrownianTree(tol=2^-14)", 2.0**-14),
    ("UnsafeBrownianPath", None),
):
    register("diffrax", "W6", method, P.QUERY_CASES, ("float32",))(
        functools.partial(build, tolerance)
    )
