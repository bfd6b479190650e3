/* The tensors of a subgraph: names, types, shapes, quantisation, and the data of constants. */
#include "tflite/importer.h"

/* TensorType of the schema. */
static const tn_dtype types[] = {TN_FLOAT,    TN_FLOAT16, TN_INT32, TN_UINT8,        TN_INT64,     TN_STRING,
                                 TN_BOOL,     TN_INT16,   0,        TN_INT8,         TN_DOUBLE,    0,
                                 TN_UINT64,   0,          0,        TN_UINT32,       TN_UINT16,    TN_INT4,
                                 TN_BFLOAT16, TN_INT2,    TN_UINT4, TN_FLOAT8E4M3FN, TN_FLOAT8E5M2};

enum { RESOURCE = 13 };

/* What the schema calls the types that have no row here. */
static const char *type_name(int type)
{
    switch (type) {
    case 5: return "string";
    case 8: return "complex64";
    case 11: return "complex128";
    case 14: return "variant";
    default: return "not known";
    }
}

static bool tensor_error(importer *im, const tfl_tensor *t, const char *format, ...) TN_PRINTF(3, 4);
static bool tensor_error(importer *im, const tfl_tensor *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tn_verror(im->diag, tn_strfmt(im->arena, "%s: tensor %d '%s': ", im->path, (int)(t - im->tensors), t->name), format,
              args);
    va_end(args);
    return false;
}

/* Names may be missing or given twice; values need one each. */
static const char *unique_name(importer *im, const char *name, size_t index)
{
    if (*name == '\0')
        name = tn_strfmt(im->arena, "tensor_%zu", index);
    const char *base = name;
    for (int i = 2; tn_map_get(&im->names, name) != NULL; i++)
        name = i > 8 ? tn_strfmt(im->arena, "%s.%zu_%d", base, index, i) : tn_strfmt(im->arena, "%s.%d", base, i);
    tn_map_put(im->arena, &im->names, name, im);
    return name;
}

static bool read_shape(importer *im, tfl_tensor *t, tn_flat_table p)
{
    tn_flat_vec dims = tn_flat_vector(p, 0, 4), open = tn_flat_vector(p, 7, 4);
    t->shape = (tn_shape){.known = true, .rank = (int)dims.n};
    t->is_fixed = true;
    if (dims.n > TN_MAX_RANK)
        return tensor_error(im, t, "rank %zu; at most %d is supported", dims.n, (int)TN_MAX_RANK);
    for (size_t i = 0; i < dims.n; i++) {
        int64_t n = tn_flat_at_i32(dims, i);
        t->shape.dim[i] = tn_dim_fixed(n >= 0 ? n : 1);
        t->is_fixed = t->is_fixed && n >= 0 && !(i < open.n && tn_flat_at_i32(open, i) < 0);
        t->shape.known = t->shape.known && n >= 0;
    }
    if (t->shape.known && tn_shape_count(&t->shape) >= TN_DIM_MAX)
        return tensor_error(im, t, "%s is too large", tn_type_text(im->arena, t->dtype, &t->shape));
    return true;
}

/* Whether a zero point is a number of the type; types that are never quantised may name any, since nobody reads it. */
static bool holds(tn_dtype dtype, int64_t zero)
{
    const tn_dtype_info *info = tn_dtype_get(dtype);
    if (info->is_float || info->bits > 16)
        return true;
    int64_t range = INT64_C(1) << info->bits, least = info->is_signed ? -range / 2 : 0;
    return zero >= least && zero < least + range;
}

static bool read_quantisation(importer *im, tfl_tensor *t, tn_flat_table p)
{
    tn_flat_vec scales = tn_flat_vector(p, 2, 4), zeros = tn_flat_vector(p, 3, 8);
    if (scales.n == 0)
        return true;
    t->axis = tn_flat_i32(p, 6, 0);
    bool one = scales.n == 1;
    if (zeros.n > 1 && zeros.n != scales.n)
        return tensor_error(im, t, "%zu scales and %zu zero points", scales.n, zeros.n);
    if (!one && (t->axis < 0 || t->axis >= t->shape.rank || !tn_dim_is(t->shape.dim[t->axis], (int64_t)scales.n)))
        t->axis = -1; /* old files have such biases; an operator that needs the scales says what is wrong */
    float *scale = TN_NEW_N(im->arena, float, scales.n);
    int64_t *zero = TN_NEW_N(im->arena, int64_t, scales.n);
    for (size_t i = 0; i < scales.n; i++) {
        scale[i] = tn_flat_at_float(scales, i);
        zero[i] = zeros.n > 0 ? tn_flat_at_i64(zeros, zeros.n == 1 ? 0 : i) : 0;
        if (!(scale[i] >= 0 && scale[i] <= 3e38f) || !holds(t->dtype, zero[i]))
            return tensor_error(
                im, t,
                "scale %g and zero point %lld (number %zu): a scale of 0 or more and a zero point of %s are wanted",
                (double)scale[i], (long long)zero[i], i, tn_dtype_get(t->dtype)->name);
    }
    t->n_scale = scales.n;
    t->scale = scale;
    t->zero = zero;
    return true;
}

