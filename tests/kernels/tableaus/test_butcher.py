"""Tableaus that are malformed are refused with the reason; others are taken as they are written."""

import numpy as np
import pytest

from tapeless_kernels.tableaus.butcher import arrays, butcher
from tapeless_kernels.tableaus.explicit import BOSH3

GOOD = {
    "name": "mine",
    "order": 3,
    "a": ["1/2", "0 3/4"],
    "b": "2/9 1/3 4/9",
    "c": "0 1/2 3/4",
    "embedded": "7/24 1/4 1/3 1/8",
    "embedded_order": 2,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": ["1/2", "0 3/5"]}, "row 2 of `a` sums to 3/5, but c[2] is 3/4"),
        ({"a": ["1/2", "0 0.75001"]}, "row 2 of `a` sums to 0.75000999999999995, but c[2] is 0.75"),
        ({"b": "2/9 1/3 5/9"}, "row 3 of `a`, the weights `b`, sums to 10/9, but c[3] is 1"),
        ({"c": "1/4 1/2 3/4"}, "row 0 of `a` sums to 0, but c[0] is 1/4"),
        ({"c": "0 1/2 3/4 9/10"}, "c[3] is 9/10, but the step ends at 1"),
        ({"c": "0 1/2"}, "`c` has 2 entries, wanted 3, or 4 with that of the solution"),
        ({"a": ["1/2", "3/4"]}, "row 2 of `a` has 1 entries, wanted 2"),
        ({"a": ["1/2 1/2", "0 3/4"]}, "row 1 of `a` is not strictly lower triangular"),
        ({"a": ["1", "1/2", "0 3/4"]}, "row 0 of `a` is not strictly lower triangular"),
        ({"a": ["1/2"]}, "`a` has 1 rows, wanted 3, or 2 without row 0, as `b` has 3 entries"),
        ({"a": ["1/2", "0 3/x"]}, "row 2 of `a` is no row of numbers: Invalid literal"),
        ({"a": ["1/2", "0 3/0"]}, "row 2 of `a` is no row of numbers: Fraction(3, 0)"),
        ({"a": [[0.5], [0, np.nan]]}, "row 2 of `a` is no row of numbers: cannot convert NaN"),
        ({"a": [0.5, 0.75]}, "row 1 of `a` is no row of numbers: 'float' object"),
        ({"b": [1, None, 0]}, "`b` is no row of numbers: 'NoneType' object"),
        ({"embedded": "7/24 1/4 1/3 1/7"}, "the error weights, `b` less `embedded`, sum to -1/56"),
        ({"embedded": "7/24 1/4"}, "`embedded` has 2 entries, wanted 3, or 4"),
        ({"error": "0 0 0"}, "takes `embedded` or `error`, not both"),
        ({"embedded_order": None}, "needs `embedded_order` with `embedded` or `error`"),
        ({"embedded": None}, "needs `embedded_order` with `embedded` or `error`, and only then"),
        ({"stability_pair": (2, 1)}, "`stability_pair` (2, 1) is no pair of evaluated stages"),
        ({"stability_pair": (4, 3)}, "`stability_pair` (4, 3) is no pair of evaluated stages"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_malformed_tableau_is_refused_with_the_reason(change, message):
    assert butcher(**GOOD).error == BOSH3.error
    with pytest.raises(ValueError) as caught:
        butcher(**GOOD | change)
    assert str(caught.value).startswith("butcher: tableau 'mine': " + message)


def test_floats_and_arrays_are_taken_with_their_rounding():
    a = np.array([[0, 0, 0], [1 / 2, 0, 0], [0, 3 / 4, 0]], dtype=np.float64)
    tableau = butcher("mine", 3, a=a, b=np.array([2, 3, 4]) / 9, c=[0, 0.5, 0.75])
    assert not tableau.exact and not tableau.fsal and tableau.error is None
    np.testing.assert_array_equal(arrays(tableau, float).a, arrays(BOSH3, float).a)
    assert butcher("euler", 1, a=[], b=np.array([1])).exact
