"""One step of a stochastic Runge-Kutta method on a tile, and its transpose; `tableaus.stochastic` has the formula."""

from .._jit import apart, copied, separate

# One function by a name for each field: where fields are compiled into the kernel, names are what tells them apart.
from ..field_abi import call_field as call_diffusion
from ..field_abi import call_field as call_drift
from ..field_abi import call_field as call_joint
from ..field_abi import call_field_vjp as call_diffusion_vjp
from ..field_abi import call_field_vjp as call_drift_vjp
from ..field_abi import call_field_vjp as call_joint_vjp
from ..ieee import fma, square_root
from ..tableaus.stochastic import DERIVATIVE, I11, ROOT, H, W
from ..tangent_abi import call_field_jvp as call_tangent
from ..tile import LANES, Real, add, fill, put
from .explicit_rk import stage_time


@separate
def fill_basis(basis, noise, h, n):
    """Fill the first n random numbers of each channel from W and H, those that the method asks for; if n is 0, all."""
    put_rows(basis[W], noise[0])
    if n != 1:
        put_rows(basis[H], noise[1])
    if n != 1 and n != 2:
        fill_integrals(basis[ROOT], basis[I11], basis[I11 + 1], noise[0], h)


@apart
def fill_integrals(roots, i11, i111, w, h):
    """Set sqrt(h), I_(1,1) / sqrt(h) and I_(1,1,1) / h; 0 where h is."""
    for c in range(w.shape[0]):
        for lane in range(len(h)):
            root, x = square_root(h[lane]), w[c, lane]
            over = Real(1) / root if root > Real(0) else Real(0)
            roots[c, lane] = root
            i11[c, lane] = Real(0.5) * (x * x * over - root)
            i111[c, lane] = Real(1.0 / 6.0) * x * (x * x * over * over - Real(3))


@apart
def put_rows(out, x):
    """Out = x, of as many rows as out has."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = x[m, lane]


@separate
def weigh(weights, b, basis, i, j, n_basis):
    """Set the weights of the diffusion of stage j in the state of stage i; return whether any is not 0.

    With no random numbers they are those of a method with a support value for each channel.
    """
    if n_basis == 0:
        return weigh_supports(weights, basis, b.shape[1], i, j)
    some = False
    for r in range(n_basis):
        c = b[i, j, r]
        if c != Real(0):
            if some:
                add_scaled(weights, c, basis[r])
            else:
                set_scaled(weights, c, basis[r])
            some = True
    return some


@separate
def weigh_supports(weights, basis, stages, i, j):
    """Weigh the stages of Milstein's method with a support value for each channel.

    Stage k has the state y + sqrt(h) g_k, and the solution is y + h f + g W + sum_k (g(z_k) - g(y)) M_k, where
    M_kj is (W_k W_j - h if k = j else W_k W_j) / (2 sqrt(h)).
    """
    if i < stages and j > 0:
        return False
    if i < stages:
        fill(weights, Real(0))
        put(weights[i - 1 : i], basis[ROOT, i - 1 : i])
        return True
    if i > stages:
        return False
    first, last = (j - 1, j) if j > 0 else (0, stages - 1)
    if j > 0:
        fill(weights, Real(0))
    else:
        put(weights, basis[W])
    sign = Real(1) if j > 0 else Real(-1)
    for k in range(first, last):
        add_products(weights, basis[W], basis[ROOT], basis[I11], k, sign)
    return True


@separate
def add_products(weights, w, roots, i11, k, sign):
    """Weights += sign M_k."""
    for c in range(weights.shape[0]):
        for lane in range(LANES):
            root = roots[k, lane]
            over = Real(0.5) / root if root > Real(0) else Real(0)
            product = i11[k, lane] if c == k else w[k, lane] * w[c, lane] * over
            weights[c, lane] += sign * product


@apart
def set_scaled(out, c, x):
    """Out = c x."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = c * x[m, lane]


@apart
def add_scaled(out, c, x):
    """Out += c x."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = fma(c, x[m, lane], out[m, lane])


@separate
def add_noise(out, weights, g):
    """Out += g weights: component by component, or the product with a matrix (dim, channels)."""
    if g.shape[0] == out.shape[0] and weights.shape[0] == out.shape[0]:
        add_products_of(out, weights, g)
        return
    channels = weights.shape[0]
    for c in range(channels):
        for m in range(out.shape[0]):
            row = m * channels + c
            add_products_of(out[m : m + 1], weights[c : c + 1], g[row : row + 1])


@apart
def add_products_of(out, a, b):
    """Out += a b."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = fma(a[m, lane], b[m, lane], out[m, lane])


@separate
def add_noise_vjp(g_bar, weights, out_bar):
    """g_bar += the transpose of `add_noise`."""
    if g_bar.shape[0] == out_bar.shape[0] and weights.shape[0] == out_bar.shape[0]:
        add_products_of(g_bar, weights, out_bar)
        return
    channels = weights.shape[0]
    for m in range(out_bar.shape[0]):
        for c in range(channels):
            row = m * channels + c
            add_products_of(g_bar[row : row + 1], weights[c : c + 1], out_bar[m : m + 1])


