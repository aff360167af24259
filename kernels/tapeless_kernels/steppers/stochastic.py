"""One step of a stochastic Runge-Kutta method on a tile, and its transpose; `tableaus.stochastic` has the formula."""

from .._jit import copied, separate
from ..tableaus.stochastic import DERIVATIVE
from ..tile import LANES, Real, add, fill, put
from .noise_weights import (
    add_drift,
    add_noise,
    add_noise_vjp,
    fill_basis,
    weigh,
    weigh_own,
    weigh_pairs,
)
from .reversible_sde import take_moving
from .sde_fields import (
    add_column,
    differentiate,
    differentiate_vjp,
    evaluate,
    evaluate_diffusion,
    evaluate_vjp,
    get_column,
    n_columns,
)


@copied
def step(equation, method, h, y, theta, noise, record, work):
    """Fill `work.y_next` and, in adaptive solves, `work.error`; the fields' status is returned.

    `record` is (z, cache of the drift, cache of the diffusion) of this step; one entry of each serves all stages if
    there is but one.
    """
    z, drift_cache, diffusion_cache = record
    fill_basis(work.basis, noise, h, method.n_basis)
    status = 0
    for i in range(method.stages + 1):
        slot = min(i, z.shape[0] - 1)
        out = z[slot] if i < method.stages else work.y_next
        state_of(out, method, i, y, h, work)
        if i < method.stages:
            status |= evaluate(
                equation, method, i, h, out, theta, (drift_cache[slot], diffusion_cache[slot]), work
            )  # fmt: skip
    if method.kind == DERIVATIVE:
        status |= add_derivative(equation, z[0], theta, diffusion_cache[0], work)
    if work.error.shape[0] > 0:
        fill(work.error[0], Real(0))
        add_row(work.error[0], method, method.stages + 1, method.stages, h, work)
    return status


@copied
def state_of(out, method, i, y, h, work):
    """Out = the state of stage i, or the solution."""
    put(out, y)
    add_row(out, method, i, i, h, work)


@copied
def add_row(out, method, i, n, h, work):
    """Out += what row i of the method makes of the first n stages."""
    for j in range(n):
        if method.a[i, j] != Real(0):
            add_drift(out, method.a[i, j], h, work.f[j])
    for j in range(n):
        if method.uses[1, j] and weigh(work.weights, method.b, work.basis, i, j, method.n_basis):
            add_noise(out, work.weights, work.g[j])


@separate
def add_derivative(equation, z, theta, cache, work):
    r"""Add Milstein's term :math:`\tfrac12 \sum_{jk} (\partial g_j) g_k (W_j W_k - \delta_{jk} h)` to `work.y_next`.

    A diffusion that is a vector is diagonal here; the columns of a matrix commute.
    """
    status, g = 0, work.g[0]
    columns = n_columns(g, z, work)
    for lane in range(LANES):
        work.time[1, lane] = work.time[0, lane]
    if columns == 1:
        weigh_own(work.weights, work.basis)
        fill(work.direction, Real(0))
        add_noise(work.direction, work.weights, g)
        status = differentiate(equation, z, theta, cache, work)
        add(work.y_next, work.along)
        return status
    for k in range(columns):
        get_column(work.direction, g, k, columns)
        status |= differentiate(equation, z, theta, cache, work)
        weigh_pairs(work.weights, work.basis, k)
        add_noise(work.y_next, work.weights, work.along)
    return status


@separate
def add_derivative_vjp(equation, z, theta, work, bars, y_bar, theta_bar):
    r"""Add to `bars.g`, y_bar and `theta_bar` what `add_derivative` makes of the cotangent of y', the last of `bars.z`.

    The derivative :math:`a = (\partial g) v` along a direction v that g itself gives has

    .. math::
        \bar v = (\partial_z g)^\top \bar a, \qquad
        (\bar z, \bar\theta) = \text{the derivatives along } v \text{ of } \big((\partial_z g)^\top \bar a,
        (\partial_\theta g)^\top \bar a\big).

    A direction is 0 in lanes that do not move, but 0 times a derivative need not be: they have no cotangent either.
    """
    g, out_bar = work.g[0], bars.z[bars.z.shape[0] - 1]
    columns = n_columns(g, z, work)
    for lane in range(LANES):
        work.time[1, lane] = work.time[0, lane]
    status = evaluate_diffusion(equation, z, theta, bars.cache, g, work)
    if columns == 1:
        weigh_own(work.weights, work.basis)
        fill(work.direction, Real(0))
        add_noise(work.direction, work.weights, g)
        take_moving(bars.along, out_bar, work.moved)
        status |= differentiate_vjp(equation, z, theta, work, bars, theta_bar)
        add_noise_vjp(bars.g, work.weights, bars.direction)
        add(y_bar, bars.bend[0])
        return status
    for k in range(columns):
        get_column(work.direction, g, k, columns)
        weigh_pairs(work.weights, work.basis, k)
        fill(bars.along, Real(0))
        add_noise_vjp(bars.along, work.weights, out_bar)
        status |= differentiate_vjp(equation, z, theta, work, bars, theta_bar)
        add_column(bars.g, bars.direction, k, columns)
        add(y_bar, bars.bend[0])
    return status


@copied
def step_vjp(equation, method, h, theta, noise, record, work, y_bar, bars, theta_bar):
    r"""Turn the cotangent of y' into that of y, in place, and add to `theta_bar`.

    Counting :math:`\bar z_S = \bar y'` as one more,

    .. math::
        \bar f_j = h \sum_{i>j} a_{ij} \bar z_i, \qquad \bar g_j = \sum_{i>j} \xi_{ij} \bar z_i, \qquad
        \bar z_j = (\partial_z f_j)^\top \bar f_j + (\partial_z g_j)^\top \bar g_j, \qquad \bar y = \sum_j \bar z_j,

    where :math:`\xi_{ij} = \sum_r b^r_{ij} \xi_r`, and :math:`\bar g_0` and :math:`\bar y` have besides what
    `add_derivative_vjp` adds. Steps and noise are held constant.
    """
    z, drift_cache, diffusion_cache = record
    fill_basis(work.basis, noise, h, method.n_basis)
    put(bars.z[method.stages], y_bar)
    status = 0
    for i in range(method.stages - 1, -1, -1):
        if method.uses[0, i]:
            fill(bars.f, Real(0))
            for j in range(i + 1, method.stages + 1):
                if method.a[j, i] != Real(0):
                    add_drift(bars.f, method.a[j, i], h, bars.z[j])
        if method.uses[1, i]:
            fill(bars.g, Real(0))
            for j in range(i + 1, method.stages + 1):
                if weigh(work.weights, method.b, work.basis, j, i, method.n_basis):
                    add_noise_vjp(bars.g, work.weights, bars.z[j])
        if method.kind == DERIVATIVE:
            status |= add_derivative_vjp(equation, z[i], theta, work, bars, y_bar, theta_bar)
        caches = (drift_cache[i], diffusion_cache[i])
        status |= evaluate_vjp(
            equation, method, i, h, z[i], theta, caches, work, bars, theta_bar
        )  # fmt: skip
        add(y_bar, bars.z[i])
    return status
