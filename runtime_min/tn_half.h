/* 16-bit floats in vectors, for generated code: stored as half the bytes, computed with as float.

       TN_WIDEN_F16X8(p)        8 float16 at p (uint16_t, as their bits) as a vector of float; TN_WIDEN_BF16X8: bfloat16
       TN_STORE_F16X8(p, v)     a vector of float rounded to nearest even; TN_STORE_BF16X8 likewise

   The numbers are those of tn_port.h's conversions. By an instruction with F16C, AVX-512 and on 64-bit Arm; elsewhere by
   arithmetic on the bits, four to sixteen at once. Include tn_port.h with TN_NEED_VECTORS before. */
#ifndef TN_HALVES_H
#define TN_HALVES_H

#if defined(__F16C__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define TN_HALF_INLINE TN_UNUSED static inline __attribute__((__always_inline__))

typedef uint16_t tn_u16x4u __attribute__((__vector_size__(8), __aligned__(2), __may_alias__));
typedef uint16_t tn_u16x8u __attribute__((__vector_size__(16), __aligned__(2), __may_alias__));
typedef uint16_t tn_u16x16u __attribute__((__vector_size__(32), __aligned__(2), __may_alias__));

#define TN_HALF_MIX_(m, x, y) ((m & (x)) | (~m & (y)))

#define TN_HALVES_(n) \
    TN_HALF_INLINE void tn_widen_bf16_##n(tn_f32x##n *y, const void *p) \
    { \
        *y = (tn_f32x##n)(__builtin_convertvector(*(const tn_u16x##n##u *)p, tn_i32x##n) << 16); \
    } \
    TN_HALF_INLINE void tn_store_bf16_##n(void *p, const tn_f32x##n *x) \
    { \
        const tn_i32x##n u = (tn_i32x##n) * x, nan = *x != *x; \
        const tn_i32x##n near = u + 0x7fff + ((u >> 16) & 1); \
        *(tn_u16x##n##u *)p = __builtin_convertvector(TN_HALF_MIX_(nan, u | 0x400000, near) >> 16, tn_u16x##n##u); \
    }

/* A number's bits are moved and the exponents' difference added; below 2^-14 the fraction counts from 2^-14, which is taken
   away again. Back, the last place of a float around 0.5 is that of a float16 below 2^-14, so that adding 0.5 rounds. */
#define TN_HALVES_BY_BITS_(n) \
    TN_HALF_INLINE void tn_widen_f16_##n(tn_f32x##n *y, const void *p) \
    { \
        const tn_i32x##n h = __builtin_convertvector(*(const tn_u16x##n##u *)p, tn_i32x##n); \
        const tn_i32x##n rest = (h & 0x7fff) << 13, sign = (h & 0x8000) << 16; \
        const tn_i32x##n tiny = rest < 0x00800000, wide = rest >= 0x0f800000; \
        const tn_f32x##n small = (tn_f32x##n)(rest + 0x38800000) - 6.103515625e-5f; \
        const tn_i32x##n large = rest + 0x38000000 + (wide & 0x38000000); \
        *y = (tn_f32x##n)(TN_HALF_MIX_(tiny, (tn_i32x##n)small, large) | sign); \
    } \
    TN_HALF_INLINE void tn_store_f16_##n(void *p, const tn_f32x##n *x) \
    { \
        const tn_i32x##n u = (tn_i32x##n) * x, rest = u & 0x7fffffff, sign = (u >> 16) & 0x8000; \
        const tn_i32x##n tiny = rest<0x38800000, huge = rest >= 0x477ff000, nan = rest> 0x7f800000; \
        const tn_i32x##n small = (tn_i32x##n)((tn_f32x##n)rest + 0.5f) - 0x3f000000; \
        const tn_i32x##n near = (rest + 0xfff + ((rest >> 13) & 1) - 0x38000000) >> 13; \
        const tn_i32x##n number = TN_HALF_MIX_(tiny, small, near), end = 0x7c00 + (nan & 0x200); \
        *(tn_u16x##n##u *)p = __builtin_convertvector(TN_HALF_MIX_(huge, end, number) | sign, tn_u16x##n##u); \
    }

TN_HALVES_(4)
#if defined(__F16C__)
TN_HALF_INLINE void tn_widen_f16_4(tn_f32x4 *y, const void *p)
{
    *y = (tn_f32x4)_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)p));
}

TN_HALF_INLINE void tn_store_f16_4(void *p, const tn_f32x4 *x)
{
    _mm_storel_epi64((__m128i *)p, _mm_cvtps_ph((__m128)*x, _MM_FROUND_TO_NEAREST_INT));
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
TN_HALF_INLINE void tn_widen_f16_4(tn_f32x4 *y, const void *p)
{
    *y = (tn_f32x4)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)p)));
}

