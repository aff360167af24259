// Queries of a Brownian path and their transpose: see brownian.py, and drivers/ for the laws.
//
// A block serves as many columns, a sample's channel each, as it has threads. Philox gives four
// samples a word at once, so the way down the tree is taken in two phases: all threads share out
// the nodes that are new since the last query, one node of four columns each, and leave their
// normals in shared memory; then each thread goes down its column. All that depends on times alone
// comes from the host, so that nothing here is in another type than Real.

template <class Real> struct Traits;
template <> struct Traits<float> {
    using Int = int;
    using Unsigned = unsigned;
    static constexpr int exponent_at = 23, n_log = 4, n_sin = 4;
};
template <> struct Traits<double> {
    using Int = long long;
    using Unsigned = unsigned long long;
    static constexpr int exponent_at = 52, n_log = 9, n_sin = 8;
};

// The constants of elementary_constants.py that normals are made of, in the order of
// brownian.numbers.
template <class Real> struct Numbers {
    Real ln2, ln2_rest, pi, pi_rest, round, sqrt_half, log_tail[Traits<Real>::n_log],
        sin_tail[Traits<Real>::n_sin];
};

__device__ int to_bits(float x) { return __float_as_int(x); }
__device__ long long to_bits(double x) { return __double_as_longlong(x); }
__device__ float from_bits(int x) { return __int_as_float(x); }
__device__ double from_bits(long long x) { return __longlong_as_double(x); }

// Philox4x32-10, as drivers/philox.py.
__device__ void philox(unsigned c[4], unsigned k0, unsigned k1) {
    for (int round = 0; round < 10; ++round) {
        unsigned long long x = c[0] * 0xD2511F53ull, y = c[2] * 0xCD9E8D57ull;
        c[0] = unsigned(y >> 32) ^ c[1] ^ k0;
        c[2] = unsigned(x >> 32) ^ c[3] ^ k1;
        c[1] = unsigned(y);
        c[3] = unsigned(x);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

// sum(c[i] x**i) as elementary_constants.py adds up: four, eight or nine terms.
template <int N, class Real> __device__ Real polynomial(const Real* c, Real x) {
    Real x2 = x * x, low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]));
    if constexpr (N == 4)
        return low;
    Real high = fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4])), x4 = x2 * x2;
    return fma(N == 9 ? fma(c[8], x4, high) : high, x4, low);
}

// (n + (more + 1/2) / 2**32) / 2**31; in float, where the further word does not count, (n + 1/2) /
// 2**31.
__device__ float fraction(int n, unsigned, float) { return (float(n) + 0.5f) * 0x1p-31f; }
__device__ double fraction(int n, unsigned more, double) {
    double rest = double(int(more ^ 0x80000000u)) + (0x1p31 + 0.5);
    return fma(double(n), 0x1p-31, rest * 0x1p-63);
}

template <class Real> __device__ Real sin_near_0(const Numbers<Real>& c, Real r) {
    Real z = r * r, y = fma(r * z, polynomial<Traits<Real>::n_sin>(c.sin_tail, z), r);
    y = y > Real(1) ? Real(1) : y;
    return y < Real(-1) ? Real(-1) : y;
}

// Two normal numbers, as drivers/normals.py.
template <class Real>
__device__ void normal_pair(const Numbers<Real>& c, unsigned first, unsigned second,
                            unsigned more_first, unsigned more_second, Real& z0, Real& z1) {
    using Int = typename Traits<Real>::Int;
    using Unsigned = typename Traits<Real>::Unsigned;
    constexpr int at = Traits<Real>::exponent_at, quarter = 1 << 30;
    int n = int(first >> 1);
    Real u = fraction(n, more_first, Real()), rest = fraction(0x7FFFFFFF - n, ~more_first, Real());
    Int bits = to_bits(u), exponent = (bits - to_bits(c.sqrt_half)) >> at;
    Real f = from_bits(Int(Unsigned(bits) - (Unsigned(exponent) << at))) - Real(1);
    Real k = from_bits(exponent + to_bits(c.round)) - c.round;
    f = k < Real(0) ? f : -rest; // exact near u = 1
    Real s = f / (Real(2) + f), z = s * s;
    Real log1p = fma(-s, fma(-z, polynomial<Traits<Real>::n_log>(c.log_tail, z), f), f);
    Real radius = sqrt(Real(2) * -fma(k, c.ln2, fma(k, c.ln2_rest, log1p)));
    int m = int(second & 0x7FFFFFFFu) - quarter; // of half a turn
    Real y = fraction(m, more_second, Real());
    Real over =
        fraction(m < 0 ? quarter + m : quarter - m - 1, m < 0 ? more_second : ~more_second, Real());
    radius = int(second) < 0 ? -radius : radius;
    z0 = radius * sin_near_0(c, fma(over, c.pi, over * c.pi_rest));
    z1 = radius * sin_near_0(c, fma(y, c.pi, y * c.pi_rest));
}

