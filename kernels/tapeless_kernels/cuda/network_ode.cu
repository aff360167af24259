// dy/dt = network(t, y; theta) by explicit Runge-Kutta steps, and the transpose: a block takes a
// tile of trajectories.
//
// Trajectories are the lanes of a tile, as on the CPU, and step alone: time, step size and status
// of a lane belong to the thread of its number. Products are the block's: a thread has SIDE rows by
// SIDE lanes of them in registers, each sum one fma chain from the bias upward, the CPU's. Weights
// are on chip, or come by panels where they do not fit. Arrays in global memory have trajectories
// last; rows on chip lie PITCH numbers apart, an odd number of fours, so that rows of one lane are
// in different banks and vectors of four are aligned. A thread meets only one lane in loops over
// rows: the number of threads is a multiple of LANES. network_ode.py names the columns and places
// below.

enum Column {
    N_X,
    N_IN,
    N_OUT,
    THETA,
    WEIGHTS_AT,
    ACTIVATION,
    INPUT_AT,
    BEFORE_AT,
    OUTPUT_AT,
    COLUMNS
};
enum Place {
    DIM,
    N,
    N_LAYERS,
    N_PARAMS,
    STAGES,
    FSAL,
    N_ERRORS,
    N_TIMES,
    OWN_TIMES,
    ADAPTIVE,
    N_STEPS,
    MAX_STEPS,
    CAPACITY,
    FRESH,
    RESIDENT,
    N_WEIGHTS,
    ROWS,
    BAR_ROWS,
    SLOPES_ON_CHIP
};
enum Kind { IDENTITY, TANH, SOFTPLUS, SILU, RELU, SIGMOID, SIN, ELU, GELU };
enum Status { RUNNING, SUCCESS, OUT_OF_STEPS, STEP_TOO_SMALL, NON_FINITE };
enum Clock { T0, T1, NOW, PROPOSED, LAST };
enum Mark { RTOL, ATOL, RATIO, RATIO_BEFORE };
enum Count { EVALUATIONS, ACCEPTED, REJECTED, GRID, EMITTED, STATUS, FILLED };
enum Number { E0, E1, E2, ON_REJECT, SAFETY, LEAST, LARGEST, ORDER };

constexpr int SIDE = 4;   // of a thread's part of a product
constexpr int DEPTH = 32; // terms of the sums in a panel of weights
constexpr int THREADS = 256;
constexpr int FIRST = -2,
              AT_GUESS = -1; // slopes before the first step: at t0, and at the end of a guess

template <int LANES> constexpr int PITCH = LANES + 4;

// One overload a type: a float never meets a function of doubles.
#define ELEMENTARY(name, name_of_floats)                                                           \
    __device__ inline float name##_(float x) { return name_of_floats(x); }                         \
    __device__ inline double name##_(double x) { return name(x); }
ELEMENTARY(exp, expf)
ELEMENTARY(expm1, expm1f)
ELEMENTARY(log1p, log1pf)
ELEMENTARY(tanh, tanhf)
ELEMENTARY(sinpi, sinpif)
ELEMENTARY(cospi, cospif)
ELEMENTARY(rint, rintf)
ELEMENTARY(erfc, erfcf)
ELEMENTARY(sqrt, sqrtf)
ELEMENTARY(fabs, fabsf)
__device__ inline float pow_(float x, float e) { return powf(x, e); }
__device__ inline double pow_(double x, double e) { return pow(x, e); }
__device__ inline float fma_(float a, float b, float c) { return fmaf(a, b, c); }
__device__ inline double fma_(double a, double b, double c) { return fma(a, b, c); }

// (-1)^n cos or sin of x = n pi + r, as fma has it with pi in three parts: sinf's own path for the
// largest x computes in doubles, and has a stack. To a few ulps while |x| <= 1e5, as
// elementary.py's.
template <typename T> __device__ inline T turn_of(T x, T& turns) {
    constexpr bool is_float = sizeof(T) == 4;
    const T pi = is_float ? T(3.1415927410125732) : T(3.141592653589793116);
    const T rest = is_float ? T(-8.742277657347586e-08) : T(1.2246467991473532e-16);
    const T rest_of_rest = is_float ? T(-3.4302490200117637e-15) : T(-2.9947698097183397e-33);
    const T one_over_pi = T(0.31830988618379067154);
    turns = rint_(x * one_over_pi);
    return one_over_pi * fma_(-turns, rest_of_rest, fma_(-turns, rest, fma_(-turns, pi, x)));
}
template <typename T> __device__ inline T signed_by(T turns, T x) {
    return turns - T(2) * rint_(T(0.5) * turns) != 0 ? -x : x;
}
template <typename T> __device__ inline T sin_(T x) {
    T turns, r = turn_of(x, turns);
    return signed_by(turns, sinpi_(r));
}
template <typename T> __device__ inline T cos_(T x) {
    T turns, r = turn_of(x, turns);
    return signed_by(turns, cospi_(r));
}

template <typename T> struct alignas(16) Four {
    T x[SIDE];
};
template <typename T> __device__ inline Four<T>& four(T* at) {
    return *reinterpret_cast<Four<T>*>(at);
}
template <typename T> __device__ inline const Four<T>& four(const T* at) {
    return *reinterpret_cast<const Four<T>*>(at);
}

