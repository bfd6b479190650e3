/* Functions of single floats for models compiled with --exact: plain C99 of which IEEE arithmetic fixes every bit, so that
   they give the same on every processor and with every C library, as long as no product and sum become one rounding
   (-ffp-contract=off).

       tn_f_exp, log, tanh, sigmoid, erf      those of tn_vmath.h, bit by bit
       tn_f_sin, cos, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh, log1p, expm1, pow
                                              computed in double: at most 0.51 ULP (tests/emit/fmath.c), NaN and
                                              infinities as in C99's annex F

   Series are Taylor's, as long as they need to be for double. Include tn_port.h with TN_NEED_BITS before. */
#ifndef TN_FMATH_H
#define TN_FMATH_H

#include <math.h> /* sqrt, which IEEE rounds correctly */

#include "tn_vmath.h"

/* --- those that vectors have ---------------------------------------------------------------------------------------- */

typedef float tn_f32x1;
typedef int64_t tn_i32x1;
#define TN_MAXK_F32X1(a, b) tn_f_pick(a, b, 1)
#define TN_MINK_F32X1(a, b) tn_f_pick(a, b, 0)

TN_UNUSED static inline float tn_f_pick(float a, float b, int larger)
{
    return (larger ? b > a : b < a) ? b : a;
}

TN_VMATH_(1, S)

#define TN_FMATH_(name) \
    TN_UNUSED static inline float tn_f_##name(float x) \
    { \
        float y; \
        tn_##name##_1(&y, &x); \
        return y; \
    }
TN_FMATH_(exp)
TN_FMATH_(log)
TN_FMATH_(tanh)
TN_FMATH_(sigmoid)
TN_FMATH_(erf)

/* --- in double ------------------------------------------------------------------------------------------------------ */

/* 2^k, -1022 <= k <= 1023. */
TN_UNUSED static inline double tn_d_power_of_2(int64_t k)
{
    return tn_double_of((uint64_t)(k + 1023) << 52);
}

/* exp(x) - 1 for small x: x + x^2/2! + ... + x^14/14!. */
TN_UNUSED static inline double tn_d_expm1_near(double x)
{
    double p = 1.0;
    for (int i = 14; i > 1; i--)
        p = p * x / i + 1.0;
    return p * x;
}

/* |x| <= 700; larger ones as 700, where a float is 0 or infinite anyway. */
TN_UNUSED static inline double tn_d_exp(double x)
{
    const double y = x > 700.0 ? 700.0 : x < -700.0 ? -700.0 : x;
    const double shifted = y * 1.4426950408889634 + 6755399441055744.0, k = shifted - 6755399441055744.0;
    const double r = (y - k * 0.69314718036912382) - k * 1.9082149292705877e-10;
    if (x != x)
        return x;
    return (tn_d_expm1_near(r) + 1.0) * tn_d_power_of_2((int64_t)k);
}

TN_UNUSED static inline double tn_d_expm1(double x)
{
    return x > -0.35 && x < 0.35 ? tn_d_expm1_near(x) : tn_d_exp(x) - 1.0;
}

/* log(1 + f), 1 + f near 1: with s = f / (2 + f) it is 2 (s + s^3/3 + s^5/5 + ...). */
TN_UNUSED static inline double tn_d_log1p_near(double f)
{
    const double s = f / (2.0 + f), z = s * s;
    double p = 0.0;
    for (int i = 25; i > 1; i -= 2)
        p = (p + 1.0 / i) * z;
    return 2.0 * (s + s * p);
}

/* No denormal number: what comes from a float is none. */
TN_UNUSED static inline double tn_d_log(double x)
{
    const int64_t half = INT64_C(0x3fe6a09e667f3bcd); /* sqrt(1/2) */
    if (!(x > 0.0))
        return x == 0.0 ? -1.0 / (x * x) : (x - x) / (x - x);
    if (x - x != 0.0)
        return x;
    const int64_t bits = (int64_t)tn_bits_of_double(x) - half, k = bits >> 52;
    const double m = tn_double_of((uint64_t)((bits & INT64_C(0xfffffffffffff)) + half));
    return tn_d_log1p_near(m - 1.0) + (double)k * 0.69314718055994531;
}

