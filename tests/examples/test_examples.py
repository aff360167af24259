import pathlib
import subprocess
import sys

import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples").glob("*.py"))


def run(example, folder):
    command = [sys.executable, "-W", "error", str(example)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    assert run(example, tmp_path)


def test_twenty_lines_differentiate_and_learn(tmp_path):
    example = next(path for path in EXAMPLES if path.stem == "twenty_lines")
    slopes, loss = run(example, tmp_path).splitlines()
    adjoint, central = (float(part.split()[-1]) for part in slopes.split(","))
    assert adjoint == pytest.approx(central, rel=1e-6)
    assert float(loss.split()[-1]) < 0.1
    text = example.read_text().partition("import tapeless\n")[2]
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 20