// act(x); NaN stays NaN.
template <typename T> __device__ T activate(int kind, T x) {
    const T e = exp_(-fabs_(x)), one = 1;
    switch (kind) {
    case TANH:
        return tanh_(x);
    case SOFTPLUS:
        return (x > 0 ? x : T(0)) + log1p_(e);
    case SILU:
        return x * ((x < 0 ? e : one) / (one + e));
    case RELU:
        return x < 0 ? T(0) : x;
    case SIGMOID:
        return (x < 0 ? e : one) / (one + e);
    case SIN:
        return sin_(x);
    case ELU:
        return x > 0 ? x : expm1_(x);
    case GELU:
        return T(0.5) * x * erfc_(x * T(-0.70710678118654752440));
    }
    return x;
}

// act' as a function of the output of the activation, or of its input, as KEEPS_OUTPUT of
// activations.py says.
template <typename T> __device__ T derivative(int kind, T v) {
    const T e = exp_(-fabs_(v)), one = 1, s = (v < 0 ? e : one) / (one + e);
    switch (kind) {
    case TANH:
        return fma_(-v, v, one);
    case SOFTPLUS:
        return -expm1_(-v);
    case SILU:
        return s * fma_(v, (v < 0 ? one : e) / (one + e), one);
    case RELU:
        return v > 0 ? one : T(0);
    case SIGMOID:
        return fma_(-v, v, v);
    case SIN:
        return cos_(v);
    case ELU:
        return v > 0 ? one : v + one;
    case GELU:
        return fma_(v * T(0.39894228040143267794), exp_(T(-0.5) * v * v),
                    T(0.5) * erfc_(v * T(-0.70710678118654752440)));
    }
    return one;
}

// What a block has on chip, and what it makes the network of.
template <typename T> struct Room {
    const int *how, *layers;
    const T* theta;
    T *weights, *area, *y, *other, *bars, *h, *squares, *slopes;
    int *slot, *first, *last;
};

template <typename T, int LANES>
__device__ Room<T> room_of(unsigned char* shared, const int* how, const int* layers, const T* theta,
                           T* workspace) {
    Room<T> room;
    room.how = how, room.layers = layers, room.theta = theta;
    const int row = PITCH<LANES>;
    T* at = reinterpret_cast<T*>(shared);
    room.weights = at, at += how[N_WEIGHTS];
    room.area = at, at += how[ROWS] * row;
    room.y = at, at += how[DIM] * row;
    room.other = at, at += how[DIM] * row;
    room.bars = at, at += how[BAR_ROWS] * row;
    room.h = at, at += LANES;
    room.squares = at, at += blockDim.x;
    const int size = (how[STAGES] + 1) * how[DIM] * row;
    room.slopes = workspace + (size_t)blockIdx.x * size;
    if (how[SLOPES_ON_CHIP])
        room.slopes = at, at += size;
    room.slot = reinterpret_cast<int*>(at);
    room.first = room.slot + LANES, room.last = room.first + LANES;
    return room;
}

// Numbers from one row of a layer's weights on chip to the next: an odd number of fours.
__device__ inline int weight_pitch(int n_out) {
    const int fours = (n_out + SIDE - 1) / SIDE;
    return SIDE * (fours | 1);
}

// Weights, on chip; what lies beside them is 0.
template <typename T> __device__ void load_weights(const Room<T>& room) {
    for (int l = 0; l < room.how[N_LAYERS] && room.how[RESIDENT]; l++) {
        const int* layer = room.layers + l * COLUMNS;
        const int n_out = layer[N_OUT], pitch = weight_pitch(n_out);
        T* w = room.weights + layer[WEIGHTS_AT];
        for (int i = threadIdx.x; i < layer[N_IN] * pitch; i += blockDim.x) {
            const int k = i / pitch, m = i % pitch;
            w[i] = m < n_out ? room.theta[layer[THETA] + k * n_out + m] : T(0);
        }
    }
}

// f(m, lane, m * PITCH + lane) for all lanes of so many rows, shared out over the block.
template <int LANES, typename F> __device__ inline void each(int rows, F f) {
    const int lane = threadIdx.x % LANES;
    for (int m = threadIdx.x / LANES; m < rows; m += blockDim.x / LANES)
        f(m, lane, m * PITCH<LANES> + lane);
}

// Sum over a lane's threads, in the order of their numbers; thread `lane` has it.
template <typename T, int LANES> __device__ T lane_sum(T part, T* squares) {
    T total = 0;
    squares[threadIdx.x] = part;
    __syncthreads();
    if (threadIdx.x < LANES)
        for (int i = threadIdx.x; i < blockDim.x; i += LANES)
            total += squares[i];
    __syncthreads();
    return total;
}

// sum[i][j] = fma(a[i], x[k, j], sum[i][j]) for k < n, a[i] being w[at[i] + k step] or, with
// VECTORS, w[i + k step].
template <typename T, int LANES, bool VECTORS>
__device__ inline void accumulate(Four<T> (&sum)[SIDE], const T* w, const int (&at)[SIDE], int step,
                                  const T* x, int n) {
    for (int k = 0; k < n; k++) {
        const Four<T> lanes = four(x + k * PITCH<LANES>);
        Four<T> a;
        if (VECTORS)
            a = four(w + k * step);
#pragma unroll
        for (int i = 0; i < SIDE; i++) {
            if (!VECTORS)
                a.x[i] = w[at[i] + k * step];
#pragma unroll
            for (int j = 0; j < SIDE; j++)
                sum[i].x[j] = fma_(a.x[i], lanes.x[j], sum[i].x[j]);
        }
    }
}

