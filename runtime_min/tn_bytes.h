/* Bytes in vectors, for generated code.

       TN_WIDEN_U8X16(p)             16 uint8 at p as a vector of int32; TN_WIDEN_I8X16: int8
       TN_STORE_U8X16(p, v)          a vector of int32 or float narrowed to bytes, as a conversion in C would: the values
                                     fit, or are integers that wrap; TN_STORE_I8X16 likewise
       TN_MULADD_I32X16(acc, a, b)   acc += a * b, a and b vectors of widened bytes, those of one unsigned
       TN_MULADDS_I32X16(acc, a, b)  the same with both signed
       TN_DOT4_I32X16(acc, x, w)     acc[i] += the sum over k < 4 of x[k] * w[4 * i + k], exactly; x: 4 uint8, w: 64 int8
       TN_DOT4S_I32X16(acc, x, w)    the same; x: 4 int8, read as uint8 with their top bits turned: x + 128

   On x86 by intrinsics, since gcc takes conversions between vectors apart. A dot product is one instruction with VNNI;
   with AVX-512BW, AVX2 or SSE2 the bytes are widened to 16 bits and multiplied in pairs, the even ones and the odd ones
   apart: the shorter way (pmaddubsw) saturates. A product of widened bytes is one of 16-bit pairs too, as long as the
   upper half of one factor is 0: it takes half the time of a product of int32. Vector extensions and plain C elsewhere.
   Include tn_port.h with TN_NEED_VECTORS before. */
#ifndef TN_BYTES_H
#define TN_BYTES_H

#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef int8_t tn_i8x4u __attribute__((__vector_size__(4), __aligned__(1), __may_alias__));
typedef int8_t tn_i8x8u __attribute__((__vector_size__(8), __aligned__(1), __may_alias__));
typedef int8_t tn_i8x16u __attribute__((__vector_size__(16), __aligned__(1), __may_alias__));
typedef uint8_t tn_u8x4u __attribute__((__vector_size__(4), __aligned__(1), __may_alias__));
typedef uint8_t tn_u8x8u __attribute__((__vector_size__(8), __aligned__(1), __may_alias__));
typedef uint8_t tn_u8x16u __attribute__((__vector_size__(16), __aligned__(1), __may_alias__));

/* int32 from a vector of int32 or float */
#define TN_INTS_(n, v) __builtin_convertvector(v, tn_i32x##n)

