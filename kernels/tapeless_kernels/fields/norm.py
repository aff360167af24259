"""Layer normalisation of the rows of a tile, its transpose and its tangent; all flat arrays with an offset.

`stats` holds two rows: the mean, and one over the deviation.
"""

import numpy as np

from .._jit import kernel
from ..ieee import fma

LANES, Real = 1, np.float64


@kernel
def layer_norm(theta, at, x, x_at, stats, stats_at, out, out_at, n, eps):
    """Out = w (x - mean) / sqrt(variance + eps) + b; theta has w (n), then b (n)."""
    mean, scale = stats[stats_at : stats_at + LANES], stats[stats_at + LANES : stats_at + 2 * LANES]
    one_over_n = Real(1) / Real(n)
    for lane in range(len(mean)):
        mean[lane] = Real(0)
        scale[lane] = Real(0)
    for k in range(n):
        row = x[x_at + k * LANES : x_at + (k + 1) * LANES]
        for lane in range(len(mean)):
            mean[lane] += row[lane]
    for lane in range(len(mean)):
        mean[lane] *= one_over_n
    for k in range(n):
        row = x[x_at + k * LANES : x_at + (k + 1) * LANES]
        for lane in range(len(mean)):
            d = row[lane] - mean[lane]
            scale[lane] = fma(d, d, scale[lane])
    for lane in range(len(mean)):
        scale[lane] = Real(1) / np.sqrt(fma(scale[lane], one_over_n, eps))
    for k in range(n):
        w, b = theta[at + k], theta[at + n + k]
        row, target = (
            x[x_at + k * LANES : x_at + (k + 1) * LANES],
            out[out_at + k * LANES : out_at + (k + 1) * LANES],
        )
        for lane in range(len(mean)):
            target[lane] = fma(w, (row[lane] - mean[lane]) * scale[lane], b)


@kernel
def layer_norm_vjp(
    theta,
    at,
    x,
    x_at,
    stats,
    stats_at,
    bar,
    bar_at,
    x_bar,
    x_bar_at,
    sums,
    sums_at,
    theta_bar,
    n,
    fresh,
):
    """x_bar += scale (g - mean(g) - z mean(g z)), g = w bar and z the normalised x; and theta_bar."""
    mean, scale = stats[stats_at : stats_at + LANES], stats[stats_at + LANES : stats_at + 2 * LANES]
    of_g, of_gz = sums[sums_at : sums_at + LANES], sums[sums_at + LANES : sums_at + 2 * LANES]
    one_over_n = Real(1) / Real(n)
    for lane in range(len(mean)):
        of_g[lane] = Real(0)
        of_gz[lane] = Real(0)
    for k in range(n):
        w, w_bar, b_bar = theta[at + k], Real(0), Real(0)
        for lane in range(LANES):
            z = (x[x_at + k * LANES + lane] - mean[lane]) * scale[lane]
            row_bar = bar[bar_at + k * LANES + lane]
            of_g[lane] = fma(w, row_bar, of_g[lane])
            of_gz[lane] = fma(w * row_bar, z, of_gz[lane])
            w_bar = fma(row_bar, z, w_bar)
            b_bar += row_bar
        theta_bar[at + k] += w_bar
        theta_bar[at + n + k] += b_bar
    for k in range(n):
        w = theta[at + k]
        for lane in range(LANES):
            z = (x[x_at + k * LANES + lane] - mean[lane]) * scale[lane]
            g = w * bar[bar_at + k * LANES + lane]
            inner = g - one_over_n * fma(z, of_gz[lane], of_g[lane])
            before = Real(0) if fresh else x_bar[x_bar_at + k * LANES + lane]
            x_bar[x_bar_at + k * LANES + lane] = fma(scale[lane], inner, before)


@kernel
def layer_norm_jvp(
    theta,
    theta_dot,
    at,
    x,
    x_at,
    stats,
    stats_at,
    x_dot,
    x_dot_at,
    sums,
    sums_at,
    out_dot,
    out_dot_at,
    n,
):
    """out_dot = w scale (x_dot - mean(x_dot) - z mean(x_dot z)) + w_dot z + b_dot."""
    mean, scale = stats[stats_at : stats_at + LANES], stats[stats_at + LANES : stats_at + 2 * LANES]
    of_x, of_xz = sums[sums_at : sums_at + LANES], sums[sums_at + LANES : sums_at + 2 * LANES]
    one_over_n = Real(1) / Real(n)
    for lane in range(len(mean)):
        of_x[lane] = Real(0)
        of_xz[lane] = Real(0)
    for k in range(n):
        for lane in range(LANES):
            z = (x[x_at + k * LANES + lane] - mean[lane]) * scale[lane]
            dot = x_dot[x_dot_at + k * LANES + lane]
            of_x[lane] += dot
            of_xz[lane] = fma(dot, z, of_xz[lane])
    for k in range(n):
        w, w_dot, b_dot = theta[at + k], theta_dot[at + k], theta_dot[at + n + k]
        for lane in range(LANES):
            z = (x[x_at + k * LANES + lane] - mean[lane]) * scale[lane]
            dot = x_dot[x_dot_at + k * LANES + lane]
            inner = dot - one_over_n * fma(z, of_xz[lane], of_x[lane])
            out_dot[out_dot_at + k * LANES + lane] = fma(
                w * scale[lane], inner, fma(w_dot, z, b_dot)
            )


