// Fibers: a stack each, and the place where it goes on. On x86-64 a switch saves six registers;
// elsewhere ucontext does.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__) && !defined(CUDA_ON_CPU_UCONTEXT)
#define CUDA_ON_CPU_UCONTEXT // which tests ask for on x86-64 too
#endif
#if defined(CUDA_ON_CPU_UCONTEXT)
#include <ucontext.h>
#endif

namespace cuda_on_cpu {

struct Fiber {
#if !defined(CUDA_ON_CPU_UCONTEXT)
    void* stack_pointer = nullptr;
#else
    ucontext_t context;
#endif
    char* stack = nullptr;
    size_t size = 0;
    void* shadow = nullptr; // AddressSanitizer's own stack of this fiber
};

#if !defined(CUDA_ON_CPU_UCONTEXT)
extern "C" void cuda_on_cpu_switch(void** save, void* to) __attribute__((visibility("hidden")));
asm(R"(
.text
.globl cuda_on_cpu_switch
.hidden cuda_on_cpu_switch
.type cuda_on_cpu_switch,@function
cuda_on_cpu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cuda_on_cpu_switch,.-cuda_on_cpu_switch
)");
#endif

// Have the fiber begin with entry(), which never returns.
inline void prepare(Fiber& fiber, void (*entry)()) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(fiber.stack, fiber.size); // left by a thread that was given up
#endif
#if !defined(CUDA_ON_CPU_UCONTEXT)
    void** top = reinterpret_cast<void**>(fiber.stack + fiber.size);
    *--top = nullptr; // a function is entered with its stack 8 bytes off a multiple of 16
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i)
        *--top = nullptr;
    fiber.stack_pointer = top;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = fiber.size;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#endif
}

// What entry() does first: it tells AddressSanitizer whose stack this is, and learns who came from
// where.
inline void arrived(Fiber& from) {
#if defined(__SANITIZE_ADDRESS__)
    const void* stack;
    __sanitizer_finish_switch_fiber(nullptr, &stack, &from.size);
    from.stack = static_cast<char*>(const_cast<void*>(stack));
#else
    (void)from;
#endif
}

// Go on with `to`; returns when something goes on with `from`, never if that is its last switch.
__attribute__((noinline)) inline void go_on(Fiber& from, Fiber& to, bool last = false) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(last ? nullptr : &from.shadow, to.stack, to.size);
#else
    (void)last;
#endif
#if !defined(CUDA_ON_CPU_UCONTEXT)
    cuda_on_cpu_switch(&from.stack_pointer, to.stack_pointer);
#else
    swapcontext(&from.context, &to.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from.shadow, nullptr, nullptr);
#endif
}

} // namespace cuda_on_cpu
