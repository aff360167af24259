// What CUDA C knows without a header: qualifiers, vector types, arithmetic by name, atomics.
#pragma once
#include <algorithm>
#include <cfloat>
#include <climits>
#include <cstdint>
#include <cstring>
#include <math.h> // unlike <cmath>, it has the overloads for float outside of std, where CUDA has them

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

using std::max;
using std::min;

#define CUDA_ON_CPU_VECTORS(T, V)                                                                  \
    struct V##2 { T x, y; };                                                                       \
    struct V##4 { T x, y, z, w; };                                                                 \
    inline V##2 make_##V##2(T x, T y) { return {x, y}; }                                           \
    inline V##4 make_##V##4(T x, T y, T z, T w) { return {x, y, z, w}; }
CUDA_ON_CPU_VECTORS(float, float)
CUDA_ON_CPU_VECTORS(double, double)
CUDA_ON_CPU_VECTORS(int, int)
CUDA_ON_CPU_VECTORS(unsigned, uint)
#undef CUDA_ON_CPU_VECTORS

namespace cuda_on_cpu {
template <class To, class From> To bits(From x) {
    static_assert(sizeof(To) == sizeof(From));
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}
} // namespace cuda_on_cpu

inline int __float_as_int(float x) { return cuda_on_cpu::bits<int>(x); }
inline float __int_as_float(int x) { return cuda_on_cpu::bits<float>(x); }
inline unsigned __float_as_uint(float x) { return cuda_on_cpu::bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return cuda_on_cpu::bits<float>(x); }
inline long long __double_as_longlong(double x) { return cuda_on_cpu::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cuda_on_cpu::bits<double>(x); }

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(uint64_t(a) * b >> 32);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline double sinpi(double x) { return sin(3.14159265358979323846 * remainder(x, 2.0)); }
inline double cospi(double x) { return cos(3.14159265358979323846 * remainder(x, 2.0)); }
inline float sinpif(float x) { return static_cast<float>(sinpi(double(x))); }
inline float cospif(float x) { return static_cast<float>(cospi(double(x))); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
// glibc declares some of these names, and does not define them.
#define __expf expf
#define __logf logf
#define __sinf sinf
#define __cosf cosf
#define __powf powf

template <class T> T __ldg(const T* x) { return *x; }
inline void __threadfence() {}
inline void __threadfence_block() {}

// A thread is only ever interrupted where it waits, so that these are atomic as they stand.
#define CUDA_ON_CPU_ATOMIC(name, value)                                                            \
    template <class T, class U> T name(T* address, U operand) {                                    \
        T old = *address, x = static_cast<T>(operand);                                             \
        *address = value;                                                                          \
        return old;                                                                                \
    }
CUDA_ON_CPU_ATOMIC(atomicAdd, old + x)
CUDA_ON_CPU_ATOMIC(atomicSub, old - x)
CUDA_ON_CPU_ATOMIC(atomicMax, old < x ? x : old)
CUDA_ON_CPU_ATOMIC(atomicMin, x < old ? x : old)
CUDA_ON_CPU_ATOMIC(atomicExch, x)
CUDA_ON_CPU_ATOMIC(atomicOr, old | x)
CUDA_ON_CPU_ATOMIC(atomicAnd, old& x)
#undef CUDA_ON_CPU_ATOMIC
template <class T> T atomicCAS(T* address, T compare, T value) {
    T old = *address;
    if (old == compare)
        *address = value;
    return old;
}
