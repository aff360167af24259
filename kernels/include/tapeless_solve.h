/* Written by `make docs` from the registries in kernels/tapeless_kernels/capi; edit those. */
#ifndef TAPELESS_SOLVE_H
#define TAPELESS_SOLVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "tapeless.h"

/* Solves with gradients, from C: docs/c.md shows how. A function that ends on _tiles works on many
 * trajectories at a time, the others on one. All memory is the caller's. Functions return 0, a code
 * of enum tapeless_loop_status, or one of enum tapeless_call_status. */

enum tapeless_method {
    TAPELESS_TSIT5 = 0,
    TAPELESS_EULER = 1,
    TAPELESS_MIDPOINT = 2,
    TAPELESS_HEUN21 = 3,
    TAPELESS_RALSTON2 = 4,
    TAPELESS_RALSTON3 = 5,
    TAPELESS_BOSH3 = 6,
    TAPELESS_RK4 = 7,
    TAPELESS_RK4_38 = 8,
    TAPELESS_RKF45 = 9,
    TAPELESS_CASH_KARP = 10,
    TAPELESS_DOPRI5 = 11,
    TAPELESS_VERN6 = 12,
    TAPELESS_VERN7 = 13,
    TAPELESS_DOP853 = 14
};

enum tapeless_controller { TAPELESS_PI = 0, TAPELESS_I = 1, TAPELESS_H312 = 2 };

enum tapeless_call_status {
    TAPELESS_BAD_POINTER = 16,
    TAPELESS_WRONG_STRUCT = 17,
    TAPELESS_BAD_SIZE = 18,
    TAPELESS_BAD_OPTION = 19,
    TAPELESS_BAD_NUMBER = 20,
    TAPELESS_UNSORTED = 21,
    TAPELESS_SMALL_WORKSPACE = 22,
    TAPELESS_SMALL_RECORD = 23,
    TAPELESS_NOT_SOLVED = 24,
    TAPELESS_NO_RECORD = 25
};

typedef struct tapeless_ode_f32 {
    /* sizeof of this struct, as ode_init sets it */
    int64_t size;
    /* enum tapeless_method */
    int64_t method;
    /* enum tapeless_controller */
    int64_t controller;
    /* trajectories */
    int64_t n;
    /* components of a state */
    int64_t dim;
    /* entries of theta; may be 0 */
    int64_t n_params;
    /* rows of cache that the field fills for its vjp; may be 0 */
    int64_t n_cache;
    /* output times; 0: the end of the span alone */
    int64_t n_times;
    /* 1: theta is (n, n_params), of its own for each trajectory */
    int64_t own_theta;
    /* 1: times are (n_times, n) */
    int64_t own_times;
    /* 1: outputs by the cubic Hermite interpolant; 0: steps end on them */
    int64_t interpolate;
    /* so many equal steps; 0: adaptive ones */
    int64_t n_steps;
    /* most adaptive steps tried for a trajectory */
    int64_t max_steps;
    /* 1: record the steps for the vjp */
    int64_t keep;
    /* iterations after which a call returns BUDGET_SPENT; 0: no limit */
    int64_t budget;
    /* where the span begins */
    double t0;
    /* where it ends; t1 < t0 integrates backward */
    double t1;
    /* size of the first step, at least 0; 0: chosen automatically */
    double first_step;
    /* relative tolerance */
    double rtol;
    /* absolute tolerance */
    double atol;
    /* NULL, or (5, n) in place of these: t0, t1, first_step, rtol, atol */
    const double* numbers;
    /* (n_times,), sorted in the direction of the span */
    const double* times;
    /* the right-hand side */
    tapeless_field_f32 field;
    /* its transpose; may be NULL if keep is 0 */
    tapeless_vjp_f32 vjp;
    /* handed to both */
    void* context;
    /* (n, dim) */
    const float* y0;
    /* (n_params,), or (n, n_params) if own_theta */
    const float* theta;
    /* out: (n, n_times, dim), or (n, dim) without times; NaN where it did not get to */
    float* ys;
    /* out, or NULL: (n,), enum tapeless_lane_status */
    uint8_t* status;
    /* out, or NULL: (n, 3): evaluations, accepted and rejected steps */
    int64_t* counts;
    /* out, or NULL: (n, 2): the last step, and the time reached */
    double* reached;
    /* memory that the library works in, and reads again in the vjp */
    void* workspace;
    /* its size */
    int64_t workspace_bytes;
    /* the present block of the record; its first 8 bytes: the block before */
    void* record;
    /* its size */
    int64_t record_bytes;
    /* out: bytes that the workspace must have */
    int64_t workspace_needed;
    /* out: bytes of an iteration in the record */
    int64_t iteration_bytes;
    /* out: bytes of a block besides */
    int64_t record_overhead;
    /* out: iterations that n_steps will take; 0: not known before */
    int64_t iterations;
    /* out: trajectories that did not arrive */
    int64_t n_failed;
    /* out: which member an error is about, as its offset in bytes */
    int64_t wrong;
    /* 0: the next call begins a solve; set by the library */
    int64_t going;
} tapeless_ode_f32;

