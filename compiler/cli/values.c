/* See values.h. The numbers of types are ONNX's (onnx.proto, TensorProto.DataType). */
#include "cli/values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLOAT = 1,
    UINT8 = 2,
    INT8 = 3,
    UINT16 = 4,
    INT16 = 5,
    INT32 = 6,
    INT64 = 7,
    BOOL = 9,
    FLOAT16 = 10,
    DOUBLE = 11,
    UINT32 = 12,
    UINT64 = 13,
    BFLOAT16 = 16
};

/* IEEE 754 binary16: sign 1, exponent 5 with bias 15, fraction 10. */
static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double sign = bits >> 15 != 0 ? -1.0 : 1.0;
    if (exponent == 31)
        return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, -24);
    return sign * ldexp(fraction + 1024, exponent - 25);
}

/* The upper half of a float. */
static double bfloat_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}

bool cli_has_numbers(const tn_array *a)
{
    bool in_first = a->dtype >= FLOAT && a->dtype <= INT64;
    return in_first || (a->dtype >= BOOL && a->dtype <= UINT64) || a->dtype == BFLOAT16;
}

bool cli_has_floats(const tn_array *a)
{
    return a->dtype == FLOAT || a->dtype == FLOAT16 || a->dtype == DOUBLE || a->dtype == BFLOAT16;
}

size_t cli_count(const tn_array *a)
{
    size_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= (size_t)a->dim[i];
    return n;
}

/* One case: data as an array of the type. */
#define ELEMENT(type) ((const type *)a->data)[i]

double cli_number(const tn_array *a, size_t i)
{
    switch (a->dtype) {
    case FLOAT: return (double)ELEMENT(float);
    case UINT8:
    case BOOL: return ELEMENT(uint8_t);
    case INT8: return ELEMENT(int8_t);
    case UINT16: return ELEMENT(uint16_t);
    case INT16: return ELEMENT(int16_t);
    case INT32: return ELEMENT(int32_t);
    case INT64: return (double)ELEMENT(int64_t);
    case FLOAT16: return half_value(ELEMENT(uint16_t));
    case DOUBLE: return ELEMENT(double);
    case UINT32: return ELEMENT(uint32_t);
    case UINT64: return (double)ELEMENT(uint64_t);
    case BFLOAT16: return bfloat_value(ELEMENT(uint16_t));
    default: return NAN;
    }
}

void cli_print_type(FILE *f, const tn_array *a)
{
    fprintf(f, "%s[", tn_dtype_name(a->dtype));
    for (int i = 0; i < a->rank; i++)
        fprintf(f, "%s%" PRId64, i > 0 ? "," : "", a->dim[i]);
    fputc(']', f);
}

cli_scores cli_scores_of(const tn_array *a)
{
    size_t n = cli_count(a);
    int last = a->rank - 1;
    while (last > 1 && a->dim[last] == 1)
        last--;
    size_t classes = last >= 0 ? (size_t)a->dim[last] : 1;
    return (cli_scores){classes > 0 ? n / classes : 0, classes};
}

static int compare_scores(const void *left, const void *right)
{
    const cli_score *a = left, *b = right;
    bool a_nan = isnan(a->value), b_nan = isnan(b->value);
    if (a_nan != b_nan)
        return a_nan ? 1 : -1;
    if (!a_nan && a->value != b->value)
        return a->value < b->value ? 1 : -1;
    return (a->index > b->index) - (a->index < b->index);
}

void cli_rank(const tn_array *a, size_t row, size_t classes, cli_score *out)
{
    for (size_t i = 0; i < classes; i++)
        out[i] = (cli_score){cli_number(a, row * classes + i), i};
    qsort(out, classes, sizeof *out, compare_scores);
}

void cli_softmax(cli_score *scores, size_t n)
{
    double sum = 0, largest = n > 0 ? scores[0].value : 0;
    for (size_t i = 0; i < n; i++)
        sum += scores[i].value = exp(scores[i].value - largest);
    for (size_t i = 0; i < n; i++)
        scores[i].value /= sum;
}

size_t cli_place(const tn_array *a, size_t row, size_t classes, size_t index)
{
    double mine = cli_number(a, row * classes + index);
    size_t larger = 0;
    if (isnan(mine))
        return classes;
    for (size_t i = 0; i < classes; i++)
        larger += cli_number(a, row * classes + i) > mine;
    return larger;
}

size_t cli_largest(const tn_array *a, size_t row, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++) {
        double x = cli_number(a, row * classes + i), most = cli_number(a, row * classes + best);
        if (x > most || (isnan(most) && !isnan(x)))
            best = i;
    }
    return best;
}
