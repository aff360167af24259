// Random words and normal numbers of a node, of Real alone: drivers/philox.py and
// drivers/normals.py, to the bit.

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
