/* The gate as XLA meets it: calls pass while it is open, and are refused by XLA's own error once it
 * is closed. */

#include <stdint.h>
#include <stdio.h>

void tapeless_xla_gate_open(void* (*calls)(void*), void* refuses);
int64_t tapeless_xla_gate_close(void);
void* tapeless_xla_gate(void* frame);

static int64_t seen = -1; /* how many were inside during a call: the gate is closed from within */
static int refusal, refused;

static void* handle(void* frame) {
    (void)frame;
    seen = tapeless_xla_gate_close();
    return NULL;
}

static void* create_error(void* arguments) {
    refused += arguments == &refusal;
    return &refused;
}

int main(void) {
    void* api[7] = {0};
    void* frame[3] = {0};
    void* (*create)(void*) = create_error;
    int failures = 0;
    api[6] = *(void**)&create;
    frame[2] = api;
    tapeless_xla_gate_open(handle, &refusal);
    failures += tapeless_xla_gate(frame) != NULL || seen != 1 || refused != 0;
    failures += tapeless_xla_gate_close() != 0;
    failures += tapeless_xla_gate(frame) != &refused || refused != 1;
    if (failures)
        fprintf(stderr, "%d checks of the gate failed\n", failures);
    return failures != 0;
}