// W, or W, H and K, of one column.
template <class Real, int ROWS> struct Values {
    Real row[ROWS];
};
enum { W, H, K };

// Both halves of an interval, with the scales of its normals z: bridge.halve.
template <class Real, int ROWS>
__device__ void halve(const Real* scale, const Values<Real, ROWS>& whole,
                      const Values<Real, ROWS>& z, Values<Real, ROWS>& first,
                      Values<Real, ROWS>& second) {
    if constexpr (ROWS == 1) {
        Real middle = Real(0.5) * whole.row[W], apart = scale[W] * z.row[W];
        first.row[W] = middle + apart;
        second.row[W] = middle - apart;
    } else {
        Real w = whole.row[W], h = whole.row[H], k = whole.row[K];
        Real z0 = scale[W] * z.row[W], z1 = scale[H] * z.row[H], z2 = scale[K] * z.row[K];
        Real apart = Real(1.5) * h + z0, tilt = Real(3.75) * k + z1;
        Real middle = Real(0.25) * h - Real(0.5) * z0, level = Real(0.125) * k - Real(0.5) * z1;
        first = {Real(0.5) * w + apart, middle + tilt, level + z2};
        second = {Real(0.5) * w - apart, middle - tilt, level - z2};
    }
}

// z_bar is that of the normals, scaled.
template <class Real, int ROWS>
__device__ Values<Real, ROWS> halve_vjp(const Real* scale, const Values<Real, ROWS>& first,
                                        const Values<Real, ROWS>& second,
                                        Values<Real, ROWS>& z_bar) {
    if constexpr (ROWS == 1) {
        z_bar.row[W] = scale[W] * (first.row[W] - second.row[W]);
        return {Real(0.5) * (first.row[W] + second.row[W])};
    } else {
        Real apart = first.row[W] - second.row[W], middle = first.row[H] + second.row[H];
        Real tilt = first.row[H] - second.row[H], level = first.row[K] + second.row[K];
        z_bar = {scale[W] * (apart - Real(0.5) * middle), scale[H] * (tilt - Real(0.5) * level),
                 scale[K] * (first.row[K] - second.row[K])};
        return {Real(0.5) * (first.row[W] + second.row[W]), Real(1.5) * apart + Real(0.25) * middle,
                Real(3.75) * tilt + Real(0.125) * level};
    }
}

// Numbers of a cut: of W alone share and spread, else as named here, in the order of
// brownian.cut_numbers.
enum { SHARE, SPREAD };
enum { DH, DK, HH, HK, KK, L00, L10, L11, L20, L21, L22, A, B, SLOPE, SIGN, WANTED, N_CUT };

// Values over a part of a leaf: bridge.cut.
template <class Real, int ROWS>
__device__ Values<Real, ROWS> cut(const Real* c, const Values<Real, ROWS>& whole,
                                  const Values<Real, ROWS>& z) {
    if constexpr (ROWS == 1) {
        return {c[SHARE] * whole.row[W] + c[SPREAD] * z.row[W]};
    } else {
        Real half = Real(0.5), a = c[A], b = c[B], w = whole.row[W], h = c[SIGN] * whole.row[H],
             k = whole.row[K];
        Real d = c[DH] * h + c[DK] * k + c[L00] * z.row[W];
        Real h1 = c[HH] * h + c[HK] * k + c[L10] * z.row[W] + c[L11] * z.row[H];
        Real k1 = c[KK] * k + c[L20] * z.row[W] + c[L21] * z.row[H] + c[L22] * z.row[K],
             w1 = a * w + d;
        Real h2 = (h - a * h1 - half * d) / b;
        Real k2 = (k - a * a * k1 - half * a * b * (h1 - h2) - c[SLOPE] * d) / (b * b);
        if (c[WANTED] != Real(0))
            return {w1, c[SIGN] * h1, k1};
        return {w - w1, c[SIGN] * h2, k2};
    }
}

