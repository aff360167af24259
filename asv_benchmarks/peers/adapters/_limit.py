"""What a row of L, the physical limits of the core, holds."""

import numpy as np


def limit(work, unit, result=None, expected=None):
    """Return a finish() for one run of `work` units; result is compared with expected, if given."""

    def finish(out):
        extra = {"work": float(work), "unit": unit}
        if result is not None:
            extra["maxabs"] = float(np.abs(np.asarray(result) - expected).max())
        return {"extra": extra}

    return finish


def random_matrices(batch, fan_in, fan_out, dtype):
    """Return the operands of one matrix product."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((batch, fan_in)).astype(dtype)
    return a, rng.standard_normal((fan_in, fan_out)).astype(dtype)