typedef struct tapeless_ode_f64 {
    /* sizeof of this struct, as ode_init sets it */
    int64_t size;
    /* enum tapeless_method */
    int64_t method;
    /* enum tapeless_controller */
    int64_t controller;
    /* trajectories */
    int64_t n;
    /* components of a state */
    int64_t dim;
    /* entries of theta; may be 0 */
    int64_t n_params;
    /* rows of cache that the field fills for its vjp; may be 0 */
    int64_t n_cache;
    /* output times; 0: the end of the span alone */
    int64_t n_times;
    /* 1: theta is (n, n_params), of its own for each trajectory */
    int64_t own_theta;
    /* 1: times are (n_times, n) */
    int64_t own_times;
    /* 1: outputs by the cubic Hermite interpolant; 0: steps end on them */
    int64_t interpolate;
    /* so many equal steps; 0: adaptive ones */
    int64_t n_steps;
    /* most adaptive steps tried for a trajectory */
    int64_t max_steps;
    /* 1: record the steps for the vjp */
    int64_t keep;
    /* iterations after which a call returns BUDGET_SPENT; 0: no limit */
    int64_t budget;
    /* where the span begins */
    double t0;
    /* where it ends; t1 < t0 integrates backward */
    double t1;
    /* size of the first step, at least 0; 0: chosen automatically */
    double first_step;
    /* relative tolerance */
    double rtol;
    /* absolute tolerance */
    double atol;
    /* NULL, or (5, n) in place of these: t0, t1, first_step, rtol, atol */
    const double* numbers;
    /* (n_times,), sorted in the direction of the span */
    const double* times;
    /* the right-hand side */
    tapeless_field_f64 field;
    /* its transpose; may be NULL if keep is 0 */
    tapeless_vjp_f64 vjp;
    /* handed to both */
    void* context;
    /* (n, dim) */
    const double* y0;
    /* (n_params,), or (n, n_params) if own_theta */
    const double* theta;
    /* out: (n, n_times, dim), or (n, dim) without times; NaN where it did not get to */
    double* ys;
    /* out, or NULL: (n,), enum tapeless_lane_status */
    uint8_t* status;
    /* out, or NULL: (n, 3): evaluations, accepted and rejected steps */
    int64_t* counts;
    /* out, or NULL: (n, 2): the last step, and the time reached */
    double* reached;
    /* memory that the library works in, and reads again in the vjp */
    void* workspace;
    /* its size */
    int64_t workspace_bytes;
    /* the present block of the record; its first 8 bytes: the block before */
    void* record;
    /* its size */
    int64_t record_bytes;
    /* out: bytes that the workspace must have */
    int64_t workspace_needed;
    /* out: bytes of an iteration in the record */
    int64_t iteration_bytes;
    /* out: bytes of a block besides */
    int64_t record_overhead;
    /* out: iterations that n_steps will take; 0: not known before */
    int64_t iterations;
    /* out: trajectories that did not arrive */
    int64_t n_failed;
    /* out: which member an error is about, as its offset in bytes */
    int64_t wrong;
    /* 0: the next call begins a solve; set by the library */
    int64_t going;
} tapeless_ode_f64;