// Adds to the cotangents of the whole leaf and of its normals.
template <class Real, int ROWS>
__device__ void cut_vjp(const Real* c, const Values<Real, ROWS>& part, Values<Real, ROWS>& whole,
                        Values<Real, ROWS>& z) {
    if constexpr (ROWS == 1) {
        whole.row[W] += c[SHARE] * part.row[W];
        z.row[W] += c[SPREAD] * part.row[W];
    } else {
        bool wanted = c[WANTED] != Real(0);
        Real half = Real(0.5), a = c[A], b = c[B], zero = Real(0), of_h = c[SIGN] * part.row[H];
        Real w1 = wanted ? part.row[W] : -part.row[W];
        Real k2 = (wanted ? zero : part.row[K]) / (b * b),
             h2 = ((wanted ? zero : of_h) + half * a * b * k2) / b;
        Real h1 = (wanted ? of_h : zero) - half * a * b * k2 - a * h2;
        Real k1 = (wanted ? part.row[K] : zero) - a * a * k2, d = w1 - c[SLOPE] * k2 - half * h2;
        whole.row[W] += (wanted ? zero : part.row[W]) + a * w1;
        whole.row[H] += c[SIGN] * (h2 + c[DH] * d + c[HH] * h1);
        whole.row[K] += k2 + c[DK] * d + c[HK] * h1 + c[KK] * k1;
        z.row[W] += c[L00] * d + c[L10] * h1 + c[L20] * k1;
        z.row[H] += c[L11] * h1 + c[L21] * k1;
        z.row[K] += c[L22] * k1;
    }
}

// Shares of an interval and of one that follows it, or precedes it: sign -1; and a slope:
// bridge.join.
template <class Real, int ROWS>
__device__ void join(const Real* c, Real sign, Values<Real, ROWS>& values,
                     const Values<Real, ROWS>& other) {
    if constexpr (ROWS == 1) {
        values.row[W] += other.row[W];
    } else {
        Real a = c[0], b = c[1], half = Real(0.5), w1 = values.row[W], w2 = other.row[W],
             d = b * w1 - a * w2;
        Real h1 = sign * values.row[H], h2 = sign * other.row[H], k1 = values.row[K],
             k2 = other.row[K];
        values = {w1 + w2, sign * (a * h1 + b * h2 + half * d),
                  a * a * k1 + b * b * k2 + half * a * b * (h1 - h2) + c[2] * d};
    }
}

// Turns the cotangent of the joined values into that of the first, and returns that of the others.
template <class Real, int ROWS>
__device__ Values<Real, ROWS> join_vjp(const Real* c, Real sign, Values<Real, ROWS>& bar) {
    if constexpr (ROWS == 1) {
        return bar;
    } else {
        Real a = c[0], b = c[1], w = bar.row[W], h = sign * bar.row[H], k = bar.row[K];
        Real d = Real(0.5) * h + c[2] * k, apart = Real(0.5) * a * b * k;
        bar = {w + b * d, sign * (a * h + apart), a * a * k};
        return {w - a * d, sign * (b * h - apart), b * b * k};
    }
}

// What a query does: bits of `modes`.
enum { THERE = 1, CUT_0 = 2, CUT_1 = 4, BETWEEN = 8, TWO_LEAVES = 16 };

// A column of a path: which sample and channel it is, and its place in shared memory.
struct Column {
    int pairs, pair; // a pair is a quad of samples and a channel
    unsigned quad, channel;
    int sample; // of the arrays
    bool there;

    __device__ Column(unsigned first_quad, int skipped, int samples, int channels) {
        pairs = blockDim.x / 4;
        pair = threadIdx.x % pairs;
        int i = blockIdx.x * pairs + pair;
        quad = first_quad + i / channels;
        channel = i % channels;
        sample = i / channels * 4 + int(threadIdx.x) / pairs - skipped;
        there = sample >= 0 && sample < samples;
    }
};

