// Reductions of what a solver measures of its steps, each with its transpose below it: see
// heuristics.py.
//
// A block has LANES columns, trajectories, by STRIPS threads each. Thread s of a column adds up the
// rows s, s + STRIPS, s + 2 STRIPS, ...; a tree in shared memory adds the strips. So a sum has one
// order, whatever the grid is, and no atomic operation. Neighbours in a warp read neighbours in
// memory.

constexpr int LANES = 32, STRIPS = 8, THREADS = LANES * STRIPS;

// Return term(0) + ... + term(rows - 1) to all threads of a column; every thread of the block must
// call it.
template <class Real, class Term> __device__ Real sum_rows(int rows, Term term) {
    __shared__ Real strips[STRIPS][LANES];
    int lane = threadIdx.x, strip = threadIdx.y;
    Real total = 0;
    for (int m = strip; m < rows; m += STRIPS)
        total += term(m);
    strips[strip][lane] = total;
    for (int half = STRIPS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (strip < half)
            strips[strip][lane] += strips[strip + half][lane];
    }
    __syncthreads();
    total = strips[0][lane];
    __syncthreads(); // before the next sum writes
    return total;
}

// The larger of |y| and |z|; of what is not finite nothing is hidden.
template <class Real> __device__ Real larger(Real y, Real z) {
    Real a = fabs(y), b = fabs(z);
    return a > b ? a : b;
}

// squares = sum over m of (e / (atol + rtol max(|y|, |z|)))**2, as tile.error_squares.
template <class Real>
__global__ void error_squares(const Real* e, const Real* y, const Real* z, const Real* rtol,
                              const Real* atol, int dim, int n, Real* squares) {
    int i = blockIdx.x * LANES + threadIdx.x;
    Real total = sum_rows<Real>(i < n ? dim : 0, [=](int m) {
        size_t at = size_t(m) * n + i;
        Real scale = rtol[i] * larger(y[at], z[at]) + atol[i];
        // Not finite where a state is not: beside an infinite scale any error would pass.
        Real ratio = (fabs(e[at]) + Real(0) * scale) / scale;
        return ratio * ratio;
    });
    if (i < n && threadIdx.y == 0)
        squares[i] = total;
}

// Trajectory i's cotangent is squares_bar[i * by]: with by = 0 they share one.
template <class Real>
__global__ void error_squares_vjp(const Real* e, const Real* y, const Real* z, const Real* rtol,
                                  const Real* atol, int dim, int n, const Real* squares_bar, int by,
                                  Real* e_bar, Real* y_bar, Real* z_bar) {
    int i = blockIdx.x * LANES + threadIdx.x;
    if (i >= n)
        return;
    Real bar = squares_bar[i * by];
    for (int m = threadIdx.y; m < dim; m += STRIPS) {
        size_t at = size_t(m) * n + i;
        Real scale = rtol[i] * larger(y[at], z[at]) + atol[i];
        Real ratio = e[at] / scale, by_ratio = Real(2) * bar * ratio / scale;
        Real size_bar = -by_ratio * ratio * rtol[i];
        bool of_y = fabs(y[at]) > fabs(z[at]);
        size_bar = (of_y ? y[at] : z[at]) > Real(0) ? size_bar : -size_bar;
        e_bar[at] = by_ratio;
        y_bar[at] = of_y ? size_bar : Real(0);
        z_bar[at] = of_y ? Real(0) : size_bar;
    }
}

// Rows of squares (3, n) = sums over m of slopes**2, states**2 and y**2, as tile.pair_squares.
template <class Real>
__global__ void pair_squares(const Real* slopes, const Real* states, const Real* y, int dim, int n,
                             Real* squares) {
    int i = blockIdx.x * LANES + threadIdx.x;
    const Real* rows[] = {slopes, states, y};
    for (int row = 0; row < 3; ++row) {
        const Real* x = rows[row];
        Real total = sum_rows<Real>(i < n ? dim : 0, [=](int m) {
            Real value = x[size_t(m) * n + i];
            return value * value;
        });
        if (i < n && threadIdx.y == 0)
            squares[size_t(row) * n + i] = total;
    }
}