// out = b + W^T x or, TURNED, W x, the rows being those of x that come from the layer before.
// Weights on chip are read where they lie; others pass by in panels (DEPTH, rows that the block has
// at a time).
template <typename T, int LANES, bool TURNED>
__device__ void product(const Room<T>& room, const int* layer, const T* x, T* out) {
    constexpr int QUARTERS = LANES / SIDE;
    const int n_out = layer[N_OUT], n_in = layer[N_IN];
    const int rows = TURNED ? layer[N_X] : n_out, depth = TURNED ? n_out : n_in;
    const int heights = (rows + SIDE - 1) / SIDE, on_chip = room.how[RESIDENT];
    const T *w = room.theta + layer[THETA], *kept = room.weights + layer[WEIGHTS_AT];
    const int pitch = on_chip ? weight_pitch(n_out) : (int)blockDim.x / QUARTERS * SIDE + SIDE;
    for (int first = 0; first < heights * QUARTERS; first += blockDim.x) {
        const int tile = first + threadIdx.x, lane = tile % QUARTERS * SIDE,
                  height = tile / QUARTERS;
        // Rows of W that are read at once lie apart, and so in different banks; those of W^T are
        // vectors.
        const int apart = TURNED && on_chip ? heights : 1, r0 = apart > 1 ? height : height * SIDE;
        const bool mine = height < heights;
        Four<T> sum[SIDE] = {};
        int at[SIDE];
#pragma unroll
        for (int i = 0; i < SIDE; i++) {
            const int r = r0 + i * apart, known = r < rows ? r : rows - 1;
            at[i] = known * pitch;
            if (!TURNED)
#pragma unroll
                for (int j = 0; j < SIDE; j++)
                    sum[i].x[j] = w[n_in * n_out + known];
        }
        if (on_chip && TURNED) {
            if (mine)
                accumulate<T, LANES, false>(sum, kept, at, 1, x + lane, depth);
        } else if (on_chip) {
            if (mine)
                accumulate<T, LANES, true>(sum, kept + r0, at, pitch, x + lane, depth);
        } else {
            const int p = first / QUARTERS * SIDE;
            const int n_rows = rows - p < pitch - SIDE ? rows - p : pitch - SIDE;
            for (int k = 0; k < depth; k += DEPTH) {
                const int n = depth - k < DEPTH ? depth - k : DEPTH;
                const int width =
                    TURNED ? n : n_rows; // of theta's rows, that neighbours read together
                __syncthreads();         // the panel before has been read
                for (int i = threadIdx.x; i < n * n_rows; i += blockDim.x) {
                    const int row = i / width, column = i % width;
                    if (TURNED)
                        room.weights[column * pitch + row] =
                            w[(size_t)(p + row) * n_out + k + column];
                    else
                        room.weights[row * pitch + column] =
                            w[(size_t)(k + row) * n_out + p + column];
                }
                __syncthreads();
                const T* panel = room.weights + r0 - p;
                if (mine)
                    accumulate<T, LANES, true>(sum, panel, at, pitch, x + k * PITCH<LANES> + lane,
                                               n);
            }
        }
#pragma unroll
        for (int i = 0; i < SIDE; i++) {
            const int r = r0 + i * apart;
            if (mine && r < rows)
                four(out + r * PITCH<LANES> + lane) = sum[i];
        }
    }
}

// dy = network(t, z), z in the first rows of the area; `time` is that of the thread's lane, in the
// first LANES.
template <typename T, int LANES> __device__ void evaluate(const Room<T>& room, T time, T* dy) {
    const int n_layers = room.how[N_LAYERS];
    for (int l = 0; l < n_layers; l++) {
        const int* layer = room.layers + l * COLUMNS;
        const int kind = layer[ACTIVATION];
        T* x = room.area + layer[INPUT_AT] * PITCH<LANES>;
        T* out = l + 1 < n_layers || !dy ? room.area + layer[OUTPUT_AT] * PITCH<LANES> : dy;
        T* before = layer[BEFORE_AT] < 0 ? out : room.area + layer[BEFORE_AT] * PITCH<LANES>;
        if (layer[N_IN] > layer[N_X] && threadIdx.x < LANES)
            x[layer[N_X] * PITCH<LANES> + threadIdx.x] = time;
        __syncthreads();
        product<T, LANES, false>(room, layer, x, before);
        if (kind == IDENTITY)
            continue;
        __syncthreads(); // all threads share what a thin product gave to few
        each<LANES>(layer[N_OUT], [&](int, int, int at) { out[at] = activate(kind, before[at]); });
    }
    __syncthreads();
}

