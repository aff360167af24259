// Shared memory: NaN before each block, its size checked, with guards that tell who wrote beyond
// its ends.
#pragma once
#include "block.h"

namespace cuda_on_cpu {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t GUARD = 0; // AddressSanitizer has its own
#else
constexpr size_t GUARD = 4096;
#endif
constexpr unsigned char POISON = 0xFF,
                        GUARDED = 0xA5; // all bits set are a NaN; guards are another number

// One declaration of a shared array, in one instance of a template.
struct Site {
    const char* name;
    uint64_t launch = 0;
    char* data = nullptr;
    size_t bytes = 0;
};

struct SharedMemory {
    std::vector<Site*> sites;
    Site dynamic{"the dynamic array"};
    uint64_t launch = 0;
    size_t used = 0, most = 0;

    void open(size_t dynamic_bytes, size_t most_bytes) {
        ++launch;
        used = 0;
        most = most_bytes;
        place(dynamic, dynamic_bytes);
    }

    void close() {
        for (Site* site : sites)
            free(site->data - GUARD);
        sites.clear();
    }

    bool place(Site& site, size_t bytes) {
        used += bytes;
        if (used > most) {
            block.fail("%zu bytes of shared memory, of which a block may have %zu", used, most);
            return false;
        }
        size_t room = (bytes + 15) / 16 * 16; // aligned_alloc wants multiples
#if defined(__SANITIZE_ADDRESS__)
        void* memory = nullptr;
        if (posix_memalign(&memory, 16, bytes ? bytes : 1))
            abort();
        (void)room;
#else
        void* memory = aligned_alloc(16, room + 2 * GUARD);
        memset(memory, GUARDED, room + 2 * GUARD);
#endif
        site.data = static_cast<char*>(memory) + GUARD;
        site.bytes = bytes;
        site.launch = launch;
        memset(site.data, POISON, bytes);
        sites.push_back(&site);
        return true;
    }

    void poison() {
        for (Site* site : sites)
            memset(site->data, POISON, site->bytes);
    }

    // Whether all guards are as they were.
    bool whole() {
        for (Site* site : sites)
            for (size_t i = 0; i < GUARD; ++i) {
                auto at = [&](size_t k) { return static_cast<unsigned char>(site->data[k]); };
                bool before = at(-GUARD + i) != GUARDED, after = at(site->bytes + i) != GUARDED;
                if (before || after) {
                    block.fail("a thread wrote %s shared memory `%s` of %zu bytes",
                               before ? "before" : "beyond", site->name, site->bytes);
                    return false;
                }
            }
        return true;
    }
};

inline thread_local SharedMemory shared_memory;

// What `__shared__ T name[...];` refers to: the same for all threads of a block.
template <class T> T* shared(Site& site) {
    if (site.launch != shared_memory.launch && !shared_memory.place(site, sizeof(T)))
        block.wait(State::done, 0);
    return reinterpret_cast<T*>(site.data);
}

template <class T> T* dynamic_shared() { return reinterpret_cast<T*>(shared_memory.dynamic.data); }

} // namespace cuda_on_cpu