// The sum of y**2 tells rounding from states; it has no transpose.
template <class Real>
__global__ void pair_squares_vjp(const Real* slopes, const Real* states, int dim, int n,
                                 const Real* squares_bar, int by, Real* slopes_bar,
                                 Real* states_bar) {
    int i = blockIdx.x * LANES + threadIdx.x;
    if (i >= n)
        return;
    int width = by ? n : 1; // of a row of squares_bar
    for (int m = threadIdx.y; m < dim; m += STRIPS) {
        size_t at = size_t(m) * n + i;
        slopes_bar[at] = Real(2) * squares_bar[i * by] * slopes[at];
        states_bar[at] = Real(2) * squares_bar[width + i * by] * states[at];
    }
}

// total[r] = sum of row r of x (rows, n), by one block a row: what trajectories in lockstep share.
// Its transpose is to read one cotangent for all, which is what `by = 0` says above.
template <class Real> __global__ void total(const Real* x, int n, Real* out) {
    __shared__ Real parts[THREADS];
    int t = threadIdx.x;
    const Real* row = x + size_t(blockIdx.x) * n;
    Real sum = 0;
    for (int i = t; i < n; i += THREADS)
        sum += row[i];
    parts[t] = sum;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            parts[t] += parts[t + half];
    }
    if (t == 0)
        out[blockIdx.x] = parts[0];
}

// Rows of sums of squares, as in steppers/estimates.py: of k_x - k_y, of z_x - z_y, of y; of one or
// two errors.
enum Row { KK, GG, YY, M0, M1 };

// The mean square of a method's error from those of its two estimates: Hairer, Norsett and Wanner,
// Solving ODEs I, II.10.
template <class Real> __device__ Real steadied(Real q, Real second) {
    return q > Real(0) ? q * (q / (q + Real(0.01) * second)) : q;
}

// Rows E and S of out (2, n), from squares (3 + n_errors, n), sums over `count` numbers.
template <class Real>
__global__ void estimates(const Real* squares, int n_errors, Real count, Real noise, int n,
                          Real* out) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    auto row = [=](int r) { return squares[size_t(r) * n + i]; };
    Real q = n_errors > 0 ? row(M0) / count : Real(0);
    q = n_errors == 2 ? steadied(q, row(M1) / count) : q;
    out[i] = q > Real(0) ? sqrt(q) : q;
    out[n + i] = row(GG) > noise * row(YY) ? sqrt(row(KK) / row(GG)) : Real(0);
}

// Cotangents of the sums, from those of E and S; 0 where there is no error, and where rounding is
// all there is.
template <class Real>
__global__ void estimates_vjp(const Real* squares, int n_errors, Real count, Real noise, int n,
                              const Real* bars, Real* squares_bar) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    auto row = [=](int r) { return squares[size_t(r) * n + i]; };
    Real kk_bar = 0, gg_bar = 0, q_bar = 0, second_bar = 0;
    if (row(GG) > noise * row(YY) && row(KK) > Real(0)) {
        Real half = bars[n + i] * sqrt(row(KK) / row(GG)) / Real(2);
        kk_bar = half / row(KK);
        gg_bar = -half / row(GG);
    }
    Real q = n_errors > 0 ? row(M0) / count : Real(0);
    if (q > Real(0)) {
        Real second = n_errors == 2 ? row(M1) / count : Real(0);
        Real r = q / (q + Real(0.01) * second); // 1 where there is one estimate
        Real half = bars[i] / (Real(2) * sqrt(q * r)) / count;
        q_bar = half * r * (Real(2) - r);
        second_bar = -half * Real(0.01) * r * r;
    }
    squares_bar[size_t(KK) * n + i] = kk_bar;
    squares_bar[size_t(GG) * n + i] = gg_bar;
    squares_bar[size_t(YY) * n + i] = 0;
    if (n_errors > 0)
        squares_bar[size_t(M0) * n + i] = q_bar;
    if (n_errors == 2)
        squares_bar[size_t(M1) * n + i] = second_bar;
}