// W_bar[k, m] += sum over lanes of x[k] out_bar[m], and b_bar, where x is 1. Lanes are summed
// first, as on the CPU.
template <typename T, int LANES>
__device__ void weights_vjp(const int* layer, const T* x, const T* out_bar, T* theta_bar) {
    const int n_in = layer[N_IN], n_out = layer[N_OUT];
    const int tall = (n_in + SIDE) / SIDE, wide = (n_out + SIDE - 1) / SIDE;
    T* w_bar = theta_bar + layer[THETA];
    for (int tile = threadIdx.x; tile < tall * wide; tile += blockDim.x) {
        const int k0 = tile / wide, m0 = tile % wide;
        T sum[SIDE][SIDE] = {};
        for (int lane = 0; lane < LANES; lane += SIDE) {
            Four<T> a[SIDE], b[SIDE];
#pragma unroll
            for (int i = 0; i < SIDE; i++) {
                const int k = k0 + i * tall, m = m0 + i * wide;
                const T rest = k == n_in;
                a[i] = {{rest, rest, rest, rest}};
                if (k < n_in)
                    a[i] = four(x + k * PITCH<LANES> + lane);
                b[i] = four(out_bar + (m < n_out ? m : n_out - 1) * PITCH<LANES> + lane);
            }
#pragma unroll
            for (int i = 0; i < SIDE; i++)
#pragma unroll
                for (int j = 0; j < SIDE; j++)
#pragma unroll
                    for (int c = 0; c < SIDE; c++)
                        sum[i][j] = fma_(a[i].x[c], b[j].x[c], sum[i][j]);
        }
#pragma unroll
        for (int i = 0; i < SIDE; i++)
#pragma unroll
            for (int j = 0; j < SIDE; j++) {
                const int k = k0 + i * tall, m = m0 + j * wide;
                if (k <= n_in && m < n_out)
                    w_bar[(size_t)k * n_out + m] += sum[i][j];
            }
    }
}

// Transpose of `evaluate`, to be called on what it left in the area with dy = 0: from the cotangent
// of dy in the first rows of `bars` to that of z, and theta_bar is added to.
template <typename T, int LANES>
__device__ void evaluate_vjp(const Room<T>& room, T* z_bar, T* theta_bar) {
    const int half = room.how[BAR_ROWS] / 2 * PITCH<LANES>;
    T *out_bar = room.bars, *x_bar = room.bars + half;
    for (int l = room.how[N_LAYERS] - 1; l >= 0; l--) {
        const int *layer = room.layers + l * COLUMNS, kind = layer[ACTIVATION];
        const T* x = room.area + layer[INPUT_AT] * PITCH<LANES>;
        // An activation's derivative is a function of its output or, if that was kept, of its
        // input.
        const T* kept =
            room.area + layer[layer[BEFORE_AT] < 0 ? OUTPUT_AT : BEFORE_AT] * PITCH<LANES>;
        __syncthreads();
        if (kind != IDENTITY) {
            each<LANES>(layer[N_OUT],
                        [&](int, int, int at) { out_bar[at] *= derivative(kind, kept[at]); });
            __syncthreads();
        }
        weights_vjp<T, LANES>(layer, x, out_bar, theta_bar);
        product<T, LANES, true>(room, layer, out_bar, l > 0 ? x_bar : z_bar);
        T* other = out_bar;
        out_bar = x_bar, x_bar = other;
    }
    __syncthreads();
}

// A method at run time, as tableaus.butcher.arrays has it, one array after the other.
template <typename T> struct Method {
    const T *a, *c, *error;
    int stages;
    __device__ Method(const T* tableau, int s)
        : a(tableau), c(a + (s + 1) * (s + 1)), error(c + s + 1), stages(s) {}
    __device__ T weight(int i, int j) const { return a[i * (stages + 1) + j]; }
};

// sum over j < n of w[j] k_j, at one place of the slopes.
template <typename T>
__device__ inline T weighted(const T* w, const T* slopes, int at, int size, int n) {
    T total = w[0] * slopes[at];
    for (int j = 1; j < n; j++)
        total = fma_(w[j], slopes[j * size + at], total);
    return total;
}

// z_i = y + h sum_{j<i} a_ij k_j in the area; returns 0 times what the thread has written of it:
// NaN if not finite.
template <typename T, int LANES>
__device__ T stage_state(const Room<T>& room, const Method<T>& method, int i, T* copy) {
    const int size = room.how[DIM] * PITCH<LANES>;
    T zero = 0;
    each<LANES>(room.how[DIM], [&](int, int lane, int at) {
        T z = room.y[at];
        if (i > 0) {
            const T* w = method.a + i * (method.stages + 1);
            z = fma_(room.h[lane], weighted(w, room.slopes, at, size, i), z);
        }
        if (copy)
            copy[at] = z;
        room.area[at] = z;
        zero += T(0) * fabs_(z);
    });
    return zero;
}

// What thread `lane` knows of its trajectory; the others are without one.
template <typename T, typename Time> struct Lane {
    Time t0, t1, t, h, last, due, t_next;
    T ratio, ratio_before;
    int count[FILLED + 1];
    bool forced;
};

template <typename T> __device__ inline T bounded(T x, T least, T largest) {
    x = x < least ? least : x;
    return x > largest ? largest : x;
}

template <typename T> __device__ inline T to_the_power(T q, T exponent) {
    return pow_(bounded(q, T(1e-30), T(1e30)), -exponent);
}

// The factors of controllers/step_size.py.
template <typename T> __device__ T factor(const T* numbers, T q0, T q1, T q2) {
    T f = numbers[SAFETY] * to_the_power(q0, numbers[E0]);
    f *= to_the_power(q1, numbers[E1]);
    f *= to_the_power(q2, numbers[E2]);
    return bounded(f, numbers[LEAST], numbers[LARGEST]);
}

template <typename T> __device__ T factor_after_rejection(const T* numbers, T q) {
    const T f = numbers[SAFETY] * to_the_power(q, numbers[ON_REJECT]);
    return q < T(1e30) ? bounded(f, numbers[LEAST], T(1)) : numbers[LEAST];
}

template <typename Time> __device__ inline Time size_of(Time x) { return x < 0 ? -x : x; }

template <typename Time> __device__ inline Time signed_(Time h, Time span) {
    if (span < 0)
        return -h < span ? span : -h;
    return h < span ? h : span;
}

