import pytest

from tapeless_kernels import status
from tapeless_kernels._native import native


def codes_of(enum):
    return native().ffi.typeof(f"enum {enum}").relements


def test_codes_are_those_of_the_header():
    in_python = {f"TAPELESS_{name}": n for name, n in vars(status).items() if isinstance(n, int)}
    assert in_python == codes_of("tapeless_lane_status") | codes_of("tapeless_loop_status")


def test_each_lane_status_has_its_cause():
    assert list(status.CAUSE) == sorted(codes_of("tapeless_lane_status").values())


@pytest.mark.parametrize("code", status.CAUSE)
def test_cause_ends_the_sentence_it_is_put_in(code):
    cause = status.CAUSE[code]
    assert cause[0].islower() and not cause.endswith(".")
