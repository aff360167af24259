"""The increments that drive a step of a tile: given ones, those of a path of all lanes, or of a path of each."""

from typing import NamedTuple

import numpy as np

from .._jit import copied, kernel, pasted, separate
from ..tile import LANES
from .brownian import QUAD, Path, increments_between


class LanePaths(NamedTuple):
    """The way down of each of n lanes, which ask for times of their own; columns are channels, rooms are shared."""

    key: np.ndarray
    quads: np.ndarray  # (n, channels) uint32
    channels: np.ndarray  # (channels,) uint32
    words: np.ndarray
    nodes: np.ndarray  # (n, depth + 1, 2, rows, channels)
    normals: np.ndarray
    leaf: np.ndarray  # (n, rows, channels)
    parts: np.ndarray
    law: np.ndarray
    at: np.ndarray  # (n, 3) int64


@pasted
def path_of(paths, n):
    """Return the path of one lane."""
    return Path(
        paths.key, paths.quads[n], paths.channels, paths.words, paths.nodes[n], paths.normals, paths.leaf[n],
        paths.parts, paths.law, paths.at[n],
    )  # fmt: skip


@separate
def share_noise(noise, path, s, t):
    """Set W, H and K of every lane over (s, t), by one query."""
    increments_between(path, noise.span[0], noise.span[1], s, t)
    for tile in range(noise.values.shape[0]):
        for row in range(path.parts.shape[1]):
            if noise.quads[tile, 1] > 0:
                interleave(noise.values[tile, row], path.parts[0, row], noise.quads[tile])
            else:
                scatter(noise.values[tile, row], path.parts[0, row], noise.columns[tile])


@separate
def interleave(out, values, quads):
    """Out = the values of lanes that begin with a quad: its samples lie apart, and those of quads side by side."""
    channels, n, first = out.shape[0], len(values) // QUAD, quads[0] * out.shape[0]
    for c in range(channels):
        row = out[c]
        for q in range(quads[1]):
            at = first + q * channels + c
            row[QUAD * q], row[QUAD * q + 1] = values[at], values[n + at]
            row[QUAD * q + 2], row[QUAD * q + 3] = values[2 * n + at], values[3 * n + at]


@kernel
def scatter(out, values, columns):
    """Out = the values of each channel of each lane, whose first column is in `columns`."""
    for c in range(out.shape[0]):
        for lane in range(LANES):
            out[c, lane] = values[columns[lane] + c]


@separate
def lane_noise(noise, paths, tile, lane, s, t):
    """Set W, H and K of one lane over (s, t)."""
    path = path_of(paths, tile * LANES + lane)
    increments_between(path, noise.span[0], noise.span[1], s, t)
    for row in range(path.parts.shape[1]):
        for c in range(noise.values.shape[2]):
            noise.values[tile, row, c, lane] = path.parts[0, row, c]


@separate
def given_noise(noise, n):
    """Set W, H and K of every lane to those given for step n."""
    for tile in range(noise.values.shape[0]):
        for row in range(noise.given.shape[1]):
            for lane in range(LANES):
                sample = noise.samples[tile, lane]
                for c in range(noise.values.shape[2]):
                    noise.values[tile, row, c, lane] = noise.given[n, row, sample, c]


@copied
def noise_of_step(noise, path, paths, times, n):
    """Set the noise of step n of a grid, between times[n] and times[n + 1]."""
    if noise.given.shape[0] > 0:
        given_noise(noise, n)
    elif paths.quads.shape[0] == 0:
        share_noise(noise, path, times[n, 0, 0], times[n + 1, 0, 0])
    else:
        tiles, lanes = times.shape[1], times.shape[2]
        for tile in range(noise.values.shape[0]):
            for lane in range(LANES):
                at = (tile if tiles > 1 else 0), (lane if lanes > 1 else 0)
                lane_noise(
                    noise, paths, tile, lane, times[n, at[0], at[1]], times[n + 1, at[0], at[1]]
                )