TN_UNUSED static inline double tn_d_log1p(double x)
{
    return x > -0.25 && x < 0.4 ? tn_d_log1p_near(x) : tn_d_log(1.0 + x);
}

/* By atan(x) = pi/4 + atan((x - 1) / (x + 1)) and = pi/2 - atan(1/x) the argument becomes at most sqrt(2) - 1. */
TN_UNUSED static inline double tn_d_atan(double x)
{
    const double m = x < 0.0 ? -x : x, low = m > 1.0 ? 1.0 / m : m;
    const int middle = low > 0.41421356237309503;
    const double t = middle ? (low - 1.0) / (low + 1.0) : low, z = t * t;
    double p = 0.0;
    for (int i = 37; i > 1; i -= 2)
        p = -((p + 1.0 / i) * z);
    p = t + t * p;
    p = middle ? 0.78539816339744831 + p : p;
    p = m > 1.0 ? 1.5707963267948966 - p : p;
    return x < 0.0 ? -p : x == 0.0 ? x : p;
}

/* x = n pi/2 + r, |r| <= pi/4; gives n mod 4. From 2^23 on the digits of 2/pi that matter are picked (Payne and Hanek). */
TN_UNUSED static inline int tn_d_quadrant(float x, double *r)
{
    static const uint32_t digits[7] = {UINT32_C(0xa2f9836e), UINT32_C(0x4e441529), UINT32_C(0xfc2757d1),
                                       UINT32_C(0xf534ddc0), UINT32_C(0xdb629599), UINT32_C(0x3c439041),
                                       UINT32_C(0xfe5163ab)};
    const uint32_t bits = tn_bits_of(x) & 0x7fffffffu;
    const double k = ((double)x * 0.63661977236758134 + 6755399441055744.0) - 6755399441055744.0;
    const uint64_t m = (bits & 0x7fffffu) | 0x800000u;
    uint64_t turns = 0; /* of the whole quarter turns the last two binary digits, and 62 behind the point */
    if (bits < 0x4b000000u) {
        *r = ((double)x - k * 1.57079631090164184570) - k * 1.58932547735281966916e-08;
        return (int)((int64_t)k & 3);
    }
    for (int i = 0, shift = (int)(bits >> 23) - 150 + 30; i < 7; i++, shift -= 32)
        turns += shift >= 64 ? 0 : shift >= 0 ? m * digits[i] << shift : shift > -64 ? m * digits[i] >> -shift : 0;
    const uint64_t n = (turns + (UINT64_C(1) << 61)) >> 62;
    const double rest = (double)(int64_t)(turns - (n << 62)) * 3.4061215800304565e-19; /* pi/2 / 2^62 */
    *r = x < 0.0f ? -rest : rest;
    return (int)((x < 0.0f ? 4 - n : n) & 3u);
}

/* x - x^3/3! + ... and 1 - x^2/2! + ..., |x| <= pi/4: the first term and the first divisor say which. */
TN_UNUSED static inline double tn_d_wave(double x, double first, int last)
{
    double p = 1.0;
    for (int i = last; i > 1; i -= 2)
        p = 1.0 - x * x / (double)(i * (i - 1)) * p;
    return first * p;
}

/* sin(x + quarter pi/2) */
TN_UNUSED static inline double tn_d_sin(float x, int quarter)
{
    double r = 0.0;
    if (x - x != 0.0f)
        return (double)(x - x);
    const int n = (tn_d_quadrant(x, &r) + quarter) & 3;
    const double y = (n & 1) != 0 ? tn_d_wave(r, 1.0, 18) : tn_d_wave(r, r, 19);
    return n > 1 ? -y : y;
}

