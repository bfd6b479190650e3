/* The weights of a package: C arrays (const), or a blob with every weight at its offset, which the build embeds
   (incbin) or the application passes to kws_run (blob, arg; with a header in front, see frame.h).

       const float kws_w_conv1_W[9] = {          kws_weights.bin: [header] weight 0, zeros, weight 1, ... little-endian
           0.25f, -1.5f, ... }; */
#include "base/hash.h"
#include "emit/frame.h"
#include "emit/names.h"

/* Declared before it is defined, without which C++ would keep it to its file. */
static void print_array(const tn_unit *u, const tn_weight *w, tn_str *out)
{
    int64_t count = tn_weight_count(w);
    bool empty = w->bytes == 0;
    const char *array = tn_strfmt(u->arena, "const %s %s_w_%s[%lld]", tn_dtype_get(w->buf->dtype)->c, u->name, w->name,
                                  (long long)count);
    tn_str_add(out, "\n/* %s */\n", tn_in_comment(u->arena, tn_io_type(u->arena, w->buf)));
    tn_str_add(out, "extern %s;\nTN_ALIGNED(%d) %s_SECTION_WEIGHTS %s = {\n", array, u->target->work_align, u->upper,
               array);
    if (empty) {
        tn_str_add(out, "    0,\n");
    } else {
        tn_shape flat = tn_shape_fixed(1, &count);
        tn_tensor *data = tn_tensor_make(u->arena, w->buf->dtype, &flat);
        tn_buf_pack(w->buf, data->data);
        tn_print_numbers(data, count, 1, out);
    }
    tn_str_add(out, "};\n");
}

static void emit_arrays(const tn_unit *u, tn_str *out)
{
    tn_str arrays = {.arena = u->arena};
    for (size_t i = 0; i < u->weights.n; i++)
        print_array(u, &u->weights.items[i], &arrays);
    if (u->weights.n == 0) /* C has no empty source files */
        tn_str_add(&arrays, "\nextern const unsigned char %s_no_weights;\n", u->name);
    const tn_mark marks[] = {
        {"ARRAYS", arrays.text},
    };
    tn_frame_fill(u, "weights.c", marks, sizeof marks / sizeof *marks, out);
}

static bool host_is_little(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

static void put_little(unsigned char *at, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(x >> (8 * i));
}

/* The payload is all zeros before. */
static void put_weight(unsigned char *payload, const tn_weight *w)
{
    unsigned char *to = payload + w->offset;
    size_t size = (size_t)tn_dtype_get(w->buf->dtype)->size, bytes = (size_t)w->bytes;
    tn_buf_pack(w->buf, to);
    for (size_t i = 0; i < bytes && size > 1 && !host_is_little(); i += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char swapped = to[i + k];
            to[i + k] = to[i + size - 1 - k];
            to[i + size - 1 - k] = swapped;
        }
}

static tn_file make_blob(const tn_unit *u)
{
    size_t head = tn_weights_are_passed(u) ? TN_WEIGHTS_HEADER : 0, size = (size_t)u->weights_size;
    unsigned char *bytes = tn_alloc(u->arena, head + size);
    for (size_t i = 0; i < u->weights.n; i++) {
        const tn_weight *w = &u->weights.items[i];
        assert(w->offset >= 0 && w->bytes >= 0 && w->offset + w->bytes <= u->weights_size);
        if (w->bytes > 0)
            put_weight(bytes + head, w);
    }
    if (head > 0) {
        memcpy(bytes, "TNW1", 4);
        put_little(bytes + 4, 1, 4);
        put_little(bytes + 8, tn_weights_id(u), 8);
        put_little(bytes + 16, size, 8);
        put_little(bytes + 24, tn_crc32(bytes + head, size), 4);
        put_little(bytes + 28, TN_WEIGHTS_HEADER, 4);
    }
    return (tn_file){tn_weights_file(u), (const char *)bytes, head + size};
}

void tn_emit_weights(const tn_unit *u, tn_file_vec *out)
{
    tn_str source = {.arena = u->arena};
    if (u->params == TN_PARAMS_CONST)
        emit_arrays(u, &source);
    else if (u->params == TN_PARAMS_INCBIN)
        tn_frame_fill(u, "weights_incbin.c", NULL, 0, &source);
    if (source.len > 0)
        *TN_PUSH(u->arena, *out) = (tn_file){tn_strfmt(u->arena, "%s_weights.c", u->name), source.text, source.len};
    if (u->params != TN_PARAMS_CONST)
        *TN_PUSH(u->arena, *out) = make_blob(u);
}
