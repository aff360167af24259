"""What codes mean, as C strings."""

import numpy as np

from ..field_abi import data_of
from ..status import CAUSE
from .codes import MEANING


def strings(by_code):
    """Return texts as C strings, one behind the other, and where that of each code begins; of others, the last."""
    texts = [by_code.get(code, "no such code") for code in range(max(by_code) + 2)]
    ends = np.cumsum([0, *(len(text) + 1 for text in texts)])
    return np.frombuffer("".join(f"{text}\0" for text in texts).encode(), np.uint8), ends[:-1]


MEANINGS, MEANINGS_AT = strings(MEANING)
CAUSES, CAUSES_AT = strings({code: f"the trajectory {cause}" for code, cause in CAUSE.items()})
N_MEANINGS, N_CAUSES = len(MEANINGS_AT), len(CAUSES_AT)


def message(code):
    """Return the address of what a code of a call means."""
    known = code >= 0 and code < N_MEANINGS
    return data_of(MEANINGS) + MEANINGS_AT[code if known else N_MEANINGS - 1]


def lane_message(status):
    """Return the address of what the status of a trajectory means."""
    known = status >= 0 and status < N_CAUSES
    return data_of(CAUSES) + CAUSES_AT[status if known else N_CAUSES - 1]
