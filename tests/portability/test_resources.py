"""What the CUDA kernels need, against docs/results/gpu_resources.md; no number is from a GPU."""

import pathlib
import re

import pytest

from tapeless_kernels._cuda import Resources
from tapeless_kernels.cuda.report import CASES, HEADING, Row, row

pytest.importorskip("numba_cuda")

TABLE = pathlib.Path(__file__).parents[2] / "docs/results/gpu_resources.md"
# What another release of NVIDIA's compilers may need more.
BUDGET = Resources(registers=16, stack=64, spills=0)


def recorded():
    lines = re.findall(
        r"^\| `([\w, ]+)` \| (\d+) \| (\w+) \| (sm_\d+) \| (\d+) \| (\d+) \| (\d+) \|$",
        TABLE.read_text(),
        re.M,
    )
    rows = [Row(x[0], int(x[1]), x[2], x[3], Resources(*map(int, x[4:]))) for x in lines]
    return {row[:4]: row.resources for row in rows}


def test_table_is_whole():
    assert TABLE.read_text().startswith(HEADING)
    assert len(recorded()) == len(CASES)


# Compiled in every run: the rest of the table, of a minute for each solve, in slow ones.
QUICK = {("step", 3), ("step_vjp", 3), ("step", 8), ("sum", 3), ("solve", 3), ("solve_vjp", 3)}


def needs(name, dim, dtype, cc):
    quick = (name, dim) in QUICK and (dtype.itemsize == 4 or "solve" not in name)
    label = f"{name}-{dim}-{dtype}-sm_{cc[0]}{cc[1]}"
    return pytest.param(name, dim, dtype, cc, id=label, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "dim", "dtype", "cc"), [needs(*wanted) for wanted in CASES])
def test_kernel_keeps_to_the_table(name, dim, dtype, cc):
    found = row(name, dim, dtype, cc)
    assert found.resources.spills == 0
    limits = recorded()[found[:4]]
    for resource, value, limit, more in zip(
        Resources._fields, found.resources, limits, BUDGET, strict=True
    ):
        assert value <= limit + more, resource
