"""Bad arguments get a sentence; docs/errors.md is made of them.

After a change: python tests/frontend/test_faults.py --write
"""

import pathlib
import re
import sys

import pytest

import tapeless
from faults import FAULTS
from tapeless import SolverError, TrainingError, fields, losses, methods, optim, regularise, testing

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "errors.md"


def sentence(fault):
    with pytest.raises(fault.kind) as caught:
        fault.call()
    assert type(caught.value) is fault.kind
    return str(caught.value)


def parts(message):
    """Return the function and the argument that a sentence names."""
    function, rest = message.split(": ", 1)
    begins = re.match if function not in ("solve_ivp", "OdeSolution") else re.search
    argument = begins(r"(?:in )?`(\w+)`", rest)
    return function, argument[1] if argument else ""


@pytest.mark.parametrize("i", range(len(FAULTS)))
def test_fault_gets_a_sentence(i):
    message = sentence(FAULTS[i])
    function, argument = parts(message)
    assert hasattr(tapeless, function.partition(".")[0]) or any(
        hasattr(module, function.partition(".")[0])
        for module in (fields, losses, methods, optim, regularise, testing)
    )
    assert (
        argument
        or "'mine'" in message
        or FAULTS[i].kind in (SolverError, TrainingError)
        or "adjoint=None" in message
        or re.search("has no `[vj]*p` in", message)
    )
    assert FAULTS[i].got in message
    assert message.endswith(".") and "\n" not in message and " 0x" not in message


def page():
    """Return docs/errors.md."""
    rows = {}
    for fault in FAULTS:
        message = re.sub(r" at 0x\w+|(?<=')\S*/(?=\w+\.py')", "", sentence(fault))
        function, argument = parts(message)
        text = message.split(": ", 1)[1].replace("|", "\\|").replace("<", "&lt;")
        name = f"`{argument}`" if argument else "the solve"
        rows.setdefault(function, []).append(f"| {name} | {fault.kind.__name__} | {text} |")
    lines = [
        "# What goes wrong, and what is said",
        "",
        "Each row was produced by a call in `tests/frontend/faults`. `tests/frontend/test_faults.py` fails",
        "when the page is out of date, and writes it (`python tests/frontend/test_faults.py --write`). Every",
        "message begins with the name of the function, left out here. With `throw=False` a `SolverError`",
        "becomes a status of the trajectory, and the others go on.",
    ]
    for function, table in rows.items():
        lines += ["", f"## {function}", "", "| argument | exception | message |", "|---|---|---|"]
        lines += dict.fromkeys(table)  # without the rows that differ in the call alone
    return "\n".join(lines) + "\n"


def test_page_of_errors_is_up_to_date():
    assert DOCS.read_text() == page(), "run python tests/frontend/test_faults.py --write"


if __name__ == "__main__" and "--write" in sys.argv:
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text(page())
