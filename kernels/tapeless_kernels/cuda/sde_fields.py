"""Drift and diffusion of an SDE compiled into its CUDA kernels, with their transposes, and what stands for the rest.

A branch that a method never takes is never typed either: what it would call is replaced by `nothing`, which takes
most of the compile time away.
"""

from .._jit import inlined, kernel, rebind, retarget
from ..launch.python import field_bindings
from ..tableaus.stochastic import DERIVATIVE, REVERSIBLE
from ..tile import Real
from .local import field_vjp_if_any
from .sde import noise_of_thread

cuda = None
user_field = user_field_vjp = user_field_jvp = user_field_vjp_jvp = None
DIM = CHANNELS = TANGENT_PARAMS = 1


@kernel
def matrix_field(field, t, y, theta, cache, dy, lane_status):
    """Call a diffusion of one trajectory that fills a matrix."""
    user_field(t[0], y[:, 0], theta, dy.reshape((DIM, CHANNELS)))
    return 0


@kernel
def matrix_field_vjp(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """Run the transpose of `matrix_field`; the cotangent of time is not asked for."""
    bar = dy_bar.reshape((DIM, CHANNELS))
    user_field_vjp(t[0], y[:, 0], theta, bar, y_bar[:, 0], theta_bar)
    return 0


@kernel
def tangent_of_field(tangent, t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot):
    """dy_dot = the derivative of a diffusion that is a vector, along y_dot."""
    zeros = cuda.local.array(TANGENT_PARAMS, Real)
    for j in range(TANGENT_PARAMS):
        zeros[j] = Real(0)
    user_field_jvp(t[0], y[:, 0], theta, t_dot[0], y_dot[:, 0], zeros, dy_dot[:, 0])
    return 0


@kernel
def tangent_of_matrix(tangent, t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot):
    """dy_dot = the derivative of a diffusion that is a matrix, along y_dot."""
    zeros = cuda.local.array(TANGENT_PARAMS, Real)
    for j in range(TANGENT_PARAMS):
        zeros[j] = Real(0)
    slopes = dy_dot.reshape((DIM, CHANNELS))
    user_field_jvp(t[0], y[:, 0], theta, t_dot[0], y_dot[:, 0], zeros, slopes)
    return 0


@kernel
def vjp_along_of_field(along, t, y, theta, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    """Run the transpose of a diffusion that is a vector and its tangent along y_dot."""
    user_field_vjp_jvp(
        t[0], y[:, 0], theta, dy_bar[:, 0], y_dot[:, 0], y_bar[:, 0], y_bar_dot[:, 0], theta_bar_dot
    )  # fmt: skip
    return 0


@kernel
def vjp_along_of_matrix(along, t, y, theta, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    """Run the transpose of a diffusion that is a matrix and its tangent along y_dot."""
    bar = dy_bar.reshape((DIM, CHANNELS))
    user_field_vjp_jvp(
        t[0], y[:, 0], theta, bar, y_dot[:, 0], y_bar[:, 0], y_bar_dot[:, 0], theta_bar_dot
    )  # fmt: skip
    return 0


@kernel
def matrix_vjp_of_time_too(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """Run the transpose of a matrix whose function gives the cotangent of time too, which is not asked for."""
    bar = dy_bar.reshape((DIM, CHANNELS))
    user_field_vjp(t[0], y[:, 0], theta, bar, y_bar[:, 0], theta_bar, t_bar)
    return 0


@kernel
def nothing(*arguments):
    """Stand for what is not called."""
    return 0


def meanings(method, drift, diffusion, sizes, compile):
    """Return what the names that the loops call mean for these fields, `UserProgram`s, and a `made` to begin with.

    What `sizes` says of dim, channels and correction is constant in them.
    """
    bind, made = dict.fromkeys(_absent(method.kind, sizes["CORRECTION"]), nothing), {}
    bind["noise_of_step"] = noise_of_thread

    def compiled(function, own):
        function = getattr(function, "py_func", function)
        found = compile(rebind(function, own, dict(made), compile), inlined)
        made[getattr(found, "py_func", found)] = found
        return found

    for name, program in (("drift", drift), ("diffusion", diffusion)):
        own, users = field_bindings(program.function, program.transpose, compile)
        made |= users
        own |= sizes
        forward, backward = own["call_field"], own["call_field_vjp"]
        if program.channels:
            with_time = backward.__name__ == "call_field_vjp_with_time"
            forward = matrix_field
            backward = matrix_vjp_of_time_too if with_time else matrix_field_vjp
        bind[f"call_{name}"] = compiled(forward, own)
        if program.transpose is not None:
            own["field_vjp"] = compiled(backward, own)
            bind[f"call_{name}_vjp"] = compiled(field_vjp_if_any, own)
    if method.kind == DERIVATIVE or sizes["CORRECTION"]:
        mixes = bool(diffusion.channels)
        names = [
            (
                "call_tangent",
                "user_field_jvp",
                diffusion.tangent,
                tangent_of_field,
                tangent_of_matrix,
            )
        ]
        if diffusion.second is not None:
            names.append(
                ("call_tangent_vjp", "user_field_vjp_jvp", diffusion.vjp_jvp, vjp_along_of_field, vjp_along_of_matrix)
            )  # fmt: skip
        for name, users, function, of_vector, of_matrix in names:
            user = retarget(inlined(function), {}, {}, compile)
            made[getattr(user, "py_func", user)] = user
            own = sizes | {users: user, "TANGENT_PARAMS": max(diffusion.n_params, 1)}
            bind[name] = compiled(of_matrix if mixes else of_vector, own)
    return bind, made


def _absent(kind, correction):
    """Yield the names of what is not called."""
    yield from ("call_joint", "call_joint_vjp", "call_tangent", "call_tangent_vjp", "heun_back")
    yield from ("call_drift_vjp", "call_diffusion_vjp")  # unless they are there
    if correction == 0:
        yield from ("correct", "correct_vjp")
    if kind != DERIVATIVE:
        yield from ("add_derivative", "add_derivative_vjp")
    if kind == REVERSIBLE:
        yield from ("step", "step_vjp")
    else:
        yield from ("reversible_step", "reversible_step_vjp")
        yield from ("begin_reversible", "begin_reversible_vjp", "step_back")
