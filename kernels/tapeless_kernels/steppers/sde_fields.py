"""The drift and the diffusion of an SDE in a state, and their transposes: apart, or jointly if a field offers both."""

from .._jit import copied, inlined, separate

# One function by a name for each field: where fields are compiled into the kernel, names are what tells them apart.
from ..field_abi import call_field as call_diffusion
from ..field_abi import call_field as call_drift
from ..field_abi import call_field as call_joint
from ..field_abi import call_field_vjp as call_diffusion_vjp
from ..field_abi import call_field_vjp as call_drift_vjp
from ..field_abi import call_field_vjp as call_joint_vjp
from ..tangent_abi import call_field_jvp as call_tangent
from ..tangent_abi import call_vjp_along as call_tangent_vjp
from ..tile import Real, add, fill, put
from .explicit_rk import stage_time
from .noise_weights import add_scaled


@copied
def evaluate(equation, method, i, h, z, theta, caches, work):
    """Fill the drift and the diffusion of stage i, those that are used; at once where both are at one time."""
    drift, diffusion = method.uses[0, i], method.uses[1, i]
    joint, status = work.both.shape[0] > 0, 0
    both = drift and diffusion and method.c[0, i] == method.c[1, i]
    if drift:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        if both or equation.correction != 0:
            status |= evaluate_both(equation, z, theta, caches, (work.f[i], work.g[i]), work)
        elif joint:
            status |= call_joint(
                equation.joint, work.time[1], z, theta, caches[0], work.both, work.lane_status
            )
            put(work.f[i], work.both)
        else:
            status |= call_drift(
                equation.drift, work.time[1], z, theta[equation.drift_at :], caches[0], work.f[i], work.lane_status
            )  # fmt: skip
    if diffusion and not both:
        stage_time(work.time[1], work.time[0], method.c[1, i], h)
        if joint:
            status |= call_joint(
                equation.joint, work.time[1], z, theta, caches[1], work.both, work.lane_status
            )
            put(work.g[i], work.both[z.shape[0] :])
        else:
            status |= call_diffusion(
                equation.diffusion, work.time[1], z, theta[equation.diffusion_at :], caches[1], work.g[i],
                work.lane_status,
            )  # fmt: skip
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
        failed |= correct(
            equation, half_of(equation), z, theta, caches[1], values[0], values[1], work
        )
    return failed


@inlined
def half_of(equation):
    """Return the weight of what the two senses differ by."""
    return Real(-0.5) if equation.correction > 0 else Real(0.5)


@copied
def evaluate_diffusion(equation, z, theta, cache, g, work):
    """Fill the diffusion alone, at the time work.time[1]."""
    return call_diffusion(
        equation.diffusion, work.time[1], z, theta[equation.diffusion_at :], cache, g, work.lane_status
    )  # fmt: skip


@separate
def correct(equation, half, z, theta, cache, f, g, work):
    r"""Add :math:`\pm\tfrac12 \sum_k (\partial g_k) g_k` to the drift: by what the two senses differ.

    A diffusion that is a vector is diagonal here: its k-th entry depends on the k-th of y alone.
    """
    columns, status = n_columns(g, z, work), 0
    for k in range(columns):
        get_column(work.direction, g, k, columns)
        status |= differentiate(equation, z, theta, cache, work)
        for m in range(z.shape[0]):
            row = m * columns + k
            add_scaled(f[m : m + 1], half, work.along[row : row + 1])
    return status


@separate
def correct_vjp(equation, half, z, theta, work, bars, theta_bar):
    """Add to `bars.g` and `theta_bar` what `correct` makes of `bars.f`, and set bars.bend[1] to the cotangent of z.

    The diffusion is evaluated once more: no record has its values. `stochastic.add_derivative_vjp` has the formula.
    """
    g = work.g[0]
    columns = n_columns(g, z, work)
    status = evaluate_diffusion(equation, z, theta, bars.cache, g, work)
    fill(bars.bend[1], Real(0))
    for k in range(columns):
        get_column(work.direction, g, k, columns)
        fill(bars.along, Real(0))
        for m in range(z.shape[0]):
            row = m * columns + k
            add_scaled(bars.along[row : row + 1], half, bars.f[m : m + 1])
        status |= differentiate_vjp(equation, z, theta, work, bars, theta_bar)
        add_column(bars.g, bars.direction, k, columns)
        add(bars.bend[1], bars.bend[0])
    return status


