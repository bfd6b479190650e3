/* TensorProto to tn_tensor and back. A tensor's elements are in raw_data, in one of the typed arrays, or in another
   file (external.c); all three end as dense row-major data in host byte order. raw_data is used in place, because the
   unpacked message lives in the same arena as the graph. */
#include "base/unwind.h"
#include "onnx/importer.h"

/* Expanding a sparse tensor makes memory out of nothing: a few bytes of a file must not ask for terabytes. */
#define MAX_EXPANDED ((size_t)1 << 31)

static const char *const dtype_names[] = {
    "undefined",  "float",        "uint8",          "int8",       "uint16",         "int16",  "int32",     "int64",
    "string",     "bool",         "float16",        "double",     "uint32",         "uint64", "complex64", "complex128",
    "bfloat16",   "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",  "int4",      "float4e2m1",
    "float8e8m0", "uint2",        "int2",           "float6e2m3", "float6e3m2",
};

bool tn_onnx_dtype(importer *im, int32_t number, const char *what, tn_dtype *out)
{
    int32_t known = (int32_t)(sizeof dtype_names / sizeof *dtype_names);
    if (number <= 0 || number >= known) {
        tn_error_at(im->diag, im->path, "%s has the element type number %d, which ONNX does not define", what, number);
        return false;
    }
    if (tn_dtype_get(number)->size == 0 && number != TN_STRING) {
        tn_error_at(im->diag, im->path, "%s is of type %s, which is not supported", what, dtype_names[number]);
        return false;
    }
    *out = (tn_dtype)number;
    return true;
}

static bool read_dims(importer *im, size_t n, const int64_t *dims, const char *what, tn_shape *out)
{
    if (n > TN_MAX_RANK) {
        tn_error_at(im->diag, im->path, "%s has %zu dims; at most %d are supported", what, n, TN_MAX_RANK);
        return false;
    }
    int64_t count = 1;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < 0) {
            tn_error_at(im->diag, im->path, "%s has dim %zu of %lld", what, i, (long long)dims[i]);
            return false;
        }
        if (dims[i] > TN_DIM_MAX || !tn_mul_i64(count, dims[i], &count) || count > TN_DIM_MAX) {
            tn_error_at(im->diag, im->path, "%s has more than 2^40 elements", what);
            return false;
        }
    }
    *out = tn_shape_fixed((int)n, dims);
    return true;
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

void tn_onnx_from_little_endian(void *data, size_t bytes, int size)
{
    uint8_t *p = data;
    if (is_little_endian())
        return;
    for (size_t at = 0; at + (size_t)size <= bytes; at += (size_t)size)
        for (int i = 0; i < size / 2; i++) {
            uint8_t low = p[at + (size_t)i];
            p[at + (size_t)i] = p[at + (size_t)(size - 1 - i)];
            p[at + (size_t)(size - 1 - i)] = low;
        }
}

/* C code that branches on a bool relies on 0 and 1; files hold any byte. */
static void normalise_bools(tn_tensor *t)
{
    uint8_t *p = t->data;
    if (t->dtype == TN_BOOL)
        for (size_t i = 0; i < t->bytes; i++)
            p[i] = p[i] != 0;
}

static bool wrong_count(importer *im, const char *what, const char *where, size_t found, size_t wanted)
{
    tn_error_at(im->diag, im->path, "%s has %zu %s; its type and dims need %zu", what, found, where, wanted);
    return false;
}

/* Files hold the 4- and 2-bit types several to a byte, the first in the lowest bits. */
static bool is_packed(tn_dtype t)
{
    return tn_dtype_get(t)->bits < 8 * tn_dtype_get(t)->size;
}

static size_t file_bytes(const tn_tensor *t)
{
    size_t a_byte = is_packed(t->dtype) ? 8 / (size_t)tn_dtype_get(t->dtype)->bits : 1;
    return t->bytes / a_byte + (t->bytes % a_byte != 0);
}

static void unpack_element(tn_tensor *t, size_t i, unsigned byte)
{
    unsigned bits = (unsigned)tn_dtype_get(t->dtype)->bits, a_byte = 8 / bits;
    unsigned x = byte >> i % a_byte * bits & ((1u << bits) - 1);
    if (tn_dtype_get(t->dtype)->codec != NULL)
        tn_tensor_set_bits(t, (int64_t)i, (uint16_t)x);
    else
        tn_tensor_set_int(t, (int64_t)i, x);
}

static void unpack_elements(importer *im, tn_tensor *t, const uint8_t *packed)
{
    size_t a_byte = 8 / (size_t)tn_dtype_get(t->dtype)->bits;
    t->data = tn_alloc(im->arena, t->bytes);
    for (size_t i = 0; i < t->bytes; i++)
        unpack_element(t, i, packed[i / a_byte]);
}

