// Steps of a tile: stage states, error estimates, and what the thread of a lane decides of its
// trajectory, as controllers/step_size.py and loops/ have it.

enum Status { RUNNING, SUCCESS, OUT_OF_STEPS, STEP_TOO_SMALL, NON_FINITE };
enum Count { EVALUATIONS, ACCEPTED, REJECTED, GRID, EMITTED, STATUS, FILLED };
enum Number { E0, E1, E2, ON_REJECT, SAFETY, LEAST, LARGEST, ORDER };

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
    __device__ Time next(int i, Time t1) const { return i < n_times ? (*this)[i] : t1; }
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
    mine.due = times.next(mine.count[EMITTED], mine.t1);
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
        mine.due = times.next(mine.count[EMITTED], mine.t1);
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
