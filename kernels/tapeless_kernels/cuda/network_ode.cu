// dy/dt = network(t, y; theta) by explicit Runge-Kutta steps, and the transpose: a block takes a
// tile of trajectories.
//
// Trajectories are the lanes of a tile, as on the CPU, and step alone: time, step size and status
// of a lane belong to the thread of its number; products are the block's. Arrays in global memory
// have trajectories last. network_ode.py names rows and places, network_plan.py says what lies on
// chip.

#include "network_activations.cuh"
#include "network_products.cuh"
#include "network_steps.cuh"

enum Clock { T0, T1, NOW, PROPOSED, LAST };
enum Mark { RTOL, ATOL, RATIO, RATIO_BEFORE };

constexpr int THREADS = 256;
constexpr int FIRST = -2,
              AT_GUESS = -1; // slopes before the first step: at t0, and at a guess's end

// Where trajectories are between launches; arrays (rows, n).
template <typename T, typename Time> struct State {
    Time* clocks;
    T* marks;
    int* counts;
    size_t n;
    __device__ Time& clock(Clock row, size_t i) const { return clocks[row * n + i]; }
    __device__ T& mark(Mark row, size_t i) const { return marks[row * n + i]; }
    __device__ void load(Lane<T, Time>& mine, const Times<Time>& asked, size_t i) const {
        mine.t0 = clock(T0, i), mine.t1 = clock(T1, i), mine.t = clock(NOW, i);
        mine.h = clock(PROPOSED, i), mine.last = clock(LAST, i);
        mine.ratio = mark(RATIO, i), mine.ratio_before = mark(RATIO_BEFORE, i);
        for (int j = 0; j < FILLED; j++)
            mine.count[j] = counts[j * n + i];
        mine.due = asked.next(mine.count[EMITTED], mine.t1);
    }
    __device__ void save(const Lane<T, Time>& mine, size_t i) const {
        clock(NOW, i) = mine.t, clock(PROPOSED, i) = mine.h, clock(LAST, i) = mine.last;
        mark(RATIO, i) = mine.ratio, mark(RATIO_BEFORE, i) = mine.ratio_before;
        for (int j = 0; j <= FILLED; j++)
            counts[j * n + i] = mine.count[j];
    }
};

// The mean square of a step's error, as it is accepted by; NaN if `zero` is, which is 0 else.
template <typename T, int LANES>
__device__ T step_square(const Room<T>& room, const Method<T>& method, T rtol, T atol, T zero) {
    if (!room.how[ADAPTIVE])
        return lane_sum<T, LANES>(zero, room.squares);
    const int n = method.stages + room.how[FSAL];
    const T q = error_square<T, LANES>(room, method.error, n, rtol, atol, zero);
    if (room.how[N_ERRORS] < 2)
        return q;
    const T* second = method.error + method.stages + 1;
    const T steady = T(0.01) * error_square<T, LANES>(room, second, n, rtol, atol, T(0));
    return q > 0 ? q * (q / (q + steady)) : q;
}

// Accept or reject, in the thread of a lane: `slot` is where its step goes in the record, -1 if it
// did not move.
template <typename T, typename Time>
__device__ void decide(const Room<T>& room, Lane<T, Time>& mine, const Times<Time>& asked,
                       const T* numbers, T q, bool active, Time* record_t, size_t i) {
    const int lane = threadIdx.x;
    room.first[lane] = mine.count[EMITTED], room.slot[lane] = -1;
    if (active) {
        mine.count[EVALUATIONS] += room.how[STAGES];
        if (q <= T(1)) {
            const size_t slot = mine.count[FILLED], n = room.how[N];
            room.slot[lane] = mine.count[FILLED];
            if (room.how[CAPACITY]) {
                record_t[2 * slot * n + i] = mine.t, record_t[(2 * slot + 1) * n + i] = mine.t_next;
                mine.count[FILLED]++;
            }
            accept(room.how, numbers, asked, mine, q);
        } else {
            reject(room.how, numbers, mine, q);
        }
    }
    room.last[lane] = mine.count[EMITTED];
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
    const State<T, Time> state{clocks, marks, counts, n};
    load_weights(room);
    for (int begin = blockIdx.x * LANES; begin < how[N]; begin += gridDim.x * LANES) {
        const size_t i = begin + lane;
        const bool there = i < n;
        const Times<Time> asked(times, how, there ? i : 0);
        Lane<T, Time> mine = {};
        mine.count[STATUS] = SUCCESS;
        if (owner && there)
            state.load(mine, asked, i);
        const T rtol = there ? state.mark(RTOL, i) : T(1),
                atol = there ? state.mark(ATOL, i) : T(1);
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
            const int stage = s == FIRST ? 0 : s == AT_GUESS ? 1 : s;
            const T c = s == FIRST ? T(0) : s == AT_GUESS ? T(1) : method.c[s];
            if (s == AT_GUESS)
                each<LANES>(dim, [&](int, int i, int at) {
                    room.area[at] = fma_(room.h[i], room.slopes[at], room.y[at]);
                });
            else
                zero +=
                    stage_state<T, LANES>(room, method, stage, s == stages ? room.other : nullptr);
            evaluate<T, LANES>(room, fma_(c, owner ? room.h[lane] : T(0), T(mine.t)),
                               room.slopes + stage * size);
            if (s == FIRST) {
                guess<T, Time, LANES>(room, mine, zero, rtol, atol, wanted, d1);
                s = automatic ? AT_GUESS : fsal;
            } else if (s == AT_GUESS) {
                choose<T, Time, LANES>(room, mine, rtol, atol, wanted, d1, numbers[ORDER]);
                s = fsal;
            } else if (++s == stages + fsal) {
                s = fsal;
                if (!fsal)
                    zero += stage_state<T, LANES>(room, method, stages, room.other);
                const T q = step_square<T, LANES>(room, method, rtol, atol, zero);
                if (owner)
                    decide(room, mine, asked, numbers, q, active, record_t, i);
                __syncthreads();
                if (room.slot[lane] < 0)
                    continue;
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
        if (owner && there)
            state.save(mine, i);
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