/* Several elements to a byte in the file, one in memory. */
static void unpack(tn_tensor *t, const uint8_t *packed)
{
    unsigned bits = (unsigned)tn_dtype_get(t->dtype)->bits, a_byte = 8 / bits;
    for (size_t i = 0; i < t->bytes; i++)
        tn_tensor_set_int(t, (int64_t)i, packed[i / a_byte] >> i % a_byte * bits & ((1u << bits) - 1));
}

static void swap_to_host(tn_tensor *t)
{
    size_t size = (size_t)tn_dtype_get(t->dtype)->size;
    const uint16_t probe = 1;
    uint8_t *bytes = t->data;
    for (size_t i = 0; *(const uint8_t *)&probe == 0 && i + size <= t->bytes; i += size)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t x = bytes[i + k];
            bytes[i + k] = bytes[i + size - 1 - k];
            bytes[i + size - 1 - k] = x;
        }
}

/* Where the bytes of a buffer lie: in a vector, or, in files beyond 2 GB, behind the tables. */
static tn_flat_vec find_data(importer *im, uint32_t buffer, bool *outside)
{
    tn_flat_table b = tn_flat_at_table(im->buffers, buffer);
    uint64_t at = (uint64_t)tn_flat_int(b, 1, 8, false, 0), n = (uint64_t)tn_flat_int(b, 2, 8, false, 0);
    if (at <= 1 || n == 0)
        return tn_flat_vector(b, 0, 1);
    *outside = at > im->file.size || n > im->file.size - at;
    return (tn_flat_vec){&im->file, (size_t)at, *outside ? 0 : (size_t)n};
}

static bool read_data(importer *im, tfl_tensor *t, tn_flat_table p)
{
    uint32_t buffer = tn_flat_u32(p, 2, 0);
    bool outside = false;
    if (buffer == 0 || t->is_variable)
        return true;
    if (buffer >= im->buffers.n)
        return tensor_error(im, t, "its buffer is %u; the file has %zu", (unsigned)buffer, im->buffers.n);
    tn_flat_vec data = find_data(im, buffer, &outside);
    if (outside)
        return tensor_error(im, t, "its data ends outside the file");
    if (data.n == 0)
        return true;
    const tn_dtype_info *info = tn_dtype_get(t->dtype);
    size_t a_byte = info->bits < 8 ? 8 / (size_t)info->bits : 1, count = (size_t)tn_shape_count(&t->shape);
    if (!t->shape.known || info->size == 0)
        return tensor_error(im, t, "a constant whose type or shape is not known");
    size_t bytes = a_byte > 1 ? (count + a_byte - 1) / a_byte : count * (size_t)info->size;
    if (data.n != bytes)
        return tensor_error(im, t, "%zu bytes of data; %s has %zu", data.n,
                            tn_type_text(im->arena, t->dtype, &t->shape), bytes);
    tn_tensor *x = tn_tensor_make(im->arena, t->dtype, &t->shape);
    if (a_byte > 1)
        unpack(x, im->file.bytes + data.at);
    else
        memcpy(x->data, im->file.bytes + data.at, bytes);
    swap_to_host(x);
    t->data = x;
    return true;
}

static bool read_tensor(importer *im, size_t index, tn_flat_table p)
{
    tfl_tensor *t = &im->tensors[index];
    int type = tn_flat_i8(p, 1, 0);
    t->name = unique_name(im, tn_flat_text(im->arena, p, 3), index);
    t->is_variable = tn_flat_bool(p, 5);
    t->dtype = type >= 0 && type < (int)(sizeof types / sizeof *types) ? types[type] : TN_UNDEFINED;
    if (type == RESOURCE) /* the handle of a variable: nothing else is read of it */
        return true;
    if (t->dtype == TN_UNDEFINED || t->dtype == TN_STRING)
        return tensor_error(im, t, "its type, number %d (%s), is not supported", type, type_name(type));
    if (tn_flat_child(p, 6).at != 0)
        return tensor_error(im, t, "sparse tensors are not supported: convert the model without sparsity");
    return read_shape(im, t, p) && read_quantisation(im, t, tn_flat_child(p, 4)) && read_data(im, t, p);
}

bool tn_tfl_read_tensors(importer *im)
{
    tn_flat_vec all = tn_flat_vector(im->part, 0, 4);
    im->tensors = TN_NEW_N(im->arena, tfl_tensor, all.n + 1);
    im->n_tensors = all.n;
    for (size_t i = 0; i < all.n; i++)
        if (!read_tensor(im, i, tn_flat_at_table(all, i)))
            return false;
    return true;
}
