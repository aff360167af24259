// CUDA C on the CPU, to see that kernels are right: a fiber for each thread of a block, one block
// after the other.
//
// It does not show what they cost, nor what depends on how a GPU orders memory; a race that no
// order of threads between barriers brings out stays hidden, and transcendental functions are those
// of the CPU's library.
#pragma once
#include "block.h"
#include "builtins.h"
#include "shared_memory.h"
#include "warp.h"
#include <type_traits>

namespace cuda_on_cpu {

// A letter and a size for NumPy: f4 is a float, p*f4 a pointer to const floats, V8 a structure of
// eight bytes.
template <class A> void describe(char*& out) {
    using T = std::remove_cv_t<A>;
    if constexpr (std::is_pointer_v<T>) {
        *out++ = 'p';
        *out++ = std::is_const_v<std::remove_pointer_t<T>> ? '-' : '+';
        describe<std::remove_pointer_t<T>>(out);
    } else {
        char letter = std::is_same_v<T, bool>       ? 'b'
                      : std::is_floating_point_v<T> ? 'f'
                      : std::is_integral_v<T>       ? (std::is_signed_v<T> ? 'i' : 'u')
                                                    : 'V';
        out += sprintf(out, "%c%zu ", letter, sizeof(T));
    }
}

template <class... A> const char* signature(void (*)(A...)) {
    static char text[16 * (sizeof...(A) + 1)];
    char* out = text;
    (describe<A>(out), ...);
    *out = 0;
    return text;
}

template <class... A> struct Call {
    void (*kernel)(A...);
    void** arguments;

    template <size_t... I> void now(std::index_sequence<I...>) {
        kernel(*static_cast<std::remove_cv_t<std::remove_reference_t<A>>*>(arguments[I])...);
    }
    static void body(void* self) { static_cast<Call*>(self)->now(std::index_sequence_for<A...>()); }
};

// How a kernel is launched: extents of grid and block, bytes of dynamic and of all shared memory,
// order and seed.
struct Launch {
    uint32_t grid[3], block[3];
    uint64_t dynamic, most_shared;
    uint32_t order, seed;
};

template <class... A>
int launch(void (*kernel)(A...), void** arguments, const Launch* how, char* error) {
    Call<A...> call{kernel, arguments};
    gridDim = dim3(how->grid[0], how->grid[1], how->grid[2]);
    blockDim = dim3(how->block[0], how->block[1], how->block[2]);
    block.order = static_cast<Order>(how->order);
    block.shuffler.state = how->seed + 1;
    block.body = Call<A...>::body;
    block.argument = &call;
    block.resize(static_cast<int>(blockDim.x * blockDim.y * blockDim.z));
    block.failed = false;

    size_t n = size_t(gridDim.x) * gridDim.y * gridDim.z;
    std::vector<size_t> turn(n);
    for (size_t i = 0; i < n; ++i)
        turn[i] = block.order == Order::reverse ? n - 1 - i : i;
    if (block.order == Order::random)
        block.shuffler.shuffle(turn);

    shared_memory.open(how->dynamic, how->most_shared);
    for (size_t i : turn) {
        if (block.failed)
            break;
        unsigned x = i % gridDim.x, y = i / gridDim.x % gridDim.y, z = i / gridDim.x / gridDim.y;
        blockIdx = {x, y, z};
        shared_memory.poison();
        if (block.run())
            shared_memory.whole();
        if (block.failed)
            snprintf(error, ERROR_SIZE, "block (%u, %u, %u): %s", x, y, z, block.error);
    }
    shared_memory.close();
    return block.failed;
}

} // namespace cuda_on_cpu

#define CUDA_ON_CPU_VISIBLE extern "C" __attribute__((visibility("default")))
#define CUDA_ON_CPU_EXPORT(N, ...)                                                                 \
    CUDA_ON_CPU_VISIBLE int cuda_on_cpu_launch_##N(void** arguments, const void* how,              \
                                                   char* error) {                                  \
        return cuda_on_cpu::launch(__VA_ARGS__, arguments,                                         \
                                   static_cast<const cuda_on_cpu::Launch*>(how), error);           \
    }                                                                                              \
    CUDA_ON_CPU_VISIBLE const char* cuda_on_cpu_signature_##N() {                                  \
        return cuda_on_cpu::signature(__VA_ARGS__);                                                \
    }
