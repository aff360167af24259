// Queries of a Brownian path and their transpose: see brownian.py, and drivers/ for the laws.
//
// A block serves as many columns, a sample's channel each, as it has threads. Philox gives four
// samples a word at once, so the way down the tree is taken in two phases: all threads share out
// the nodes that are new since the last query, one node of four columns each, and leave their
// normals in shared memory; then each thread goes down its column. All that depends on times alone
// comes from the host, so that nothing here is in another type than Real.

#include "normals.cuh"

#include "bridge.cuh"

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
