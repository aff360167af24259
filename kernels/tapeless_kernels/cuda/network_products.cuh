// What a block holds, and a network on it: products of the weights with a tile, and their
// transposes.
//
// A thread has SIDE rows by SIDE lanes of a product in registers, each sum one fma chain from the
// bias upward, the CPU's. Weights are on chip, or come by panels where they do not fit. Rows on
// chip lie PITCH numbers apart, an odd number of fours, so that rows of one lane are in different
// banks and vectors of four are aligned. A thread meets only one lane in loops over rows: the
// number of threads is a multiple of LANES.

// clang-format off
enum Column { N_X, N_IN, N_OUT, THETA, WEIGHTS_AT, ACTIVATION, INPUT_AT, BEFORE_AT, OUTPUT_AT, COLUMNS };
enum Place {
    DIM, N, N_LAYERS, N_PARAMS, STAGES, FSAL, N_ERRORS, N_TIMES, OWN_TIMES, ADAPTIVE, N_STEPS, MAX_STEPS,
    CAPACITY, FRESH, RESIDENT, N_WEIGHTS, ROWS, BAR_ROWS, SLOPES_ON_CHIP
};
// clang-format on

constexpr int SIDE = 4;
constexpr int DEPTH = 32; // terms of the sums in a panel of weights

template <int LANES> constexpr int PITCH = LANES + 4;

template <typename T> struct alignas(16) Four {
    T x[SIDE];
};
template <typename T> __device__ inline Four<T>& four(T* at) {
    return *reinterpret_cast<Four<T>*>(at);
}
template <typename T> __device__ inline const Four<T>& four(const T* at) {
    return *reinterpret_cast<const Four<T>*>(at);
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
