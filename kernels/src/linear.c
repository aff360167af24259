/* The linear field dy = A y and its vjp, in both dtypes. */

#include <tgmath.h> /* fma of either dtype */

#include "tapeless.h"

#ifdef __FAST_MATH__
#error "tapeless rounds as written: compile it without -ffast-math"
#endif

#define T float
#define NAME(stem) stem##_f32
#include "linear.inc"
#undef T
#undef NAME

#define T double
#define NAME(stem) stem##_f64
#include "linear.inc"
