// The laws of drivers/bridge.py, of W or of W, H and K, each beside its transpose: all are linear.

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