@copied
def state_of(out, method, i, y, h, work):
    """Out = the state of stage i, or the solution."""
    put(out, y)
    for j in range(i):
        if method.a[i, j] != Real(0):
            add_drift(out, method.a[i, j], h, work.f[j])
    for j in range(i):
        if method.uses[1, j] and weigh(work.weights, method.b, work.basis, i, j, method.n_basis):
            add_noise(out, work.weights, work.g[j])


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
        state_of_error(method, h, work.error[0], work)
    return status


@copied
def state_of_error(method, h, error, work):
    """Add the error estimate."""
    for j in range(method.stages):
        if method.a[method.stages + 1, j] != Real(0):
            add_drift(error, method.a[method.stages + 1, j], h, work.f[j])
    for j in range(method.stages):
        if method.uses[1, j] and weigh(
            work.weights, method.b, work.basis, method.stages + 1, j, method.n_basis
        ):
            add_noise(error, work.weights, work.g[j])


@apart
def add_drift(out, c, h, f):
    """Out += c h f."""
    for m in range(out.shape[0]):
        for lane in range(len(h)):
            out[m, lane] = fma(c * h[lane], f[m, lane], out[m, lane])


@copied
def evaluate(equation, method, i, h, z, theta, caches, work):
    """Fill the drift and the diffusion of stage i, those that are used; jointly where both are at one time."""
    drift, diffusion = method.uses[0, i], method.uses[1, i]
    joint, lane_status, status = work.both.shape[0] > 0, work.lane_status, 0
    both = drift and diffusion and method.c[0, i] == method.c[1, i]
    if drift and equation.correction != 0:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        status |= evaluate_both(equation, z, theta, caches, (work.f[i], work.g[i]), work)
    elif drift:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        if joint:
            status |= call_joint(
                equation.joint, work.time[1], z, theta, caches[0], work.both, lane_status
            )
            put(work.f[i], work.both)
            if both:
                put_rows(work.g[i], work.both[z.shape[0] :])
        else:
            of_drift = theta[equation.drift_at :]
            status |= call_drift(
                equation.drift, work.time[1], z, of_drift, caches[0], work.f[i], lane_status
            )
    if diffusion and not (both and (joint or equation.correction != 0)):
        stage_time(work.time[1], work.time[0], method.c[1, i], h)
        if joint:
            status |= call_joint(
                equation.joint, work.time[1], z, theta, caches[1], work.both, lane_status
            )
            put_rows(work.g[i], work.both[z.shape[0] :])
        else:
            of_diffusion = theta[equation.diffusion_at :]
            status |= call_diffusion(
                equation.diffusion, work.time[1], z, of_diffusion, caches[1], work.g[i], lane_status
            )
    return status


@copied
def evaluate_both(equation, z, theta, caches, values, work):
    """Fill the drift and the diffusion at the time work.time[1]."""
    time, status, joint = work.time[1], work.lane_status, work.both
    if joint.shape[0] > 0:
        failed = call_joint(equation.joint, time, z, theta, caches[0], joint, status)
        put(values[0], joint)
        put(values[1], joint[z.shape[0] :])
        return failed
    failed = call_drift(
        equation.drift, time, z, theta[equation.drift_at :], caches[0], values[0], status
    )
    failed |= call_diffusion(
        equation.diffusion, time, z, theta[equation.diffusion_at :], caches[1], values[1], status
    )
    if equation.correction != 0:
        half = Real(-0.5) if equation.correction > 0 else Real(0.5)
        failed |= correct(equation, half, z, theta, caches[1], values[0], values[1], work)
    return failed


@separate
def correct(equation, half, z, theta, cache, f, g, work):
    r"""Add :math:`\pm\tfrac12 \sum_k (\partial g_k) g_k` to the drift: by what the two senses differ.

    A diffusion that is a vector is diagonal here: its k-th entry depends on the k-th of y alone.
    """
    channels, dim, status = work.weights.shape[0], z.shape[0], 0
    mixes = not (g.shape[0] == dim and channels == dim)
    for k in range(channels if mixes else 1):
        for m in range(dim):
            put_row(work.direction, m, g, m * channels + k if mixes else m)
        status |= differentiate(equation, z, theta, cache, work)
        for m in range(dim):
            row = m * channels + k if mixes else m
            add_scaled(f[m : m + 1], half, work.along[row : row + 1])
    return status


@copied
def differentiate(equation, z, theta, cache, work):
    """Fill `work.along` with the derivative of the diffusion along `work.direction`, at the time work.time[1]."""
    none = theta[:0]
    return call_tangent(
        equation.tangent, work.time[1], z, theta[equation.diffusion_at :], cache, work.still, work.direction, none,
        work.along,
    )  # fmt: skip


