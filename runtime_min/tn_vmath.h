/* exp, log, tanh, sigmoid, erf, GELU and rounding on vectors of floats, for generated code. Written in GNU vector extensions: the same
   source serves every width and processor. Largest error against the exact value, over all floats (tests/emit/vmath.c):

       exp   1.1 ULP  denormal results included; overflow gives infinity
       log   0.9 ULP    of 0: -infinity, of a negative number: NaN
       tanh  1.4 ULP
       sigmoid  3.2 ULP  denormal results may be 0
       silu2  x ln 2 / (1 + 2^-x): of y = x ln 2 that is y sigmoid(y). 3.7 ULP; below x = -127.4, of less than 4e-37, it may be 0
       erf   2.1 ULP
       gelu  x / 2 (1 + erf(x / sqrt(2))). 3.3 ULP from -1 on, below it 1.5e-7 |x|, which is less than the sum with 1 loses
       abs, floor, ceil, trunc, round (half to even)   exact

   TN_NEAREST_I32X4(x), X8, X16: rounded half to even, as int32, for |x| <= 2^22; a NaN gives some number.

   NaN gives NaN. With and without fused multiply-add. Polynomials are least-maximum fits made for
   this file (Lawson's method); the reductions are Cody and Waite's. Include tn_port.h with TN_NEED_VECTORS and TN_NEED_EXTREMES before
   (without: only macros).

   Functions take addresses, not vectors: how a function gets a vector depends on flags, and they are inlined anyway.
   tn_fmath.h makes the same functions of single floats. */
#ifndef TN_VMATH_H
#define TN_VMATH_H

#ifdef __GNUC__
#define TN_INLINE TN_UNUSED static inline __attribute__((__always_inline__))
#else
#define TN_INLINE TN_UNUSED static inline
#endif

/* What differs between a vector, kind V, and a number, kind S, which is held as a float or an int64_t (where nothing
   overflows): the bits of floats and back, the mask of a comparison, integers as floats, a constant. */
#define TN_BITS_V(n, x) ((tn_i32x##n)(x))
#define TN_FLOAT_V(n, i) ((tn_f32x##n)(i))
#define TN_MASK_V(c) (c)
#define TN_WHOLE_V(n, i) __builtin_convertvector(i, tn_f32x##n)
#define TN_FILL_V(n, c) TN_SPLAT_(n, c)
#define TN_BITS_S(n, x) ((int64_t)tn_bits_of(x))
#define TN_FLOAT_S(n, i) tn_float_of((uint32_t)(i))
#define TN_MASK_S(c) (-(int64_t)(c))
#define TN_WHOLE_S(n, i) ((float)(i))
#define TN_FILL_S(n, c) (c)

/* Without a temporary: m is a name. */
#define TN_MIX_(n, k, m, c, d) TN_FLOAT_##k(n, (m & TN_BITS_##k(n, c)) | (~m & TN_BITS_##k(n, d)))

/* x between two constants; NaN stays. */
#define TN_WITHIN_(n, k, x, low, high) TN_MINK_F32X##n(TN_MAXK_F32X##n(x, TN_FILL_##k(n, low)), TN_FILL_##k(n, high))

