/* Portability of generated code: what C99 leaves to the compiler, and the few helpers that kernels share.

   A generated file says what it needs, then includes this:

       #define TN_NEED_VECTORS   tn_f32x4, tn_f32x8, tn_f32x16 and TN_LOAD_, TN_STORE_, TN_SPLAT_, TN_SELECT_
       #define TN_NEED_EXTREMES  TN_MAX_, TN_MIN_ of those
       #define TN_NEED_MINMAX    tn_min, tn_max, tn_isinf (double) and tn_minf, tn_maxf, tn_isinff (float)
       #define TN_NEED_FIXED     tn_fixmul, tn_fixshift (int32_t); with TN_NEED_VECTORS TN_FIXMUL_, TN_FIXSHIFT_
       #define TN_NEED_FIXED_CURVES  beside those tn_fixzeros, tn_fixrecip, tn_fixroot, tn_fixlog (int32_t)
       #define TN_NEED_INT       tn_idiv, tn_irem, tn_floordiv, tn_floormod, tn_ipow (int64_t)
       #define TN_NEED_CONVERT   tn_to_int8 ... tn_to_uint64, tn_to_index (double), and with f at the end (float)
       #define TN_NEED_HALF      the 16-bit floats, held as their bits in uint16_t
       #define TN_NEED_MINIFLOAT the 8- and 4-bit floats, held as their bits in uint8_t, one each
       #define TN_NEED_BITS      the bits of a float or double as an integer, and back
       #define TN_NEED_AREAS     tn_area, tn_overlap, TN_ALIGN_OF
       #define TN_NEED_EXACT     an error where arithmetic is not as IEEE has it
       #include "tn_port.h"

   Nothing else is compiled. Files may need different things, and one file may include this several times (when several
   models are joined into one source). C99, no library but memcpy. */
#ifndef TN_PORT_VERSION
#define TN_PORT_VERSION 1

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus) || defined(_MSC_VER)
#define TN_RESTRICT __restrict
#else
#define TN_RESTRICT restrict
#endif

/* Stands before a declaration. Without a known spelling the alignment is the type's own: generated code allows it. */
#if defined(__GNUC__) || defined(__TINYC__) || defined(__ICCARM__) || defined(__ARMCC_VERSION) || defined(__TI_ARM__)
#define TN_ALIGNED(n) __attribute__((__aligned__(n)))
#define TN_UNUSED __attribute__((__unused__))
#elif defined(_MSC_VER)
#define TN_ALIGNED(n) __declspec(align(n))
#define TN_UNUSED
#else
#define TN_ALIGNED(n)
#define TN_UNUSED
#endif

/* The line of memory at p is wanted soon. A hint. */
#ifdef __GNUC__
#define TN_PREFETCH(p) __builtin_prefetch(p)
#else
#define TN_PREFETCH(p) ((void)(p))
#endif

/* Float constants, also in tables: tcc takes neither NAN nor the negative of an infinity there, Microsoft's compiler no
   quotient. */
#ifdef _MSC_VER
#include <math.h>
#define TN_INFINITY INFINITY
#define TN_MINUS_INFINITY (-INFINITY)
#define TN_NAN NAN
#else
#define TN_INFINITY (1.0f / 0.0f)
#define TN_MINUS_INFINITY (-1.0f / 0.0f)
#define TN_NAN (0.0f / 0.0f)
#endif

#elif TN_PORT_VERSION != 1
#error "two versions of tn_port.h in one source file: compile the models with one version of Tenon"
#endif

/* --- models compiled with --exact ---------------------------------------------------------------------------------- */

#if defined(TN_NEED_EXACT) && !defined(TN_HAS_EXACT)
#define TN_HAS_EXACT
#include <float.h>
#if defined(__FAST_MATH__) || defined(_M_FP_FAST)
#error "a model compiled with --exact: build it without -ffast-math, -Ofast or /fp:fast"
#elif defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16: _Float16 as itself, too */
#error "a model compiled with --exact: floats are computed with excess precision here; for x86, -msse2 -mfpmath=sse"
#endif
#endif

/* --- vectors of floats -------------------------------------------------------------------------------------------- */

#if defined(TN_NEED_VECTORS) && !defined(TN_HAS_VECTORS)
#define TN_HAS_VECTORS

#if !defined(__GNUC__) || defined(__TINYC__)
#error "this model was compiled for a target with vectors, which need gcc or clang: compile it with target=generic"
#endif

/* TN_SELECT_, TN_MAX_ and TN_MIN_ number their temporaries with __COUNTER__, which every gcc and clang has. */
#if defined(__clang__) && defined(__has_warning)
#if __has_warning("-Wc2y-extensions")
#pragma clang diagnostic ignored "-Wc2y-extensions"
#endif
#endif

typedef float tn_f32x4 __attribute__((__vector_size__(16)));
typedef float tn_f32x8 __attribute__((__vector_size__(32)));
typedef float tn_f32x16 __attribute__((__vector_size__(64)));
typedef int32_t tn_i32x4 __attribute__((__vector_size__(16)));
typedef int32_t tn_i32x8 __attribute__((__vector_size__(32)));
typedef int32_t tn_i32x16 __attribute__((__vector_size__(64)));
/* The same in memory: at any float's address, and free to overlap floats. */
typedef float tn_f32x4u __attribute__((__vector_size__(16), __aligned__(4), __may_alias__));
typedef float tn_f32x8u __attribute__((__vector_size__(32), __aligned__(4), __may_alias__));
typedef float tn_f32x16u __attribute__((__vector_size__(64), __aligned__(4), __may_alias__));

