// Warp operations: shuffles, votes, barriers of the lanes that a mask names.
#pragma once
#include "block.h"
#define warpSize 32

namespace cuda_on_cpu {

inline int lane() { return block.current % WARP; }

inline void meet(unsigned mask, int line) {
    block.me().mask = mask;
    block.wait(State::at_warp, line);
}

// Each lane gives a value and reads that of another; from a lane that the mask does not name comes
// NaN.
template <class T> T exchange(unsigned mask, T value, int from, int line) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most eight bytes");
    Thread& thread = block.me();
    unsigned slot = thread.phase++ & 1;
    int other = block.current / WARP * WARP + from;
    memcpy(&thread.slot[slot], &value, sizeof value);
    meet(mask, line);
    T found;
    if (mask >> from & 1)
        memcpy(&found, &block.threads[other].slot[slot], sizeof found);
    else
        memset(&found, 0xFF, sizeof found);
    return found;
}

inline unsigned ballot(unsigned mask, int vote, int line) {
    Thread& thread = block.me();
    unsigned slot = thread.phase++ & 1, found = 0;
    int first = block.current / WARP * WARP;
    thread.slot[slot] = vote != 0;
    meet(mask, line);
    for (int i = 0; i < WARP; ++i)
        if (mask >> i & 1)
            found |= static_cast<unsigned>(block.threads[first + i].slot[slot]) << i;
    return found;
}

} // namespace cuda_on_cpu

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, int line = __builtin_LINE()) {
    cuda_on_cpu::meet(mask, line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = warpSize, int line = __builtin_LINE()) {
    int first = cuda_on_cpu::lane() & ~(width - 1);
    return cuda_on_cpu::exchange(mask, value, first | (from & (width - 1)), line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = warpSize,
                   int line = __builtin_LINE()) {
    int lane = cuda_on_cpu::lane(), place = lane & (width - 1), up = static_cast<int>(by);
    return cuda_on_cpu::exchange(mask, value, place + up < width ? lane + up : lane, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = warpSize,
                 int line = __builtin_LINE()) {
    int lane = cuda_on_cpu::lane(), place = lane & (width - 1), down = static_cast<int>(by);
    return cuda_on_cpu::exchange(mask, value, place >= down ? lane - down : lane, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize,
                  int line = __builtin_LINE()) {
    int lane = cuda_on_cpu::lane(), other = lane ^ bits, last = lane | (width - 1);
    return cuda_on_cpu::exchange(mask, value, other > last ? lane : other, line);
}

inline unsigned __ballot_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return cuda_on_cpu::ballot(mask, vote, line);
}
inline int __any_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return cuda_on_cpu::ballot(mask, vote, line) != 0;
}
inline int __all_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return cuda_on_cpu::ballot(mask, vote, line) == mask;
}
