"""Pictures: what is drawn, on which axes, with which names; errors; no pyplot and no matplotlib before it is needed."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import tapeless
from tapeless import plot
from tapeless.fields import MLP, Field


def pendulum(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0] - 0.2 * y[1]


def blow_up(t, y, theta, dy):
    dy[0] = y[0] * y[0]
    dy[1] = -y[1]


FIELD, THETA = Field(pendulum, 2, 1), [2.0]
Y0 = np.random.default_rng(0).normal(size=(5, 2))
TIMES = np.linspace(0, 4, 30)
NAMES = ["angle", "speed"]


def solve(y0=Y0, t_eval=TIMES, **options):
    return tapeless.solve_ode(FIELD, (0, 4), y0, THETA, t_eval=t_eval, **options)


def labels(ax):
    return [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]


def drawn(ax):
    """Return the lines that have points."""
    return [line for line in ax.lines if len(line.get_xdata())]


def test_trajectories_over_time():
    sol, given = solve(), Figure().subplots()
    ax = sol.plot(given, names=NAMES)
    assert ax is given and labels(ax) == NAMES and ax.get_xlabel() == "t"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == NAMES
    lines = drawn(ax)
    assert len(lines) == 10 and lines[0].get_alpha() < 1
    for i, line in enumerate(lines):
        assert np.array_equal(line.get_xdata(), TIMES)
        assert np.array_equal(line.get_ydata(), sol.ys[i % 5, :, i // 5])


def test_one_trajectory_and_one_component():
    ax = solve(Y0[0]).plot(components=-1)
    (line,) = drawn(ax)
    assert line.get_alpha() == 1 and ax.get_ylabel() == "y1" and ax.get_legend() is None
    assert np.array_equal(line.get_ydata(), solve(Y0[0]).ys[:, 1])
    assert labels(solve(Y0[0]).plot(components=[1, 0])) == ["y1", "y0"]


def test_times_of_its_own_for_each_trajectory():
    own = np.linspace(0.5, 1, 5)[:, None] * TIMES
    for i, line in enumerate(drawn(solve(t_eval=own).plot(components=0))):
        assert np.array_equal(line.get_xdata(), own[i])


def test_failed_ones_are_marked_at_their_last_output():
    y0 = [[0.5, 1.0], [2.0, 1.0], [np.nan, 1.0]]  # the second at t = 1/2, the third at once
    times, wide = np.linspace(0, 1, 11), {"throw": False, "max_steps": 300}
    sol = tapeless.solve_ode(Field(blow_up, 2), (0, 1), y0, t_eval=times, **wide)
    ax = sol.plot()
    assert labels(ax) == ["y0", "y1", "failed"]
    crosses = [line for line in drawn(ax) if line.get_marker() == "x"]
    last = np.flatnonzero(np.isfinite(sol.ys[1, :, 0]))[-1]
    assert times[last] == pytest.approx(0.4, abs=0.11)
    assert [line.get_xdata().tolist() for line in crosses] == [[times[last]]] * 2
    assert crosses[0].get_ydata() == sol.ys[1, last, 0]
    (cross,) = [line for line in sol.plot_phase().lines if line.get_marker() == "x"]
    assert [cross.get_xdata()[0], cross.get_ydata()[0]] == sol.ys[1, last].tolist()


def test_the_plane_of_two_components():
    sol, given = solve(), Figure().subplots()
    ax = sol.plot_phase(1, 0, given, names=NAMES)
    assert ax is given and (ax.get_xlabel(), ax.get_ylabel()) == ("speed", "angle")
    *lines, dots = drawn(ax)
    assert len(lines) == 5 and labels(ax) == ["t = 0"]
    assert np.array_equal(lines[3].get_xydata(), sol.ys[3, :, ::-1])
    assert np.array_equal(dots.get_ydata(), Y0[:, 0])
    assert len(drawn(solve(Y0[0]).plot_phase())) == 2


def test_portrait():
    given = Figure().subplots()
    options = {"y0": Y0[:3], "t_span": (0, 4), "nullclines": True, "names": NAMES, "ax": given}
    ax = plot.phase_portrait(FIELD, THETA, (-3, 3), (-1, 2), **options)
    assert ax is given and ax.get_xlim() == (-3, 3) and ax.get_ylim() == (-1, 2)
    assert labels(ax) == ["angle' = 0", "speed' = 0"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("angle", "speed")
    arrows = next(c for c in ax.collections if hasattr(c, "U"))
    x, y = arrows.XY.T
    assert len(x) == 400 and -3 < x.min() and y.max() < 2
    u, v = y / 6, (-2 * x - 0.2 * y) / 3  # in parts of the axes
    np.testing.assert_allclose(arrows.U, u / np.hypot(u, v), rtol=1e-12, atol=1e-12)
    lines = drawn(ax)
    assert len(lines) == 4
    np.testing.assert_allclose(lines[0].get_ydata()[-1], solve().ys[0, -1, 1], atol=1e-3)


def test_portrait_of_two_components_of_three():
    field = MLP(3, [4], time=True)
    theta, at = field.init(rng=0), [0.1, 0.2, 0.3]
    ax = plot.phase_portrait(field, theta, components=(2, 0), at=at, n_arrows=3)
    arrows = ax.collections[0]
    for place, u, v in zip(arrows.XY, arrows.U, arrows.V, strict=True):
        h, state = 1e-6, np.array([place[1], 0.2, place[0]])
        step = tapeless.solve_ode(field, (0, h), state, theta, method="euler", n_steps=1).ys
        slope = (step - state)[[2, 0]] / h
        np.testing.assert_allclose([u, v], slope / np.hypot(*slope), atol=1e-8)


@pytest.mark.parametrize("work", ["nfe", "seconds"])
def test_work_precision(work):
    given = Figure().subplots()
    options = {"methods": ("bosh3", "tsit5"), "tolerances": [1e-3, 1e-5, 1e-7], "work": work}
    ax = plot.work_precision(FIELD, (0, 4), Y0, THETA, ax=given, **options)
    assert ax is given and labels(ax) == ["bosh3", "tsit5"]
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_ylabel() == "error at t = 4"
    exact = solve(t_eval=None, method="vern7", rtol=1e-13, atol=1e-13).ys
    again = plot.work_precision(FIELD, (0, 4), Y0, THETA, reference=exact, **options)
    for line, same in zip(ax.lines, again.lines, strict=True):
        assert len(line.get_xdata()) == 3 and (np.diff(line.get_ydata()) < 0).all()
        np.testing.assert_allclose(line.get_ydata(), same.get_ydata(), rtol=1e-3)
    if work == "nfe":
        sol = solve(t_eval=None, method="tsit5", rtol=1e-5, atol=1e-5)
        assert ax.lines[1].get_xdata()[1] == sol.stats.nfe.mean()
        error = np.abs(sol.ys - exact) / np.maximum(1, np.abs(exact))
        np.testing.assert_allclose(ax.lines[1].get_ydata()[1], error.max(), rtol=1e-6)


@pytest.mark.parametrize("kind", [dict, SimpleNamespace])
def test_history(kind):
    loss, given = [4.0, 2.0, 1.0, 0.5], Figure().subplots()
    held = kind(loss=loss, validation=[5.0, None, np.nan, 0.7], nfe=[20, 22, 24, 26])
    ax = plot.history(held, xlabel="step", ax=given)
    assert ax is given and labels(ax) == ["loss", "validation"] and ax.get_yscale() == "log"
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3, 4] and ax.get_xlabel() == "step"
    assert ax.lines[1].get_xdata().tolist() == [1, 4]
    beside = ax.figure.axes[1]
    assert beside.get_ylabel() == "evaluations of the field"
    assert beside.lines[0].get_ydata().tolist() == [20, 22, 24, 26]
    assert ax.get_zorder() > beside.get_zorder()


def test_history_of_other_lengths_and_signs():
    ax = plot.history({"loss": [1.0, -1.0, -2.0], "validation": [1.0, 0.5]})
    assert ax.get_yscale() == "linear" and ax.lines[1].get_xdata().tolist() == [1, 3]
    ax = plot.history({"loss": [1.0], "nfe": [(20.0, 14, 26)], "validation": []})
    assert labels(ax) == ["loss"] and len(ax.figure.axes[1].collections) == 1


DRAWINGS = {
    "plot": lambda: solve().plot(),
    "plot_phase": lambda: solve().plot_phase(),
    "phase_portrait": lambda: plot.phase_portrait(FIELD, THETA, y0=Y0, nullclines=True),
    "work_precision": lambda: plot.work_precision(
        FIELD, (0, 1), Y0, THETA, tolerances=[1e-3, 1e-4]
    ),
    "history": lambda: plot.history({"loss": [1.0, 0.5], "nfe": [20, 26]}),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_figures_are_made_without_pyplot_and_can_be_saved(draw, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    draw().figure.savefig(tmp_path / "figure.png", dpi=40)
    assert (tmp_path / "figure.png").stat().st_size > 2000


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_matplotlib_is_asked_for_where_it_is_missing(draw, monkeypatch):
    for name in [*filter(lambda name: name.startswith("matplotlib"), sys.modules), "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'tapeless\[plot\]'"):
        draw()


def test_it_is_not_imported_with_tapeless(run_python):
    script = "import sys, tapeless.plot; print('matplotlib' in sys.modules)"
    assert run_python(script).strip() == "False"


def portrait(**options):
    return plot.phase_portrait(**{"field": FIELD, "theta": THETA} | options)


def work(**options):
    return plot.work_precision(FIELD, (0, 1), Y0, THETA, **options)


WRONG = {
    "no times": (lambda: solve(t_eval=None).plot(), ValueError, "Solution.plot: the solution holds"),
    "component": (lambda: solve().plot(components=2), ValueError, "`components` must be .* 0 to 1; got 2"),
    "no component": (lambda: solve().plot(components=[]), ValueError, "at least one component"),
    "names": (lambda: solve().plot(names=["a"]), ValueError, "`names` must be 2 names"),
    "axes": (lambda: solve().plot(3), TypeError, "`ax` must be a matplotlib Axes or None; got 3"),
    "plane": (lambda: solve().plot_phase(0, 5), ValueError, "`y` must be a component, 0 to 1; got 5"),
    "field": (lambda: portrait(field=np.sin), TypeError, "`field` must be a tapeless field"),
    "limits": (lambda: portrait(xlim=(1, 0)), ValueError, r"`xlim` must be a pair .* got \(1, 0\)"),
    "limit": (lambda: portrait(ylim=3), ValueError, "`ylim` must be a pair .* got 3"),
    "theta": (lambda: portrait(theta=None), ValueError, r"`theta` must be .* \(1,\) for this field; got None"),
    "at": (lambda: portrait(at=[1.0]), ValueError, r"`at` must be an array of shape \(2,\)"),
    "pair": (lambda: portrait(components=1), ValueError, "`components` must be a pair"),
    "work": (lambda: work(work="flops"), ValueError, "`work` must be one of 'nfe', 'seconds'"),
    "methods": (lambda: work(methods=[]), ValueError, "`methods` must be at least one"),
    "reference": (lambda: work(reference=[1.0]), ValueError, "`reference` must be of the shape of"),
    "loss": (lambda: plot.history({"nfe": [1]}), ValueError, "`history` must be a mapping"),
}  # fmt: skip


@pytest.mark.parametrize(("draw", "kind", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_get_a_sentence(draw, kind, message):
    with pytest.raises(kind, match=message):
        draw()
