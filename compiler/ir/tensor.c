/* Tensors: making them, and reading and writing single elements whatever their type. See ir.h. */
#include "ir/ir.h"

#include "base/half.h"

bool tn_tensor_same(const tn_tensor *x, const tn_tensor *y)
{
    return x == y
        || (x->dtype == y->dtype && tn_shape_equal(&x->shape, &y->shape) && x->bytes == y->bytes
            && memcmp(x->data, y->data, x->bytes) == 0);
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

int64_t tn_tensor_get_int(const tn_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case TN_BOOL:
    case TN_UINT8: return ((const uint8_t *)t->data)[i];
    case TN_INT8: return ((const int8_t *)t->data)[i];
    case TN_UINT16: return ((const uint16_t *)t->data)[i];
    case TN_INT16: return ((const int16_t *)t->data)[i];
    case TN_UINT32: return ((const uint32_t *)t->data)[i];
    case TN_INT32: return ((const int32_t *)t->data)[i];
    case TN_UINT64:
    case TN_INT64: return ((const int64_t *)t->data)[i];
    default: return (int64_t)tn_tensor_get(t, i);
    }
}

double tn_tensor_get(const tn_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case TN_FLOAT: return ((const float *)t->data)[i];
    case TN_DOUBLE: return ((const double *)t->data)[i];
    case TN_FLOAT16: return tn_half_to_float(((const uint16_t *)t->data)[i]);
    case TN_BFLOAT16: return tn_bfloat_to_float(((const uint16_t *)t->data)[i]);
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
    case TN_INT8: ((int8_t *)t->data)[i] = (int8_t)x; return;
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
    switch (t->dtype) {
    case TN_FLOAT: ((float *)t->data)[i] = (float)x; return;
    case TN_DOUBLE: ((double *)t->data)[i] = x; return;
    case TN_FLOAT16: ((uint16_t *)t->data)[i] = tn_float_to_half((float)x); return;
    case TN_BFLOAT16: ((uint16_t *)t->data)[i] = tn_float_to_bfloat((float)x); return;
    case TN_STRING:
    case TN_UNDEFINED: return;
    default: tn_tensor_set_int(t, i, (int64_t)x); return;
    }
}
