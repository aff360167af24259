// The spectral convolution on kept modes only: fields to modes, channels mixed mode by mode, and
// back.
//
// `analyse` takes rows of n points to modes (count, rows), `synthesise` takes those to rows again:
// so the axes of a grid are done one after the other, each lying last when its turn comes, and
// modes end as (modes, batch, channels), as `mix` takes them. Complex numbers are pairs. Wave k of
// a row is exp(-2 pi i k j / n) at point j; waves from `half` on are the negative ones, -1 the last
// of them. roots[j] = exp(2 pi i j / n), rounded from double; n is at most 65536, so that k j fits
// in 32 bits.
//
// Sums run upward, one fma chain a number: bits do not depend on the grid of blocks or on other
// rows.

constexpr int THREADS = 128;
constexpr int ROWS = 32;                             // of a tile, and threads of a warp
constexpr int MODES = 16;                            // of a tile
constexpr int POINTS = 32;                           // of a tile
constexpr int SHARE = MODES / (THREADS / ROWS);      // modes of a thread of `analyse`
constexpr int ROW_SHARE = ROWS / (THREADS / POINTS); // rows of a thread of `synthesise`

__device__ __forceinline__ unsigned wave(int k, int n, int count, int half) {
    return static_cast<unsigned>(k < half ? k : n - count + k);
}

// out[k, r] = scale[k] sum_j x[r, j] exp(-2 pi i k j / n); x (rows, n) is real or, COMPLEX, pairs,
// which have no scale.
template <typename T, bool COMPLEX>
__global__ void __launch_bounds__(THREADS, 4)
    analyse(const T* __restrict__ x, const T* __restrict__ roots, const T* __restrict__ scale,
            T* __restrict__ out, long long rows, int n, int count, int half) {
    constexpr int PARTS = COMPLEX ? 2 : 1;
    __shared__ T points[PARTS][ROWS][POINTS + 1];
    __shared__ T waves[2][POINTS][MODES];
    const int thread = threadIdx.x, row = thread % ROWS, first = thread / ROWS * SHARE;
    const long long row0 = static_cast<long long>(blockIdx.x) * ROWS;
    const int mode0 = blockIdx.y * MODES;
    T re[SHARE], im[SHARE];
    for (int q = 0; q < SHARE; ++q)
        re[q] = im[q] = T(0);
    for (int j0 = 0; j0 < n; j0 += POINTS) {
        __syncthreads(); // the tiles before have been read
        for (int i = thread; i < ROWS * POINTS; i += THREADS) {
            const int r = i / POINTS, j = i % POINTS;
            const bool inside = row0 + r < rows && j0 + j < n;
            const long long place = (row0 + r) * n + j0 + j;
            for (int p = 0; p < PARTS; ++p)
                points[p][r][j] = inside ? x[PARTS * place + p] : T(0);
        }
        for (int i = thread; i < POINTS * MODES; i += THREADS) {
            const int j = i / MODES, k = i % MODES;
            const bool inside = mode0 + k < count && j0 + j < n;
            const unsigned turn = wave(mode0 + k, n, count, half) * static_cast<unsigned>(j0 + j) %
                                  static_cast<unsigned>(n);
            waves[0][j][k] = inside ? roots[2 * turn] : T(0);
            waves[1][j][k] = inside ? roots[2 * turn + 1] : T(0);
        }
        __syncthreads();
        for (int j = 0; j < POINTS; ++j) {
            const T a = points[0][row][j];
            for (int q = 0; q < SHARE; ++q) {
                const T c = waves[0][j][first + q], s = waves[1][j][first + q];
                re[q] = fma(a, c, re[q]);
                im[q] = fma(-a, s, im[q]);
                if (COMPLEX) {
                    const T b = points[PARTS - 1][row][j];
                    re[q] = fma(b, s, re[q]);
                    im[q] = fma(b, c, im[q]);
                }
            }
        }
    }
    for (int q = 0; q < SHARE; ++q) {
        const int k = mode0 + first + q;
        if (row0 + row < rows && k < count) {
            const T factor = COMPLEX ? T(1) : scale[k];
            const long long place = k * rows + row0 + row;
            out[2 * place] = factor * re[q];
            out[2 * place + 1] = factor * im[q];
        }
    }
}