static uint8_t *pack_elements(tn_arena *a, const tn_tensor *t)
{
    size_t bits = (size_t)tn_dtype_get(t->dtype)->bits, a_byte = 8 / bits;
    uint8_t *out = tn_alloc(a, file_bytes(t));
    for (size_t i = 0; i < t->bytes; i++) {
        unsigned x = ((const uint8_t *)t->data)[i] & ((1u << bits) - 1);
        out[i / a_byte] = (uint8_t)(out[i / a_byte] | x << i % a_byte * bits);
    }
    return out;
}

static bool use_raw(importer *im, const TensorProto *p, tn_tensor *t, const char *what)
{
    if (p->raw_data.len != file_bytes(t))
        return wrong_count(im, what, "bytes of raw data", p->raw_data.len, file_bytes(t));
    if (is_packed(t->dtype)) {
        unpack_elements(im, t, p->raw_data.data);
        return true;
    }
    t->data = t->bytes > 0 ? p->raw_data.data : tn_alloc(im->arena, 0);
    tn_onnx_from_little_endian(t->data, t->bytes, tn_dtype_get(t->dtype)->size);
    return true;
}

/* The typed array that holds this type's elements: how many there are, and where when their layout is the tensor's. */
static const void *find_typed(const TensorProto *p, tn_dtype dtype, const char **where, size_t *n)
{
    switch (dtype) {
    case TN_FLOAT:
        *where = "elements of float_data";
        *n = p->n_float_data;
        return p->float_data;
    case TN_DOUBLE:
        *where = "elements of double_data";
        *n = p->n_double_data;
        return p->double_data;
    case TN_INT64:
        *where = "elements of int64_data";
        *n = p->n_int64_data;
        return p->int64_data;
    case TN_UINT64:
        *where = "elements of uint64_data";
        *n = p->n_uint64_data;
        return p->uint64_data;
    case TN_UINT32:
        *where = "elements of uint64_data";
        *n = p->n_uint64_data;
        return NULL;
    case TN_INT32:
        *where = "elements of int32_data";
        *n = p->n_int32_data;
        return p->int32_data;
    default:
        *where = "elements of int32_data";
        *n = p->n_int32_data;
        return NULL;
    }
}

/* Floats that are held as their bits are stored as these, so as integers; packed ones a byte to an integer. */
static void narrow_elements(const TensorProto *p, tn_tensor *t, size_t n)
{
    size_t a_byte = is_packed(t->dtype) ? 8 / (size_t)tn_dtype_get(t->dtype)->bits : 1;
    for (size_t i = 0; i < n; i++) {
        if (t->dtype == TN_UINT32)
            tn_tensor_set_int(t, (int64_t)i, (int64_t)p->uint64_data[i]);
        else if (is_packed(t->dtype))
            unpack_element(t, i, (unsigned)p->int32_data[i / a_byte] & 255u);
        else if (tn_dtype_get(t->dtype)->codec != NULL)
            tn_tensor_set_bits(t, (int64_t)i, (uint16_t)p->int32_data[i]);
        else
            tn_tensor_set_int(t, (int64_t)i, t->dtype == TN_BOOL ? p->int32_data[i] != 0 : p->int32_data[i]);
    }
}

static bool use_typed(importer *im, const TensorProto *p, tn_tensor *t, const char *what)
{
    const char *where;
    size_t n, count = (size_t)tn_shape_count(&t->shape), wanted = is_packed(t->dtype) ? file_bytes(t) : count;
    const void *same = find_typed(p, t->dtype, &where, &n);
    if (n != wanted)
        return wrong_count(im, what, where, n, wanted);
    t->data = tn_alloc(im->arena, t->bytes);
    if (same != NULL && n > 0)
        memcpy(t->data, same, t->bytes);
    else
        narrow_elements(p, t, count);
    return true;
}

static bool fill_tensor(importer *im, const TensorProto *p, tn_tensor *t, const char *what)
{
    if (p->segment != NULL) {
        tn_error_at(im->diag, im->path, "%s is stored in segments, which is not supported", what);
        return false;
    }
    if (p->has_data_location && p->data_location != TN_ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT) {
        t->data = tn_onnx_external(im, p, file_bytes(t), what);
        if (t->data != NULL && is_packed(t->dtype))
            unpack_elements(im, t, t->data);
        return t->data != NULL;
    }
    const char *where;
    size_t n;
    find_typed(p, t->dtype, &where, &n);
    return p->raw_data.len > 0 || (p->has_raw_data && n == 0) ? use_raw(im, p, t, what) : use_typed(im, p, t, what);
}

