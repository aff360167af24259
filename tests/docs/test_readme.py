"""The Python blocks of the pages run and print what the pages say; the pages' links lead somewhere.

Blocks of one page are run in order, in one namespace; a text block right below one is its output.
Where a block imports a library of NEEDED that is not installed, it and those after it are not run.
Blocks marked `py` instead of `python` show parts of files, and are not run.
"""

import contextlib
import io
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERYWHERE = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "kernels/README.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
NEEDED = re.compile(r"^import (torch|jax|optax)\b", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def named(path):
    return str(path.relative_to(ROOT))


def blocks(page):
    """Return the code of each block, at its line in the page, and the output it should have."""
    text = page.read_text()
    return [("\n" * text[: m.start(1)].count("\n") + m[1], m[2]) for m in BLOCK.finditer(text)]


def run(page):
    """Return a page as a case: that of the C library compiles all of it, for minutes where the cache is empty."""
    return pytest.param(page, marks=[pytest.mark.slow] if page.name == "c.md" else [])


@pytest.mark.parametrize("page", [run(page) for page in PAGES if blocks(page)], ids=named)
def test_python_in_a_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for code, wanted in blocks(page):
        for library in NEEDED.findall(code):
            pytest.importorskip(library)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), namespace)
        assert printed.getvalue() == (wanted or "")


def anchors(page):
    """Return the headings of a page as GitHub links to them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", EVERYWHERE, ids=named)
def test_links_lead_to_files_and_headings(page):
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor[1:] in anchors(path), anchor