/* Every argument is evaluated once. No function takes or gives a vector: how it did would depend on flags. */
#define TN_LOAD_(n, p) ((tn_f32x##n)(*(const tn_f32x##n##u *)(const void *)(p)))
#define TN_STORE_(n, p, v) ((void)(*(tn_f32x##n##u *)(void *)(p) = (v)))
#define TN_SPLAT_(n, s) ((float)(s) - (tn_f32x##n){0}) /* minus 0 keeps -0 */

#define TN_LOAD_F32X4(p) TN_LOAD_(4, p)
#define TN_LOAD_F32X8(p) TN_LOAD_(8, p)
#define TN_LOAD_F32X16(p) TN_LOAD_(16, p)
#define TN_STORE_F32X4(p, v) TN_STORE_(4, p, v)
#define TN_STORE_F32X8(p, v) TN_STORE_(8, p, v)
#define TN_STORE_F32X16(p, v) TN_STORE_(16, p, v)
#define TN_SPLAT_F32X4(s) TN_SPLAT_(4, s)
#define TN_SPLAT_F32X8(s) TN_SPLAT_(8, s)
#define TN_SPLAT_F32X16(s) TN_SPLAT_(16, s)

/* Every second float from p on: of two vectors, the second of which ends at the last of them. */
#if defined(__clang__)
#define TN_PICK2_(n, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define TN_PICK2_(n, a, b, ...) __builtin_shuffle(a, b, (tn_i32x##n){__VA_ARGS__})
#endif
#define TN_LOAD2_F32X4(p) TN_PICK2_(4, TN_LOAD_(4, p), TN_LOAD_(4, (p) + 3), 0, 2, 5, 7)
#define TN_LOAD2_F32X8(p) TN_PICK2_(8, TN_LOAD_(8, p), TN_LOAD_(8, (p) + 7), 0, 2, 4, 6, 9, 11, 13, 15)
#define TN_LOAD2_F32X16(p) \
    TN_PICK2_(16, TN_LOAD_(16, p), TN_LOAD_(16, (p) + 15), 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)

/* 32-bit integers. Arithmetic wraps: no compiler traps on vectors. */
typedef int32_t tn_i32x4u __attribute__((__vector_size__(16), __aligned__(4), __may_alias__));
typedef int32_t tn_i32x8u __attribute__((__vector_size__(32), __aligned__(4), __may_alias__));
typedef int32_t tn_i32x16u __attribute__((__vector_size__(64), __aligned__(4), __may_alias__));
#define TN_LOAD_I32X4(p) (*(const tn_i32x4u *)(const void *)(p))
#define TN_STORE_I32X4(p, v) (*(tn_i32x4u *)(void *)(p) = (v))
#define TN_SPLAT_I32X4(s) ((tn_i32x4){0} + (int32_t)(s))
#define TN_LOAD_I32X8(p) (*(const tn_i32x8u *)(const void *)(p))
#define TN_STORE_I32X8(p, v) (*(tn_i32x8u *)(void *)(p) = (v))
#define TN_SPLAT_I32X8(s) ((tn_i32x8){0} + (int32_t)(s))
#define TN_LOAD_I32X16(p) (*(const tn_i32x16u *)(const void *)(p))
#define TN_STORE_I32X16(p, v) (*(tn_i32x16u *)(void *)(p) = (v))
#define TN_SPLAT_I32X16(s) ((tn_i32x16){0} + (int32_t)(s))

