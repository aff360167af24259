/* Hares and lynxes: a right-hand side of our own, solved for a few initial states, and the gradient
 * of a loss with respect to these states and to the four rates, checked by central differences. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tapeless_solve.h"

enum { N = 3, DIM = 2, N_PARAMS = 4, N_TIMES = 5, ITERATIONS = 32 };

/* du = a u - b u v, dv = c u v - d v, in each lane; theta is shared, so its stride is 0. */
static int32_t hares_and_lynxes(const double* t, const double* y, const double* theta,
                                int64_t theta_stride, double* cache, double* dy,
                                uint8_t* lane_status, void* context, int64_t dim, int64_t lanes) {
    (void)t, (void)theta_stride, (void)cache, (void)lane_status, (void)context, (void)dim;
    const double a = theta[0], b = theta[1], c = theta[2], d = theta[3];
    for (int64_t lane = 0; lane < lanes; lane++) {
        const double u = y[lane], v = y[lanes + lane];
        dy[lane] = a * u - b * u * v;
        dy[lanes + lane] = c * u * v - d * v;
    }
    return 0;
}

/* Its transpose: y_bar and t_bar are overwritten, theta_bar is added to. */
static int32_t hares_and_lynxes_vjp(const double* t, const double* y, const double* theta,
                                    int64_t theta_stride, const double* cache, const double* dy_bar,
                                    double* y_bar, double* t_bar, double* theta_bar, void* context,
                                    int64_t dim, int64_t lanes) {
    (void)t, (void)theta_stride, (void)cache, (void)context, (void)dim;
    const double a = theta[0], b = theta[1], c = theta[2], d = theta[3];
    for (int64_t lane = 0; lane < lanes; lane++) {
        const double u = y[lane], v = y[lanes + lane];
        const double u_bar = dy_bar[lane], v_bar = dy_bar[lanes + lane];
        y_bar[lane] = (a - b * v) * u_bar + c * v * v_bar;
        y_bar[lanes + lane] = -b * u * u_bar + (c * u - d) * v_bar;
        t_bar[lane] = 0;
        theta_bar[0] += u * u_bar;
        theta_bar[1] -= u * v * u_bar;
        theta_bar[2] += u * v * v_bar;
        theta_bar[3] -= v * v_bar;
    }
    return 0;
}

static const double TIMES[N_TIMES] = {2, 4, 6, 8, 10};

/* A solve, and what it works on. */
typedef struct {
    tapeless_ode_f64 ode;
    double y0[N * DIM], theta[N_PARAMS], ys[N * N_TIMES * DIM];
    uint8_t status[N];
} problem;

static void check(int32_t code) {
    if (code != TAPELESS_DONE) {
        fprintf(stderr, "tapeless: %s\n", tapeless_v2_message(code));
        exit(1);
    }
}

static void* reserve(int64_t bytes) {
    void* memory = malloc((size_t)bytes);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void set_up(problem* p) {
    const double y0[N * DIM] = {1, 1, 2, 0.5, 1.5, 1.25};
    const double theta[N_PARAMS] = {1.1, 0.4, 0.3, 0.9};
    memcpy(p->y0, y0, sizeof y0);
    memcpy(p->theta, theta, sizeof theta);
    tapeless_ode_f64* ode = &p->ode;
    check(tapeless_v2_ode_init_f64(ode, sizeof *ode));
    ode->n = N, ode->dim = DIM, ode->n_params = N_PARAMS, ode->n_times = N_TIMES;
    ode->t0 = 0, ode->t1 = 10, ode->rtol = 1e-8, ode->atol = 1e-10;
    ode->times = TIMES;
    ode->field = hares_and_lynxes, ode->vjp = hares_and_lynxes_vjp;
    ode->y0 = p->y0, ode->theta = p->theta, ode->ys = p->ys, ode->status = p->status;
    ode->keep = 1;
    check(tapeless_v2_ode_sizes_f64(ode));
    ode->workspace = reserve(ode->workspace_needed);
    ode->workspace_bytes = ode->workspace_needed;
}

/* Solve; each time that the record is full, or when there is none yet, give it another block. */
static void solve(problem* p) {
    tapeless_ode_f64* ode = &p->ode;
    int32_t code;
    while ((code = tapeless_v2_solve_f64(ode)) == TAPELESS_BUFFER_FULL) {
        ode->record_bytes = ode->record_overhead + ITERATIONS * ode->iteration_bytes;
        ode->record = reserve(ode->record_bytes);
    }
    check(code);
    for (int i = 0; i < N; i++) {
        if (p->status[i] != TAPELESS_SUCCESS) {
            fprintf(stderr, "trajectory %d: %s\n", i, tapeless_v2_lane_message(p->status[i]));
            exit(1);
        }
    }
}

static void release(problem* p) {
    void* block = p->ode.record;
    while (block) {
        void* before;
        memcpy(&before, block, sizeof before); /* a block begins with the address of that before */
        free(block);
        block = before;
    }
    free(p->ode.workspace);
}

/* The loss: half the sum of squares of all outputs, whose cotangent is ys itself. */
static double loss_at(const double* y0, const double* theta) {
    problem p;
    set_up(&p);
    memcpy(p.y0, y0, sizeof p.y0);
    memcpy(p.theta, theta, sizeof p.theta);
    solve(&p);
    double sum = 0;
    for (int i = 0; i < N * N_TIMES * DIM; i++) {
        sum += p.ys[i] * p.ys[i] / 2;
    }
    release(&p);
    return sum;
}

/* Return how far entry i of a gradient is from the central difference, relative to its size. */
static double miss(problem* p, double* x, int i, double gradient) {
    const double kept = x[i], h = 1e-6 * (1 + fabs(kept));
    x[i] = kept + h;
    const double above = loss_at(p->y0, p->theta);
    x[i] = kept - h;
    const double below = loss_at(p->y0, p->theta);
    x[i] = kept;
    return fabs((above - below) / (2 * h) - gradient) / (1 + fabs(gradient));
}

static void print(const char* name, const double* x, int n) {
    printf("%s", name);
    for (int i = 0; i < n; i++) {
        printf(" %.17g", x[i]);
    }
    printf("\n");
}

int main(void) {
    double y0_bar[N * DIM], theta_bar[N_PARAMS], worst = 0;
    problem p;
    set_up(&p);
    solve(&p);
    check(tapeless_v2_solve_vjp_f64(&p.ode, p.ys, y0_bar, theta_bar));
    print("ys", p.ys, N * N_TIMES * DIM);
    print("y0_bar", y0_bar, N * DIM);
    print("theta_bar", theta_bar, N_PARAMS);
    for (int i = 0; i < N * DIM; i++) {
        worst = fmax(worst, miss(&p, p.y0, i, y0_bar[i]));
    }
    for (int i = 0; i < N_PARAMS; i++) {
        worst = fmax(worst, miss(&p, p.theta, i, theta_bar[i]));
    }
    printf("largest difference to central differences %.1e\n", worst);
    release(&p);
    return worst < 1e-5 ? 0 : 1;
}
