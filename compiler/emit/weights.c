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

/* The blob is written weight by weight: beside the model's own copy there is room for the largest. */
typedef struct blob {
    const tn_unit *u;
    uint64_t id;
    unsigned char *room;
} blob;

static void put_zeros(size_t n, tn_put_fn *put, void *to)
{
    static const unsigned char zeros[256];
    for (; n > sizeof zeros; n -= sizeof zeros)
        put(to, zeros, sizeof zeros);
    put(to, zeros, n);
}

static void put_weight(const blob *b, const tn_weight *w, tn_put_fn *put, void *to)
{
    size_t size = (size_t)tn_dtype_get(w->buf->dtype)->size, bytes = (size_t)w->bytes;
    unsigned char *at = b->room;
    memset(at, 0, bytes);
    tn_buf_pack(w->buf, at);
    for (size_t i = 0; i < bytes && size > 1 && !host_is_little(); i += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char swapped = at[i + k];
            at[i + k] = at[i + size - 1 - k];
            at[i + size - 1 - k] = swapped;
        }
    put(to, at, bytes);
}

/* Weights stand in the order of their offsets. */
static void put_payload(const blob *b, tn_put_fn *put, void *to)
{
    int64_t end = 0;
    for (size_t i = 0; i < b->u->weights.n; i++) {
        const tn_weight *w = &b->u->weights.items[i];
        assert(w->offset >= end && w->bytes >= 0 && w->offset + w->bytes <= b->u->weights_size);
        if (w->bytes == 0)
            continue;
        put_zeros((size_t)(w->offset - end), put, to);
        put_weight(b, w, put, to);
        end = w->offset + w->bytes;
    }
    put_zeros((size_t)(b->u->weights_size - end), put, to);
}

static void add_to_crc(void *to, const void *bytes, size_t n)
{
    uint32_t *crc = to;
    *crc = tn_crc32(*crc, bytes, n);
}

static void give_blob(void *user, tn_put_fn *put, void *to)
{
    const blob *b = user;
    if (tn_weights_are_passed(b->u)) {
        unsigned char head[TN_WEIGHTS_HEADER] = "TNW1";
        uint32_t crc = 0;
        put_payload(b, add_to_crc, &crc);
        put_little(head + 4, 1, 4);
        put_little(head + 8, b->id, 8);
        put_little(head + 16, (uint64_t)b->u->weights_size, 8);
        put_little(head + 24, crc, 4);
        put_little(head + 28, TN_WEIGHTS_HEADER, 4);
        put(to, head, sizeof head);
    }
    put_payload(b, put, to);
}

static tn_file make_blob(const tn_unit *u)
{
    blob *b = TN_NEW(u->arena, blob);
    int64_t most = 1;
    for (size_t i = 0; i < u->weights.n; i++)
        most = u->weights.items[i].bytes > most ? u->weights.items[i].bytes : most;
    *b = (blob){u, tn_weights_id(u), tn_alloc(u->arena, (size_t)most)};
    return (tn_file){.name = tn_weights_file(u), .pieces = give_blob, .user = b};
}

void tn_emit_weights(const tn_unit *u, tn_file_vec *out)
{
    tn_str source = {.arena = u->arena};
    if (u->params == TN_PARAMS_CONST)
        emit_arrays(u, &source);
    else if (u->params == TN_PARAMS_INCBIN)
        tn_frame_fill(u, "weights_incbin.c", NULL, 0, &source);
    if (source.len > 0)
        *TN_PUSH(u->arena, *out) = tn_file_of(tn_strfmt(u->arena, "%s_weights.c", u->name), source.text, source.len);
    if (u->params != TN_PARAMS_CONST)
        *TN_PUSH(u->arena, *out) = make_blob(u);
}
