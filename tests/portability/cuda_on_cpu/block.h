// The threads of a block, one fiber each: in which order they run, and what they may wait for.
#pragma once
#include "fiber.h"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
inline thread_local uint3 threadIdx, blockIdx;
inline thread_local dim3 blockDim, gridDim;

namespace cuda_on_cpu {

constexpr int WARP = 32, MOST_THREADS = 1024, ERROR_SIZE = 512;
constexpr size_t STACK = 64 * 1024;
constexpr uint64_t UNTOUCHED = 0x7a7e5a7e1e55; // at the end of each stack

enum class Order { forward, reverse, random };
enum class State { ready, at_block_barrier, at_warp, done };

struct Thread {
    Fiber fiber;
    State state;
    uint3 index;
    int line;         // of what it waits for
    unsigned mask;    // the lanes that a warp operation names
    int vote;         // what it brings to a barrier that counts
    uint64_t slot[2]; // what it brings to a warp operation; two, for the next may begin before all
                      // have read
    unsigned phase;
};

// A 64-bit linear congruential generator (Knuth, MMIX).
struct Shuffler {
    uint64_t state = 1;
    unsigned below(unsigned n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<unsigned>((state >> 33) % n);
    }
    template <class T> void shuffle(std::vector<T>& x) {
        for (size_t i = x.size(); i > 1; --i)
            std::swap(x[i - 1], x[below(static_cast<unsigned>(i))]);
    }
};

struct Block {
    std::vector<Thread> threads;
    std::vector<int> turn; // the order of threads
    Fiber scheduler;
    char* stacks = nullptr;
    int n = 0, current = 0, votes = 0;
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    Order order = Order::forward;
    Shuffler shuffler;
    bool failed = false;
    char error[ERROR_SIZE];

    ~Block() { free(stacks); }

    Thread& me() { return threads[current]; }

    __attribute__((format(printf, 2, 3))) void fail(const char* format, ...) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error, sizeof error, format, arguments);
        va_end(arguments);
        failed = true;
    }

    // A thread waits, or leaves for good.
    void wait(State state, int line) {
        Thread& thread = me();
        thread.state = state;
        thread.line = line;
        go_on(thread.fiber, scheduler, state == State::done);
    }

    void resize(int count) {
        n = count;
        if (threads.size() < static_cast<size_t>(n)) {
            free(stacks);
            stacks = static_cast<char*>(aligned_alloc(4096, STACK * (n + 1)));
            threads.resize(n);
            for (int i = 0; i < n; ++i) {
                threads[i].fiber.stack =
                    stacks + STACK * (i + 1); // none has the first, to overflow into
                threads[i].fiber.size = STACK;
            }
        }
        turn.resize(n);
        for (int i = 0; i < n; ++i)
            turn[i] = order == Order::reverse ? n - 1 - i : i;
    }

    bool run();

  private:
    void begin(int i);
    bool release_block();
    bool release_warps(bool& released);
};

inline thread_local Block block;

inline void thread_entry() {
    arrived(block.scheduler);
    block.body(block.argument);
    block.wait(State::done, 0);
    abort(); // nobody goes on with a thread that is done
}

inline void Block::begin(int i) {
    Thread& thread = threads[i];
    unsigned at = i;
    thread.index = {at % blockDim.x, at / blockDim.x % blockDim.y, at / blockDim.x / blockDim.y};
    thread.state = State::ready;
    thread.phase = 0;
    prepare(thread.fiber, thread_entry);
    memcpy(thread.fiber.stack, &UNTOUCHED, sizeof UNTOUCHED);
}

// All threads that are left wait at one barrier, which nobody has passed by.
inline bool Block::release_block() {
    int first = -1;
    votes = 0;
    for (int i = 0; i < n; ++i) {
        Thread& thread = threads[i];
        const uint3& index = thread.index;
        if (thread.state == State::done) {
            fail("divergent barrier: thread (%u, %u, %u) has exited, others wait at a barrier",
                 index.x, index.y, index.z);
            return false;
        }
        first = first < 0 ? i : first;
        if (thread.line != threads[first].line) {
            const uint3& other = threads[first].index;
            fail("divergent barrier: thread (%u, %u, %u) waits in line %d, thread (%u, %u, %u) in "
                 "line %d",
                 other.x, other.y, other.z, threads[first].line, index.x, index.y, index.z,
                 thread.line);
            return false;
        }
        votes += thread.vote;
    }
    for (int i = 0; i < n; ++i)
        threads[i].state = State::ready;
    return true;
}