/* a where the mask of a comparison is set, b elsewhere; the mask is -1 or 0 in each lane. */
#define TN_BLEND_(n, t, k, m, a, b) \
    (__extension__({ \
        const tn_i32x##n k = (m); \
        (tn_##t##32x##n)((k & (tn_i32x##n)(a)) | (~k & (tn_i32x##n)(b))); \
    }))
#define TN_BLEND_K(n, t, k, m, a, b) TN_BLEND_(n, t, tn_k##k, m, a, b)
#define TN_BLEND_AT(n, t, k, m, a, b) TN_BLEND_K(n, t, k, m, a, b)
#define TN_SELECT_F32X4(m, a, b) TN_BLEND_AT(4, f, __COUNTER__, m, a, b)
#define TN_SELECT_F32X8(m, a, b) TN_BLEND_AT(8, f, __COUNTER__, m, a, b)
#define TN_SELECT_F32X16(m, a, b) TN_BLEND_AT(16, f, __COUNTER__, m, a, b)
#define TN_SELECT_I32X4(m, a, b) TN_BLEND_AT(4, i, __COUNTER__, m, a, b)
#define TN_SELECT_I32X8(m, a, b) TN_BLEND_AT(8, i, __COUNTER__, m, a, b)
#define TN_SELECT_I32X16(m, a, b) TN_BLEND_AT(16, i, __COUNTER__, m, a, b)
#endif

/* --- minimum, maximum of vectors ------------------------------------------------------------------------------------ */

#if defined(TN_NEED_EXTREMES) && !defined(TN_HAS_EXTREMES)
#define TN_HAS_EXTREMES

#if defined(__SSE2__)
#include <immintrin.h> /* gcc makes several operations of what is one there, when it is written in comparisons */
#endif

/* TN_MAX_: b > a ? b : a, and TN_MIN_: b < a ? b : a. A NaN in a stays; one in b is kept by the last term, which sets all
   bits of its lane. TN_MAXK_ and TN_MINK_ are without that test: for b that is no NaN, such as a constant. x86's
   instructions are those two: they give their second operand where one is NaN. */
#define TN_PICK_(n, op, x, y, m, a, b) \
    (__extension__({ \
        const tn_f32x##n x = (a); \
        const tn_f32x##n y = (b); \
        const tn_i32x##n m = y op x; \
        (tn_f32x##n)(((tn_i32x##n)y & m) | ((tn_i32x##n)x & ~m)); \
    }))
#define TN_PICK_K(n, op, k, a, b) TN_PICK_(n, op, tn_x##k, tn_y##k, tn_m##k, a, b)
#define TN_PICK_AT(n, op, k, a, b) TN_PICK_K(n, op, k, a, b)
#define TN_NANS_(n, pick, x, y, a, b) \
    (__extension__({ \
        const tn_f32x##n x = (a); \
        const tn_f32x##n y = (b); \
        (tn_f32x##n)((tn_i32x##n)pick(x, y) | (y != y)); \
    }))
#define TN_NANS_K(n, pick, k, a, b) TN_NANS_(n, pick, tn_v##k, tn_w##k, a, b)
#define TN_NANS_AT(n, pick, k, a, b) TN_NANS_K(n, pick, k, a, b)

#define TN_MAX_F32X4(a, b) TN_NANS_AT(4, TN_MAXK_F32X4, __COUNTER__, a, b)
#define TN_MAX_F32X8(a, b) TN_NANS_AT(8, TN_MAXK_F32X8, __COUNTER__, a, b)
#define TN_MAX_F32X16(a, b) TN_NANS_AT(16, TN_MAXK_F32X16, __COUNTER__, a, b)
#define TN_MIN_F32X4(a, b) TN_NANS_AT(4, TN_MINK_F32X4, __COUNTER__, a, b)
#define TN_MIN_F32X8(a, b) TN_NANS_AT(8, TN_MINK_F32X8, __COUNTER__, a, b)
#define TN_MIN_F32X16(a, b) TN_NANS_AT(16, TN_MINK_F32X16, __COUNTER__, a, b)
#if defined(__SSE2__)
#define TN_MAXK_F32X4(a, b) ((tn_f32x4)_mm_max_ps((__m128)(b), (__m128)(a)))
#define TN_MINK_F32X4(a, b) ((tn_f32x4)_mm_min_ps((__m128)(b), (__m128)(a)))
#else
#define TN_MAXK_F32X4(a, b) TN_PICK_AT(4, >, __COUNTER__, a, b)
#define TN_MINK_F32X4(a, b) TN_PICK_AT(4, <, __COUNTER__, a, b)
#endif
#if defined(__AVX__)
#define TN_MAXK_F32X8(a, b) ((tn_f32x8)_mm256_max_ps((__m256)(b), (__m256)(a)))
#define TN_MINK_F32X8(a, b) ((tn_f32x8)_mm256_min_ps((__m256)(b), (__m256)(a)))
#else
#define TN_MAXK_F32X8(a, b) TN_PICK_AT(8, >, __COUNTER__, a, b)
#define TN_MINK_F32X8(a, b) TN_PICK_AT(8, <, __COUNTER__, a, b)
#endif
#if defined(__AVX512F__)
#define TN_MAXK_F32X16(a, b) ((tn_f32x16)_mm512_max_ps((__m512)(b), (__m512)(a)))
#define TN_MINK_F32X16(a, b) ((tn_f32x16)_mm512_min_ps((__m512)(b), (__m512)(a)))
#else
#define TN_MAXK_F32X16(a, b) TN_PICK_AT(16, >, __COUNTER__, a, b)
#define TN_MINK_F32X16(a, b) TN_PICK_AT(16, <, __COUNTER__, a, b)
#endif

/* The larger or the smaller of two int32. */
#define TN_IPICK_(n, op, x, y, m, a, b) \
    (__extension__({ \
        const tn_i32x##n x = (a); \
        const tn_i32x##n y = (b); \
        const tn_i32x##n m = y op x; \
        (y & m) | (x & ~m); \
    }))
#define TN_IPICK_K(n, op, k, a, b) TN_IPICK_(n, op, tn_x##k, tn_y##k, tn_m##k, a, b)
#define TN_IPICK_AT(n, op, k, a, b) TN_IPICK_K(n, op, k, a, b)
#if defined(__SSE4_1__)
#define TN_MAX_I32X4(a, b) ((tn_i32x4)_mm_max_epi32((__m128i)(a), (__m128i)(b)))
#define TN_MIN_I32X4(a, b) ((tn_i32x4)_mm_min_epi32((__m128i)(a), (__m128i)(b)))
#else
#define TN_MAX_I32X4(a, b) TN_IPICK_AT(4, >, __COUNTER__, a, b)
#define TN_MIN_I32X4(a, b) TN_IPICK_AT(4, <, __COUNTER__, a, b)
#endif
#if defined(__AVX2__)
#define TN_MAX_I32X8(a, b) ((tn_i32x8)_mm256_max_epi32((__m256i)(a), (__m256i)(b)))
#define TN_MIN_I32X8(a, b) ((tn_i32x8)_mm256_min_epi32((__m256i)(a), (__m256i)(b)))
#else
#define TN_MAX_I32X8(a, b) TN_IPICK_AT(8, >, __COUNTER__, a, b)
#define TN_MIN_I32X8(a, b) TN_IPICK_AT(8, <, __COUNTER__, a, b)
#endif
#if defined(__AVX512F__)
#define TN_MAX_I32X16(a, b) ((tn_i32x16)_mm512_max_epi32((__m512i)(a), (__m512i)(b)))
#define TN_MIN_I32X16(a, b) ((tn_i32x16)_mm512_min_epi32((__m512i)(a), (__m512i)(b)))
#else
#define TN_MAX_I32X16(a, b) TN_IPICK_AT(16, >, __COUNTER__, a, b)
#define TN_MIN_I32X16(a, b) TN_IPICK_AT(16, <, __COUNTER__, a, b)
#endif
#endif

/* --- minimum, maximum: NaN in either operand gives NaN; of 0 and -0 it is the first, as of vectors -------------------- */

#if defined(TN_NEED_MINMAX) && !defined(TN_HAS_MINMAX)
#define TN_HAS_MINMAX

TN_UNUSED static inline float tn_minf(float x, float y)
{
    const float m = y < x ? y : x; /* one instruction on many processors, which loses a NaN in y */
    return y != y ? y : m;
}

TN_UNUSED static inline float tn_maxf(float x, float y)
{
    const float m = y > x ? y : x; /* one instruction on many processors, which loses a NaN in y */
    return y != y ? y : m;
}

TN_UNUSED static inline int tn_isinff(float x)
{
    return x == x && x - x != x - x;
}

TN_UNUSED static inline double tn_min(double x, double y)
{
    const double m = y < x ? y : x; /* one instruction on many processors, which loses a NaN in y */
    return y != y ? y : m;
}

TN_UNUSED static inline double tn_max(double x, double y)
{
    const double m = y > x ? y : x; /* one instruction on many processors, which loses a NaN in y */
    return y != y ? y : m;
}

TN_UNUSED static inline int tn_isinf(double x)
{
    return x == x && x - x != x - x;
}
#endif

/* --- integers: results wrap, a zero divisor gives 0 --------------------------------------------------------------- */

#if defined(TN_NEED_INT) && !defined(TN_HAS_INT)
#define TN_HAS_INT

/* Toward zero. */
TN_UNUSED static inline int64_t tn_idiv(int64_t x, int64_t y)
{
    return y == 0 ? 0 : y == -1 ? (int64_t)(0u - (uint64_t)x) : x / y;
}

TN_UNUSED static inline int64_t tn_irem(int64_t x, int64_t y)
{
    return y == 0 || y == -1 ? 0 : x % y;
}

TN_UNUSED static inline int64_t tn_floordiv(int64_t x, int64_t y)
{
    if (y == 0)
        return 0;
    if (y == -1)
        return (int64_t)(0u - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

TN_UNUSED static inline int64_t tn_floormod(int64_t x, int64_t y)
{
    if (y == 0 || y == -1)
        return 0;
    return x % y + ((x % y != 0 && (x < 0) != (y < 0)) ? y : 0);
}

/* A negative power of anything but 1 and -1 is 0. */
TN_UNUSED static inline int64_t tn_ipow(int64_t x, int64_t y)
{
    uint64_t r = 1, b = (uint64_t)x;
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y % 2 != 0 ? -1 : 1) : 0;
    for (; y > 0; y /= 2, b *= b)
        if (y % 2 != 0)
            r *= b;
    return (int64_t)r;
}
#endif

/* --- fixed point: fractions of 2^31 ----------------------------------------------------------------------------------- */

#if (defined(TN_NEED_FIXED) || defined(TN_NEED_FIXED_CURVES)) && !defined(TN_HAS_FIXED)
#define TN_HAS_FIXED

/* x * y / 2^31 to nearest, ties up; y is above the least number. A shift of a negative number keeps its sign with every
   compiler there is. */
TN_UNUSED static inline int32_t tn_fixmul(int32_t x, int32_t y)
{
    return (int32_t)(((int64_t)x * y + 1073741824) >> 31);
}

/* x / 2^e to nearest, ties away from 0; e 0..31. */
TN_UNUSED static inline int32_t tn_fixshift(int32_t x, int32_t e)
{
    int32_t mask = (int32_t)((UINT32_C(1) << e) - 1u);
    return (x >> e) + ((x & mask) > (mask >> 1) + (x < 0) ? 1 : 0);
}
#endif

#if defined(TN_NEED_FIXED_CURVES) && !defined(TN_HAS_FIXED_CURVES)
#define TN_HAS_FIXED_CURVES

/* Curves of fixed-point numbers in the steps and roundings of TFLite's kernels. */

/* How many zeros lead x in 32 bits. */
TN_UNUSED static inline int32_t tn_fixzeros(int32_t x)
{
    int32_t n = 0;
    uint32_t bits = (uint32_t)x;
    if (bits == 0)
        return 32;
    for (; bits < UINT32_C(0x80000000); bits *= 2)
        n++;
    return n;
}

/* x * 2^e, the nearest there is; e 0..31. */
TN_UNUSED static inline int32_t tn_fixgrow(int32_t x, int32_t e)
{
    int64_t y = (int64_t)x * (INT64_C(1) << e);
    return (int32_t)(y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : y);
}

/* 1 / (1 + x / 2^31) in fractions of 2^31, x from 0: Newton's rule from 48/17 - 32/17 y. */
TN_UNUSED static inline int32_t tn_fixinverse(int32_t x)
{
    int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) >> 1), y = 1515870810 + tn_fixmul(half, -1010580540), i;
    for (i = 0; i < 3; i++)
        y += tn_fixgrow(tn_fixmul(y, 536870912 - tn_fixmul(half, y)), 2);
    return tn_fixgrow(y, 1);
}

/* 1 / x in fractions of 2^(62 - its leading zeros); x > 0, of others 0. */
TN_UNUSED static inline int32_t tn_fixrecip(int32_t x)
{
    if (x <= 0)
        return 0;
    return tn_fixinverse((int32_t)(((uint32_t)x << tn_fixzeros(x)) - UINT32_C(0x80000000)));
}

/* How many places tn_fixroot's result is to be shifted to the right. */
TN_UNUSED static inline int32_t tn_fixrootshift(int32_t x)
{
    int32_t pairs = x > 1 ? (tn_fixzeros(x) - 1) / 2 : 12;
    return pairs < 12 ? 12 - pairs : 0;
}

/* 1 / sqrt(x) in fractions of 2^31, shifted: of x brought to 2^27 .. 2^29 by Newton's rule from 1. Of 1 and what is less
   almost 1. */
TN_UNUSED static inline int32_t tn_fixroot(int32_t x)
{
    int32_t pairs, y = 268435456, i;
    if (x <= 1)
        return INT32_MAX;
    pairs = (tn_fixzeros(x) - 1) / 2;
    x = pairs > 0 ? (int32_t)((uint32_t)x << (2 * pairs - 2)) : x / 4;
    for (i = 0; i < 5; i++) {
        int32_t cube = tn_fixgrow(tn_fixmul(tn_fixmul(y, y), y), 6);
        y = tn_fixgrow(tn_fixmul(402653184, y) - tn_fixmul(tn_fixshift(x >> 1, 1), cube), 3);
    }
    y = tn_fixmul(y, 1518500250); /* sqrt(1/2) */
    return pairs > 12 ? (int32_t)((uint32_t)y << (pairs - 12)) : y;
}

/* The natural logarithm, in fractions of 2^26, of x from 1 in fractions of 2^19. x is z * 2^k in two ways, k whole or a
   half more, of which that is taken whose z is nearer to sqrt(sqrt(1/2)); a quotient of polynomials around that. 0 of what is less. */
TN_UNUSED static inline int32_t tn_fixlog(int32_t x)
{
    const int32_t middle = 1805811301, root = 1518500250; /* sqrt(sqrt(1/2)), sqrt(1/2) */
    const int32_t quarter = 1 << 23;
    int32_t zeros, other_zeros, z, other, k, other_k, r, p, q, square, top, below;
    if (x < 1 << 19)
        return 0;
    zeros = tn_fixzeros(x);
    other_zeros = tn_fixzeros(tn_fixmul(x, root));
    z = tn_fixgrow(tn_fixmul(tn_fixgrow(x, zeros - 1), root), 1);
    other = tn_fixgrow(x, other_zeros - 1);
    r = z < other ? z : other;
    k = tn_fixgrow(12 - zeros, 25) + quarter;
    other_k = tn_fixgrow(13 - other_zeros, 25) - quarter;
    k = k > other_k ? k : other_k;
    p = (int32_t)(((int64_t)r + middle + 1) / 2);
    q = 2 * (r - middle);
    square = tn_fixmul(q, q);
    top = tn_fixmul(q, r) + tn_fixmul(tn_fixmul(q, square), 117049297);
    below = tn_fixmul(p, 1057819769 + q + tn_fixmul(127690142, square)) + tn_fixmul(638450708, q);
    return tn_fixgrow(tn_fixmul(k, 1488522236) + tn_fixmul(tn_fixshift(top, 6), tn_fixinverse(below)), 1);
}
#endif

#if defined(TN_NEED_FIXED) && defined(TN_NEED_VECTORS) && !defined(TN_HAS_FIXED_VECTORS)
#define TN_HAS_FIXED_VECTORS

#if defined(__SSE4_1__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

typedef int64_t tn_i64x4 __attribute__((__vector_size__(32)));
typedef int64_t tn_i64x8 __attribute__((__vector_size__(64)));
typedef int64_t tn_i64x16 __attribute__((__vector_size__(128)));

/* The same on vectors: TN_FIXMUL_ and TN_FIXSHIFT_. Products of 64 bits, the even lanes and the odd ones apart. */
#define TN_FIXMUL_(n, a, b) \
    (__builtin_convertvector( \
        (__builtin_convertvector((a), tn_i64x##n) * __builtin_convertvector((b), tn_i64x##n) + 1073741824) >> 31, \
        tn_i32x##n))
#define TN_FIXMUL_X86_(n, t, p, half, even, odd, x, y, a, b, merge) \
    (__extension__({ \
        const t x = (t)(a); \
        const t y = (t)(b); \
        const t even = p##_add_epi64(p##_mul_epi32(x, y), half); \
        const t odd = p##_add_epi64(p##_mul_epi32(p##_srli_epi64(x, 32), p##_srli_epi64(y, 32)), half); \
        (tn_i32x##n) merge(p##_srli_epi64(even, 31), p##_slli_epi64(odd, 1)); \
    }))
#define TN_FIXMUL_K(n, t, p, half, k, a, b, merge) \
    TN_FIXMUL_X86_(n, t, p, half, tn_e##k, tn_o##k, tn_x##k, tn_y##k, a, b, merge)
#define TN_FIXMUL_AT(n, t, p, half, k, a, b, merge) TN_FIXMUL_K(n, t, p, half, k, a, b, merge)
#define TN_MERGE_4(even, odd) _mm_blend_epi16(even, odd, 0xcc)
#define TN_MERGE_8(even, odd) _mm256_blend_epi32(even, odd, 0xaa)
#define TN_MERGE_16(even, odd) _mm512_mask_blend_epi32(0xaaaa, even, odd)

#if defined(__SSE4_1__)
#define TN_FIXMUL_I32X4(a, b) TN_FIXMUL_AT(4, __m128i, _mm, _mm_set1_epi64x(1073741824), __COUNTER__, a, b, TN_MERGE_4)
#elif defined(__ARM_NEON)
#define TN_FIXMUL_I32X4(a, b) ((tn_i32x4)vqrdmulhq_s32((int32x4_t)(a), (int32x4_t)(b)))
#else
#define TN_FIXMUL_I32X4(a, b) TN_FIXMUL_(4, a, b)
#endif
#if defined(__AVX2__)
#define TN_FIXMUL_I32X8(a, b) \
    TN_FIXMUL_AT(8, __m256i, _mm256, _mm256_set1_epi64x(1073741824), __COUNTER__, a, b, TN_MERGE_8)
#else
#define TN_FIXMUL_I32X8(a, b) TN_FIXMUL_(8, a, b)
#endif
#if defined(__AVX512F__)
#define TN_FIXMUL_I32X16(a, b) \
    TN_FIXMUL_AT(16, __m512i, _mm512, _mm512_set1_epi64(1073741824), __COUNTER__, a, b, TN_MERGE_16)
#else
#define TN_FIXMUL_I32X16(a, b) TN_FIXMUL_(16, a, b)
#endif

#define TN_FIXSHIFT_(n, x, e, m, a, b) \
    (__extension__({ \
        const tn_i32x##n x = (a); \
        const tn_i32x##n e = (b); \
        const tn_i32x##n m = ~(~(tn_i32x##n){0} << e); \
        (x >> e) - ((x & m) > (m >> 1) - (x < 0)); \
    }))
#define TN_FIXSHIFT_K(n, k, a, b) TN_FIXSHIFT_(n, tn_x##k, tn_e##k, tn_m##k, a, b)
#define TN_FIXSHIFT_AT(n, k, a, b) TN_FIXSHIFT_K(n, k, a, b)
#define TN_FIXSHIFT_I32X4(a, b) TN_FIXSHIFT_AT(4, __COUNTER__, a, b)
#define TN_FIXSHIFT_I32X8(a, b) TN_FIXSHIFT_AT(8, __COUNTER__, a, b)
#define TN_FIXSHIFT_I32X16(a, b) TN_FIXSHIFT_AT(16, __COUNTER__, a, b)
#endif

/* --- floats to integers: toward zero; beyond the type's range its end, and NaN gives its least value ---------------- */

#if defined(TN_NEED_CONVERT) && !defined(TN_HAS_CONVERT)
#define TN_HAS_CONVERT

/* What is above bottom and below top fits the type when truncated. */
#define TN_TO_INT_(name, type, least, most, bottom, top) \
    TN_UNUSED static inline type tn_to_##name##f(float x) \
    { \
        return (type)(x > bottom##f ? (x < top##f ? (type)x : (type)(most)) : (type)(least)); \
    } \
    TN_UNUSED static inline type tn_to_##name(double x) \
    { \
        return (type)(x > bottom ? (x < top ? (type)x : (type)(most)) : (type)(least)); \
    }
TN_TO_INT_(int8, int8_t, INT8_MIN, INT8_MAX, -128.0, 128.0)
TN_TO_INT_(uint8, uint8_t, 0, UINT8_MAX, 0.0, 256.0)
TN_TO_INT_(int16, int16_t, INT16_MIN, INT16_MAX, -32768.0, 32768.0)
TN_TO_INT_(uint16, uint16_t, 0, UINT16_MAX, 0.0, 65536.0)
TN_TO_INT_(int32, int32_t, INT32_MIN, INT32_MAX, -2147483648.0, 2147483648.0)
TN_TO_INT_(uint32, uint32_t, 0, UINT32_MAX, 0.0, 4294967296.0)
TN_TO_INT_(int64, int64_t, INT64_MIN, INT64_MAX, -9223372036854775808.0, 9223372036854775808.0)
TN_TO_INT_(uint64, uint64_t, 0, UINT64_MAX, 0.0, 18446744073709551616.0)
#if PTRDIFF_MAX > 2147483647
TN_TO_INT_(index, ptrdiff_t, PTRDIFF_MIN, PTRDIFF_MAX, -9223372036854775808.0, 9223372036854775808.0)
#elif PTRDIFF_MAX > 32767
TN_TO_INT_(index, ptrdiff_t, PTRDIFF_MIN, PTRDIFF_MAX, -2147483648.0, 2147483648.0)
#else
TN_TO_INT_(index, ptrdiff_t, PTRDIFF_MIN, PTRDIFF_MAX, -32768.0, 32768.0)
#endif
#endif

/* --- float16 (IEEE 754 binary16) and bfloat16, rounded to nearest even -------------------------------------------- */

#if (defined(TN_NEED_HALF) || defined(TN_NEED_MINIFLOAT) || defined(TN_NEED_BITS)) && !defined(TN_HAS_BITS)
#define TN_HAS_BITS
#include <string.h>

TN_UNUSED static inline uint32_t tn_bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

TN_UNUSED static inline float tn_float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

TN_UNUSED static inline uint64_t tn_bits_of_double(double d)
{
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

TN_UNUSED static inline double tn_double_of(uint64_t u)
{
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}
#endif

#if defined(TN_NEED_HALF) && !defined(TN_HAS_HALF)
#define TN_HAS_HALF

#if defined(__F16C__) && defined(__GNUC__)
#include <immintrin.h>

TN_UNUSED static inline float tn_half_to_float(uint16_t h)
{
    return _cvtsh_ss(h);
}

TN_UNUSED static inline uint16_t tn_float_to_half(float f)
{
    return _cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT);
}
#else
TN_UNUSED static inline float tn_half_to_float(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = ((uint32_t)h >> 10) & 31u;
    const uint32_t fraction = h & 0x3ffu;
    const float subnormal = (float)fraction / 16777216.0f;
    if (exponent == 31u)
        return tn_float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0u)
        return tn_float_of(sign | (exponent + 112u) << 23 | fraction << 13);
    return sign != 0u ? -subnormal : subnormal;
}

TN_UNUSED static inline uint16_t tn_float_to_half(float f)
{
    const uint32_t u = tn_bits_of(f);
    const uint32_t sign = (u >> 16) & 0x8000u;
    const uint32_t rest = u & 0x7fffffffu;
    if (rest > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (rest >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (rest < 0x38800000u) /* below 2^-14; the last place of a float around 0.5 is 2^-24, so the sum rounds */
        return (uint16_t)(sign | (tn_bits_of(tn_float_of(rest) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | (rest + 0xfffu + ((rest >> 13) & 1u) - 0x38000000u) >> 13);
}
#endif

TN_UNUSED static inline float tn_bfloat_to_float(uint16_t b)
{
    return tn_float_of((uint32_t)b << 16);
}

TN_UNUSED static inline uint16_t tn_float_to_bfloat(float f)
{
    const uint32_t u = tn_bits_of(f);
    if (f != f)
        return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
#endif

/* --- what a caller's pointers must be ------------------------------------------------------------------------------ */

#if defined(TN_NEED_AREAS) && !defined(TN_HAS_AREAS)
#define TN_HAS_AREAS

/* The alignment that the compiler gives a type: on small processors it may be less than its size. Types in an operand of
   sizeof would be C only, and this may be compiled as C++. */
#define TN_ALIGN_OF(type) offsetof(tn_align_##type, x)
/* clang-format off */
typedef struct tn_align_int16_t { char c; int16_t x; } tn_align_int16_t;
typedef struct tn_align_int32_t { char c; int32_t x; } tn_align_int32_t;
typedef struct tn_align_int64_t { char c; int64_t x; } tn_align_int64_t;
typedef struct tn_align_ptrdiff_t { char c; ptrdiff_t x; } tn_align_ptrdiff_t;
typedef struct tn_align_uint16_t { char c; uint16_t x; } tn_align_uint16_t;
typedef struct tn_align_uint32_t { char c; uint32_t x; } tn_align_uint32_t;
typedef struct tn_align_uint64_t { char c; uint64_t x; } tn_align_uint64_t;
typedef struct tn_align_float { char c; float x; } tn_align_float;
typedef struct tn_align_double { char c; double x; } tn_align_double;
/* clang-format on */

typedef struct tn_area {
    const void *at;
    size_t size; /* in bytes; 0: nothing, and overlaps nothing */
} tn_area;

/* Whether one of the first n_written areas shares a byte with any other. */
TN_UNUSED static inline int tn_overlap(const tn_area *area, size_t n_written, size_t n)
{
    for (size_t i = 0; i < n_written; i++) {
        for (size_t k = i + 1; k < n; k++) {
            const uintptr_t a = (uintptr_t)area[i].at, b = (uintptr_t)area[k].at;
            if (area[i].size > 0 && area[k].size > 0 && (a < b ? b - a < area[i].size : a - b < area[k].size))
                return 1;
        }
    }
    return 0;
}
#endif

/* --- 8- and 4-bit floats: e exponent bits, m fraction bits, rounded to nearest even ----------------------------------- */

#if defined(TN_NEED_MINIFLOAT) && !defined(TN_HAS_MINIFLOAT)
#define TN_HAS_MINIFLOAT

/* The number whose bits without the sign are code. */
TN_UNUSED static inline float tn_mini_decode(uint32_t code, uint32_t m, uint32_t bias)
{
    if (code >> m == 0u)
        return (float)code * tn_float_of((128u - bias - m) << 23);
    return tn_float_of((code << (23u - m)) + ((127u - bias) << 23));
}

/* The bits without the sign; above the largest number's where that is exceeded. */
TN_UNUSED static inline uint32_t tn_mini_encode(float f, uint32_t m, uint32_t bias)
{
    const uint32_t rest = tn_bits_of(f) & 0x7fffffffu;
    const uint32_t unit = (151u - bias - m)
                       << 23; /* a float whose last place is a subnormal's, so that the sum rounds */
    if (rest < (128u - bias) << 23)
        return tn_bits_of(tn_float_of(rest) + tn_float_of(unit)) - unit;
    return ((rest + (1u << (22u - m)) - 1u + ((rest >> (23u - m)) & 1u)) >> (23u - m)) - ((127u - bias) << m);
}

TN_UNUSED static inline float tn_mini_sign(uint32_t bits, uint32_t sign, float f)
{
    return (bits & sign) != 0u ? -f : f;
}

/* The OCP forms: a sign, and NaN (E5M2: and infinity) above the largest number. */
TN_UNUSED static inline float tn_e4m3fn_to_float(uint8_t b)
{
    const uint32_t code = b & 0x7fu;
    return tn_mini_sign(b, 0x80u, code == 0x7fu ? tn_float_of(0x7fc00000u) : tn_mini_decode(code, 3u, 7u));
}

TN_UNUSED static inline uint8_t tn_float_to_e4m3fn(float f)
{
    const uint32_t code = tn_mini_encode(f, 3u, 7u);
    return (uint8_t)((tn_bits_of(f) >> 24 & 0x80u) | (code > 0x7eu ? 0x7fu : code));
}

TN_UNUSED static inline float tn_e5m2_to_float(uint8_t b)
{
    const uint32_t code = b & 0x7fu;
    return tn_mini_sign(b, 0x80u,
                        code > 0x7bu ? tn_float_of(code == 0x7cu ? 0x7f800000u : 0x7fc00000u)
                                     : tn_mini_decode(code, 2u, 15u));
}

TN_UNUSED static inline uint8_t tn_float_to_e5m2(float f)
{
    const uint32_t u = tn_bits_of(f);
    const uint32_t code = tn_mini_encode(f, 2u, 15u);
    const uint32_t top = (u & 0x7fffffffu) > 0x7f800000u ? 0x7eu : 0x7cu;
    return (uint8_t)((u >> 24 & 0x80u) | (code > 0x7bu ? top : code));
}

/* FNUZ: finite but for one NaN, which has the bits of -0. */
TN_UNUSED static inline uint8_t tn_mini_fnuz(float f, uint32_t code)
{
    if (code > 0x7fu)
        return 0x80u;
    return (uint8_t)(code == 0u ? 0u : (tn_bits_of(f) >> 24 & 0x80u) | code);
}

TN_UNUSED static inline float tn_e4m3fnuz_to_float(uint8_t b)
{
    return b == 0x80u ? tn_float_of(0x7fc00000u) : tn_mini_sign(b, 0x80u, tn_mini_decode(b & 0x7fu, 3u, 8u));
}

TN_UNUSED static inline uint8_t tn_float_to_e4m3fnuz(float f)
{
    return tn_mini_fnuz(f, tn_mini_encode(f, 3u, 8u));
}

TN_UNUSED static inline float tn_e5m2fnuz_to_float(uint8_t b)
{
    return b == 0x80u ? tn_float_of(0x7fc00000u) : tn_mini_sign(b, 0x80u, tn_mini_decode(b & 0x7fu, 2u, 16u));
}

TN_UNUSED static inline uint8_t tn_float_to_e5m2fnuz(float f)
{
    return tn_mini_fnuz(f, tn_mini_encode(f, 2u, 16u));
}

/* 4 bits: 0 0.5 1 1.5 2 3 4 6. Neither infinity nor NaN: larger numbers give 6, NaN gives -0. */
TN_UNUSED static inline float tn_e2m1_to_float(uint8_t b)
{
    return tn_mini_sign(b, 8u, tn_mini_decode(b & 7u, 1u, 1u));
}

TN_UNUSED static inline uint8_t tn_float_to_e2m1(float f)
{
    const uint32_t code = tn_mini_encode(f, 1u, 1u);
    if (f != f)
        return 8u;
    return (uint8_t)((tn_bits_of(f) >> 28 & 8u) | (code > 7u ? 7u : code));
}

/* Powers of two from 2^-127; 255 is NaN. Rounded down, the sign left out; infinity gives NaN. */
TN_UNUSED static inline float tn_e8m0_to_float(uint8_t b)
{
    return tn_float_of(b == 0u ? 0x00400000u : b == 255u ? 0x7fc00000u : (uint32_t)b << 23);
}

TN_UNUSED static inline uint8_t tn_float_to_e8m0(float f)
{
    return (uint8_t)(tn_bits_of(f) >> 23 & 0xffu);
}
#endif