#define TN_VMATH_(n, k) \
    /* x = k ln 2 + r, |r| <= ln 2 / 2, and k + bias in the low bits of shifted, where from is 1.5 * 2^23 + bias. */ \
    TN_INLINE void tn_exp_reduce_##n(tn_f32x##n *r, tn_f32x##n *shifted, const tn_f32x##n *a, float from) \
    { \
        const tn_f32x##n x = *a, s = x * 1.44269504f + from, whole = s - from; \
        *r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f; \
        *shifted = s; \
    } \
    /* exp(x) = 2^k (1 + p). */ \
    TN_INLINE void tn_exp_parts_##n(tn_f32x##n *p, tn_f32x##n *shifted, const tn_f32x##n *x, float from) \
    { \
        tn_f32x##n r; \
        tn_exp_reduce_##n(&r, shifted, x, from); \
        tn_f32x##n q = r * 1.3950538e-3f + 8.368918e-3f; \
        q = q * r + 4.1666206e-2f; \
        q = q * r + 1.6666518e-1f; \
        q = q * r + 0.5f; \
        *p = (q * r) * r + r; \
    } \
    /* The scale is applied in two factors, so that neither over- nor underflows. */ \
    TN_INLINE void tn_exp_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = TN_WITHIN_(n, k, *a, -104.0f, 89.0f); \
        tn_f32x##n p, shifted; \
        tn_exp_parts_##n(&p, &shifted, &x, 12582912.0f); \
        const tn_i32x##n e = TN_BITS_##k(n, shifted) - 0x4b400000; \
        const tn_i32x##n half = e >> 1; \
        const tn_f32x##n s = TN_FLOAT_##k(n, (half + 127) << 23), t = TN_FLOAT_##k(n, (e - half + 127) << 23); \
        *y = (p * s + s) * t; \
    } \
    /* exp(x) for |x| <= 87, which one factor does. */ \
    TN_INLINE void tn_exp_near_##n(tn_f32x##n *y, const tn_f32x##n *x) \
    { \
        tn_f32x##n p, shifted; \
        tn_exp_parts_##n(&p, &shifted, x, 12583039.0f); \
        const tn_f32x##n s = TN_FLOAT_##k(n, TN_BITS_##k(n, shifted) << 23); \
        *y = p * s + s; \
    } \
    /* log(x) = k ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */ \
    TN_INLINE void tn_log_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n v = *a, zero = {0}; \
        const tn_i32x##n tiny = TN_MASK_##k(v < 1.17549435e-38f); \
        const tn_f32x##n x = TN_MIX_(n, k, tiny, v * 8388608.0f, v); \
        const tn_i32x##n bits = TN_BITS_##k(n, x) - 0x3f3504f3; \
        const tn_i32x##n e = (bits >> 23) - (tiny & 23); \
        const tn_f32x##n f = TN_FLOAT_##k(n, (bits & 0x007fffff) + 0x3f3504f3) - 1.0f; \
        const tn_f32x##n whole = TN_WHOLE_##k(n, e); \
        tn_f32x##n p = f * 6.9135696e-2f - 1.1789241e-1f; \
        p = p * f + 1.18734196e-1f; \
        p = p * f - 1.2384463e-1f; \
        p = p * f + 1.4218618e-1f; \
        p = p * f - 1.6669248e-1f; \
        p = p * f + 2.0002228e-1f; \
        p = p * f - 2.4999987e-1f; \
        p = p * f + 3.333331e-1f; \
        const tn_f32x##n q = f * f; \
        tn_f32x##n r = (p * f) * q - 0.5f * q - whole * 2.12194440e-4f; \
        r = (r + f) + whole * 0.693359375f; \
        const tn_i32x##n infinite = TN_MASK_##k(v > 3.40282347e+38f); \
        const tn_i32x##n none = TN_MASK_##k(v == zero), wrong = TN_MASK_##k((v < zero) | (v != v)); \
        r = TN_MIX_(n, k, infinite, v, r); \
        r = TN_MIX_(n, k, none, TN_FILL_##k(n, -1.0f) / (v * v), r); \
        *y = TN_MIX_(n, k, wrong, zero / zero, r); \
    } \
    /* 1 / (1 + exp(-x)). One factor 2^k does, and a polynomial less exact than that of exp: 1 is added. From 88.4 on \
       exp(-x) is infinite and the result 0, where the exact one is a denormal number. */ \
    TN_INLINE void tn_sigmoid_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = -TN_WITHIN_(n, k, *a, -88.8f, 88.0f); \
        tn_f32x##n r, shifted; \
        tn_exp_reduce_##n(&r, &shifted, &x, 12583039.0f); \
        tn_f32x##n p = r * 8.312501e-3f + 4.189033e-2f; \
        p = p * r + 1.6667116e-1f; \
        p = p * r + 4.9999231e-1f; \
        p = p * r + 1.0f; \
        p = p * r + 1.0f; \
        *y = 1.0f / (p * TN_FLOAT_##k(n, TN_BITS_##k(n, shifted) << 23) + 1.0f); \
    } \
    /* x / (log2(e) + log2(e) 2^-x), where -x = k + f, |f| <= 1/2: all but the polynomial of f are additions, and what is taken \
       apart is exact. Where k is limited f grows, and the polynomial with it: to infinity, where 2^-x is. */ \
    TN_INLINE void tn_silu2_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = TN_MINK_F32X##n(*a, TN_FILL_##k(n, 126.0f)); \
        const tn_f32x##n shifted = TN_MINK_F32X##n(12583039.0f - x, TN_FILL_##k(n, 12583166.0f)); \
        const tn_f32x##n f = (12583039.0f - shifted) - x; \
        tn_f32x##n p = f * 1.91309012e-3f + 1.3951716e-2f; \
        p = p * f + 8.00803155e-2f; \
        p = p * f + 3.46568078e-1f; \
        p = p * f + 9.99999702e-1f; \
        p = p * f + 1.44269502f; \
        *y = *a / (p * TN_FLOAT_##k(n, TN_BITS_##k(n, shifted) << 23) + 1.44269502f); \
    } \
    /* An odd polynomial near 0, 1 - 2 / (exp(2 |x|) + 1) elsewhere. */ \
    TN_INLINE void tn_tanh_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = *a; \
        const tn_i32x##n sign = TN_BITS_##k(n, x) & (-0x7fffffff - 1); \
        const tn_f32x##n m = TN_FLOAT_##k(n, TN_BITS_##k(n, x) ^ sign), z = x * x; \
        const tn_f32x##n twice = TN_WITHIN_(n, k, m + m, 0.0f, 20.0f); \
        tn_f32x##n e, p = z * 2.147537e-3f - 8.182674e-3f; \
        tn_exp_near_##n(&e, &twice); \
        p = p * z + 2.1702968e-2f; \
        p = p * z - 5.3947203e-2f; \
        p = p * z + 1.333321e-1f; \
        p = p * z - 3.333333e-1f; \
        const tn_f32x##n near = (p * z) * x + x, far = 1.0f - 2.0f / (e + 1.0f); \
        const tn_i32x##n small = TN_MASK_##k(m < 0.625f); \
        const tn_f32x##n odd = TN_FLOAT_##k(n, TN_BITS_##k(n, far) | sign); \
        *y = TN_MIX_(n, k, small, near, odd); \
    } \
    /* An odd polynomial up to 0.95, 1 - exp(-q(|x|)) elsewhere. */ \
    TN_INLINE void tn_erf_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = *a; \
        const tn_i32x##n sign = TN_BITS_##k(n, x) & (-0x7fffffff - 1); \
        const tn_f32x##n whole = TN_FLOAT_##k(n, TN_BITS_##k(n, x) ^ sign), z = x * x; \
        const tn_f32x##n m = TN_WITHIN_(n, k, whole, 0.0f, 4.0f); \
        tn_f32x##n e, q = m * -2.0909638e-5f + 4.3230384e-4f; \
        q = q * m - 4.160531e-3f; \
        q = q * m + 2.5091505e-2f; \
        q = q * m - 1.0823663e-1f; \
        q = q * m - 6.333866e-1f; \
        q = q * m - 1.1294951f; \
        q = q * m + 1.7055288e-4f; \
        tn_exp_near_##n(&e, &q); \
        tn_f32x##n p = z * 7.889119e-5f - 8.020841e-4f; \
        p = p * z + 5.189535e-3f; \
        p = p * z - 2.6854546e-2f; \
        p = p * z + 1.12836e-1f; \
        p = p * z - 3.7612626e-1f; \
        p = p * z + 1.28379166e-1f; /* erf'(0) - 1 */ \
        const tn_f32x##n near = p * x + x, far = 1.0f - e; \
        const tn_i32x##n small = TN_MASK_##k(whole < 0.95f); \
        const tn_f32x##n odd = TN_FLOAT_##k(n, TN_BITS_##k(n, far) | sign); \
        *y = TN_MIX_(n, k, small, near, odd); \
    } \
    /* x / (1 + 2^-t), the logistic function of t = x p(x^2), log2 of the odds that a normal variable is below x. 2^-t as in silu2. */ \
    TN_INLINE void tn_gelu_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n z = *a * *a; \
        tn_f32x##n q = z * 5.06724074e-9f - 3.81631401e-7f; \
        q = q * z + 1.14398347e-5f; \
        q = q * z - 1.59579943e-4f; \
        q = q * z - 9.40492259e-5f; \
        q = q * z + 1.04835122e-1f; \
        q = q * z + 2.3022093f; \
        const tn_f32x##n t = TN_MINK_F32X##n(q * *a, TN_FILL_##k(n, 126.0f)); \
        const tn_f32x##n shifted = TN_MINK_F32X##n(12583039.0f - t, TN_FILL_##k(n, 12583166.0f)); \
        const tn_f32x##n f = (12583039.0f - shifted) - t; \
        tn_f32x##n p = f * 1.53533619e-4f + 1.33988744e-3f; \
        p = p * f + 9.61843736e-3f; \
        p = p * f + 5.55033247e-2f; \
        p = p * f + 2.40226479e-1f; \
        p = p * f + 6.93147203e-1f; \
        p = p * f + 1.0f; \
        *y = *a / (p * TN_FLOAT_##k(n, TN_BITS_##k(n, shifted) << 23) + 1.0f); \
    } \
    TN_INLINE void tn_abs_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = *a; \
        *y = TN_FLOAT_##k(n, TN_BITS_##k(n, x) & 0x7fffffff); \
    }