typedef int32_t (*tapeless_ode_init_f32)(tapeless_ode_f32* ode, int64_t n_bytes);
typedef int32_t (*tapeless_ode_init_f64)(tapeless_ode_f64* ode, int64_t n_bytes);
typedef int32_t (*tapeless_ode_sizes_f32)(tapeless_ode_f32* ode);
typedef int32_t (*tapeless_ode_sizes_f64)(tapeless_ode_f64* ode);
typedef int32_t (*tapeless_solve_f32)(tapeless_ode_f32* ode);
typedef int32_t (*tapeless_solve_f64)(tapeless_ode_f64* ode);
typedef int32_t (*tapeless_solve_vjp_f32)(tapeless_ode_f32* ode, const float* ys_bar, float* y0_bar,
                                          float* theta_bar);
typedef int32_t (*tapeless_solve_vjp_f64)(tapeless_ode_f64* ode, const double* ys_bar,
                                          double* y0_bar, double* theta_bar);
typedef int32_t (*tapeless_ode_sizes_tiles_f32)(tapeless_ode_f32* ode);
typedef int32_t (*tapeless_ode_sizes_tiles_f64)(tapeless_ode_f64* ode);
typedef int32_t (*tapeless_solve_tiles_f32)(tapeless_ode_f32* ode);
typedef int32_t (*tapeless_solve_tiles_f64)(tapeless_ode_f64* ode);
typedef int32_t (*tapeless_solve_vjp_tiles_f32)(tapeless_ode_f32* ode, const float* ys_bar,
                                                float* y0_bar, float* theta_bar);
typedef int32_t (*tapeless_solve_vjp_tiles_f64)(tapeless_ode_f64* ode, const double* ys_bar,
                                                double* y0_bar, double* theta_bar);
typedef const char* (*tapeless_message)(int32_t code);
typedef const char* (*tapeless_lane_message)(int32_t status);

int32_t tapeless_v2_ode_init_f32(tapeless_ode_f32* ode, int64_t n_bytes);
int32_t tapeless_v2_ode_init_f64(tapeless_ode_f64* ode, int64_t n_bytes);
int32_t tapeless_v2_ode_sizes_f32(tapeless_ode_f32* ode);
int32_t tapeless_v2_ode_sizes_f64(tapeless_ode_f64* ode);
int32_t tapeless_v2_solve_f32(tapeless_ode_f32* ode);
int32_t tapeless_v2_solve_f64(tapeless_ode_f64* ode);
int32_t tapeless_v2_solve_vjp_f32(tapeless_ode_f32* ode, const float* ys_bar, float* y0_bar,
                                  float* theta_bar);
int32_t tapeless_v2_solve_vjp_f64(tapeless_ode_f64* ode, const double* ys_bar, double* y0_bar,
                                  double* theta_bar);
int32_t tapeless_v2_ode_sizes_tiles_f32(tapeless_ode_f32* ode);
int32_t tapeless_v2_ode_sizes_tiles_f64(tapeless_ode_f64* ode);
int32_t tapeless_v2_solve_tiles_f32(tapeless_ode_f32* ode);
int32_t tapeless_v2_solve_tiles_f64(tapeless_ode_f64* ode);
int32_t tapeless_v2_solve_vjp_tiles_f32(tapeless_ode_f32* ode, const float* ys_bar, float* y0_bar,
                                        float* theta_bar);
int32_t tapeless_v2_solve_vjp_tiles_f64(tapeless_ode_f64* ode, const double* ys_bar, double* y0_bar,
                                        double* theta_bar);
const char* tapeless_v2_message(int32_t code);
const char* tapeless_v2_lane_message(int32_t status);

#ifdef __cplusplus
}
#endif

#endif