// The transpose of `analyse`: out[r, j] = sum_k scale[k] modes[k, r] exp(2 pi i k j / n), or its
// real part.
template <typename T, bool COMPLEX>
__global__ void __launch_bounds__(THREADS, 4)
    synthesise(const T* __restrict__ modes, const T* __restrict__ roots,
               const T* __restrict__ scale, T* __restrict__ out, long long rows, int n, int count,
               int half) {
    constexpr int PARTS = COMPLEX ? 2 : 1;
    __shared__ T coefficients[2][MODES][ROWS];
    __shared__ T waves[2][MODES][POINTS];
    const int thread = threadIdx.x, point = thread % POINTS, first = thread / POINTS * ROW_SHARE;
    const long long row0 = static_cast<long long>(blockIdx.x) * ROWS;
    const int point0 = blockIdx.y * POINTS;
    T sums[PARTS][ROW_SHARE];
    for (int p = 0; p < PARTS; ++p)
        for (int q = 0; q < ROW_SHARE; ++q)
            sums[p][q] = T(0);
    for (int k0 = 0; k0 < count; k0 += MODES) {
        __syncthreads(); // the tiles before have been read
        for (int i = thread; i < MODES * ROWS; i += THREADS) {
            const int k = i / ROWS, r = i % ROWS;
            const bool inside = k0 + k < count && row0 + r < rows;
            const long long place = (k0 + k) * rows + row0 + r;
            const T factor = COMPLEX || !inside ? T(1) : scale[k0 + k];
            coefficients[0][k][r] = inside ? factor * modes[2 * place] : T(0);
            coefficients[1][k][r] = inside ? factor * modes[2 * place + 1] : T(0);
        }
        for (int i = thread; i < MODES * POINTS; i += THREADS) {
            const int k = i / POINTS, j = i % POINTS;
            const bool inside = k0 + k < count && point0 + j < n;
            const unsigned turn = wave(k0 + k, n, count, half) * static_cast<unsigned>(point0 + j) %
                                  static_cast<unsigned>(n);
            waves[0][k][j] = inside ? roots[2 * turn] : T(0);
            waves[1][k][j] = inside ? roots[2 * turn + 1] : T(0);
        }
        __syncthreads();
#pragma unroll 4
        for (int k = 0; k < MODES; ++k) {
            const T c = waves[0][k][point], s = waves[1][k][point];
            for (int q = 0; q < ROW_SHARE; ++q) {
                const T a = coefficients[0][k][first + q], b = coefficients[1][k][first + q];
                sums[0][q] = fma(-b, s, fma(a, c, sums[0][q]));
                if (COMPLEX)
                    sums[PARTS - 1][q] = fma(b, c, fma(a, s, sums[PARTS - 1][q]));
            }
        }
    }
    for (int q = 0; q < ROW_SHARE; ++q) {
        const long long r = row0 + first + q;
        if (r < rows && point0 + point < n)
            for (int p = 0; p < PARTS; ++p)
                out[PARTS * (r * n + point0 + point) + p] = sums[p][q];
    }
}

// A matrix of complex numbers: entry (r, c) is at r * row + c * column, its imaginary part `part`
// behind.
template <typename T> struct Matrix {
    T* data;
    long long part, row, column;
};

constexpr int SIDE = 16; // of a tile of the products, whose threads have two rows each