// One element of arrays (..., ROWS, samples, channels).
template <int ROWS>
__device__ size_t place(size_t outer, int row, int samples, int channels, const Column& column) {
    return ((outer * ROWS + row) * samples + column.sample) * channels + column.channel;
}

// The level below whose nodes the ways to two leaves part.
__device__ int parting(long long i, long long j, int depth) {
    return depth + 1 - (64 - __clzll(i ^ j));
}

// The way down to a leaf, of all columns of a block, in shared memory.
template <class Real, int ROWS> struct Way {
    using Row = Values<Real, ROWS>;
    Real*
        nodes; // (depth + 1, 2, ROWS, columns): both children of each node passed; [0, 0]: over all
    Real* leaf_normals; // (ROWS, columns)
    const Real*
        scales; // (depth + 1, ROWS): of the whole interval, then of the halves of each level
    const Numbers<Real>* numbers;
    unsigned k0, k1;
    int depth;
    long long leaf = -1;

    __device__ Real* slot(int level, int child) {
        return nodes + size_t(level * 2 + child) * ROWS * blockDim.x;
    }
    __device__ Row get(const Real* slot) {
        Row values;
        for (int row = 0; row < ROWS; ++row)
            values.row[row] = slot[row * blockDim.x + threadIdx.x];
        return values;
    }
    __device__ void put(Real* slot, const Row& values) {
        for (int row = 0; row < ROWS; ++row)
            slot[row * blockDim.x + threadIdx.x] = values.row[row];
    }

    // One row of the normals of a node, for the four columns of a pair.
    __device__ void draw(Real* to, long long node, int row, const Column& column) {
        constexpr int area = ROWS > 1 ? 8 : 0, more = 4, at = 24;
        unsigned low = unsigned(node), high = unsigned(node >> 32);
        unsigned words[4] = {low, high | unsigned(row + area) << at, column.quad, column.channel};
        unsigned further[4] = {low, high | unsigned(row + area + more) << at, column.quad,
                               column.channel};
        philox(words, k0, k1);
        if constexpr (sizeof(Real) == 8)
            philox(further, k0, k1);
#pragma unroll 1 // both pairs at once would take the registers of both
        for (int w = 0; w < 4; w += 2) {
            Real z0, z1;
            normal_pair(*numbers, words[0], words[1], further[0], further[1], z0, z1);
            to[row * blockDim.x + w * column.pairs + column.pair] = z0;
            to[row * blockDim.x + (w + 1) * column.pairs + column.pair] = z1;
            for (int i = 0; i < 2;
                 ++i) { // constant places: an index that varies would put them on the stack
                words[i] = words[i + 2];
                further[i] = further[i + 2];
            }
        }
    }

    // Go down to a leaf; above where the last way down parts from it, that is still good.
    __device__ void lead_to(long long to, const Column& column) {
        int level = 0, workers = blockDim.x / column.pairs, worker = threadIdx.x / column.pairs;
        bool begin = leaf < 0;
        if (to == leaf)
            return;
        if (!begin)
            level = parting(leaf, to, depth);
        __syncthreads(); // nobody reads the last way any more
        // Normals of the node above a level lie where its first child will; then those of the leaf
        // and of the root.
        int n_nodes = depth - level + 1 + begin;
        for (int task = worker; task < n_nodes * ROWS; task += workers) {
            int above = level + task / ROWS, row = task % ROWS;
            long long node = above > depth ? 0 : (1ll << above) + (to >> (depth - above));
            Real* at = above < depth    ? slot(above + 1, 0)
                       : above == depth ? leaf_normals
                                        : slot(0, 0);
            draw(at, node, row, column);
        }
        __syncthreads();
        if (begin) {
            Row whole = get(slot(0, 0));
            for (int row = 0; row < ROWS; ++row)
                whole.row[row] *= scales[row];
            put(slot(0, 0), whole);
        }
        for (int above = level; above < depth; ++above) {
            Row whole = get(slot(above, int(to >> (depth - above)) & 1)), first, second;
            halve<Real, ROWS>(scales + (above + 1) * ROWS, whole, get(slot(above + 1, 0)), first,
                              second);
            put(slot(above + 1, 0), first);
            put(slot(above + 1, 1), second);
        }
        leaf = to;
    }

    // Values over one part of the leaf gone down to.
    __device__ Row part(bool is_cut, const Real* numbers) {
        Row whole = get(slot(depth, int(leaf & 1)));
        return is_cut ? cut<Real, ROWS>(numbers, whole, get(leaf_normals)) : whole;
    }
};

