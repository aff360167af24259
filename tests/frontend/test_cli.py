import os
import re
import subprocess
import sys

import pytest

from tapeless import _kernels as kernels
from tapeless.__main__ import _seeds, main

FAMILY = "--dtype", "float32", "--lanes", "one"


def tapeless(*arguments, cache, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tapeless", *arguments],
        env=os.environ | {"TAPELESS_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(text):
    return re.findall(r"(\w+) +(float\d+) +(\d+) +(\d+\.\d+)", text)


# A process in which nothing is cached compiles the kernels that others call, too.
COMPILE = """
import sys
import numpy as np
import tapeless
from tapeless.__main__ import main
from tapeless_kernels.launch import cpu
code = main(["compile", *sys.argv[1:]])
field, y0 = tapeless.fields.MLP(2, [3]), np.ones((1, 2), np.float32)
options = {"method": "rk4", "n_steps": 40, "adjoint": "binomial", "budget": 1000}
sol = tapeless.solve_ode(field, (0, 1), y0, field.init(rng=0), **options)
sol.vjp(sol.ys)
for dispatcher in cpu.family(np.dtype(np.float32), 1)._called.values():
    function = dispatcher.py_func  # those of solve_ivp are scalar, and take what there is
    if dispatcher.targetoptions.get("inline") != "always" and "single" not in function.__module__:
        print("called", function.__name__, len(dispatcher.signatures))
sys.exit(code)
"""


@pytest.mark.slow
def test_compile_fills_the_cache_info_lists_it_and_clear_cache_empties_it(tmp_path, run_python):
    assert "none compiled yet" in tapeless("info", cache=tmp_path)

    compiled = run_python(COMPILE, *FAMILY, TAPELESS_CACHE_DIR=str(tmp_path))
    called = re.findall(r"called (\w+) (\d+)", compiled)
    assert len(called) > 20 and [name for name, n in called if int(n) > 1] == []
    kernels = {row[0] for row in rows(compiled)}
    assert len(kernels) >= 4 and "loaded" not in compiled

    listed = tapeless("info", cache=tmp_path)
    assert {row[:3] for row in rows(listed)} == {(name, "float32", "1") for name in kernels}
    assert sorted(row[3] for row in rows(listed)) == sorted(row[3] for row in rows(compiled))

    again = tapeless("compile", *FAMILY, cache=tmp_path)
    assert {row[0] for row in rows(again)} == kernels and "compiled" not in again

    assert re.match(r"[\d.]+ [kM]B freed", tapeless("clear-cache", cache=tmp_path))
    assert not list(tmp_path.rglob("*.nb*"))
    assert "0 B freed" in tapeless("clear-cache", cache=tmp_path)


def test_info_names_versions_processor_and_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TAPELESS_CACHE_DIR", str(tmp_path))
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for wanted in ("Python 3.", "numba ", "llvmlite ", "64 of float32", "threads: ", "GPU "):
        assert wanted in text
    assert str(tmp_path) in text and "CANNOT" not in text


def test_info_says_that_the_cache_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TAPELESS_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert main(["info"]) == 0
    assert "CANNOT be written" in capsys.readouterr().out


def test_compile_fails_where_nothing_can_be_kept(tmp_path):
    """Before it compiles anything: the two minutes would be lost."""
    (tmp_path / "file").touch()
    text = tapeless("compile", *FAMILY, cache=tmp_path / "file" / "cache", code=1)
    assert "kernels could not be kept" in text and "TAPELESS_CACHE_DIR" in text
    assert rows(text) == []


def test_compile_says_which_kernels_a_full_disk_did_not_keep(monkeypatch, capsys):
    made = [kernels.Kernel("run", "float32", 64, 1.0, False)]
    monkeypatch.setattr(kernels, "compile_kernels", lambda dtype, lanes: made)
    monkeypatch.setattr(kernels, "cached_kernels", list)
    assert main(["compile", *FAMILY]) == 1
    assert "1 kernels could not be kept" in capsys.readouterr().err


@pytest.mark.parametrize("command", [(), ("demo",), ("info",), ("compile",), ("clear-cache",)])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 150


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [3]), ("0-4", [0, 1, 2, 3, 4]), ("0,2,7", [0, 2, 7]), ("1-2,2", [1, 2])],
)
def test_seeds(text, seeds):
    assert _seeds(text) == seeds


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["demo", "--seeds", "4-0"], "want numbers such as"),
        (["demo", "--seed", "x"], "want numbers such as"),
        (["demo", "--epochs", "0"], "want a positive number"),
        (["compile", "--dtype", "float16"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_bad_options_are_explained(arguments, reason, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err


def test_missing_package_ends_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("tapeless demo: tqdm is not installed")
