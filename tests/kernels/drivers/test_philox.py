import numpy as np
import pytest

from tapeless_kernels._jit import kernel
from tapeless_kernels.drivers.philox import philox

# Of Random123's table of known answers, philox4x32-10: counter, key, words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@kernel
def words_of(counter, key, out):
    c = counter
    out[0], out[1], out[2], out[3] = philox(c[0], c[1], c[2], c[3], key[0], key[1])


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
@pytest.mark.parametrize("compiled", [True, False])
def test_known_answers(counter, key, words, compiled):
    out = np.zeros(4, np.uint64)
    function = words_of if compiled else plain_words
    with np.errstate(over="ignore"):
        function(np.array(counter, np.uint64), np.array(key, np.uint64), out)
    assert tuple(out) == words


def plain_words(counter, key, out):
    out[:] = philox.py_func(*counter, *key)
