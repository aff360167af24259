"""What the CUDA kernels need, against docs/results/gpu_resources.md; no number is from a GPU."""

import pathlib
import re

import pytest

from tapeless_kernels._cuda import Resources
from tapeless_kernels.launch.cuda_report import ARCHITECTURES, DTYPES, HEADING, KERNELS, Row, row

pytest.importorskip("numba_cuda")

TABLE = pathlib.Path(__file__).parents[2] / "docs/results/gpu_resources.md"
# What another release of NVIDIA's compilers may need more.
BUDGET = Resources(registers=16, stack=64, spills=0)
WANTED = [(kernel, dtype, cc) for kernel in KERNELS for dtype in DTYPES for cc in ARCHITECTURES]


def recorded():
    lines = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (sm_\d+) \| (\d+) \| (\d+) \| (\d+) \|$", TABLE.read_text(), re.M
    )
    rows = [Row(*line[:3], Resources(*map(int, line[3:]))) for line in lines]
    return {row[:3]: row.resources for row in rows}


def test_table_is_whole():
    assert TABLE.read_text().startswith(HEADING)
    assert len(recorded()) == len(WANTED)


def needs(kernel, dtype, cc):
    marks = pytest.mark.slow if "solve" in kernel.__name__ and dtype.itemsize == 8 else ()
    label = f"{kernel.__name__}-{dtype}-sm_{cc[0]}{cc[1]}"
    return pytest.param(kernel, dtype, cc, id=label, marks=marks)


@pytest.mark.parametrize(("kernel", "dtype", "cc"), [needs(*wanted) for wanted in WANTED])
def test_kernel_keeps_to_the_table(kernel, dtype, cc):
    found = row(kernel, dtype, cc)
    assert found.resources.spills == 0
    limits = recorded()[found[:3]]
    for name, value, limit, more in zip(
        Resources._fields, found.resources, limits, BUDGET, strict=True
    ):
        assert value <= limit + more, name
