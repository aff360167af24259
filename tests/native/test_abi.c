/* The C library as a C author meets it: its version, and the linear field with its vjp. */

#include <math.h>
#include <stdio.h>

#include "tapeless.h"

enum { D = 5, L = 7, P = D * D }; /* dim, lanes and parameters of the transpose test */

static int failures = 0;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

#define T float
#define NAME(stem) stem##_f32
#include "linear.inc"
#undef T
#undef NAME

#define T double
#define NAME(stem) stem##_f64
#include "linear.inc"

int main(void) {
    CHECK(tapeless_abi_version() == TAPELESS_ABI_VERSION);
    check_by_hand_f32();
    check_by_hand_f64();
    check_transpose_f32();
    check_transpose_f64();
    return failures != 0;
}
