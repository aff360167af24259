import json

import numpy as np
import pytest

from tapeless import _transform_cost as cost
from tapeless import fft
from tapeless._kept_modes import Modes, kept

measured_again = cost.rates.__wrapped__  # as another process would ask


def counted():
    """Return something that is measured in place of `Modes`, and the list of what was."""
    made = []

    class Nothing:
        def __init__(self, shape, modes, dtype):
            made.append((shape, dtype.name))

        def both_ways(self, x, method):
            return x

    return Nothing, made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPELESS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_rates_are_measured_once_and_read_again(folder):
    nothing, made = counted()
    first = measured_again(1, "float32", nothing)
    assert measured_again(1, "float32", nothing) == first and made == [((512,), "float32")]
    assert min(first) > 0
    other = measured_again(2, "float64", nothing)
    assert len(made) == 2 and measured_again(1, "float32", nothing) == first
    (file,) = folder.rglob("*.json")
    assert list(folder.rglob("*")) == [file.parent, file]  # none of those it was written by
    (one, two) = json.loads(file.read_text()).items()
    assert one[0].startswith("1 float32 ") and one[1] == list(first)
    assert two[0].startswith("2 float64 ") and two[1] == list(other)


@pytest.mark.skipif(len(fft.engines()) < 2, reason="one library of FFTs alone is installed")
def test_each_library_of_ffts_has_rates_of_its_own(folder):
    nothing, made = counted()
    with fft.engine("scipy"):
        measured_again(1, "float32", nothing)
    with fft.engine("ducc0"):
        measured_again(1, "float32", nothing)
        measured_again(1, "float32", nothing)
    assert len(made) == 2


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"1 float32": 3}', '{"1 float32": ["a", 1]}', '{"1 float32": [1]}'],
)
def test_a_damaged_file_is_measured_again(folder, text):
    nothing, made = counted()
    first = measured_again(1, "float32", nothing)
    (file,) = folder.rglob("*.json")
    file.write_text(text)
    assert measured_again(1, "float32", nothing) != () and len(made) == 2
    assert measured_again(1, "float32", nothing) and len(made) == 2 and len(first) == 2


def test_a_folder_that_cannot_be_written_costs_a_measurement(folder):
    folder.write_text("no folder")
    nothing, made = counted()
    assert min(measured_again(3, "float32", nothing)) > 0
    assert min(measured_again(3, "float32", nothing)) > 0 and len(made) == 2


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")])
def test_the_choice_where_it_is_plain(dtype, monkeypatch):
    monkeypatch.setattr(cost, "rates", lambda *_: (1.0, 2.0))
    assert cost.faster((65536,), (1,), dtype, Modes) == "product"
    assert cost.faster((128, 128), (2, 2), dtype, Modes) == "product"
    assert cost.faster((4096,), (2049,), dtype, Modes) == "fft"
    assert cost.faster((128, 128), (64, 65), dtype, Modes) == "fft"
    monkeypatch.setattr(cost, "rates", lambda *_: (1.0, 1e-3))
    assert cost.faster((65536,), (1,), dtype, Modes) == "fft"


def test_the_choice_on_this_machine():
    assert kept((8192,), (4097,), np.dtype("f8")).faster == "fft"
    for rates in (cost.rates(n, "float32", Modes) for n in (1, 2, 3)):
        assert 0 < min(rates) and max(rates) < 1e-6