// Hairer's first step, from the mean squares of y, of f and of its change over the guess: as
// step_size.py has it.
template <typename T> __device__ T first_guess(T d0, T d1) {
    const T small = T(1e-6), tiny = T(1e-10);
    const T h = d0 > tiny && d1 > tiny ? sqrt_(d0 / d1) * T(0.01) : small;
    return h < T(1e30) ? h : small;
}

template <typename T> __device__ T first_step(T h0, T d1, T d2, T order) {
    const T d = d1 > d2 ? d1 : d2, most = T(100) * h0;
    if (!(d < T(1e30)))
        return h0 * T(1e-3);
    T h = h0 * T(1e-3);
    if (d <= T(1e-30))
        h = h > T(1e-6) ? h : T(1e-6);
    else
        h = pow_(T(1e-4) / d, T(0.5) / order);
    return h < most ? h : most;
}

// The times asked for: each trajectory's own, or those of all.
template <typename Time> struct Times {
    const Time* times;
    int n_times;
    size_t step, at;
    __device__ Times(const Time* all, const int* how, int i)
        : times(all), n_times(how[N_TIMES]), step(how[OWN_TIMES] ? how[N] : 1),
          at(how[OWN_TIMES] ? i : 0) {}
    __device__ Time operator[](int i) const { return times[i * step + at]; }
    __device__ int passed(int i, Time t) const {
        while (i < n_times && (*this)[i] == t)
            i++;
        return i;
    }
};

template <typename T, typename Time>
__device__ Time end_of_grid_step(const Lane<T, Time>& mine, int n_steps) {
    const int passed = mine.count[GRID] + 1;
    return passed < n_steps ? mine.t0 + (mine.t1 - mine.t0) * (Time(passed) / Time(n_steps))
                            : mine.t1;
}

// Decide where the lane's next step ends, as `aim_lanes` does: no step passes an output time.
template <typename T, typename Time> __device__ void aim(const int* how, Lane<T, Time>& mine) {
    const Time ulps = Time(8.9e-16) * size_of(mine.t), least = mine.t1 > mine.t ? ulps : -ulps;
    Time end = mine.due, h = mine.h;
    if (!how[ADAPTIVE]) {
        const Time grid = end_of_grid_step(mine, how[N_STEPS]);
        end = size_of(grid - mine.t) < size_of(end - mine.t) ? grid : end;
        h = end - mine.t;
    }
    h = size_of(h) < size_of(least) ? least : h;
    mine.forced = !(size_of(h) * Time(1.01) < size_of(end - mine.t));
    mine.t_next = mine.forced ? end : mine.t + h;
}

template <typename T, typename Time>
__device__ void accept(const int* how, const T* numbers, const Times<Time>& times,
                       Lane<T, Time>& mine, T q) {
    const Time step = mine.t_next - mine.t;
    mine.count[ACCEPTED]++;
    if (how[ADAPTIVE]) {
        const T f = factor(numbers, q, mine.ratio, mine.ratio_before);
        const Time h = Time(f) * step;
        // A step cut short at a forced time says nothing against the longer one it cut.
        const bool longer = mine.forced && f == numbers[LARGEST] && size_of(h) < size_of(mine.h);
        mine.h = longer ? mine.h : h;
        mine.ratio_before = mine.ratio;
        mine.ratio = q > T(1e-8) ? q : T(1e-8);
    } else if (mine.t_next == end_of_grid_step(mine, how[N_STEPS])) {
        mine.count[GRID]++;
    }
    mine.last = step;
    mine.t = mine.t_next;
    mine.count[EMITTED] = times.passed(mine.count[EMITTED], mine.t);
    mine.due = mine.count[EMITTED] < times.n_times ? times[mine.count[EMITTED]] : mine.t1;
    if (mine.t == mine.t1)
        mine.count[STATUS] = SUCCESS;
    else if (mine.count[ACCEPTED] + mine.count[REJECTED] >= how[MAX_STEPS])
        mine.count[STATUS] = OUT_OF_STEPS;
}

template <typename T, typename Time>
__device__ void reject(const int* how, const T* numbers, Lane<T, Time>& mine, T q) {
    mine.count[REJECTED]++;
    if (!how[ADAPTIVE]) {
        mine.count[STATUS] = NON_FINITE;
        return;
    }
    mine.h = Time(factor_after_rejection(numbers, q)) * (mine.t_next - mine.t);
    const Time size = Time(1e-3) * size_of(mine.t1 - mine.t0), t = size_of(mine.t);
    if (size_of(mine.h) < Time(8.9e-16) * (t > size ? t : size))
        mine.count[STATUS] = q - q == 0 ? STEP_TOO_SMALL : NON_FINITE;
    else if (mine.count[ACCEPTED] + mine.count[REJECTED] >= how[MAX_STEPS])
        mine.count[STATUS] = OUT_OF_STEPS;
}

// sum over a lane's rows of (x / (atol + rtol |y|))**2, over DIM; thread `lane` has it.
template <typename T, int LANES, typename F>
__device__ T mean_square(const Room<T>& room, T rtol, T atol, F x) {
    T part = 0;
    each<LANES>(room.how[DIM], [&](int, int, int at) {
        const T ratio = x(at) / (atol + rtol * fabs_(room.y[at]));
        part += ratio * ratio;
    });
    return lane_sum<T, LANES>(part, room.squares) / T(room.how[DIM]);
}

