import numpy as np
import pytest

from tapeless import fft

X = np.ones((4, 6))
Z = X + 0j
BAD = (
    ("truncated_rfft", (X, 5), {}, ValueError, "`modes` must be at most 4 along an axis of 6"),
    ("truncated_fft", (X, 4), {}, ValueError, "`modes` must be at most 3 along an axis of 6"),
    ("truncated_rfftn", (X, (3, 2)), {}, ValueError, "`modes` must be at most 2 along an axis of 4"),
    ("truncated_rfftn", (X[:1], (1, 1)), {}, ValueError, "`modes` must be at most 0"),
    ("truncated_fftn", (X, (2, 4)), {}, ValueError, "`modes` must be at most 3 along an axis of 6"),
    ("truncated_irfft_vjp", (X, 5), {}, ValueError, "`modes` must be at most 4"),
    ("truncated_rfft", (X, 0), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfft", (X, -1), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfft", (X, 2.0), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfft", (X, (2,)), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfft", (X, None), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfftn", (X, None), {}, TypeError, "`modes` must be an integer or a sequence"),
    ("truncated_rfftn", (X, "ab"), {}, TypeError, "`modes` must be an integer"),
    ("truncated_rfftn", (X, (2, np.nan)), {}, ValueError, "`modes` must be a positive integer"),
    ("truncated_rfftn", (X, ()), {}, ValueError, "`axes` must be at least one"),
    ("truncated_rfftn", (X, (1, 1, 1)), {}, ValueError, "`modes` must be one length for each axis"),
    ("truncated_rfftn", (X, 2, (0, 1)), {}, ValueError, "`modes` must be one length for each axis"),
    ("truncated_rfftn", (X, (1, 1), (0, 0)), {}, ValueError, "`axes` must be distinct"),
    ("truncated_rfftn", (X, 1, 2), {}, IndexError, "`axes` must be an axis of the array"),
    ("truncated_rfftn", (np.ones((2,) * 4), (1,) * 4), {}, ValueError, "`modes` must be 1 to 3"),
    ("truncated_irfftn", (np.ones((2,) * 4), (2,) * 4), {}, ValueError, "`s` must be 1 to 3"),
    ("truncated_rfft", (X, 1, 0.5), {}, TypeError, "`axis` must be an integer"),
    ("truncated_rfft", (X, 1, -3), {}, IndexError, "`axis` must be an axis of the array"),
    ("truncated_rfft", (3.0, 1), {}, IndexError, "`axis` must be left out"),
    ("truncated_rfft", (X[:, :0], 1), {}, ValueError, "`x` must be at least 1 point"),
    ("truncated_rfft", (Z, 1), {}, TypeError, "`x` must be real"),
    ("truncated_irfft_vjp", (Z, 1), {}, TypeError, "`x_bar` must be real"),
    ("truncated_rfft", (["a"], 1), {}, TypeError, "`x` must be an array of real or complex"),
    ("truncated_fft", (X.astype("g"), 1), {}, TypeError, "`x` must be of single or double"),
    ("truncated_irfft", (Z.astype("G"), 9), {}, TypeError, "`y` must be of single or double"),
    ("truncated_irfft", (Z, 9), {}, ValueError, "`n` must be at least 10 points along an axis of 6"),
    ("truncated_rfft_vjp", (Z, 9), {}, ValueError, "`n` must be at least 10 points"),
    ("truncated_ifft", (Z, 5), {}, ValueError, "`n` must be at least 6 points along an axis of 3"),
    ("truncated_ifft", (Z[:, :5], 9), {}, ValueError, "`y` must be of modes 0 to m - 1 and -m to"),
    ("truncated_irfftn", (Z[:3], (9, 12)), {}, ValueError, "`y` must be of modes 0 to m - 1 and"),
    ("truncated_irfftn", (Z, (3, 12)), {}, ValueError, "`s` must be at least 4 points"),
    ("truncated_fftn_vjp", (Z[:3], (9, 12)), {}, ValueError, "`y_bar` must be of modes 0 to m"),
    ("truncated_irfft", (Z[:, :0], 4), {}, ValueError, "`y` must be of modes 0 to m - 1, m >= 1"),
    ("truncated_irfft", (Z, None), {}, TypeError, "`n` must be an integer"),
    ("truncated_irfft", (Z, 0), {}, ValueError, "`n` must be at least 1"),
    ("truncated_irfft", (Z, -1), {}, ValueError, "`n` must be at least 1"),
    ("truncated_irfftn", (Z, None), {}, TypeError, "`s` must be an integer or a sequence"),
    ("truncated_irfftn", (Z, (8, 10, 2)), {}, ValueError, "`s` must be one length for each axis"),
    ("truncated_irfftn", (Z, (8, None)), {}, TypeError, "`s` must be an integer"),
    ("truncated_rfft", (X, 1), {"norm": "unitary"}, ValueError, "`norm` must be 'backward'"),
    ("truncated_rfft", (X, 1), {"method": "dft"}, ValueError, "`method` must be one of None, 'product'"),
    ("truncated_rfft", (X, 1), {"method": []}, ValueError, "`method` must be one of"),
    ("truncated_rfft", (X, 1), {"threads": 0}, ValueError, "`threads` must be a positive"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "given", "options", "kind", "message"), BAD, ids=str)
def test_bad_arguments(name, given, options, kind, message):
    with pytest.raises(kind, match=f"^{name}: {message}"):
        getattr(fft, name)(*given, **options)