static tn_tensor *read_strings(importer *im, const TensorProto *p, const tn_shape *s, const char *what)
{
    const char **items = TN_NEW_N(im->arena, const char *, p->n_string_data + 1);
    if (p->n_string_data != (size_t)tn_shape_count(s)) {
        wrong_count(im, what, "elements of string_data", p->n_string_data, (size_t)tn_shape_count(s));
        return NULL;
    }
    if (s->rank == TN_MAX_RANK) {
        tn_error_at(im->diag, im->path, "%s: strings of rank %d; at most %d is supported", what, s->rank,
                    TN_MAX_RANK - 1);
        return NULL;
    }
    for (size_t i = 0; i < p->n_string_data; i++)
        items[i] = p->string_data[i].len > 0
                     ? tn_strndup(im->arena, (const char *)p->string_data[i].data, p->string_data[i].len)
                     : "";
    return tn_tensor_of_strings(im->arena, s, items);
}

tn_tensor *tn_onnx_tensor(importer *im, const TensorProto *p, const char *what)
{
    tn_tensor *t = TN_NEW(im->arena, tn_tensor);
    *t = (tn_tensor){0};
    if (!tn_onnx_dtype(im, p->data_type, what, &t->dtype) || !read_dims(im, p->n_dims, p->dims, what, &t->shape))
        return NULL;
    if (t->dtype == TN_STRING)
        return read_strings(im, p, &t->shape, what);
    t->bytes = tn_mul_size(im->arena, (size_t)tn_shape_count(&t->shape), (size_t)tn_dtype_get(t->dtype)->size);
    if (!fill_tensor(im, p, t, what))
        return NULL;
    normalise_bools(t);
    return t;
}

/* --- sparse tensors ----------------------------------------------------------------------------------------------- */

/* Row-major position of entry k in the dense tensor; -1 when it lies outside. */
static int64_t sparse_position(const tn_tensor *indices, const tn_shape *dense, int64_t k)
{
    int64_t count = tn_shape_count(dense), at = 0;
    if (indices->shape.rank == 1) {
        at = tn_tensor_get_int(indices, k);
        return at >= 0 && at < count ? at : -1;
    }
    for (int i = 0; i < dense->rank; i++) {
        int64_t x = tn_tensor_get_int(indices, k * dense->rank + i);
        if (x < 0 || x >= dense->dim[i].n)
            return -1;
        at = at * dense->dim[i].n + x;
    }
    return at;
}

static bool check_sparse(importer *im, const tn_tensor *values, const tn_tensor *indices, const tn_shape *dense,
                         const char *what)
{
    const tn_shape *v = &values->shape, *x = &indices->shape;
    bool flat = x->rank == 1, coordinates = x->rank == 2 && x->dim[1].n == dense->rank;
    if (indices->dtype != TN_INT64 || v->rank != 1 || !(flat || coordinates) || x->dim[0].n != v->dim[0].n) {
        tn_error_at(im->diag, im->path, "%s: sparse values %s and indices %s do not fit rank %d", what,
                    tn_type_text(im->arena, values->dtype, v), tn_type_text(im->arena, indices->dtype, x), dense->rank);
        return false;
    }
    if ((size_t)tn_shape_count(dense) > MAX_EXPANDED / (size_t)tn_dtype_get(values->dtype)->size) {
        tn_error_at(im->diag, im->path, "%s is sparse and would take more than 2 GiB when dense", what);
        return false;
    }
    return true;
}

static bool scatter_sparse(importer *im, const tn_tensor *values, const tn_tensor *indices, tn_tensor *out,
                           const char *what)
{
    size_t size = (size_t)tn_dtype_get(out->dtype)->size;
    for (int64_t k = 0; k < values->shape.dim[0].n; k++) {
        int64_t at = sparse_position(indices, &out->shape, k);
        if (at < 0) {
            tn_error_at(im->diag, im->path, "%s: sparse index %lld lies outside the tensor", what, (long long)k);
            return false;
        }
        memcpy((char *)out->data + (size_t)at * size, (const char *)values->data + (size_t)k * size, size);
    }
    return true;
}

tn_tensor *tn_onnx_sparse_tensor(importer *im, const SparseTensorProto *p, const char *what)
{
    if (p->values == NULL || p->indices == NULL) {
        tn_error_at(im->diag, im->path, "%s is sparse and has no %s", what, p->values == NULL ? "values" : "indices");
        return NULL;
    }
    const tn_tensor *values = tn_onnx_tensor(im, p->values, what);
    const tn_tensor *indices = values != NULL ? tn_onnx_tensor(im, p->indices, what) : NULL;
    tn_shape dense;
    if (indices == NULL || !read_dims(im, p->n_dims, p->dims, what, &dense)
        || !check_sparse(im, values, indices, &dense, what))
        return NULL;
    tn_tensor *out = tn_tensor_make(im->arena, values->dtype, &dense);
    return scatter_sparse(im, values, indices, out, what) ? out : NULL;
}

/* --- TensorProto files -------------------------------------------------------------------------------------------- */