// A warp operation goes on when all lanes that its mask names have come to it.
inline bool Block::release_warps(bool& released) {
    for (int i = 0; i < n; ++i) {
        if (threads[i].state != State::at_warp)
            continue;
        int first = i / WARP * WARP;
        unsigned mask = threads[i].mask;
        bool all = true;
        if (!(mask >> (i - first) & 1)) {
            fail("warp operation in line %d: the mask %08x does not name lane %d, which calls it",
                 threads[i].line, mask, i - first);
            return false;
        }
        for (int lane = 0; lane < WARP; ++lane) {
            if (!(mask >> lane & 1))
                continue;
            int j = first + lane;
            if (j >= n || threads[j].state == State::done) {
                fail("warp operation in line %d: the mask %08x names lane %d, which %s",
                     threads[i].line, mask, lane, j >= n ? "does not exist" : "has exited");
                return false;
            }
            const Thread& other = threads[j];
            all = all && other.state == State::at_warp && other.mask == mask &&
                  other.line == threads[i].line;
        }
        for (int lane = 0; all && lane < WARP; ++lane)
            if (mask >> lane & 1)
                threads[first + lane].state = State::ready;
        released = released || all;
    }
    return true;
}

// Run all threads to their ends, in turns from one barrier to the next.
inline bool Block::run() {
    failed = false;
    for (int i = 0; i < n; ++i)
        begin(i);
    for (;;) {
        bool ran = false;
        if (order == Order::random)
            shuffler.shuffle(turn);
        for (int i : turn) {
            if (threads[i].state != State::ready)
                continue;
            ran = true;
            current = i;
            threadIdx = threads[i].index;
            go_on(scheduler, threads[i].fiber);
            if (failed)
                return false;
            if (memcmp(threads[i].fiber.stack, &UNTOUCHED, sizeof UNTOUCHED) != 0) {
                fail("thread (%u, %u, %u) overflowed its stack of %zu bytes", threadIdx.x,
                     threadIdx.y, threadIdx.z, STACK);
                return false;
            }
        }
        int left = 0, at_barrier = 0, waiting = -1;
        for (int i = 0; i < n; ++i) {
            left += threads[i].state != State::done;
            at_barrier += threads[i].state == State::at_block_barrier;
            waiting = threads[i].state != State::done && waiting < 0 ? i : waiting;
        }
        if (left == 0)
            return true;
        bool released = false;
        if (at_barrier == left) {
            if (!release_block())
                return false;
        } else if (!release_warps(released)) {
            return false;
        } else if (!released && !ran) {
            const uint3& index = threads[waiting].index;
            fail("deadlock: thread (%u, %u, %u) waits in line %d for threads that wait elsewhere",
                 index.x, index.y, index.z, threads[waiting].line);
            return false;
        }
    }
}

} // namespace cuda_on_cpu

// Barriers. The default arguments are those of the call: its line names the barrier.
inline int __syncthreads_count(int vote, int line = __builtin_LINE()) {
    cuda_on_cpu::block.me().vote = vote != 0;
    cuda_on_cpu::block.wait(cuda_on_cpu::State::at_block_barrier, line);
    return cuda_on_cpu::block.votes;
}
inline void __syncthreads(int line = __builtin_LINE()) { __syncthreads_count(0, line); }
inline int __syncthreads_or(int vote, int line = __builtin_LINE()) {
    return __syncthreads_count(vote, line) > 0;
}
inline int __syncthreads_and(int vote, int line = __builtin_LINE()) {
    return __syncthreads_count(vote, line) == cuda_on_cpu::block.n;
}
