"""The demo's picture: the training's curves, digits on their way, and those it misreads."""

import numpy as np

N_PER_CLASS = 10
N_TIMES = 60
N_MISREAD = 12
INK, FAINT, GRID = "#222222", "#7a7a7a", "#e6e6e6"
BLUE, ORANGE = "#2f6db5", "#d9772b"
# Tableau 10 with its yellow and pink darkened, so that all ten can be read on white.
COLOURS = (
    "#4e79a7", "#f28e2b", "#d9474a", "#54a8a2", "#4f9a48",
    "#c9a20e", "#a06698", "#e0708a", "#8a6550", "#6b6b6b",
)  # fmt: skip
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}


def draw(path, model, history, images, labels):
    """Write the report on a trained model and its test digits as a PNG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    read = model.predict(images)
    with rc_context(STYLE):
        figure = Figure(figsize=(13, 8.6), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        figure.suptitle(
            f"A neural ODE reads {np.mean(read == labels):.1%} of {len(labels)} test digits",
            fontsize=15, fontweight="bold", x=0.012, ha="left",
        )  # fmt: skip
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
        _curves(left.subplots(3, 1), history)
        flow, strip = right.subfigures(2, 1, height_ratios=(6, 1.1))
        _trajectories(flow.subplots(), model, images, labels)
        _misread(strip, images, labels, read)
        figure.savefig(path, dpi=130)


def _curves(axes, history):
    epochs = np.arange(1, len(history.loss) + 1)
    marker = "o" if len(epochs) < 5 else None
    loss, accuracy, nfe = axes

    loss.plot(epochs, history.loss, color=BLUE, marker=marker)
    loss.set(title="Training loss (cross-entropy)", yscale="log")
    if not history.loss:
        loss.text(1, 2, "ended in its first epoch", ha="center", color=FAINT)
    loss.yaxis.set_minor_formatter("")

    for values, colour, name in (
        (history.train_accuracy, BLUE, "training digits, with noise"),
        (history.test_accuracy, ORANGE, "test digits"),
    ):
        accuracy.plot(epochs, np.multiply(values, 100), color=colour, marker=marker, label=name)
    shown = [*history.train_accuracy[1:], *history.test_accuracy[1:], 0.9]
    accuracy.set(title="Accuracy in %", ylim=(100 * min(shown) - 0.5, 100.4))
    accuracy.legend(loc="lower right")

    mean, least, most = np.reshape(history.nfe, (-1, 3)).T
    nfe.fill_between(epochs, least, most, color=BLUE, alpha=0.15, lw=0, label="least to most")
    nfe.plot(epochs, mean, color=BLUE, marker=marker, label="mean of the epoch")
    nfe.set_ylim(least.min(initial=10) - 3, most.max(initial=10) + 8)  # room for the legend
    nfe.set(title="Evaluations of the field for each digit (NFE)", xlabel="epoch")
    nfe.legend(loc="upper left", ncols=2)
    for axis in axes:
        axis.grid(axis="y", color=GRID, lw=0.8)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlim(0.5, max(1, len(epochs)) + 0.5)


def _trajectories(axis, model, images, labels):
    classes = np.unique(labels)
    chosen = np.concatenate([np.flatnonzero(labels == c)[:N_PER_CLASS] for c in classes])
    labels, times = labels[chosen], np.linspace(0.0, 1.0, N_TIMES)
    sol = model.solve(model.start(images[chosen]), t_eval=times, interpolate=True, adjoint=None)
    paths, shares = principal_plane(sol.ys)
    right = model.logits(sol.ys[:, -1]).argmax(axis=1) == labels
    for path, label, correct in zip(paths, labels, right, strict=True):
        colour, end = COLOURS[label % len(COLOURS)], "o" if correct else "X"
        axis.plot(*path.T, color=colour, lw=1.1, alpha=0.55)
        axis.plot(*path[0], "o", ms=2.8, color=colour, alpha=0.6, mew=0)
        size, above = (6.5, 2) if correct else (9, 5)  # a misread digit is not to be overlooked
        axis.plot(*path[-1], end, ms=size, zorder=above, color=colour, mec="white", mew=0.6)
    for c in classes:
        _label(axis, np.median(paths[labels == c, -1], axis=0), str(c), COLOURS[c % len(COLOURS)])
    axis.set(
        title=f"{len(chosen)} test digits on their way from pixels (t = 0) to classes (t = 1)",
        xlabel=f"first principal component of the states ({shares[0]:.0%} of their variance)",
        ylabel=f"second principal component ({shares[1]:.0%})",
        xticks=[],
        yticks=[],
    )
    axis.set_aspect("equal", adjustable="datalim")
    note = "small dot: t = 0    large dot: t = 1" + ("" if right.all() else "    cross: misread")
    axis.text(0.995, 0.01, note, transform=axis.transAxes, ha="right", va="bottom", color=FAINT)


def _label(axis, at, text, colour):
    from matplotlib.patheffects import withStroke

    axis.text(
        *at, text, color=colour, fontsize=20, fontweight="bold", ha="center", va="center",
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )  # fmt: skip


def _misread(figure, images, labels, read):
    (wrong,) = np.nonzero(read != labels)
    few = "" if len(wrong) <= N_MISREAD else f", {N_MISREAD} of them here"
    title = f"The {len(wrong)} it misreads{few}" if len(wrong) else "It misreads none"
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.02, ha="left")
    axes = figure.subplots(1, N_MISREAD)
    for axis in axes:
        axis.set_axis_off()
    for axis, i in zip(axes, wrong[:N_MISREAD], strict=False):
        axis.imshow(images[i].reshape(8, 8), cmap="gray_r")
        axis.set_title(f"{labels[i]} as {read[i]}", loc="center", fontsize=9, fontweight="normal")


def principal_plane(states):
    """Return states (n, n_times, dim) in the plane where they vary most, and its two shares."""
    flat = states.reshape(-1, states.shape[-1]).astype(np.float64)
    centre = flat.mean(axis=0)
    _, singular, axes = np.linalg.svd(flat - centre, full_matrices=False)
    shares = singular**2 / np.sum(singular**2)
    return (states - centre) @ axes[:2].T, shares[:2]
