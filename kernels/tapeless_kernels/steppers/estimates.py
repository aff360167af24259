"""What a step says of itself, its error and its stiffness, and their transposes.

With e = h sum error_j k_j and the scale of each component s = atol + rtol max(|y|, |y_next|),

    E = sqrt(mean((e / s)**2)),     S = |k_x - k_y| / |z_x - z_y|

for two stages x, y at one time (Shampine, 1977; Hairer and Wanner, Solving ODEs II, IV.2). A method with a
second estimate has E as DOP853 does, see `steady`.
"""

from .._jit import inlined, kernel
from ..ieee import square_root
from ..tile import LANES, Real, contract, error_squares, pair_squares

# Rows of Work.squares besides the first three: of k_x - k_y, of z_x - z_y, of y; of the error, and of the second.
KK, GG, YY, M0, M1 = range(3, 8)
# Rows of Bars.estimates: cotangents of sum_j w_j k_j for the two errors and the pair's two rows, and of y.
FIRST, SECOND, STATES, SLOPES, START = range(5)


@inlined
def measure_squares(squares, method, h, k, y, z, rtol, atol):
    """Sum the squares that the estimates of a step from y to z are made of."""
    n = method.stages + method.fsal
    for i in range(method.n_errors):
        error_squares(squares[M0 + i], h, method.error[i], k, n, y, z, rtol, atol)
    measure_pair(squares, method, h, k, y)


@inlined
def measure_pair(squares, method, h, k, y):
    """Sum the squares that the stiffness of a step from y is made of; a method without errors has 0 for theirs."""
    if method.n_errors == 0:
        for lane in range(LANES):
            squares[M0, lane] = Real(0)
    n = method.stages + method.fsal
    pair_squares(squares[KK : YY + 1], h, method.pair[0], method.pair[1], k, n, y)


@inlined
def steadied(q, second):
    """Return the mean square of a method's error from those of its two estimates, q0 q0 / (q0 + 0.01 q1).

    The error as DOP853 measures it: Hairer, Norsett and Wanner, Solving ODEs I, section II.10.
    """
    found = q * (q / (q + Real(0.01) * second))
    return found if q > Real(0) else q


@inlined
def error_of(squares, n_errors, lane):
    """Return E of one lane from the mean squares of its estimates."""
    q = squares[M0, lane]
    if n_errors == 2:
        q = steadied(q, squares[M1, lane])
    return square_root(q) if q > Real(0) else q


@inlined
def stiffness_of(squares, noise, lane):
    """Return S of one lane; 0 where z_x - z_y is rounding, or equal stages leave nothing to compare."""
    if not squares[GG, lane] > noise * squares[YY, lane]:
        return Real(0)
    return square_root(squares[KK, lane] / squares[GG, lane])


@inlined
def error_of_vjp(squares, n_errors, lane, error_bar):
    """Return the cotangents of q0 and q1; 0 where there is no error."""
    q, e = squares[M0, lane], error_of(squares, n_errors, lane)
    if not e > Real(0):
        return Real(0), Real(0)
    half = error_bar / (Real(2) * e)
    if n_errors < 2:
        return half, Real(0)
    r = q / (q + Real(0.01) * squares[M1, lane])
    return half * r * (Real(2) - r), -half * Real(0.01) * r * r


@kernel
def estimates_vjp(method, noise, count, step, tolerance, squares, bars, out, added):
    """Turn the cotangents `bars` of E, S and h, a row each, into those of what they are made of.

    `out` gets the rows named above; those of the step's end and size are added to. `squares` are means over
    `count` numbers, of the step's (h, k, y, z). Trajectories in lockstep share one h.
    """
    h, k, y, z = step
    z_bar, h_bar = added
    n, sharing = method.stages + method.fsal, count / Real(y.shape[0])
    contract(out[FIRST], h, method.error[0], k, 0, n)
    contract(out[SECOND], h, method.error[1], k, 0, n)
    contract(out[STATES], h, method.pair[0], k, 0, n)
    contract(out[SLOPES], h, method.pair[1], k, 0, n)
    for lane in range(LANES):
        error_bar, stiff_bar, size = bars[0, lane], bars[1, lane], h[lane]
        stiffness = stiffness_of(squares, noise, lane)
        moved = size != Real(0)
        first, second = error_of_vjp(squares, method.n_errors, lane, error_bar)
        by_slopes = by_states = Real(0)
        if moved and stiffness > Real(0):
            by_slopes = stiff_bar * stiffness / (squares[KK, lane] * count) / size
            by_states = -stiff_bar * stiffness / (squares[GG, lane] * count) * size
            h_bar[lane] -= stiff_bar * stiffness / (size * sharing)
        if moved:
            error = error_of(squares, method.n_errors, lane)
            h_bar[lane] += (bars[2, lane] + error_bar * error / size) / sharing
        for m in range(y.shape[0]):
            out[START, m, lane] = Real(0)
            if not moved:  # nor is anything of it known to be finite
                for row in range(START):
                    out[row, m, lane] = Real(0)
                continue
            a, b = abs(y[m, lane]), abs(z[m, lane])
            scale = tolerance[0, lane] * (a if a > b else b) + tolerance[1, lane]
            e, steadying = out[FIRST, m, lane], out[SECOND, m, lane]
            per = Real(2) / (count * scale * scale)
            scale_bar = -per / scale * (first * e * e + second * steadying * steadying)
            out[FIRST, m, lane] = first * per * size * e
            out[SECOND, m, lane] = second * per * size * steadying
            out[STATES, m, lane] *= by_states
            out[SLOPES, m, lane] *= by_slopes
            larger = y[m, lane] if a > b else z[m, lane]
            size_bar = tolerance[0, lane] * scale_bar
            size_bar = size_bar if larger > Real(0) else -size_bar
            if a > b:
                out[START, m, lane] = size_bar
            else:
                z_bar[m, lane] += size_bar


@inlined
def add_estimates(k_bar, method, estimates, i):
    """Add what the estimates give to the cotangent of slope i."""
    for m in range(k_bar.shape[0]):
        for lane in range(LANES):
            total = method.error[0, i] * estimates[FIRST, m, lane]
            total += method.error[1, i] * estimates[SECOND, m, lane]
            total += method.pair[0, i] * estimates[STATES, m, lane]
            k_bar[m, lane] += total + method.pair[1, i] * estimates[SLOPES, m, lane]
