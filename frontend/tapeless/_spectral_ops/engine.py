"""The transforms that this package calls, by SciPy's names, and imported when the first of them is."""

from typing import Any


def __getattr__(name: str) -> Any:
    # The one place to change for other transforms of the same names.
    import scipy.fft

    return getattr(scipy.fft, name)