static void *unpack_alloc(void *arena, size_t size)
{
    return tn_alloc(arena, size);
}

static void unpack_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

ProtobufCAllocator tn_onnx_allocator(tn_arena *a)
{
    return (ProtobufCAllocator){unpack_alloc, unpack_free, a};
}

typedef struct value_file {
    importer im;
    tn_arena scratch; /* the file's bytes, released once unpacked */
    tn_onnx_kind kind;
    void *proto; /* of the kind's message */
} value_file;

static bool unpack_value(void *state)
{
    static const char *const names[] = {"a TensorProto", "a SequenceProto", "an OptionalProto"};
    value_file *s = state;
    size_t size;
    const char *bytes = tn_read_file(&s->scratch, s->im.diag, s->im.path, &size);
    ProtobufCAllocator allocator = tn_onnx_allocator(s->im.arena);
    const uint8_t *at = (const uint8_t *)bytes;
    if (bytes == NULL)
        return false;
    s->proto = s->kind == TN_ONNX_TENSOR   ? (void *)tn_onnx__tensor_proto__unpack(&allocator, size, at)
             : s->kind == TN_ONNX_SEQUENCE ? (void *)tn_onnx__sequence_proto__unpack(&allocator, size, at)
                                           : (void *)tn_onnx__optional_proto__unpack(&allocator, size, at);
    if (s->proto == NULL)
        tn_error_at(s->im.diag, s->im.path, "not %s: its protobuf encoding is broken", names[s->kind]);
    return s->proto != NULL;
}

static void release_value_file(void *state)
{
    tn_arena_free(&((value_file *)state)->scratch);
}

static bool read_value(importer *im, const TensorProto *p, tn_tensor_vec *out)
{
    tn_tensor *t = tn_onnx_tensor(im, p, tn_strfmt(im->arena, "tensor '%s'", tn_onnx_text(p->name)));
    if (t != NULL)
        *TN_PUSH(im->arena, *out) = t;
    return t != NULL;
}

static bool read_sequence(importer *im, const TnOnnx__SequenceProto *p, tn_tensor_vec *out)
{
    for (size_t i = 0; p != NULL && i < p->n_tensor_values; i++)
        if (!read_value(im, p->tensor_values[i], out))
            return false;
    return true;
}

static bool read_optional(importer *im, const TnOnnx__OptionalProto *p, tn_tensor_vec *out)
{
    return (p->tensor_value == NULL || read_value(im, p->tensor_value, out))
        && read_sequence(im, p->sequence_value, out);
}

bool tn_onnx_read_values(tn_arena *a, tn_diag *d, const char *path, tn_onnx_kind kind, tn_tensor_vec *out)
{
    value_file s = {.im = {.arena = a, .diag = d, .path = path}, .scratch = {.memory = a->memory}, .kind = kind};
    if (!tn_finally(a, unpack_value, release_value_file, &s))
        return false;
    return kind == TN_ONNX_TENSOR   ? read_value(&s.im, s.proto, out)
         : kind == TN_ONNX_SEQUENCE ? read_sequence(&s.im, s.proto, out)
                                    : read_optional(&s.im, s.proto, out);
}

tn_tensor *tn_onnx_read_tensor(tn_arena *a, tn_diag *d, const char *path)
{
    tn_tensor_vec v = {0};
    return tn_onnx_read_values(a, d, path, TN_ONNX_TENSOR, &v) ? v.items[0] : NULL;
}

bool tn_onnx_write_tensor(tn_arena *a, tn_diag *d, const char *path, const char *name, const tn_tensor *t)
{
    TensorProto p = TN_ONNX__TENSOR_PROTO__INIT;
    int64_t dims[TN_MAX_RANK];
    assert(tn_shape_is_fixed(&t->shape));
    for (int i = 0; i < t->shape.rank; i++)
        dims[i] = t->shape.dim[i].n;
    p.n_dims = (size_t)t->shape.rank;
    p.dims = dims;
    p.has_data_type = true;
    p.data_type = (int32_t)t->dtype;
    p.name = tn_strdup(a, tn_onnx_text(name));
    p.has_raw_data = true;
    p.raw_data.len = file_bytes(t);
    p.raw_data.data = is_packed(t->dtype) ? pack_elements(a, t) : tn_alloc(a, t->bytes);
    if (!is_packed(t->dtype) && t->bytes > 0)
        memcpy(p.raw_data.data, t->data, t->bytes);
    tn_onnx_from_little_endian(p.raw_data.data, file_bytes(t), tn_dtype_get(t->dtype)->size);
    uint8_t *bytes = tn_alloc(a, tn_onnx__tensor_proto__get_packed_size(&p));
    return tn_write_file(d, path, bytes, tn_onnx__tensor_proto__pack(&p, bytes));
}