#define TN_WIDEN_(n, t, p) __builtin_convertvector(*(const tn_##t##8x##n##u *)(const void *)(p), tn_i32x##n)
#define TN_NARROW_(n, t, p, v) \
    ((void)(*(tn_##t##8x##n##u *)(void *)(p) = __builtin_convertvector(TN_INTS_(n, v), tn_##t##8x##n##u)))

#if defined(__AVX512F__)
#define TN_WIDEN_I8X16(p) ((tn_i32x16)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p))))
#define TN_WIDEN_U8X16(p) ((tn_i32x16)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p))))
#define TN_STORE_I8X16(p, v) _mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtepi32_epi8((__m512i)TN_INTS_(16, v)))
#define TN_STORE_U8X16(p, v) TN_STORE_I8X16(p, v)
#else
#define TN_WIDEN_I8X16(p) TN_WIDEN_(16, i, p)
#define TN_WIDEN_U8X16(p) TN_WIDEN_(16, u, p)
#define TN_STORE_I8X16(p, v) TN_NARROW_(16, i, p, v)
#define TN_STORE_U8X16(p, v) TN_NARROW_(16, u, p, v)
#endif

#if defined(__AVX2__)
#define TN_WIDEN_I8X8(p) ((tn_i32x8)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p))))
#define TN_WIDEN_U8X8(p) ((tn_i32x8)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p))))
#define TN_STORE_I8X8(p, v) tn_narrow_8(p, TN_INTS_(8, v))
#define TN_STORE_U8X8(p, v) tn_narrow_8(p, TN_INTS_(8, v))
#else
#define TN_WIDEN_I8X8(p) TN_WIDEN_(8, i, p)
#define TN_WIDEN_U8X8(p) TN_WIDEN_(8, u, p)
#define TN_STORE_I8X8(p, v) TN_NARROW_(8, i, p, v)
#define TN_STORE_U8X8(p, v) TN_NARROW_(8, u, p, v)
#endif

#if defined(__SSE2__)
#define TN_WIDEN_I8X4(p) tn_widen_i8x4(p)
#define TN_WIDEN_U8X4(p) tn_widen_u8x4(p)
#define TN_STORE_I8X4(p, v) tn_narrow_4(p, TN_INTS_(4, v))
#define TN_STORE_U8X4(p, v) tn_narrow_4(p, TN_INTS_(4, v))
#else
#define TN_WIDEN_I8X4(p) TN_WIDEN_(4, i, p)
#define TN_WIDEN_U8X4(p) TN_WIDEN_(4, u, p)
#define TN_STORE_I8X4(p, v) TN_NARROW_(4, i, p, v)
#define TN_STORE_U8X4(p, v) TN_NARROW_(4, u, p, v)
#endif

#define TN_BYTES_INLINE TN_UNUSED static inline __attribute__((__always_inline__))

TN_BYTES_INLINE uint32_t tn_bytes4(const void *x, uint32_t flip)
{
    uint32_t u;
    memcpy(&u, x, sizeof u);
    return u ^ flip;
}

#if defined(__SSE2__) /* every x86-64 passes these vectors in registers */
TN_BYTES_INLINE tn_i32x4 tn_widen_u8x4(const void *p)
{
    const __m128i bytes = _mm_cvtsi32_si128((int)tn_bytes4(p, 0u)), zero = _mm_setzero_si128();
    return (tn_i32x4)_mm_unpacklo_epi16(_mm_unpacklo_epi8(bytes, zero), zero);
}

TN_BYTES_INLINE tn_i32x4 tn_widen_i8x4(const void *p)
{
    const __m128i bytes = _mm_cvtsi32_si128((int)tn_bytes4(p, 0u)), twice = _mm_unpacklo_epi8(bytes, bytes);
    return (tn_i32x4)_mm_srai_epi32(_mm_unpacklo_epi16(twice, twice), 24);
}

TN_BYTES_INLINE void tn_narrow_4(void *p, tn_i32x4 v)
{
    const __m128i low = _mm_and_si128((__m128i)v, _mm_set1_epi32(255)), words = _mm_packs_epi32(low, low);
    const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(p, &bytes, sizeof bytes);
}
#endif

#if defined(__AVX2__)
TN_BYTES_INLINE void tn_narrow_8(void *p, tn_i32x8 v)
{
    const __m256i low = _mm256_and_si256((__m256i)v, _mm256_set1_epi32(255));
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}
#endif

#if defined(__AVX512VNNI__)
#define TN_MULADD_I32X16(acc, a, b) \
    ((void)((acc) = (tn_i32x16)_mm512_dpwssd_epi32((__m512i)(acc), (__m512i)(a), (__m512i)(b))))
#elif defined(__AVX512BW__)
#define TN_MULADD_I32X16(acc, a, b) ((void)((acc) += (tn_i32x16)_mm512_madd_epi16((__m512i)(a), (__m512i)(b))))
#else
#define TN_MULADD_I32X16(acc, a, b) ((void)((acc) += (a) * (b)))
#define TN_LOW_X16_(v) (v)
#endif
#if !defined TN_LOW_X16_
#define TN_LOW_X16_(v) ((v)&0xffff)
#endif
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#define TN_MULADD_I32X8(acc, a, b) \
    ((void)((acc) = (tn_i32x8)_mm256_dpwssd_epi32((__m256i)(acc), (__m256i)(a), (__m256i)(b))))
#elif defined(__AVXVNNI__)
#define TN_MULADD_I32X8(acc, a, b) \
    ((void)((acc) = (tn_i32x8)_mm256_dpwssd_avx_epi32((__m256i)(acc), (__m256i)(a), (__m256i)(b))))
#elif defined(__AVX2__)
#define TN_MULADD_I32X8(acc, a, b) ((void)((acc) += (tn_i32x8)_mm256_madd_epi16((__m256i)(a), (__m256i)(b))))
#else
#define TN_MULADD_I32X8(acc, a, b) ((void)((acc) += (a) * (b)))
#define TN_LOW_X8_(v) (v)
#endif
#if !defined TN_LOW_X8_
#define TN_LOW_X8_(v) ((v)&0xffff)
#endif
#if defined(__SSE2__)
#define TN_MULADD_I32X4(acc, a, b) ((void)((acc) += (tn_i32x4)_mm_madd_epi16((__m128i)(a), (__m128i)(b))))
#else
#define TN_MULADD_I32X4(acc, a, b) ((void)((acc) += (a) * (b)))
#define TN_LOW_X4_(v) (v)
#endif
#if !defined TN_LOW_X4_
#define TN_LOW_X4_(v) ((v)&0xffff)
#endif
#define TN_MULADDS_I32X16(acc, a, b) TN_MULADD_I32X16(acc, a, TN_LOW_X16_(b))
#define TN_MULADDS_I32X8(acc, a, b) TN_MULADD_I32X8(acc, a, TN_LOW_X8_(b))
#define TN_MULADDS_I32X4(acc, a, b) TN_MULADD_I32X4(acc, a, TN_LOW_X4_(b))

#define TN_DOT_PLAIN_(n) \
    TN_BYTES_INLINE void tn_dot4_##n(tn_i32x##n *acc, const void *x, const void *w, uint32_t flip) \
    { \
        const uint8_t *const from = (const uint8_t *)x, turn = (uint8_t)(flip & 0x80u); \
        const int8_t *const by = (const int8_t *)w; \
        for (int i = 0; i < n; i++) \
            for (int k = 0; k < 4; k++) \
                (*acc)[i] += (int32_t)(from[k] ^ turn) * by[4 * i + k]; \
    }

#if defined(__AVX512VNNI__)
TN_BYTES_INLINE void tn_dot4_16(tn_i32x16 *acc, const void *x, const void *w, uint32_t flip)
{
    *acc = (tn_i32x16)_mm512_dpbusd_epi32((__m512i)*acc, _mm512_set1_epi32((int)tn_bytes4(x, flip)),
                                          _mm512_loadu_si512(w));
}
#elif defined(__AVX512BW__)
TN_BYTES_INLINE void tn_dot4_16(tn_i32x16 *acc, const void *x, const void *w, uint32_t flip)
{
    const uint32_t u = tn_bytes4(x, flip);
    const __m512i even = _mm512_set1_epi32((int)(u & 0x00ff00ffu)),
                  odd = _mm512_set1_epi32((int)(u >> 8 & 0x00ff00ffu));
    const __m512i v = _mm512_loadu_si512(w);
    const __m512i a = _mm512_madd_epi16(even, _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8));
    const __m512i b = _mm512_madd_epi16(odd, _mm512_srai_epi16(v, 8));
    *acc = (tn_i32x16)_mm512_add_epi32((__m512i)*acc, _mm512_add_epi32(a, b));
}
#else
TN_DOT_PLAIN_(16)
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
TN_BYTES_INLINE void tn_dot4_8(tn_i32x8 *acc, const void *x, const void *w, uint32_t flip)
{
    *acc = (tn_i32x8)_mm256_dpbusd_epi32((__m256i)*acc, _mm256_set1_epi32((int)tn_bytes4(x, flip)),
                                         _mm256_loadu_si256((const __m256i *)w));
}
#elif defined(__AVXVNNI__)
TN_BYTES_INLINE void tn_dot4_8(tn_i32x8 *acc, const void *x, const void *w, uint32_t flip)
{
    *acc = (tn_i32x8)_mm256_dpbusd_avx_epi32((__m256i)*acc, _mm256_set1_epi32((int)tn_bytes4(x, flip)),
                                             _mm256_loadu_si256((const __m256i *)w));
}
#elif defined(__AVX2__)
TN_BYTES_INLINE void tn_dot4_8(tn_i32x8 *acc, const void *x, const void *w, uint32_t flip)
{
    const uint32_t u = tn_bytes4(x, flip);
    const __m256i even = _mm256_set1_epi32((int)(u & 0x00ff00ffu)),
                  odd = _mm256_set1_epi32((int)(u >> 8 & 0x00ff00ffu));
    const __m256i v = _mm256_loadu_si256((const __m256i *)w);
    const __m256i a = _mm256_madd_epi16(even, _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8));
    const __m256i b = _mm256_madd_epi16(odd, _mm256_srai_epi16(v, 8));
    *acc = (tn_i32x8)_mm256_add_epi32((__m256i)*acc, _mm256_add_epi32(a, b));
}
#else
TN_DOT_PLAIN_(8)
#endif

#if defined(__SSE2__)
TN_BYTES_INLINE void tn_dot4_4(tn_i32x4 *acc, const void *x, const void *w, uint32_t flip)
{
    const uint32_t u = tn_bytes4(x, flip);
    const __m128i even = _mm_set1_epi32((int)(u & 0x00ff00ffu)), odd = _mm_set1_epi32((int)(u >> 8 & 0x00ff00ffu));
    const __m128i v = _mm_loadu_si128((const __m128i *)w);
    const __m128i a = _mm_madd_epi16(even, _mm_srai_epi16(_mm_slli_epi16(v, 8), 8));
    const __m128i b = _mm_madd_epi16(odd, _mm_srai_epi16(v, 8));
    *acc = (tn_i32x4)_mm_add_epi32((__m128i)*acc, _mm_add_epi32(a, b));
}
#else
TN_DOT_PLAIN_(4)
#endif

#define TN_DOT4_I32X4(acc, x, w) tn_dot4_4(&(acc), x, w, 0u)
#define TN_DOT4_I32X8(acc, x, w) tn_dot4_8(&(acc), x, w, 0u)
#define TN_DOT4_I32X16(acc, x, w) tn_dot4_16(&(acc), x, w, 0u)
#define TN_DOT4S_I32X4(acc, x, w) tn_dot4_4(&(acc), x, w, 0x80808080u)
#define TN_DOT4S_I32X8(acc, x, w) tn_dot4_8(&(acc), x, w, 0x80808080u)
#define TN_DOT4S_I32X16(acc, x, w) tn_dot4_16(&(acc), x, w, 0x80808080u)

#endif