// What is made of steps: |h| x of each, x**2, or the number itself; and what is taken of all.
enum Kind { SIZED, SQUARED };
enum Reduce { SUM, MEAN, MAX };

template <class Real> __device__ Real step_gives(int kind, Real h, Real x) {
    return kind == SIZED ? x * fabs(h) : x * x;
}

// out[i] = the sum, mean or maximum over the steps of trajectory i, of h and x (n_steps, n); NaN
// stands behind the last.
template <class Real>
__global__ void functional(const Real* h, const Real* x, int n_steps, int n, int kind, int reduce,
                           Real* out) {
    __shared__ Real largest[STRIPS][LANES];
    int i = blockIdx.x * LANES + threadIdx.x, lane = threadIdx.x, strip = threadIdx.y;
    int rows = i < n ? n_steps : 0;
    Real most = 0;
    if (reduce == MAX) { // a maximum has no order, and rounds nothing
        for (int j = strip; j < rows; j += STRIPS) {
            size_t at = size_t(j) * n + i;
            Real given = step_gives(kind, h[at], x[at]);
            most = given > most ? given : most;
        }
        largest[strip][lane] = most;
        __syncthreads();
        for (int s = 0; s < STRIPS; ++s)
            most = largest[s][lane] > most ? largest[s][lane] : most;
    }
    Real sum = sum_rows<Real>(rows, [=](int j) {
        size_t at = size_t(j) * n + i;
        return h[at] == h[at] ? step_gives(kind, h[at], x[at]) : Real(0);
    });
    Real count = sum_rows<Real>(rows, [=](int j) {
        size_t at = size_t(j) * n + i;
        return h[at] == h[at] ? Real(1) : Real(0);
    });
    if (i < n && strip == 0)
        out[i] = reduce == MAX    ? most
                 : reduce == MEAN ? sum / (count > Real(1) ? count : Real(1))
                                  : sum;
}

// Cotangents of h and x of each step; at a maximum that of the first step which has it.
template <class Real>
__global__ void functional_vjp(const Real* h, const Real* x, int n_steps, int n, int kind,
                               int reduce, const Real* bar, Real* h_bar, Real* x_bar) {
    __shared__ Real largest[STRIPS][LANES];
    __shared__ int places[STRIPS][LANES];
    int i = blockIdx.x * LANES + threadIdx.x, lane = threadIdx.x, strip = threadIdx.y;
    int rows = i < n ? n_steps : 0, chosen = 0;
    Real weight = i < n ? bar[i] : Real(0);
    if (reduce == MAX) {
        Real most = 0;
        for (int j = strip; j < rows; j += STRIPS) {
            size_t at = size_t(j) * n + i;
            Real given = step_gives(kind, h[at], x[at]);
            chosen = given > most ? j : chosen;
            most = given > most ? given : most;
        }
        largest[strip][lane] = most;
        places[strip][lane] = chosen;
        __syncthreads();
        most = 0;
        chosen = 0;
        for (int s = 0; s < STRIPS; ++s) {
            Real other = largest[s][lane];
            int place = places[s][lane];
            bool better = other > most || (other == most && other > Real(0) && place < chosen);
            chosen = better ? place : chosen;
            most = better ? other : most;
        }
    }
    if (reduce == MEAN) {
        Real count = sum_rows<Real>(rows, [=](int j) {
            Real size = h[size_t(j) * n + i];
            return size == size ? Real(1) : Real(0);
        });
        weight /= count > Real(1) ? count : Real(1);
    }
    for (int j = strip; j < rows; j += STRIPS) {
        size_t at = size_t(j) * n + i;
        bool there = h[at] == h[at] && (reduce != MAX || j == chosen);
        Real sign = h[at] > Real(0) ? Real(1) : h[at] < Real(0) ? Real(-1) : Real(0);
        Real by_x = kind == SIZED ? fabs(h[at]) : Real(2) * x[at];
        x_bar[at] = there ? weight * by_x : Real(0);
        h_bar[at] = there && kind == SIZED ? weight * (sign * x[at]) : Real(0);
    }
}
