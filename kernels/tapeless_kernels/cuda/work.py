"""What a launch of a kernel has to do at least, counted from its arguments."""

from typing import NamedTuple


class Work(NamedTuple):
    """Floating-point operations of a launch, an fma being two, and bytes between the chip and its memory."""

    kernel: str
    flops: int
    bytes: int