// The same of an error estimate, in the scale of both ends of the step.
template <typename T, int LANES>
__device__ T error_square(const Room<T>& room, const T* w, int n, T rtol, T atol, T part) {
    const int size = room.how[DIM] * PITCH<LANES>;
    each<LANES>(room.how[DIM], [&](int, int lane, int at) {
        const T a = fabs_(room.y[at]), b = fabs_(room.other[at]);
        const T scale = fma_(rtol, a > b ? a : b, atol);
        const T error = fabs_(room.h[lane] * weighted(w, room.slopes, at, size, n));
        const T ratio = fma_(T(0), scale, error) / scale;
        part = fma_(ratio, ratio, part);
    });
    return lane_sum<T, LANES>(part, room.squares) / T(room.how[DIM]);
}

// Write the state in `y` to the outputs [first, last) of each lane.
template <typename T, int LANES>
__device__ void emit(const Room<T>& room, const T* y, T* ys, int begin) {
    const size_t dim = room.how[DIM], n = room.how[N];
    each<LANES>(room.how[DIM], [&](int m, int lane, int at) {
        for (int i = room.first[lane]; i < room.last[lane]; i++)
            ys[(i * dim + m) * n + begin + lane] = y[at];
    });
}

// The start of a solve, as in loops/start.py: outputs at t0. Returns whether the thread's lane
// wants a first step.
template <typename T, typename Time, int LANES>
__device__ bool start(const Room<T>& room, const Times<Time>& times, Lane<T, Time>& mine, T* ys,
                      int begin) {
    const int lane = threadIdx.x % LANES;
    const bool owner = threadIdx.x < LANES;
    if (owner) {
        if (mine.count[STATUS] == RUNNING)
            mine.count[EMITTED] = times.passed(0, mine.t0);
        room.first[lane] = 0, room.last[lane] = mine.count[EMITTED];
        mine.due = mine.count[EMITTED] < times.n_times ? times[mine.count[EMITTED]] : mine.t1;
        if (mine.t0 == mine.t1)
            mine.count[STATUS] = SUCCESS;
        room.h[lane] = 0;
    }
    __syncthreads();
    emit<T, LANES>(room, room.y, ys, begin);
    return owner && room.how[ADAPTIVE] && mine.h == 0 && mine.count[STATUS] == RUNNING;
}

// What follows the first slope: lanes where it is not finite stop, those that want a first step
// have a guess in `h`, and in `d1` the mean square of the slope.
template <typename T, typename Time, int LANES>
__device__ void guess(const Room<T>& room, Lane<T, Time>& mine, T zero, T rtol, T atol, bool wanted,
                      T& d1) {
    each<LANES>(room.how[DIM], [&](int, int, int at) { zero += T(0) * fabs_(room.slopes[at]); });
    zero = lane_sum<T, LANES>(zero, room.squares);
    const T d0 = mean_square<T, LANES>(room, rtol, atol, [&](int at) { return room.y[at]; });
    d1 = mean_square<T, LANES>(room, rtol, atol, [&](int at) { return room.slopes[at]; });
    if (threadIdx.x < LANES && mine.count[STATUS] == RUNNING) {
        mine.count[EVALUATIONS] = 1;
        if (zero != 0)
            mine.count[STATUS] = NON_FINITE;
    }
    if (wanted)
        room.h[threadIdx.x] = T(signed_(Time(first_guess(d0, d1)), mine.t1 - mine.t0));
    __syncthreads();
}

// What follows the slope at the guess, which is in the place of k_1: the first step.
template <typename T, typename Time, int LANES>
__device__ void choose(const Room<T>& room, Lane<T, Time>& mine, T rtol, T atol, bool wanted, T d1,
                       T order) {
    const int size = room.how[DIM] * PITCH<LANES>;
    const T d2 = mean_square<T, LANES>(
        room, rtol, atol, [&](int at) { return room.slopes[size + at] - room.slopes[at]; });
    if (wanted) {
        const Time span = mine.t1 - mine.t0;
        const T h = fabs_(room.h[threadIdx.x]), chosen = first_step(h, d1, d2 / (h * h), order);
        mine.h = chosen > 0 ? signed_(Time(chosen), span) : span;
        if (mine.count[STATUS] == RUNNING)
            mine.count[EVALUATIONS] = 2;
    }
}

