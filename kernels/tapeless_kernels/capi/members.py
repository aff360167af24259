"""The struct that a C program describes a solve in: its members, each of 8 bytes, in their order."""

from typing import NamedTuple


class Member(NamedTuple):
    """A member; in `kind` T stands for float or double, and SUFFIX for f32 or f64."""

    name: str
    kind: str
    meaning: str


MEMBERS = (
    Member("size", "int64_t", "sizeof of this struct, as ode_init sets it"),
    Member("method", "int64_t", "enum tapeless_method"),
    Member("controller", "int64_t", "enum tapeless_controller"),
    Member("n", "int64_t", "trajectories"),
    Member("dim", "int64_t", "components of a state"),
    Member("n_params", "int64_t", "entries of theta; may be 0"),
    Member("n_cache", "int64_t", "rows of cache that the field fills for its vjp; may be 0"),
    Member("n_times", "int64_t", "output times; 0: the end of the span alone"),
    Member("own_theta", "int64_t", "1: theta is (n, n_params), of its own for each trajectory"),
    Member("own_times", "int64_t", "1: times are (n_times, n)"),
    Member("interpolate", "int64_t", "1: outputs by the cubic Hermite interpolant; 0: steps end on them"),
    Member("n_steps", "int64_t", "so many equal steps; 0: adaptive ones"),
    Member("max_steps", "int64_t", "most adaptive steps tried for a trajectory"),
    Member("keep", "int64_t", "1: record the steps for the vjp"),
    Member("budget", "int64_t", "iterations after which a call returns BUDGET_SPENT; 0: no limit"),
    Member("t0", "double", "where the span begins"),
    Member("t1", "double", "where it ends; t1 < t0 integrates backward"),
    Member("first_step", "double", "size of the first step, at least 0; 0: chosen automatically"),
    Member("rtol", "double", "relative tolerance"),
    Member("atol", "double", "absolute tolerance"),
    Member("numbers", "const double*", "NULL, or (5, n) in place of these: t0, t1, first_step, rtol, atol"),
    Member("times", "const double*", "(n_times,), sorted in the direction of the span"),
    Member("field", "tapeless_field_SUFFIX", "the right-hand side"),
    Member("vjp", "tapeless_vjp_SUFFIX", "its transpose; may be NULL if keep is 0"),
    Member("context", "void*", "handed to both"),
    Member("y0", "const T*", "(n, dim)"),
    Member("theta", "const T*", "(n_params,), or (n, n_params) if own_theta"),
    Member("ys", "T*", "out: (n, n_times, dim), or (n, dim) without times; NaN where it did not get to"),
    Member("status", "uint8_t*", "out, or NULL: (n,), enum tapeless_lane_status"),
    Member("counts", "int64_t*", "out, or NULL: (n, 3): evaluations, accepted and rejected steps"),
    Member("reached", "double*", "out, or NULL: (n, 2): the last step, and the time reached"),
    Member("workspace", "void*", "memory that the library works in, and reads again in the vjp"),
    Member("workspace_bytes", "int64_t", "its size"),
    Member("record", "void*", "the present block of the record; its first 8 bytes: the block before"),
    Member("record_bytes", "int64_t", "its size"),
    Member("workspace_needed", "int64_t", "out: bytes that the workspace must have"),
    Member("iteration_bytes", "int64_t", "out: bytes of an iteration in the record"),
    Member("record_overhead", "int64_t", "out: bytes of a block besides"),
    Member("iterations", "int64_t", "out: iterations that n_steps will take; 0: not known before"),
    Member("n_failed", "int64_t", "out: trajectories that did not arrive"),
    Member("wrong", "int64_t", "out: which member an error is about, as its offset in bytes"),
    Member("going", "int64_t", "0: the next call begins a solve; set by the library"),
)  # fmt: skip
N_MEMBERS, MEMBER_BYTES = len(MEMBERS), 8
PLACES = {member.name.upper(): place for place, member in enumerate(MEMBERS)}
(
    SIZE, METHOD, CONTROLLER, N, DIM, N_PARAMS, N_CACHE, N_TIMES, OWN_THETA, OWN_TIMES, INTERPOLATE,
    N_STEPS, MAX_STEPS, KEEP, BUDGET, T0, T1, FIRST_STEP, RTOL, ATOL, NUMBERS, TIMES, FIELD, VJP,
    CONTEXT, Y0, THETA, YS, STATUS, COUNTS, REACHED, WORKSPACE, WORKSPACE_BYTES, RECORD,
    RECORD_BYTES, WORKSPACE_NEEDED, ITERATION_BYTES, RECORD_OVERHEAD, ITERATIONS, N_FAILED, WRONG,
    GOING,
) = range(N_MEMBERS)  # fmt: skip