@kernel
def layer_norm_vjp_jvp(
    thetas,
    at,
    xs,
    x_at,
    stats,
    stats_at,
    bars,
    bar_at,
    x_bars,
    x_bar_at,
    sums,
    sums_at,
    theta_bars,
    n,
    fresh,
):
    """The tangent of `layer_norm_vjp`, and it; every array is a pair, of values and their tangents.

    The tangent of `stats` is what `layer_norm_jvp` has put into `sums`: those of x_dot and of x_dot z.
    """
    x, x_dot, bar, bar_dot = xs[0], xs[1], bars[0], bars[1]
    x_bar, x_bar_dot = x_bars[0], x_bars[1]
    mean, scale = (
        stats[0][stats_at : stats_at + LANES],
        stats[0][stats_at + LANES : stats_at + 2 * LANES],
    )
    of_x, of_xz = (
        stats[1][stats_at : stats_at + LANES],
        stats[1][stats_at + LANES : stats_at + 2 * LANES],
    )
    of_g, of_gz = sums[0][sums_at : sums_at + LANES], sums[0][sums_at + LANES : sums_at + 2 * LANES]
    of_g_dot, of_gz_dot = (
        sums[1][sums_at : sums_at + LANES],
        sums[1][sums_at + LANES : sums_at + 2 * LANES],
    )
    one_over_n = Real(1) / Real(n)
    for lane in range(len(mean)):
        of_g[lane] = Real(0)
        of_gz[lane] = Real(0)
        of_g_dot[lane] = Real(0)
        of_gz_dot[lane] = Real(0)
    for k in range(n):
        w, w_dot = thetas[0][at + k], thetas[1][at + k]
        w_bar, b_bar, w_bar_dot, b_bar_dot = Real(0), Real(0), Real(0), Real(0)
        for lane in range(LANES):
            i = k * LANES + lane
            z = (x[x_at + i] - mean[lane]) * scale[lane]
            z_dot = scale[lane] * (x_dot[x_at + i] - one_over_n * fma(z, of_xz[lane], of_x[lane]))
            row_bar, row_bar_dot = bar[bar_at + i], bar_dot[bar_at + i]
            g, g_dot = w * row_bar, fma(w, row_bar_dot, w_dot * row_bar)
            of_g[lane] = fma(w, row_bar, of_g[lane])
            of_gz[lane] = fma(g, z, of_gz[lane])
            of_g_dot[lane] += g_dot
            of_gz_dot[lane] = fma(g_dot, z, fma(g, z_dot, of_gz_dot[lane]))
            w_bar = fma(row_bar, z, w_bar)
            b_bar += row_bar
            w_bar_dot = fma(row_bar_dot, z, fma(row_bar, z_dot, w_bar_dot))
            b_bar_dot += row_bar_dot
        theta_bars[0][at + k] += w_bar
        theta_bars[0][at + n + k] += b_bar
        theta_bars[1][at + k] += w_bar_dot
        theta_bars[1][at + n + k] += b_bar_dot
    for k in range(n):
        w, w_dot = thetas[0][at + k], thetas[1][at + k]
        for lane in range(LANES):
            i = k * LANES + lane
            z = (x[x_at + i] - mean[lane]) * scale[lane]
            z_dot = scale[lane] * (x_dot[x_at + i] - one_over_n * fma(z, of_xz[lane], of_x[lane]))
            # scale_dot = - scale**2 of_xz / n
            fall = scale[lane] * of_xz[lane] * one_over_n
            g = w * bar[bar_at + i]
            g_dot = fma(w, bar_dot[bar_at + i], w_dot * bar[bar_at + i])
            inner = g - one_over_n * fma(z, of_gz[lane], of_g[lane])
            inner_dot = g_dot - one_over_n * fma(
                z, of_gz_dot[lane], fma(z_dot, of_gz[lane], of_g_dot[lane])
            )
            before = Real(0) if fresh else x_bar[x_bar_at + i]
            before_dot = Real(0) if fresh else x_bar_dot[x_bar_at + i]
            x_bar[x_bar_at + i] = fma(scale[lane], inner, before)
            x_bar_dot[x_bar_at + i] = fma(scale[lane], fma(-fall, inner, inner_dot), before_dot)