TN_HALF_INLINE void tn_store_f16_4(void *p, const tn_f32x4 *x)
{
    vst1_u16((uint16_t *)p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)*x)));
}
#else
TN_HALVES_BY_BITS_(4)
#endif

TN_HALVES_(8)
#if defined(__F16C__)
TN_HALF_INLINE void tn_widen_f16_8(tn_f32x8 *y, const void *p)
{
    *y = (tn_f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

TN_HALF_INLINE void tn_store_f16_8(void *p, const tn_f32x8 *x)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)*x, _MM_FROUND_TO_NEAREST_INT));
}
#else
TN_HALVES_BY_BITS_(8)
#endif

TN_HALVES_(16)
#if defined(__AVX512F__)
TN_HALF_INLINE void tn_widen_f16_16(tn_f32x16 *y, const void *p)
{
    *y = (tn_f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

TN_HALF_INLINE void tn_store_f16_16(void *p, const tn_f32x16 *x)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)*x, _MM_FROUND_TO_NEAREST_INT));
}
#else
TN_HALVES_BY_BITS_(16)
#endif

/* As expressions. The temporary's name is numbered, since calls nest. */
#define TN_WIDEN_HALF_(n, t, y, p) \
    (__extension__({ \
        tn_f32x##n y; \
        tn_widen_##t##_##n(&y, (p)); \
        y; \
    }))
#define TN_WIDEN_HALF_K(n, t, k, p) TN_WIDEN_HALF_(n, t, tn_y##k, p)
#define TN_WIDEN_HALF_AT(n, t, k, p) TN_WIDEN_HALF_K(n, t, k, p)
#define TN_STORE_HALF_(n, t, x, p, v) \
    (__extension__({ \
        const tn_f32x##n x = (v); \
        tn_store_##t##_##n((p), &x); \
    }))
#define TN_STORE_HALF_K(n, t, k, p, v) TN_STORE_HALF_(n, t, tn_x##k, p, v)
#define TN_STORE_HALF_AT(n, t, k, p, v) TN_STORE_HALF_K(n, t, k, p, v)

#define TN_WIDEN_F16X4(p) TN_WIDEN_HALF_AT(4, f16, __COUNTER__, p)
#define TN_WIDEN_F16X8(p) TN_WIDEN_HALF_AT(8, f16, __COUNTER__, p)
#define TN_WIDEN_F16X16(p) TN_WIDEN_HALF_AT(16, f16, __COUNTER__, p)
#define TN_WIDEN_BF16X4(p) TN_WIDEN_HALF_AT(4, bf16, __COUNTER__, p)
#define TN_WIDEN_BF16X8(p) TN_WIDEN_HALF_AT(8, bf16, __COUNTER__, p)
#define TN_WIDEN_BF16X16(p) TN_WIDEN_HALF_AT(16, bf16, __COUNTER__, p)
#define TN_STORE_F16X4(p, v) TN_STORE_HALF_AT(4, f16, __COUNTER__, p, v)
#define TN_STORE_F16X8(p, v) TN_STORE_HALF_AT(8, f16, __COUNTER__, p, v)
#define TN_STORE_F16X16(p, v) TN_STORE_HALF_AT(16, f16, __COUNTER__, p, v)
#define TN_STORE_BF16X4(p, v) TN_STORE_HALF_AT(4, bf16, __COUNTER__, p, v)
#define TN_STORE_BF16X8(p, v) TN_STORE_HALF_AT(8, bf16, __COUNTER__, p, v)
#define TN_STORE_BF16X16(p, v) TN_STORE_HALF_AT(16, bf16, __COUNTER__, p, v)

#endif
