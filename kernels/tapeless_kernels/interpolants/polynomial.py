"""Dense output: a polynomial for each step, evaluated at one time or at many.

::

    y(t + s h) = y + s (q_0 + (1-s) (q_1 + s (q_2 + s (q_3 + ..)))),    q_0 = y_next - y
"""

from .._jit import kernel
from ..ieee import fma
from ..tile import Real


@kernel
def polynomial(out, s, y, q):
    """Out = the polynomial of one step at s; y is (dim, 1) and q (degree, dim, 1)."""
    for m in range(out.shape[0]):
        total = q[q.shape[0] - 1, m, 0]
        for p in range(q.shape[0] - 2, 0, -1):
            total = fma(s, total, q[p, m, 0])
        out[m] = fma(s, fma(Real(1) - s, total, q[0, m, 0]), y[m, 0])


@kernel
def evaluate_dense(out, times, ts, hs, ys, q):
    """out[i] = the solution at times[i], of n steps.

    Their ends ts are (n+1,), their sizes hs (n,), ys (n+1, dim, 1), q (n, degree, dim, 1).

    Times beyond the ends are those of the first and of the last polynomial.
    """
    n, sign = hs.shape[0], 1.0 if hs[0] > 0.0 else -1.0
    at = 0
    for i in range(times.shape[0]):
        t = times[i]
        if not sign * (t - ts[at]) >= 0.0:
            at = 0
        # Sorted times need a step or two; others a search.
        for _ in range(4):
            if at + 1 < n and sign * (t - ts[at + 1]) >= 0.0:
                at += 1
        if at + 1 < n and sign * (t - ts[at + 1]) >= 0.0:
            low, high = at + 1, n - 1
            while low < high:
                middle = (low + high + 1) // 2
                if sign * (t - ts[middle]) >= 0.0:
                    low = middle
                else:
                    high = middle - 1
            at = low
        if t == ts[at + 1]:
            for m in range(out.shape[1]):
                out[i, m] = ys[at + 1, m, 0]
        else:
            polynomial(out[i], Real((t - ts[at]) / hs[at]), ys[at], q[at])
