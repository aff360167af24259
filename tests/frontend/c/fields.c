/* Right-hand sides for the tests, in both dtypes: hares and lynxes, and such as fail. */

#include "tapeless.h"

#define T float
#define NAME(stem) stem##_f32
#include "fields.inc"
#undef T
#undef NAME

#define T double
#define NAME(stem) stem##_f64
#include "fields.inc"
