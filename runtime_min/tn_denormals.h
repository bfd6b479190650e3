/* Denormals flushed to zero while a model runs: the processor takes a hundred times as long for them as for other numbers.

       const tn_denormals before = tn_denormals_flush();
       ... results and, where the processor can, operands that are denormal count as 0 ...
       tn_denormals_restore(before);

   What is promised:

   - Of the caller's floating-point state only how denormals are taken changes: rounding, masks of exceptions and the
     exceptions raised so far stay. The two calls stand in one function; every way out of it passes the second.
   - tn_denormals_restore gives back what was found, also where the caller had denormals flushed before.
   - What is computed from memory between the calls is not moved outside of them by gcc or clang.
   - Where nothing is known of the processor both do nothing, and TN_DENORMALS_STAY is defined.

   x86 with SSE: MXCSR, flush to zero; and denormals are zero, which the first processors with SSE lack, so only where the
   compiler may use SSE3 or 64 bits. AArch64: FPCR.FZ. 32-bit Arm with a unit for floats: FPSCR.FZ; its vectors (NEON) know
   no denormals anyway. */
#ifndef TN_DENORMALS_VERSION
#define TN_DENORMALS_VERSION 1

#include "tn_port.h"

#if (defined(__SSE__) && !defined(__TINYC__)) || defined(_M_X64)
typedef unsigned tn_denormals;
#if defined(__SSE3__) || defined(__x86_64__) || defined(_M_X64)
#define TN_DENORMALS_BITS 0x8040u
#else
#define TN_DENORMALS_BITS 0x8000u
#endif
#ifdef __GNUC__ /* what xmmintrin.h has for them: reading that takes a compiler longer than a small model */
#define TN_DENORMALS_GET(word) ((word) = __builtin_ia32_stmxcsr())
#define TN_DENORMALS_SET(word) __builtin_ia32_ldmxcsr(word)
#else
#include <xmmintrin.h>
#define TN_DENORMALS_GET(word) ((word) = _mm_getcsr())
#define TN_DENORMALS_SET(word) _mm_setcsr(word)
#endif
#elif defined(__GNUC__) && defined(__aarch64__)
typedef uint64_t tn_denormals;
#define TN_DENORMALS_BITS 0x1000000u
#define TN_DENORMALS_GET(word) __asm__ volatile("mrs %0, fpcr" : "=r"(word))
#define TN_DENORMALS_SET(word) __asm__ volatile("msr fpcr, %0" : : "r"(word))
#elif defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && !defined(__SOFTFP__)
typedef unsigned tn_denormals;
#define TN_DENORMALS_BITS 0x1000000u
#define TN_DENORMALS_GET(word) __asm__ volatile("vmrs %0, fpscr" : "=r"(word))
#define TN_DENORMALS_SET(word) __asm__ volatile("vmsr fpscr, %0" : : "r"(word))
#else
typedef unsigned tn_denormals;
#define TN_DENORMALS_STAY
#define TN_DENORMALS_BITS 0u
#define TN_DENORMALS_GET(word) ((word) = 0u)
#define TN_DENORMALS_SET(word) ((void)(word))
#endif

/* Loads stay behind it and stores before it, and so does what is computed between them. */
#ifdef __GNUC__
#define TN_DENORMALS_FENCE() __asm__ volatile("" : : : "memory")
#else
#define TN_DENORMALS_FENCE() ((void)0)
#endif

/* Writing the register costs more than reading it, and the bits are often as they should be. */
TN_UNUSED static inline tn_denormals tn_denormals_change(tn_denormals bits)
{
    tn_denormals word;
    TN_DENORMALS_FENCE();
    TN_DENORMALS_GET(word);
    if ((word & TN_DENORMALS_BITS) != bits)
        TN_DENORMALS_SET((word & ~(tn_denormals)TN_DENORMALS_BITS) | bits);
    TN_DENORMALS_FENCE();
    return word & TN_DENORMALS_BITS;
}

TN_UNUSED static inline tn_denormals tn_denormals_flush(void)
{
    return tn_denormals_change(TN_DENORMALS_BITS);
}

TN_UNUSED static inline void tn_denormals_restore(tn_denormals before)
{
    (void)tn_denormals_change(before);
}

#elif TN_DENORMALS_VERSION != 1
#error "two versions of tn_denormals.h in one source file: compile the models with one version of Tenon"
#endif