// Start or resume all trajectories, until they end or have filled their record of CAPACITY steps,
// if there is one.
template <typename T, typename Time, int LANES>
__global__ void __launch_bounds__(THREADS)
    network_ode(const int* how, const int* layers, const T* theta, const T* tableau,
                const T* numbers, const Time* times, Time* clocks, T* marks, int* counts, T* y,
                T* k0, T* ys, Time* record_t, T* record_y, T* workspace) {
    extern __shared__ __align__(16) unsigned char shared[];
    const Room<T> room = room_of<T, LANES>(shared, how, layers, theta, workspace);
    const Method<T> method(tableau, how[STAGES]);
    const int dim = how[DIM], fsal = how[FSAL], stages = how[STAGES], size = dim * PITCH<LANES>;
    const int lane = threadIdx.x % LANES;
    const bool owner = threadIdx.x < LANES;
    const size_t n = how[N];
    load_weights(room);
    for (int begin = blockIdx.x * LANES; begin < how[N]; begin += gridDim.x * LANES) {
        const size_t i = begin + lane;
        const bool there = i < n;
        const Times<Time> asked(times, how, there ? i : 0);
        Lane<T, Time> mine = {};
        mine.count[STATUS] = SUCCESS;
        const T rtol = there ? marks[RTOL * n + i] : T(1),
                atol = there ? marks[ATOL * n + i] : T(1);
        if (owner && there) {
            mine.t0 = clocks[T0 * n + i], mine.t1 = clocks[T1 * n + i],
            mine.t = clocks[NOW * n + i];
            mine.h = clocks[PROPOSED * n + i], mine.last = clocks[LAST * n + i];
            mine.ratio = marks[RATIO * n + i], mine.ratio_before = marks[RATIO_BEFORE * n + i];
            for (int j = 0; j < FILLED; j++)
                mine.count[j] = counts[j * n + i];
            const int passed = mine.count[EMITTED];
            mine.due = passed < asked.n_times ? asked[passed] : mine.t1;
        }
        __syncthreads(); // the tile before has been written
        each<LANES>(dim, [&](int m, int, int at) {
            room.y[at] = there ? y[m * n + i] : T(0);
            if (fsal)
                room.slopes[at] = there ? k0[m * n + i] : T(0);
        });
        const bool wanted = how[FRESH] && start<T, Time, LANES>(room, asked, mine, ys, begin);
        const bool automatic = __syncthreads_or(wanted);
        T zero = 0, d1 = 0;
        bool active = false;
        // Which slope comes next: those of a step are fsal to stages + fsal - 1. One place
        // evaluates them all.
        int s = how[FRESH] && (fsal || automatic) ? FIRST : fsal;
        for (;;) {
            if (s == fsal) {
                const bool has_room = !how[CAPACITY] || mine.count[FILLED] < how[CAPACITY];
                active = owner && mine.count[STATUS] == RUNNING && has_room;
                if (active)
                    aim(how, mine);
                if (owner)
                    room.h[lane] = active ? T(mine.t_next - mine.t) : T(0);
                if (!__syncthreads_or(active))
                    break;
                zero = 0;
            }
            T time = T(mine.t);
            if (s >= 0)
                time = fma_(method.c[s], owner ? room.h[lane] : T(0), time);
            if (s == AT_GUESS) {
                each<LANES>(dim, [&](int, int i, int at) {
                    room.area[at] = fma_(room.h[i], room.slopes[at], room.y[at]);
                });
                if (owner)
                    time += room.h[lane];
            } else {
                zero += stage_state<T, LANES>(room, method, s < 0 ? 0 : s,
                                              s == stages ? room.other : nullptr);
            }
            evaluate<T, LANES>(room, time,
                               room.slopes + (s == AT_GUESS ? 1
                                              : s < 0       ? 0
                                                            : s) *
                                                 size);
            if (s == FIRST) {
                guess<T, Time, LANES>(room, mine, zero, rtol, atol, wanted, d1);
                s = automatic ? AT_GUESS : fsal;
                continue;
            }
            if (s == AT_GUESS) {
                choose<T, Time, LANES>(room, mine, rtol, atol, wanted, d1, numbers[ORDER]);
                s = fsal;
                continue;
            }
            if (++s < stages + fsal)
                continue;
            s = fsal;
            if (!fsal)
                zero += stage_state<T, LANES>(room, method, stages, room.other);
            T q = 0;
            if (how[ADAPTIVE]) {
                q = error_square<T, LANES>(room, method.error, stages + fsal, rtol, atol, zero);
                if (how[N_ERRORS] == 2) {
                    const T* second = method.error + stages + 1;
                    const T q1 =
                        error_square<T, LANES>(room, second, stages + fsal, rtol, atol, T(0));
                    q = q > 0 ? q * (q / (q + T(0.01) * q1)) : q;
                }
            } else {
                q = lane_sum<T, LANES>(zero, room.squares);
            }
            if (owner) {
                room.slot[lane] = -1;
                room.first[lane] = mine.count[EMITTED];
                if (active) {
                    mine.count[EVALUATIONS] += stages;
                    if (q <= T(1)) {
                        const int slot = mine.count[FILLED];
                        room.slot[lane] = slot;
                        if (how[CAPACITY]) {
                            record_t[2 * slot * n + i] = mine.t;
                            record_t[(2 * slot + 1) * n + i] = mine.t_next;
                            mine.count[FILLED]++;
                        }
                        accept(how, numbers, asked, mine, q);
                    } else {
                        reject(how, numbers, mine, q);
                    }
                }
                room.last[lane] = mine.count[EMITTED];
            }
            __syncthreads();
            if (room.slot[lane] >= 0) {
                emit<T, LANES>(room, room.other, ys, begin);
                each<LANES>(dim, [&](int m, int, int at) {
                    if (how[CAPACITY])
                        record_y[((size_t)room.slot[lane] * dim + m) * n + i] = room.y[at];
                    room.y[at] = room.other[at];
                    if (fsal)
                        room.slopes[at] = room.slopes[stages * size + at];
                });
            }
        }
        if (owner && there) {
            clocks[NOW * n + i] = mine.t, clocks[PROPOSED * n + i] = mine.h;
            clocks[LAST * n + i] = mine.last;
            marks[RATIO * n + i] = mine.ratio, marks[RATIO_BEFORE * n + i] = mine.ratio_before;
            for (int j = 0; j <= FILLED; j++)
                counts[j * n + i] = mine.count[j];
        }
        each<LANES>(dim, [&](int m, int, int at) {
            if (there)
                y[m * n + i] = room.y[at];
            if (there && fsal)
                k0[m * n + i] = room.slopes[at];
        });
    }
}

