"""Arrays of other libraries: taken in as NumPy arrays on the same memory, and results given back in their type."""

from tapeless._interchange.calls import ON_DEVICE, TAKES_ARRAYS, converting, takes_arrays
from tapeless._interchange.results import presents_arrays

__all__ = ["ON_DEVICE", "TAKES_ARRAYS", "converting", "presents_arrays", "takes_arrays"]
