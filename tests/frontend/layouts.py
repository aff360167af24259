"""Arrays of the same numbers that lie in memory in other ways."""

import numpy as np


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    y = raw.view(x.dtype).reshape(x.shape)
    y[...] = x
    assert not y.flags.aligned or x.itemsize == 1
    return y


def with_gaps(x):
    wide = np.full([3 * n for n in x.shape], np.nan, x.dtype)
    view = wide[tuple(slice(None, None, 3) for _ in x.shape)]
    view[...] = x
    return view


def in_records(x, first, second):
    """Return x as the field "x" of records that have another field, before it or behind."""
    record = np.zeros(x.shape, [first, second])
    record["x"] = x
    return record["x"]


LAYOUTS = {
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "strided": with_gaps,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "misaligned": misaligned,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "behind a byte": lambda x: in_records(x, ("byte", np.int8), ("x", x.dtype)),
    "before a real": lambda x: in_records(x, ("x", x.dtype), ("real", x.real.dtype)),
}


def layouts(x):
    """Yield the array in each layout."""
    for lay in LAYOUTS.values():
        yield lay(x)
