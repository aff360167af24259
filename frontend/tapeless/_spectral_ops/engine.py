"""The transforms that this package calls: those of `tapeless.fft`, and SciPy's of what that lacks."""

from typing import Any

from tapeless import fft as ours


def __getattr__(name: str) -> Any:
    if hasattr(ours, name):
        return getattr(ours, name)
    import scipy.fft  # imported on use

    return getattr(scipy.fft, name)