// Values over each query of all columns, to out (queries, ROWS, samples, channels).
template <class Real, int ROWS>
__global__ void increments(const Real* numbers, const Real* scales, unsigned k0, unsigned k1,
                           unsigned first_quad, int skipped, int samples, int channels,
                           const long long* leaves, const int* modes, const Real* cuts,
                           const Real* joins, int n_queries, int at_once, int depth, Real* out) {
    extern __shared__ __align__(8) unsigned char room[];
    using Row = Values<Real, ROWS>;
    constexpr int n_cut = ROWS == 1 ? 2 : N_CUT;
    Column column(first_quad, skipped, samples, channels);
    Way<Real, ROWS> way{(Real*)room, nullptr, scales, (const Numbers<Real>*)numbers, k0, k1, depth};
    way.leaf_normals = way.slot(depth + 1, 0);
    int begin = blockIdx.y * at_once,
        end = begin + at_once < n_queries ? begin + at_once : n_queries;
    for (int q = begin; q < end; ++q) {
        int mode = modes[q];
        const Real *of_cuts = cuts + size_t(q) * 2 * n_cut,
                   *of_joins = joins + size_t(q) * (2 * depth + 2) * 3;
        const Real* last = of_joins + (2 * depth + 1) * 3;
        long long i = leaves[2 * q], j = leaves[2 * q + 1];
        Row total = {};
        if (mode & THERE) {
            way.lead_to(i, column);
            total = way.part(mode & CUT_0, of_cuts);
        }
        if (mode & BETWEEN) { // increments add up; areas have their law
            total.row[W] -= way.part(true, of_cuts + n_cut).row[W];
            if constexpr (ROWS > 1) {
                Row z = way.get(way.leaf_normals);
                total.row[H] = last[0] * z.row[H];
                total.row[K] = last[1] * z.row[K];
            }
        }
        if (mode & TWO_LEAVES) {
            int level = parting(i, j, depth);
            for (int l = depth; l > level; --l)
                if (!(i >> (depth - l) & 1))
                    join<Real, ROWS>(of_joins + l * 3, Real(1), total, way.get(way.slot(l, 1)));
            way.lead_to(j, column);
            Row other = way.part(mode & CUT_1, of_cuts + n_cut);
            for (int l = depth; l > level; --l)
                if (j >> (depth - l) & 1)
                    join<Real, ROWS>(of_joins + (depth + l) * 3, Real(-1), other,
                                     way.get(way.slot(l, 0)));
            join<Real, ROWS>(last, Real(1), total, other);
        }
        for (int row = 0; column.there && row < ROWS; ++row)
            out[place<ROWS>(q, row, samples, channels, column)] = total.row[row];
    }
}

// What goes up the tree: cotangents of nodes, whose normals' cotangents are added to z_bar.
template <class Real, int ROWS> struct WayUp {
    using Row = Values<Real, ROWS>;
    Real* siblings; // (depth + 1, 2, ROWS, columns): cotangents of what was joined beside the ways
                    // to two leaves
    const Real* scales;
    Real* z_bar; // (n_nodes, ROWS, samples, channels)
    long long n_nodes;
    int depth, samples, channels;

    __device__ Real& sibling(int level, int side, int row) {
        return siblings[size_t((level * 2 + side) * ROWS + row) * blockDim.x + threadIdx.x];
    }
    __device__ void put(int level, int side, const Row& bar) {
        for (int row = 0; row < ROWS; ++row)
            sibling(level, side, row) = bar.row[row];
    }
    __device__ void add(long long node, const Row& bar, const Column& column) {
        for (int row = 0; column.there && node < n_nodes && row < ROWS; ++row)
            z_bar[place<ROWS>(size_t(node), row, samples, channels, column)] += bar.row[row];
    }

    // From a part of a leaf to the leaf.
    __device__ void part_vjp(bool is_cut, const Real* numbers, const Row& bar, Row& whole, Row& z) {
        if (is_cut)
            cut_vjp<Real, ROWS>(numbers, bar, whole, z);
        else
            for (int row = 0; row < ROWS; ++row)
                whole.row[row] += bar.row[row];
    }

    // From the node above a leaf on level `from` to that on level `to`; on one side, or with -1 on
    // none, are siblings.
    __device__ Row ascend(long long leaf, int from, int to, int side, Row whole,
                          const Column& column) {
        for (int above = from - 1; above >= to; --above) {
            int second = int(leaf >> (depth - above - 1)) & 1;
            Row beside = {}, z;
            for (int row = 0; side == second && row < ROWS; ++row)
                beside.row[row] = sibling(above + 1, side, row);
            const Real* scale = scales + (above + 1) * ROWS;
            whole = second ? halve_vjp<Real, ROWS>(scale, beside, whole, z)
                           : halve_vjp<Real, ROWS>(scale, whole, beside, z);
            add((1ll << above) + (leaf >> (depth - above)), z, column);
        }
        return whole;
    }
};

