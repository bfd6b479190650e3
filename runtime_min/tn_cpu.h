/* What the processor has that the code runs on, for packages of several variants.

       TN_CPU_HAS("avx2")                      x86: a name that gcc and clang have known for long
       TN_CPU_HAS_IF_KNOWN("f16c")             x86: 1 where the compiler does not know the name
       TN_CPU_HAS_LATE("avxvnni", 7, 4, 4)     x86: a name that only newer ones know; else leaf, 4 x subleaf + register, bit
       TN_CPU_HAS_AUX(16, 20)                  Linux elsewhere: entry of the auxiliary vector, bit

   0 or not; 0 where there is no way to find out. Names cost a load and a test: the C compilers' libraries ask the
   processor once, at the program's start. Vectors count only where the system saves their registers. */
#ifndef TN_CPU_VERSION
#define TN_CPU_VERSION 1

#include "tn_port.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(__TINYC__)
#define TN_CPU_HAS(name) __builtin_cpu_supports(name)
#if !defined(__clang__) && __GNUC__ >= 12 /* 11 knows all but avx512fp16, and what it does not know is an error */
#define TN_CPU_HAS_IF_KNOWN(name) __builtin_cpu_supports(name)
#define TN_CPU_HAS_LATE(name, leaf, word, bit) __builtin_cpu_supports(name)
#else
#include <cpuid.h>
#define TN_CPU_HAS_IF_KNOWN(name) 1
#define TN_CPU_HAS_LATE(name, leaf, word, bit) tn_cpu_told(leaf, word, bit)

TN_UNUSED static inline int tn_cpu_told(unsigned leaf, unsigned word, unsigned bit)
{
    unsigned r[4] = {0, 0, 0, 0};
    return __get_cpuid_count(leaf, word / 4u, &r[0], &r[1], &r[2], &r[3]) != 0 && (r[word % 4u] >> bit & 1u) != 0;
}
#endif
#else
#define TN_CPU_HAS(name) 0
#define TN_CPU_HAS_IF_KNOWN(name) 0
#define TN_CPU_HAS_LATE(name, leaf, word, bit) 0
#endif

#if defined(__linux__) && !defined(__x86_64__)
#include <sys/auxv.h>
#define TN_CPU_HAS_AUX(entry, bit) (getauxval(entry) >> (bit)&1u)
#else
#define TN_CPU_HAS_AUX(entry, bit) 0
#endif

#elif TN_CPU_VERSION != 1
#error "two versions of tn_cpu.h in one source file: compile the models with one version of Tenon"
#endif
