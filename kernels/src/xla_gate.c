/* The gate between XLA's threads and a handler written in Python.
 *
 * A thread that asks for the interpreter's lock while the interpreter ends is ended by it, in the
 * midst of XLA, which then waits for that thread for ever. So calls are counted, and refused once
 * the gate is closed: whoever closes it waits until nobody is inside. XLA's C interface is not
 * included; of a call frame and its API a word each is wanted, as tapeless/interop/jax/_ffi.py
 * has them. */

#include <stdatomic.h>
#include <stdint.h>

#if defined(__GNUC__)
#define EXPORTED __attribute__((visibility("default")))
#else
#define EXPORTED
#endif

enum { API = 2, ERROR_CREATE = 6 }; /* words of XLA_FFI_CallFrame and XLA_FFI_Api */

typedef void* (*function)(void* argument);

static function handler;
static void* refusal; /* an XLA_FFI_Error_Create_Args */
static atomic_int closed;
static atomic_int_fast64_t inside;

/* Has no calls before this one. */
EXPORTED void tapeless_xla_gate_open(function calls, void* refuses) {
    handler = calls;
    refusal = refuses;
    atomic_store(&closed, 0);
    atomic_store(&inside, 0);
}

/* Lets nobody in from now on, and returns how many are still inside. */
EXPORTED int64_t tapeless_xla_gate_close(void) {
    atomic_store(&closed, 1);
    return (int64_t)atomic_load(&inside);
}

/* What XLA calls. */
EXPORTED void* tapeless_xla_gate(void* frame) {
    void* error;
    atomic_fetch_add(&inside, 1); /* before the look: who closes sees this call or is seen */
    if (atomic_load(&closed)) {
        void* const* api = ((void* const*)frame)[API];
        error = ((function)api[ERROR_CREATE])(refusal);
    } else {
        error = handler(frame);
    }
    atomic_fetch_sub(&inside, 1);
    return error;
}
