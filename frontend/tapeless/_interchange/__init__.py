"""Arrays of other libraries: taken in as NumPy arrays on the same memory, and results given back in their type."""

from tapeless._interchange.calls import ON_DEVICE, TAKES_ARRAYS, takes_arrays
from tapeless._interchange.results import presents_arrays

__all__ = ["ON_DEVICE", "TAKES_ARRAYS", "presents_arrays", "takes_arrays"]