// Transpose of `network_ode`, on a record of so many tiles from `first_tile` on. The cotangents of
// the states where the record ends, in y_bar, become those where it begins; what outputs have in
// ys_bar is added on the way, and theta_bar (n_tiles, N_PARAMS) is added to: a tile's part has one
// writer, whatever the grid. Slopes are computed again from the states where steps began; sizes of
// steps are constants, relative to the output times. Slot i of the slopes holds k_i until stage i
// has had its turn, and the cotangent of z_i from then on.
template <typename T, typename Time, int LANES>
__global__ void __launch_bounds__(THREADS)
    network_ode_vjp(const int* how, const int* layers, const T* theta, const T* tableau,
                    const Time* times, const Time* record_t, const T* record_y, const int* filled,
                    int* emitted, const T* ys_bar, T* y_bar, T* theta_bar, T* workspace,
                    int first_tile, int n_tiles) {
    extern __shared__ __align__(16) unsigned char shared[];
    const Room<T> room = room_of<T, LANES>(shared, how, layers, theta, workspace);
    const Method<T> method(tableau, how[STAGES]);
    const int dim = how[DIM], stages = how[STAGES], size = dim * PITCH<LANES>;
    T* bar = room.other; // of y
    const int lane = threadIdx.x % LANES;
    const bool owner = threadIdx.x < LANES;
    const size_t n = how[N];
    load_weights(room);
    for (int tile = blockIdx.x; tile < n_tiles; tile += gridDim.x) {
        const int begin = (first_tile + tile) * LANES;
        const size_t i = begin + lane;
        const bool there = i < n;
        const Times<Time> asked(times, how, there ? i : 0);
        T* mine_bar = theta_bar + (size_t)tile * how[N_PARAMS];
        const int steps = owner && there ? filled[i] : 0;
        int left = owner && there ? emitted[i] : 0;
        __syncthreads();
        each<LANES>(dim, [&](int m, int, int at) { bar[at] = there ? y_bar[m * n + i] : T(0); });
        // Add the cotangents of the outputs [first, last) of a lane to that of the state there.
        auto add_outputs = [&]() {
            each<LANES>(dim, [&](int m, int, int at) {
                for (int j = room.first[lane]; j < room.last[lane]; j++)
                    bar[at] += ys_bar[((size_t)j * dim + m) * n + i];
            });
        };
        // Lanes go back side by side by the numbers of their steps: no division of the record
        // changes a sum over them.
        for (int slot = how[CAPACITY] - 1; slot >= 0; slot--) {
            const bool active = slot < steps;
            if (!__syncthreads_or(active))
                continue;
            Time t = 0, t_next = 0;
            if (active)
                t = record_t[2 * slot * n + i], t_next = record_t[(2 * slot + 1) * n + i];
            if (owner) {
                room.h[lane] = active ? T(t_next - t) : T(0);
                room.slot[lane] = active ? slot : -1;
                room.last[lane] = left;
                while (active && left > 0 && asked[left - 1] == t_next)
                    left--;
                room.first[lane] = left;
            }
            __syncthreads();
            add_outputs();
            each<LANES>(dim, [&](int m, int, int at) { // of lanes at rest 0, at which all is finite
                const int s = room.slot[lane];
                room.y[at] = s < 0 ? T(0) : record_y[((size_t)s * dim + m) * n + i];
            });
            const T h = owner ? room.h[lane] : T(0);
            // Up through the stages for their slopes, and down through them again.
            for (int j = 0; j < 2 * stages - 1; j++) {
                const bool down = j >= stages - 1;
                const int s = down ? 2 * stages - 2 - j : j;
                T* slope = room.slopes + s * size;
                stage_state<T, LANES>(room, method, s, nullptr);
                evaluate<T, LANES>(room, fma_(method.c[s], h, T(t)), down ? nullptr : slope);
                if (!down)
                    continue;
                each<LANES>(dim, [&](int, int i, int at) {
                    T k_bar = method.weight(stages, s) * bar[at];
                    for (int j = stages - 1; j > s; j--)
                        k_bar = fma_(method.weight(j, s), room.slopes[j * size + at], k_bar);
                    room.bars[at] = room.h[i] * k_bar;
                });
                evaluate_vjp<T, LANES>(room, slope, mine_bar);
            }
            each<LANES>(dim, [&](int, int, int at) {
                for (int s = stages - 1; s >= 0; s--)
                    bar[at] += room.slopes[s * size + at];
            });
        }
        if (how[FRESH]) { // where the record begins at t0: so do outputs that are left
            if (owner)
                room.first[lane] = 0, room.last[lane] = left;
            __syncthreads();
            add_outputs();
        }
        if (owner && there)
            emitted[i] = left;
        each<LANES>(dim, [&](int m, int, int at) {
            if (there)
                y_bar[m * n + i] = bar[at];
        });
    }
}

// theta_bar += the parts of n_tiles tiles, in their order, so that no grid and no division of tiles
// changes a bit.
template <typename T>
__global__ void __launch_bounds__(THREADS)
    sum_tiles(const T* parts, T* theta_bar, int n_tiles, int n_params) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n_params; i += gridDim.x * blockDim.x) {
        T total = theta_bar[i];
        for (int tile = 0; tile < n_tiles; tile++)
            total += parts[(size_t)tile * n_params + i];
        theta_bar[i] = total;
    }
}
