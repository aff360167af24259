import functools
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples").glob("[!_]*.py"))


LONG = ("spiral", "digits")  # train for more than ten seconds


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Run an example, once for all tests of it, and return what it prints."""
    return functools.cache(lambda example: _run(example, tmp_path_factory.mktemp(example.stem)))


def _run(example, folder):
    command = [sys.executable, "-W", "error", str(example)]
    if "QUICK" in example.read_text():
        command.append("--quick")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def named(name):
    return next(path for path in EXAMPLES if path.stem == name)


def numbers(line):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(x, marks=[pytest.mark.slow] if x.stem in LONG else [], id=x.stem)
        for x in EXAMPLES
    ],
)
def test_example_runs_and_is_short(example, run):
    assert run(example)
    assert len(example.read_text().splitlines()) < 160


def test_a_network_beside_what_is_known_fits_better_the_less_it_costs(run):
    alone, *both = run(named("half_known")).splitlines()
    losses = [numbers(line.partition("loss")[2])[0] for line in (alone, *both)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)  # where it costs most it stays 0
    assert losses[1] > losses[2] > losses[3] > losses[4] and losses[4] < losses[0] / 2


@pytest.mark.slow
def test_the_spiral_is_learnt(run):
    _, pieces, whole = run(named("spiral")).splitlines()
    assert numbers(pieces)[0] < 1e-3 and numbers(whole)[0] < 1


def test_the_start_of_a_flow_is_found_again(run):
    _, end, start = run(named("navier_stokes")).splitlines()
    assert numbers(end)[1] < 1e-4 and numbers(start)[0] < 0.3


def test_the_pendulum_is_found(run):
    for line in run(named("pendulum")).splitlines()[:2]:
        found, error, true = numbers(line)
        assert abs(found - true) < 3 * error < 0.1 * true


def test_twenty_lines_differentiate_and_learn(run):
    example = named("twenty_lines")
    slopes, loss = run(example).splitlines()
    adjoint, central = (float(part.split()[-1]) for part in slopes.split(","))
    assert adjoint == pytest.approx(central, rel=1e-6)
    assert float(loss.split()[-1]) < 0.1
    text = example.read_text().partition("import tapeless\n")[2]
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 20


@pytest.mark.slow
def test_digits_are_read_by_the_estimator(run):
    *searched, tested = run(named("digits")).splitlines()
    assert len(searched) == 4
    share, n = numbers(tested)[:2]
    assert share > 97 and n == 450


def test_methods_for_sdes_converge_as_theory_says(run):
    lines = run(named("closed_forms")).splitlines()
    assert len(lines) == 8
    for line in lines:
        found, theory = numbers(line.partition("order")[2])
        assert abs(found - theory) < 0.1


def test_networks_explain_interest_rates_better_than_a_constant_diffusion(run):
    loss, unseen, _, found, zero, *_ = run(named("interest_rates")).splitlines()
    before, after, of_vasicek = numbers(loss)
    assert after < of_vasicek - 0.3 and after < before - 0.5
    network, of_vasicek, gain, error = numbers(unseen)
    assert after < network < of_vasicek and gain > 2 * error
    low, middle, high, constant = numbers(found.partition(":")[2])[:4]
    assert 0.4 < low < 1.0 < middle < constant < high < 5.0
    assert numbers(zero)[-2:] == [8, 8]  # of the drift there is nothing to be seen


@pytest.mark.parametrize("name", ["fno_burgers", "fno_navier_stokes"])
def test_operators_are_as_good_on_finer_grids_as_where_they_learnt(name, run):
    (line,) = (line for line in run(named(name)).splitlines() if line.startswith("test error"))
    found = numbers(line)
    errors = dict(zip(found[::2], found[1::2], strict=True))
    trained = {"fno_burgers": 128, "fno_navier_stokes": 32}[name]
    assert errors[trained] < 0.3
    assert all(error <= 1.2 * errors[trained] for n, error in errors.items() if n > trained)
    assert max(errors) >= 2 * trained