// Increments are linear in the normals of nodes: this adds the transpose, applied to out_bar, to
// z_bar. The root has number 0, node m of level l the number 2**l + m; those from n_nodes on are
// left out.
template <class Real, int ROWS>
__global__ void increments_vjp(const Real* scales, unsigned first_quad, int skipped, int samples,
                               int channels, const long long* leaves, const int* modes,
                               const Real* cuts, const Real* joins, int n_queries, int depth,
                               const Real* out_bar, long long n_nodes, Real* z_bar) {
    extern __shared__ __align__(8) unsigned char room[];
    using Row = Values<Real, ROWS>;
    constexpr int n_cut = ROWS == 1 ? 2 : N_CUT;
    Column column(first_quad, skipped, samples, channels);
    WayUp<Real, ROWS> way{(Real*)room, scales, z_bar, n_nodes, depth, samples, channels};
    for (int q = 0; q < n_queries; ++q) {
        int mode = modes[q];
        if (!(mode & THERE))
            continue;
        const Real *of_cuts = cuts + size_t(q) * 2 * n_cut,
                   *of_joins = joins + size_t(q) * (2 * depth + 2) * 3;
        const Real* last = of_joins + (2 * depth + 1) * 3;
        long long i = leaves[2 * q], j = leaves[2 * q + 1];
        Row bar = {}, whole = {}, z = {};
        for (int row = 0; column.there && row < ROWS; ++row)
            bar.row[row] = out_bar[place<ROWS>(q, row, samples, channels, column)];
        int from = depth;
        if (mode & TWO_LEAVES) {
            Row other = join_vjp<Real, ROWS>(last, Real(1), bar), of_j = {}, z_of_j = {};
            from = parting(i, j, depth);
            for (int l = from + 1; l <= depth; ++l) {
                if (j >> (depth - l) & 1)
                    way.put(l, 1,
                            join_vjp<Real, ROWS>(of_joins + (depth + l) * 3, Real(-1), other));
                if (!(i >> (depth - l) & 1))
                    way.put(l, 0, join_vjp<Real, ROWS>(of_joins + l * 3, Real(1), bar));
            }
            way.part_vjp(mode & CUT_1, of_cuts + n_cut, other, of_j, z_of_j);
            way.add((1ll << depth) + j, z_of_j, column);
            of_j = way.ascend(j, depth, from, 1, of_j, column);
            way.part_vjp(mode & CUT_0, of_cuts, bar, whole, z);
            whole = way.ascend(i, depth, from, 0, whole, column);
            // j's way ends in the second child of the node where i's does in the first.
            way.put(from, 0, of_j);
            whole = way.ascend(i, from, from - 1, 0, whole, column);
            from = from - 1;
        } else {
            if (mode & BETWEEN) {
                Row start = {-bar.row[W]};
                if constexpr (ROWS > 1) {
                    z.row[H] += last[0] * bar.row[H];
                    z.row[K] += last[1] * bar.row[K];
                    bar.row[H] = bar.row[K] = 0;
                }
                way.part_vjp(true, of_cuts + n_cut, start, whole, z);
            }
            way.part_vjp(mode & CUT_0, of_cuts, bar, whole, z);
        }
        way.add((1ll << depth) + i, z, column);
        whole = way.ascend(i, from, 0, -1, whole, column);
        for (int row = 0; row < ROWS; ++row)
            whole.row[row] *= scales[row];
        way.add(0, whole, column);
    }
}