@separate
def add_derivative(equation, z, theta, cache, work):
    r"""Add Milstein's term :math:`\tfrac12 \sum_{jk} (\partial g_j) g_k (W_j W_k - \delta_{jk} h)` to `work.y_next`.

    A diffusion that is a vector is diagonal here; the columns of a matrix commute.
    """
    channels, dim, status, roots = work.weights.shape[0], z.shape[0], 0, work.basis[ROOT]
    g, w, i11 = work.g[0], work.basis[W], work.basis[I11]
    for lane in range(LANES):
        work.time[1, lane] = work.time[0, lane]
    if channels == 1 or (g.shape[0] == dim and channels == dim):
        fill(work.weights, Real(0))
        add_products_of(work.weights, roots, i11)
        fill(work.direction, Real(0))
        add_noise(work.direction, work.weights, g)
        status = differentiate(equation, z, theta, cache, work)
        add(work.y_next, work.along)
        return status
    for k in range(channels):
        for m in range(dim):
            put_row(work.direction, m, g, m * channels + k)
        status |= differentiate(equation, z, theta, cache, work)
        fill(work.weights, Real(0))
        add_products(work.weights, w, roots, i11, k, Real(1))
        for c in range(channels):
            for lane in range(LANES):
                work.weights[c, lane] *= roots[c, lane]
        add_noise(work.y_next, work.weights, work.along)
    return status


@separate
def put_row(out, m, x, n):
    """Row m of out = row n of x."""
    for lane in range(LANES):
        out[m, lane] = x[n, lane]


@copied
def step_vjp(equation, method, h, theta, noise, record, work, y_bar, bars, theta_bar):
    r"""Turn the cotangent of y' into that of y, in place, and add to `theta_bar`.

    Counting :math:`\bar z_S = \bar y'` as one more,

    .. math::
        \bar f_j = h \sum_{i>j} a_{ij} \bar z_i, \qquad \bar g_j = \sum_{i>j} \xi_{ij} \bar z_i, \qquad
        \bar z_j = (\partial_z f_j)^\top \bar f_j + (\partial_z g_j)^\top \bar g_j, \qquad \bar y = \sum_j \bar z_j,

    where :math:`\xi_{ij} = \sum_r b^r_{ij} \xi_r`. Steps and noise are held constant.
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
        status |= evaluate_vjp(
            equation,
            method,
            i,
            h,
            z[i],
            theta,
            (drift_cache[i], diffusion_cache[i]),
            work,
            bars,
            theta_bar,
        )
        add(y_bar, bars.z[i])
    return status


@copied
def evaluate_vjp(equation, method, i, h, z, theta, caches, work, bars, theta_bar):
    """Set the cotangent of the state of stage i from those of its drift and its diffusion."""
    drift, diffusion = method.uses[0, i], method.uses[1, i]
    joint, dim, status = bars.both.shape[0] > 0, z.shape[0], 0
    both = drift and diffusion and method.c[0, i] == method.c[1, i]
    term = bars.term[0]
    fill(bars.z[i], Real(0))
    if drift:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        if joint:
            put(bars.both[:dim], bars.f)
            fill(bars.both[dim:], Real(0))
            if both:
                put(bars.both[dim:], bars.g)
            status |= call_joint_vjp(
                equation.joint,
                work.time[1],
                z,
                theta,
                caches[0],
                bars.both,
                term,
                bars.t,
                theta_bar,
            )
        else:
            status |= call_drift_vjp(
                equation.drift, work.time[1], z, theta[equation.drift_at :], caches[0], bars.f, term, bars.t,
                theta_bar[equation.drift_at :],
            )  # fmt: skip
        add(bars.z[i], term)
    if diffusion and not (joint and both):
        stage_time(work.time[1], work.time[0], method.c[1, i], h)
        if joint:
            fill(bars.both[:dim], Real(0))
            put(bars.both[dim:], bars.g)
            status |= call_joint_vjp(
                equation.joint,
                work.time[1],
                z,
                theta,
                caches[1],
                bars.both,
                term,
                bars.t,
                theta_bar,
            )
        else:
            status |= call_diffusion_vjp(
                equation.diffusion, work.time[1], z, theta[equation.diffusion_at :], caches[1], bars.g, term,
                bars.t, theta_bar[equation.diffusion_at :],
            )  # fmt: skip
        add(bars.z[i], term)
    return status


@copied
def evaluate_both_vjp(equation, z, theta, caches, z_bar, work, bars, theta_bar):
    """Set the cotangent of z from `bars.f` and `bars.g`, those of the drift and of the diffusion at work.time[1]."""
    time, joint = work.time[1], bars.both
    if joint.shape[0] > 0:
        put(joint[: z.shape[0]], bars.f)
        put(joint[z.shape[0] :], bars.g)
        return call_joint_vjp(
            equation.joint, time, z, theta, caches[0], joint, z_bar, bars.t, theta_bar
        )
    status = call_drift_vjp(
        equation.drift, time, z, theta[equation.drift_at :], caches[0], bars.f, z_bar, bars.t,
        theta_bar[equation.drift_at :],
    )  # fmt: skip
    status |= call_diffusion_vjp(
        equation.diffusion, time, z, theta[equation.diffusion_at :], caches[1], bars.g, bars.term[0], bars.t,
        theta_bar[equation.diffusion_at :],
    )  # fmt: skip
    add(z_bar, bars.term[0])
    return status