#endif

#if defined(TN_HAS_VECTORS) && defined(TN_HAS_EXTREMES) && !defined(TN_HAS_VMATH)
#define TN_HAS_VMATH

/* Where the processor rounds: what _MM_FROUND_ calls to the nearest even, down, up and toward zero. */
#define TN_ROUND_BY_(n, round, type) \
    TN_INLINE void tn_round_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        *y = (tn_f32x##n)round((type)*a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); \
    } \
    TN_INLINE void tn_floor_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        *y = (tn_f32x##n)round((type)*a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); \
    } \
    TN_INLINE void tn_ceil_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        *y = (tn_f32x##n)round((type)*a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); \
    } \
    TN_INLINE void tn_trunc_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        *y = (tn_f32x##n)round((type)*a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); \
    }

#define TN_ROUND_(n) \
    /* From 2^23 on every float is whole. Adding and taking away 2^23 rounds; the sign is kept for -0. */ \
    TN_INLINE void tn_round_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = *a; \
        const tn_i32x##n sign = (tn_i32x##n)x & (-0x7fffffff - 1); \
        const tn_f32x##n m = (tn_f32x##n)((tn_i32x##n)x ^ sign); \
        const tn_i32x##n small = m < 8388608.0f; \
        const tn_f32x##n shifted = m + 8388608.0f; \
        const tn_f32x##n whole = (tn_f32x##n)((tn_i32x##n)(shifted - 8388608.0f) | sign); \
        *y = TN_MIX_(n, V, small, whole, x); \
    } \
    TN_INLINE void tn_floor_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        tn_f32x##n r; \
        tn_round_##n(&r, a); \
        const tn_i32x##n above = r > *a; \
        *y = TN_MIX_(n, V, above, r - 1.0f, r); \
    } \
    TN_INLINE void tn_ceil_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = -*a; \
        tn_f32x##n r; \
        tn_floor_##n(&r, &x); \
        *y = -r; \
    } \
    TN_INLINE void tn_trunc_##n(tn_f32x##n *y, const tn_f32x##n *a) \
    { \
        const tn_f32x##n x = *a; \
        const tn_i32x##n sign = (tn_i32x##n)x & (-0x7fffffff - 1); \
        const tn_f32x##n m = (tn_f32x##n)((tn_i32x##n)x ^ sign); \
        tn_f32x##n r; \
        tn_floor_##n(&r, &m); \
        *y = (tn_f32x##n)((tn_i32x##n)r | sign); \
    }

TN_VMATH_(4, V)
TN_VMATH_(8, V)
TN_VMATH_(16, V)
#if defined __SSE4_1__
TN_ROUND_BY_(4, _mm_round_ps, __m128)
#else
TN_ROUND_(4)
#endif
#if defined __AVX__
TN_ROUND_BY_(8, _mm256_round_ps, __m256)
#else
TN_ROUND_(8)
#endif
#if defined __AVX512F__
TN_ROUND_BY_(16, _mm512_roundscale_ps, __m512)
#else
TN_ROUND_(16)
#endif

/* As expressions. The temporary's name is numbered, since calls nest. */
#define TN_CALL_(n, f, x, y, a) \
    (__extension__({ \
        const tn_f32x##n x = (a); \
        tn_f32x##n y; \
        tn_##f##_##n(&y, &x); \
        y; \
    }))
#define TN_CALL_K(n, f, k, a) TN_CALL_(n, f, tn_x##k, tn_y##k, a)
#define TN_CALL_AT(n, f, k, a) TN_CALL_K(n, f, k, a)
#define TN_CALL_F32X4(f, a) TN_CALL_AT(4, f, __COUNTER__, a)
#define TN_CALL_F32X8(f, a) TN_CALL_AT(8, f, __COUNTER__, a)
#define TN_CALL_F32X16(f, a) TN_CALL_AT(16, f, __COUNTER__, a)

/* 1.5 * 2^23 has its unit in the last place. */
#define TN_NEAREST_(n, x) ((tn_i32x##n)((x) + 12582912.0f) - 0x4b400000)
#if defined __SSE2__
#define TN_NEAREST_I32X4(x) ((tn_i32x4)_mm_cvtps_epi32((__m128)(x)))
#else
#define TN_NEAREST_I32X4(x) TN_NEAREST_(4, x)
#endif
#if defined __AVX__
#define TN_NEAREST_I32X8(x) ((tn_i32x8)_mm256_cvtps_epi32((__m256)(x)))
#else
#define TN_NEAREST_I32X8(x) TN_NEAREST_(8, x)
#endif
#if defined __AVX512F__
#define TN_NEAREST_I32X16(x) ((tn_i32x16)_mm512_cvtps_epi32((__m512)(x)))
#else
#define TN_NEAREST_I32X16(x) TN_NEAREST_(16, x)
#endif

/* Of count vectors side by side, in place; not inlined, so that the constants of a polynomial take no registers of the
   caller's loops. */
#define TN_EACH_(n, f) \
    TN_UNUSED static __attribute__((__noinline__)) void tn_##f##_each_##n(float *y, int count) \
    { \
        for (int i = 0; i < count; i++, y += n) { \
            const tn_f32x##n x = TN_LOAD_F32X##n(y); \
            tn_f32x##n r; \
            tn_##f##_##n(&r, &x); \
            TN_STORE_F32X##n(y, r); \
        } \
    }
#define TN_EACH_OF_(n) TN_EACH_(n, log) TN_EACH_(n, tanh) TN_EACH_(n, erf) TN_EACH_(n, gelu)
TN_EACH_OF_(4)
TN_EACH_OF_(8)
TN_EACH_OF_(16)
#define TN_EACH_F32X4(f, y, count) tn_##f##_each_4(y, count)
#define TN_EACH_F32X8(f, y, count) tn_##f##_each_8(y, count)
#define TN_EACH_F32X16(f, y, count) tn_##f##_each_16(y, count)

#endif