// out = A B for one mode, A and B conjugated if so said. A block has a tile of out.
template <typename T, bool CONJUGATE_A, bool CONJUGATE_B>
__device__ __forceinline__ void multiply(Matrix<const T> a, Matrix<const T> b, Matrix<T> out,
                                         int rows, int inner, int columns) {
    __shared__ T a_tile[2][SIDE][SIDE + 1];
    __shared__ T b_tile[2][SIDE][SIDE + 1];
    constexpr int SHARE = SIDE * SIDE / THREADS;
    const int thread = threadIdx.x, column = thread % SIDE, first = thread / SIDE * SHARE;
    const int row0 = blockIdx.y * SIDE, column0 = blockIdx.z * SIDE;
    T re[SHARE], im[SHARE];
    for (int q = 0; q < SHARE; ++q)
        re[q] = im[q] = T(0);
    for (int s0 = 0; s0 < inner; s0 += SIDE) {
        __syncthreads(); // the tiles before have been read
        for (int i = thread; i < SIDE * SIDE; i += THREADS) {
            const int r = i / SIDE, c = i % SIDE;
            const bool in_a = row0 + r < rows && s0 + c < inner;
            const bool in_b = s0 + r < inner && column0 + c < columns;
            const long long of_a = (row0 + r) * a.row + (s0 + c) * a.column;
            const long long of_b = (s0 + r) * b.row + (column0 + c) * b.column;
            a_tile[0][r][c] = in_a ? a.data[of_a] : T(0);
            a_tile[1][r][c] =
                in_a ? (CONJUGATE_A ? -a.data[of_a + a.part] : a.data[of_a + a.part]) : T(0);
            b_tile[0][r][c] = in_b ? b.data[of_b] : T(0);
            b_tile[1][r][c] =
                in_b ? (CONJUGATE_B ? -b.data[of_b + b.part] : b.data[of_b + b.part]) : T(0);
        }
        __syncthreads();
        for (int s = 0; s < SIDE; ++s) {
            const T u = b_tile[0][s][column], v = b_tile[1][s][column];
            for (int q = 0; q < SHARE; ++q) {
                const T x = a_tile[0][first + q][s], y = a_tile[1][first + q][s];
                re[q] = fma(-y, v, fma(x, u, re[q]));
                im[q] = fma(y, u, fma(x, v, im[q]));
            }
        }
    }
    for (int q = 0; q < SHARE; ++q) {
        const int r = row0 + first + q, c = column0 + column;
        if (r < rows && c < columns) {
            const long long place = r * out.row + c * out.column;
            out.data[place] = re[q];
            out.data[place + out.part] = im[q];
        }
    }
}

template <typename T> __device__ __forceinline__ Matrix<T> pairs(T* x, int rows, int columns) {
    const long long mode = static_cast<long long>(blockIdx.x) * rows * columns;
    return {x + 2 * mode, 1, 2 * columns, 2};
}

template <typename T> __device__ __forceinline__ Matrix<T> turned(Matrix<T> x) {
    return {x.data, x.part, x.column, x.row};
}

// Weights (modes, 2, n_in, n_out), real and imaginary parts apart: what theta of a SpectralConv
// holds.
template <typename T> __device__ __forceinline__ Matrix<T> weights(T* w, int n_in, int n_out) {
    const long long size = static_cast<long long>(n_in) * n_out;
    return {w + 2 * blockIdx.x * size, size, n_out, 1};
}

// y[k, b, o] = sum_i x[k, b, i] w[k, i, o]: a block has mode blockIdx.x.
template <typename T>
__global__ void __launch_bounds__(THREADS, 4)
    mix(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, int batch, int n_in,
        int n_out) {
    multiply<T, false, false>(pairs(x, batch, n_in), weights(w, n_in, n_out),
                              pairs(y, batch, n_out), batch, n_in, n_out);
}

// The transpose of `mix` in x: x_bar[k, b, i] = sum_o y_bar[k, b, o] conj(w[k, i, o]).
template <typename T>
__global__ void __launch_bounds__(THREADS, 4)
    mix_vjp_x(const T* __restrict__ y_bar, const T* __restrict__ w, T* __restrict__ x_bar,
              int batch, int n_in, int n_out) {
    multiply<T, false, true>(pairs(y_bar, batch, n_out), turned(weights(w, n_in, n_out)),
                             pairs(x_bar, batch, n_in), batch, n_out, n_in);
}

// That in w, summed over the batch in its order: w_bar[k, i, o] = sum_b conj(x[k, b, i]) y_bar[k,
// b, o].
template <typename T>
__global__ void __launch_bounds__(THREADS, 4)
    mix_vjp_weights(const T* __restrict__ x, const T* __restrict__ y_bar, T* __restrict__ w_bar,
                    int batch, int n_in, int n_out) {
    multiply<T, true, false>(turned(pairs(x, batch, n_in)), pairs(y_bar, batch, n_out),
                             weights(w_bar, n_in, n_out), n_in, batch, n_out);
}