TN_UNUSED static inline double tn_d_pow(double x, double y)
{
    const double m = x < 0.0 ? -x : x, half = y * 0.5;
    const int whole = floor(y) == y, odd = whole && floor(half) != half;
    if (y == 0.0 || x == 1.0 || (x == -1.0 && y - y != 0.0 && y == y))
        return 1.0;
    if (x < 0.0 && m - m == 0.0 && !whole)
        return (x - x) / (x - x);
    const double l = m == 1.0 ? 0.0 : y * tn_d_log(m), p = l > 100.0 ? 1e300 : l < -110.0 ? 0.0 : tn_d_exp(l);
    return odd && (x < 0.0 || (x == 0.0 && 1.0 / x < 0.0)) ? -p : p;
}

/* What is larger than every float becomes infinite. */
TN_UNUSED static inline float tn_d_round(double x)
{
    return x > 3.5e38 ? TN_INFINITY : x < -3.5e38 ? TN_MINUS_INFINITY : (float)x;
}

/* --- of floats ------------------------------------------------------------------------------------------------------ */

TN_UNUSED static inline float tn_f_sin(float x)
{
    return (float)tn_d_sin(x, 0);
}

TN_UNUSED static inline float tn_f_cos(float x)
{
    return (float)tn_d_sin(x, 1);
}

TN_UNUSED static inline float tn_f_tan(float x)
{
    return (float)(tn_d_sin(x, 0) / tn_d_sin(x, 1));
}

TN_UNUSED static inline float tn_f_atan(float x)
{
    return (float)tn_d_atan((double)x);
}

TN_UNUSED static inline float tn_f_asin(float f)
{
    const double x = (double)f;
    return (float)tn_d_atan(x / sqrt((1.0 - x) * (1.0 + x)));
}

TN_UNUSED static inline float tn_f_acos(float f)
{
    const double x = (double)f;
    return (float)(2.0 * tn_d_atan(sqrt((1.0 - x) / (1.0 + x))));
}

TN_UNUSED static inline float tn_f_sinh(float f)
{
    const double x = (double)f, e = tn_d_expm1(x < 0.0 ? -x : x), y = (e + e / (e + 1.0)) * 0.5;
    return tn_d_round(x < 0.0 ? -y : x == 0.0 ? x : y);
}

TN_UNUSED static inline float tn_f_cosh(float f)
{
    const double e = tn_d_exp((double)f);
    return tn_d_round((e + 1.0 / e) * 0.5);
}

TN_UNUSED static inline float tn_f_expm1(float x)
{
    return tn_d_round(tn_d_expm1((double)x));
}

TN_UNUSED static inline float tn_f_log1p(float x)
{
    return (float)tn_d_log1p((double)x);
}

TN_UNUSED static inline float tn_f_asinh(float f)
{
    const double x = (double)f, m = x < 0.0 ? -x : x;
    const double y = m > 1e30 ? tn_d_log(m + m) : tn_d_log1p(m + m * m / (sqrt(m * m + 1.0) + 1.0));
    return (float)(x < 0.0 ? -y : x == 0.0 ? x : y);
}

TN_UNUSED static inline float tn_f_acosh(float f)
{
    const double t = (double)f - 1.0;
    return (float)(t < 0.0 ? (t - t) / (t - t) : t > 1e30 ? tn_d_log(t + t) : tn_d_log1p(t + sqrt(t * (t + 2.0))));
}

TN_UNUSED static inline float tn_f_atanh(float f)
{
    const double x = (double)f, m = x < 0.0 ? -x : x, y = 0.5 * tn_d_log1p(2.0 * m / (1.0 - m));
    return (float)(x < 0.0 ? -y : x == 0.0 ? x : y);
}

TN_UNUSED static inline float tn_f_pow(float x, float y)
{
    return tn_d_round(tn_d_pow((double)x, (double)y));
}

#endif
