// Elementary functions by one overload a type, so that a float never meets a function of doubles;
// activations and their derivatives, the formulas of elementary.py by CUDA's own library.

enum Kind { IDENTITY, TANH, SOFTPLUS, SILU, RELU, SIGMOID, SIN, ELU, GELU };

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
