/* Tensors: making them, and reading and writing single elements whatever their type. See ir.h. */
#include "ir/ir.h"

bool tn_tensor_same(const tn_tensor *x, const tn_tensor *y)
{
    return x == y
        || (x->dtype == y->dtype && x->is_text == y->is_text && tn_shape_equal(&x->shape, &y->shape)
            && x->bytes == y->bytes && memcmp(x->data, y->data, x->bytes) == 0);
}

tn_tensor *tn_tensor_make(tn_arena *a, tn_dtype dtype, const tn_shape *s)
{
    assert(tn_shape_is_fixed(s));
    tn_tensor *t = TN_NEW(a, tn_tensor);
    *t = (tn_tensor){.dtype = dtype, .shape = *s};
    t->bytes = tn_mul_size(a, (size_t)tn_shape_count(s), (size_t)tn_dtype_get(dtype)->size);
    t->data = tn_alloc(a, t->bytes);
    return t;
}

tn_tensor *tn_tensor_of_strings(tn_arena *a, const tn_shape *s, const char *const *item)
{
    int64_t count = tn_shape_count(s);
    size_t width = 1;
    assert(s->rank < TN_MAX_RANK);
    for (int64_t i = 0; i < count; i++)
        width = strlen(item[i]) > width ? strlen(item[i]) : width;
    tn_shape whole = *s;
    whole.dim[whole.rank++] = tn_dim_fixed((int64_t)width);
    tn_tensor *t = tn_tensor_make(a, TN_UINT8, &whole);
    t->is_text = true;
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)t->data + (size_t)i * width, item[i], strlen(item[i]));
    return t;
}

int64_t tn_wrap(tn_dtype t, int64_t x)
{
    switch (t) {
    case TN_BOOL: return x != 0;
    case TN_UINT2: return x & 3;
    case TN_INT2: return ((x & 3) ^ 2) - 2;
    case TN_UINT4: return x & 15;
    case TN_INT4: return ((x & 15) ^ 8) - 8;
    case TN_UINT8: return (uint8_t)x;
    case TN_INT8: return (int8_t)x;
    case TN_UINT16: return (uint16_t)x;
    case TN_INT16: return (int16_t)x;
    case TN_UINT32: return (uint32_t)x;
    case TN_INT32: return (int32_t)x;
    default: return x;
    }
}

double tn_round_to(tn_dtype t, double x)
{
    const tn_codec *codec = tn_dtype_get(t)->codec;
    if (codec != NULL)
        return codec->decode(codec->encode((float)x));
    return t == TN_FLOAT ? (float)x : x;
}

/* Truncated; beyond 64 bits the nearest there is; NaN is the least. */
static int64_t whole(tn_dtype t, double x)
{
    if (x >= 0x1p63)
        return t != TN_UINT64 ? INT64_MAX : x < 0x1p64 ? (int64_t)(uint64_t)x : -1;
    return x > -0x1p63 ? (int64_t)x : INT64_MIN;
}

int64_t tn_tensor_get_int(const tn_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case TN_BOOL:
    case TN_UINT2:
    case TN_UINT4:
    case TN_UINT8: return ((const uint8_t *)t->data)[i];
    case TN_INT2:
    case TN_INT4:
    case TN_INT8: return ((const int8_t *)t->data)[i];
    case TN_UINT16: return ((const uint16_t *)t->data)[i];
    case TN_INT16: return ((const int16_t *)t->data)[i];
    case TN_UINT32: return ((const uint32_t *)t->data)[i];
    case TN_INT32: return ((const int32_t *)t->data)[i];
    case TN_UINT64:
    case TN_INT64: return ((const int64_t *)t->data)[i];
    default: return whole(TN_INT64, tn_tensor_get(t, i));
    }
}

uint16_t tn_tensor_get_bits(const tn_tensor *t, int64_t i)
{
    return tn_dtype_get(t->dtype)->size == 1 ? ((const uint8_t *)t->data)[i] : ((const uint16_t *)t->data)[i];
}

void tn_tensor_set_bits(tn_tensor *t, int64_t i, uint16_t bits)
{
    if (tn_dtype_get(t->dtype)->size == 1)
        ((uint8_t *)t->data)[i] = (uint8_t)bits;
    else
        ((uint16_t *)t->data)[i] = bits;
}

double tn_tensor_get(const tn_tensor *t, int64_t i)
{
    const tn_codec *codec = tn_dtype_get(t->dtype)->codec;
    if (codec != NULL)
        return codec->decode(tn_tensor_get_bits(t, i));
    switch (t->dtype) {
    case TN_FLOAT: return ((const float *)t->data)[i];
    case TN_DOUBLE: return ((const double *)t->data)[i];
    case TN_UINT64: return (double)((const uint64_t *)t->data)[i];
    case TN_STRING:
    case TN_UNDEFINED: return 0;
    default: return (double)tn_tensor_get_int(t, i);
    }
}

void tn_tensor_set_int(tn_tensor *t, int64_t i, int64_t x)
{
    switch (t->dtype) {
    case TN_BOOL:
    case TN_UINT8: ((uint8_t *)t->data)[i] = (uint8_t)x; return;
    case TN_UINT2:
    case TN_UINT4: ((uint8_t *)t->data)[i] = (uint8_t)tn_wrap(t->dtype, x); return;
    case TN_INT2:
    case TN_INT4:
    case TN_INT8: ((int8_t *)t->data)[i] = (int8_t)tn_wrap(t->dtype, x); return;
    case TN_UINT16: ((uint16_t *)t->data)[i] = (uint16_t)x; return;
    case TN_INT16: ((int16_t *)t->data)[i] = (int16_t)x; return;
    case TN_UINT32: ((uint32_t *)t->data)[i] = (uint32_t)x; return;
    case TN_INT32: ((int32_t *)t->data)[i] = (int32_t)x; return;
    case TN_UINT64:
    case TN_INT64: ((int64_t *)t->data)[i] = x; return;
    default: tn_tensor_set(t, i, (double)x); return;
    }
}

void tn_tensor_set(tn_tensor *t, int64_t i, double x)
{
    const tn_codec *codec = tn_dtype_get(t->dtype)->codec;
    if (codec != NULL) {
        tn_tensor_set_bits(t, i, codec->encode((float)x));
        return;
    }
    switch (t->dtype) {
    case TN_FLOAT: ((float *)t->data)[i] = (float)x; return;
    case TN_DOUBLE: ((double *)t->data)[i] = x; return;
    case TN_STRING:
    case TN_UNDEFINED: return;
    default: tn_tensor_set_int(t, i, whole(t->dtype, x)); return;
    }
}
