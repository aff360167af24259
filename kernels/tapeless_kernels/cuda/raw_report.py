"""What the kernels in CUDA C need of a GPU, as NVRTC's assembler says without one.

``python -m tapeless_kernels.cuda.raw_report > docs/results/gpu_resources_raw.md`` writes the table that
tests/portability/test_raw_resources.py holds the kernels to.
"""

from .nvrtc import ARCHITECTURES, Needs, compiled, instances, sources

HEADING = """# Registers, stack, spills and shared memory of the kernels in CUDA C

Registers, stack frame and spills are of a thread; shared memory is of a block, in bytes, without what a launch adds.
So says NVRTC's assembler: no number here was taken on a GPU. Written by
`python -m tapeless_kernels.cuda.raw_report`.

| source | kernel | architecture | registers | stack | spills | shared |
|---|---|---|--:|--:|--:|--:|
"""


def rows():
    """Return the lines of the table by source, kernel and architecture: what each needs."""
    return {
        (source.stem, expression, architecture): needs
        for source in sources()
        for architecture in ARCHITECTURES
        for expression, needs in compiled(source, architecture).needs.items()
    }


def line(row, needs):
    """Write one line."""
    source, expression, architecture = row
    cells = (f"`{source}.cu`", f"`{expression}`", f"sm_{architecture}", *needs)
    return "| " + " | ".join(map(str, cells)) + " |"


def recorded(table):
    """Read the lines of a table, a text, again."""
    found = {}
    for text in table.splitlines():
        if text.startswith("| `"):
            source, expression, architecture, *needs = text.strip("| ").split(" | ")
            row = (
                source.strip("`").removesuffix(".cu"),
                expression.strip("`"),
                int(architecture[3:]),
            )
            found[row] = Needs(*map(int, needs))
    return found


def main():
    """Print the table; every kernel of it must be in a list beside its source."""
    for source in sources():
        if not instances(source):
            raise SystemExit(f"{source.name} has no INSTANCES")
    print(HEADING + "\n".join(line(*item) for item in rows().items()))


if __name__ == "__main__":
    main()
