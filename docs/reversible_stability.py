"""Draws where reversible methods are stable: python docs/reversible_stability.py [FILE.png]."""

import pathlib
import sys

import numpy as np
from matplotlib.figure import Figure

import tapeless

OUT = pathlib.Path(__file__).parent / "results" / "reversible_stability.png"
COLOURS = ("#2f6db5", "#d9772b", "#4f9a48", "#a06698")


def growth(tableau, w):
    """Return what a step of y' = w y multiplies y by, less 1."""
    k = []
    for row in tableau.a[:-1]:
        k.append(w + w * sum(float(a) * k_j for a, k_j in zip(row, k, strict=True)))
    return sum(float(b) * k_j for b, k_j in zip(tableau.b, k, strict=True))


def step_of_pair(tableau, coupling, w):
    """Return the matrices that a step multiplies (y, z) by."""
    there, back = growth(tableau, w), growth(tableau, -w)
    y, z = np.full_like(w, coupling), 1 - coupling + there
    return matrices(y, z, -back * y, 1 - back * z)


def step_of_heun(w):
    """Return the matrices that a step of the reversible Heun method multiplies (y, z) by."""
    return matrices(1 + w, w * w / 2, 2 + 0 * w, w - 1)


def step_of_leapfrog(damping, w):
    """Return the matrices that a step of the asynchronous leapfrog method multiplies (y, h v) by."""
    g = 2 * damping
    return matrices(1 + g * w / 2, 1 - g / 2 + g * w / 4, g * w, 1 - g + g * w / 2)


def matrices(a, b, c, d):
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], -2)


def draw(axis, regions, real, imaginary, title):
    x, y = np.linspace(*real, 361), np.linspace(*imaginary, 361)
    w = x + 1j * y[:, None]
    for (name, step), colour in zip(regions.items(), COLOURS, strict=False):
        radius = step(w)
        if radius.ndim > 2:
            radius = np.abs(np.linalg.eigvals(radius)).max(-1)
        stable = np.abs(radius) <= 1 + 1e-9
        axis.contourf(x, y, stable, levels=[0.5, 1.5], colors=[colour], alpha=0.35)
        axis.contour(x, y, stable, levels=[0.5], colors=[colour], linewidths=1.2)
        axis.plot([], [], color=colour, label=name)
    axis.axhline(0, color="#9a9a9a", lw=0.6)
    axis.axvline(0, color="#9a9a9a", lw=0.6)
    axis.set(title=title, xlabel="Re h lambda", xlim=real, ylim=imaginary)
    axis.legend(loc="upper left", fontsize=8)


def main(path=OUT):
    tsit5 = next(m for m in tapeless.methods.EXPLICIT if m.name == "tsit5")

    def pair(coupling):
        return lambda w: step_of_pair(tsit5, coupling, w)

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw(
        left, {"tsit5": lambda w: 1 + growth(tsit5, w), "reversible, 0.5": pair(0.5), "reversible, 0.9": pair(0.9)},
        (-4.2, 1.2), (-4.5, 4.5), "Tsit5 and reversible(tsit5, coupling)",
    )  # fmt: skip
    draw(
        middle, {f"reversible, {c}": pair(c) for c in (0.9, 0.99, 0.999)},
        (-0.14, 0.02), (-2.6, 2.6), "reversible(tsit5, coupling), enlarged",
    )  # fmt: skip
    leaps = {f"alf, damping {d}": (lambda w, d=d: step_of_leapfrog(d, w)) for d in (0.6, 0.8, 0.95)}
    draw(right, leaps, (-4.2, 1.2), (-2.2, 2.2), "alf and reversible_heun")
    right.plot(
        [0, 0], [-1, 1], color="black", lw=3, label="reversible_heun, alf undamped: i [-1, 1]"
    )
    right.legend(loc="upper left", fontsize=8)
    middle.locator_params(axis="x", nbins=5)
    left.set_ylabel("Im h lambda")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
