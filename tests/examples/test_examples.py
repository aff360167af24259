import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples").glob("*.py"))


def run(example, folder):
    command = [sys.executable, "-W", "error", str(example)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def named(name):
    return next(path for path in EXAMPLES if path.stem == name)


def numbers(line):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_is_short(example, tmp_path):
    assert run(example, tmp_path)
    assert len(example.read_text().splitlines()) < 80


def test_a_network_beside_what_is_known_fits_better_the_less_it_costs(tmp_path):
    alone, *both = run(named("half_known"), tmp_path).splitlines()
    losses = [numbers(line.partition("loss")[2])[0] for line in (alone, *both)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)  # where it costs most it stays 0
    assert losses[1] > losses[2] > losses[3] > losses[4] and losses[4] < losses[0] / 2


def test_the_spiral_is_learnt(tmp_path):
    _, pieces, whole = run(named("spiral"), tmp_path).splitlines()
    assert numbers(pieces)[0] < 1e-3 and numbers(whole)[0] < 1


def test_the_pendulum_is_found(tmp_path):
    for line in run(named("pendulum"), tmp_path).splitlines()[:2]:
        found, error, true = numbers(line)
        assert abs(found - true) < 3 * error < 0.1 * true


def test_twenty_lines_differentiate_and_learn(tmp_path):
    example = named("twenty_lines")
    slopes, loss = run(example, tmp_path).splitlines()
    adjoint, central = (float(part.split()[-1]) for part in slopes.split(","))
    assert adjoint == pytest.approx(central, rel=1e-6)
    assert float(loss.split()[-1]) < 0.1
    text = example.read_text().partition("import tapeless\n")[2]
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 20
