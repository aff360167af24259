#ifndef TAPELESS_H
#define TAPELESS_H

#include <stdint.h>

/* The C ABI of tapeless: how a solver calls a vector field, and what comes back.
 *
 * A field computes dy = f(t, y, theta) for a tile of `lanes` trajectories in one call. Arrays are
 * row-major with the lanes last, so that the innermost loop runs over adjacent memory:
 *
 *     t, t_bar, t_dot, lane_status  (lanes,)
 *     y, dy and their like          (dim, lanes)
 *     cache                         (n_cache, lanes), n_cache being the field's own
 *     theta, theta_bar              (n_params,) if theta_stride is 0: shared by all lanes;
 *                                   otherwise (n_params, lanes), its rows theta_stride apart
 *
 * The field      writes dy, and in `cache` whatever its vjp wants to find there.
 * Its vjp        overwrites y_bar and t_bar, and adds to theta_bar; a shared theta_bar sums over
 * the lanes. Its jvp        overwrites dy_dot, from what the field has left in `cache` at this t
 * and y, for n tangents at once: t_dot is (n, lanes), y_dot and dy_dot are (n, dim, lanes) and
 * theta_dot (n, n_params), or (n, n_params, lanes) with a stride; it is not read where the context
 * says so. NAME_bar is the cotangent of NAME, NAME_dot its tangent.
 *
 * All return 0. Anything else stops the whole call, which then returns TAPELESS_FIELD_ERROR. To
 * stop one lane only, a field sets its lane_status to TAPELESS_FIELD_FAILED or writes a NaN to its
 * dy; other entries of lane_status are left alone. Arrays never overlap. `context` is handed
 * through as it was given with the field. Calls come from several threads at once.
 *
 * Without the lines that begin with #, this file is what cffi reads: keep every directive on one
 * line. C++ includes it inside extern "C" { }. Symbols carry the ABI version in their name because
 * compiled code may outlive the library that it calls.
 */

#define TAPELESS_ABI_VERSION 2

/* Of one lane. */
enum tapeless_lane_status {
    TAPELESS_RUNNING = 0,
    TAPELESS_SUCCESS = 1,
    TAPELESS_MAX_STEPS = 2,
    TAPELESS_STEP_TOO_SMALL = 3,
    TAPELESS_NON_FINITE = 4,
    TAPELESS_FIELD_FAILED = 5,
    TAPELESS_INTERRUPTED = 6,
    TAPELESS_IRREVERSIBLE = 7,
    TAPELESS_BELOW_RESOLUTION = 8
};

/* Of one call of the loop. All but the first and the last ask to be called again. */
enum tapeless_loop_status {
    TAPELESS_DONE = 0,
    TAPELESS_BUFFER_FULL = 1,
    TAPELESS_BUDGET_SPENT = 2,
    TAPELESS_EVENT = 3,
    TAPELESS_FIELD_ERROR = 4
};

typedef int32_t (*tapeless_field_f32)(const float* t, const float* y, const float* theta,
                                      int64_t theta_stride, float* cache, float* dy,
                                      uint8_t* lane_status, void* context, int64_t dim,
                                      int64_t lanes);
typedef int32_t (*tapeless_field_f64)(const double* t, const double* y, const double* theta,
                                      int64_t theta_stride, double* cache, double* dy,
                                      uint8_t* lane_status, void* context, int64_t dim,
                                      int64_t lanes);

typedef int32_t (*tapeless_vjp_f32)(const float* t, const float* y, const float* theta,
                                    int64_t theta_stride, const float* cache, const float* dy_bar,
                                    float* y_bar, float* t_bar, float* theta_bar, void* context,
                                    int64_t dim, int64_t lanes);
typedef int32_t (*tapeless_vjp_f64)(const double* t, const double* y, const double* theta,
                                    int64_t theta_stride, const double* cache, const double* dy_bar,
                                    double* y_bar, double* t_bar, double* theta_bar, void* context,
                                    int64_t dim, int64_t lanes);

typedef int32_t (*tapeless_jvp_f32)(const float* t, const float* y, const float* theta,
                                    int64_t theta_stride, const float* cache, const float* t_dot,
                                    const float* y_dot, const float* theta_dot, float* dy_dot,
                                    void* context, int64_t n, int64_t dim, int64_t lanes);
typedef int32_t (*tapeless_jvp_f64)(const double* t, const double* y, const double* theta,
                                    int64_t theta_stride, const double* cache, const double* t_dot,
                                    const double* y_dot, const double* theta_dot, double* dy_dot,
                                    void* context, int64_t n, int64_t dim, int64_t lanes);

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

int32_t tapeless_abi_version(void);

/* The field dy = A y with theta = A, row-major (dim, dim), and its vjp: kernels/src/linear.c shows
 * how a field is written. Neither uses t, cache, lane_status or context, which may be NULL. */
int32_t tapeless_v2_linear_f32(const float* t, const float* y, const float* theta,
                               int64_t theta_stride, float* cache, float* dy, uint8_t* lane_status,
                               void* context, int64_t dim, int64_t lanes);
int32_t tapeless_v2_linear_f64(const double* t, const double* y, const double* theta,
                               int64_t theta_stride, double* cache, double* dy,
                               uint8_t* lane_status, void* context, int64_t dim, int64_t lanes);
int32_t tapeless_v2_linear_vjp_f32(const float* t, const float* y, const float* theta,
                                   int64_t theta_stride, const float* cache, const float* dy_bar,
                                   float* y_bar, float* t_bar, float* theta_bar, void* context,
                                   int64_t dim, int64_t lanes);
int32_t tapeless_v2_linear_vjp_f64(const double* t, const double* y, const double* theta,
                                   int64_t theta_stride, const double* cache, const double* dy_bar,
                                   double* y_bar, double* t_bar, double* theta_bar, void* context,
                                   int64_t dim, int64_t lanes);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