@inlined
def n_columns(g, z, work):
    """Return how many columns along which a diffusion is differentiated it has: of one that is a vector, itself."""
    channels = work.weights.shape[0]
    return 1 if g.shape[0] == z.shape[0] and channels == z.shape[0] else channels


@separate
def get_column(out, g, k, columns):
    """Out = column k of the matrix g, row by row."""
    for m in range(out.shape[0]):
        row = m * columns + k
        put(out[m : m + 1], g[row : row + 1])


@separate
def add_column(g_bar, out_bar, k, columns):
    """g_bar += the transpose of `get_column`."""
    for m in range(out_bar.shape[0]):
        row = m * columns + k
        add(g_bar[row : row + 1], out_bar[m : m + 1])


@copied
def differentiate(equation, z, theta, cache, work):
    """Fill `work.along` with the derivative of the diffusion along `work.direction`, at the time work.time[1]."""
    none = theta[:0]
    return call_tangent(
        equation.tangent, work.time[1], z, theta[equation.diffusion_at :], cache, work.still, work.direction, none,
        work.along,
    )  # fmt: skip


@copied
def differentiate_vjp(equation, z, theta, work, bars, theta_bar):
    """Turn `bars.along` into the cotangents `bars.direction` and bars.bend[0] of the direction and of z.

    `bars.cache` is what the diffusion has kept at z and work.time[1].
    """
    return call_tangent_vjp(
        equation.tangent_vjp, work.time[1], z, theta[equation.diffusion_at :], bars.cache, bars.along, work.direction,
        bars.direction, bars.bend[0], theta_bar[equation.diffusion_at :],
    )  # fmt: skip


@copied
def evaluate_vjp(equation, method, i, h, z, theta, caches, work, bars, theta_bar):
    """Set the cotangent of the state of stage i from those of its drift and its diffusion."""
    drift, diffusion = method.uses[0, i], method.uses[1, i]
    joint, dim, term, status = bars.both.shape[0] > 0, z.shape[0], bars.term[0], 0
    both = drift and diffusion and method.c[0, i] == method.c[1, i]
    if both:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        return evaluate_both_vjp(equation, z, theta, caches, bars.z[i], work, bars, theta_bar)
    fill(bars.z[i], Real(0))
    if drift and equation.correction == 0:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        if joint:
            put(bars.both[:dim], bars.f)
            fill(bars.both[dim:], Real(0))
            status |= call_joint_vjp(
                equation.joint, work.time[1], z, theta, caches[0], bars.both, term, bars.t, theta_bar
            )  # fmt: skip
        else:
            status |= call_drift_vjp(
                equation.drift, work.time[1], z, theta[equation.drift_at :], caches[0], bars.f, term, bars.t,
                theta_bar[equation.drift_at :],
            )  # fmt: skip
        add(bars.z[i], term)
    if diffusion:
        stage_time(work.time[1], work.time[0], method.c[1, i], h)
        if joint:
            fill(bars.both[:dim], Real(0))
            put(bars.both[dim:], bars.g)
            status |= call_joint_vjp(
                equation.joint, work.time[1], z, theta, caches[1], bars.both, term, bars.t, theta_bar
            )  # fmt: skip
        else:
            status |= call_diffusion_vjp(
                equation.diffusion, work.time[1], z, theta[equation.diffusion_at :], caches[1], bars.g, term,
                bars.t, theta_bar[equation.diffusion_at :],
            )  # fmt: skip
        add(bars.z[i], term)
    if drift and equation.correction != 0:
        stage_time(work.time[1], work.time[0], method.c[0, i], h)
        fill(bars.g, Real(0))
        status |= evaluate_both_vjp(
            equation, z, theta, caches, bars.term[1], work, bars, theta_bar
        )  # fmt: skip
        add(bars.z[i], bars.term[1])
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
    kept, status = caches[1], 0
    if equation.correction != 0:
        status = correct_vjp(equation, half_of(equation), z, theta, work, bars, theta_bar)
        kept = bars.cache  # in that of the record a later time may stand
    status |= call_drift_vjp(
        equation.drift, time, z, theta[equation.drift_at :], caches[0], bars.f, z_bar, bars.t,
        theta_bar[equation.drift_at :],
    )  # fmt: skip
    status |= call_diffusion_vjp(
        equation.diffusion, time, z, theta[equation.diffusion_at :], kept, bars.g, bars.term[0], bars.t,
        theta_bar[equation.diffusion_at :],
    )  # fmt: skip
    add(z_bar, bars.term[0])
    if equation.correction != 0:
        add(z_bar, bars.bend[1])
    return status
