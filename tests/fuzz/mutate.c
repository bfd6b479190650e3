#include "mutate.h"

#include "base/base.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_CHANGES = 4, MAX_DEPTH = 8 };

typedef ProtobufCMessage message;
typedef ProtobufCFieldDescriptor field;

typedef struct slot {
    message *of;
    const field *field;
} slot;

/* A message that lies packed in a field of bytes. */
typedef struct inner {
    ProtobufCBinaryData *at;
    message *message;
} inner;

typedef struct mutator {
    tn_arena arena;
    uint64_t state;
    const mutation *how;
    size_t n_words;
    struct {
        slot *items;
        size_t n, room;
    } there, absent; /* fields of all messages */
    struct {
        char **items;
        size_t n, room;
    } names; /* all strings */
    struct {
        message **items;
        size_t n, room;
    } messages;
    struct {
        inner *items;
        size_t n, room;
    } inners; /* outer ones first */
} mutator;

/* --- chance ------------------------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(mutator *m)
{
    uint64_t z = m->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(mutator *m, size_t n)
{
    return n > 0 ? (size_t)(draw(m) % n) : 0;
}

static int64_t draw_int(mutator *m)
{
    static const int64_t unusual[] = {0,   1,         -1,        2,         -2,        3,       7,         16,
                                      255, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 16, 1LL << 33, 1000000007};
    size_t i = below(m, 2 * sizeof unusual / sizeof *unusual);
    return i < sizeof unusual / sizeof *unusual ? unusual[i] : (int64_t)below(m, 32) - 4;
}

static double draw_float(mutator *m)
{
    static const double unusual[] = {0, -0.0, 1, -1, 0.5, 1e-40, 1e30, -1e30, 255.5, 2147483648.0, INFINITY, NAN};
    return unusual[below(m, sizeof unusual / sizeof *unusual)];
}

static char *draw_name(mutator *m)
{
    size_t kind = below(m, 8);
    if (kind == 0)
        return tn_strdup(&m->arena, "");
    if (kind < 3 && m->n_words > 0)
        return tn_strdup(&m->arena, m->how->word(below(m, m->n_words)));
    return m->names.n > 0 ? m->names.items[below(m, m->names.n)] : tn_strdup(&m->arena, "x");
}

static const message *draw_message(mutator *m, const ProtobufCMessageDescriptor *d)
{
    const message *found = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < m->messages.n; i++)
        if (m->messages.items[i]->descriptor == d && below(m, ++seen) == 0)
            found = m->messages.items[i];
    return found;
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static void *at(const message *p, size_t offset)
{
    return (char *)(uintptr_t)p + offset;
}

static size_t size_of(const field *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4;
    }
}

static bool is_pointer(const field *f)
{
    return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool is_oneof(const field *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static size_t count_of(const message *p, const field *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return *(size_t *)at(p, f->quantifier_offset);
    if (is_oneof(f))
        return *(uint32_t *)at(p, f->quantifier_offset) == f->id;
    if (is_pointer(f))
        return *(void **)at(p, f->offset) != NULL;
    return f->label != PROTOBUF_C_LABEL_OPTIONAL || *(protobuf_c_boolean *)at(p, f->quantifier_offset);
}

static void *element(const message *p, const field *f, size_t i)
{
    return f->label == PROTOBUF_C_LABEL_REPEATED ? *(char **)at(p, f->offset) + i * size_of(f) : at(p, f->offset);
}

/* An absent pointer is NULL; other fields have a note beside them. */
static void set_present(message *p, const field *f, bool present)
{
    if (is_oneof(f))
        *(uint32_t *)at(p, f->quantifier_offset) = present ? f->id : 0;
    else if (!is_pointer(f) && f->label == PROTOBUF_C_LABEL_OPTIONAL)
        *(protobuf_c_boolean *)at(p, f->quantifier_offset) = present;
    if (!present && is_pointer(f))
        *(void **)at(p, f->offset) = NULL;
}

/* --- what there is ------------------------------------------------------------------------------------------------ */

static void *arena_alloc(void *arena, size_t size)
{
    return tn_alloc(arena, size);
}

static void arena_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

static ProtobufCAllocator allocator_of(mutator *m)
{
    return (ProtobufCAllocator){arena_alloc, arena_free, &m->arena};
}

static const ProtobufCMessageDescriptor *inside_of(const mutator *m, const message *p, const field *f)
{
    for (const mutate_nested *n = m->how->nested; n->message != NULL; n++)
        if (n->message == p->descriptor && strcmp(n->field, f->name) == 0)
            return n->inside;
    return NULL;
}

static void collect(mutator *m, message *p, int depth);

static void collect_bytes(mutator *m, const message *p, const field *f, ProtobufCBinaryData *bytes, int depth)
{
    const ProtobufCMessageDescriptor *d = inside_of(m, p, f);
    ProtobufCAllocator allocator = allocator_of(m);
    message *unpacked = d != NULL ? protobuf_c_message_unpack(d, &allocator, bytes->len, bytes->data) : NULL;
    if (unpacked == NULL)
        return;
    *TN_PUSH(&m->arena, m->inners) = (inner){bytes, unpacked};
    collect(m, unpacked, depth + 1);
}

static void collect_field(mutator *m, message *p, const field *f, int depth)
{
    size_t n = count_of(p, f);
    *(n > 0 ? TN_PUSH(&m->arena, m->there) : TN_PUSH(&m->arena, m->absent)) = (slot){p, f};
    for (size_t i = 0; i < n; i++) {
        void *x = element(p, f, i);
        if (f->type == PROTOBUF_C_TYPE_STRING)
            *TN_PUSH(&m->arena, m->names) = *(char **)x;
        else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            collect(m, *(message **)x, depth + 1);
        else if (f->type == PROTOBUF_C_TYPE_BYTES)
            collect_bytes(m, p, f, x, depth);
    }
}

static void collect(mutator *m, message *p, int depth)
{
    if (depth > MAX_DEPTH)
        return;
    *TN_PUSH(&m->arena, m->messages) = p;
    for (unsigned i = 0; i < p->descriptor->n_fields; i++)
        collect_field(m, p, &p->descriptor->fields[i], depth);
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

static message *copy_message(mutator *m, const message *p)
{
    ProtobufCAllocator allocator = allocator_of(m);
    uint8_t *bytes = tn_alloc(&m->arena, protobuf_c_message_get_packed_size(p) + 1);
    return protobuf_c_message_unpack(p->descriptor, &allocator, protobuf_c_message_pack(p, bytes), bytes);
}

/* One of its kind, or an empty one. */
static message *fresh_message(mutator *m, const ProtobufCMessageDescriptor *d)
{
    const message *like = draw_message(m, d);
    if (like != NULL)
        return copy_message(m, like);
    message *p = tn_alloc(&m->arena, d->sizeof_message);
    protobuf_c_message_init(d, p);
    return p;
}

static void change_bytes(mutator *m, ProtobufCBinaryData *b)
{
    uint8_t *data = tn_alloc(&m->arena, b->len + 1);
    size_t n = b->len > 0 && below(m, 4) == 0 ? below(m, b->len) : b->len;
    if (n > 0)
        memcpy(data, b->data, n);
    for (size_t i = below(m, 4); i > 0 && n > 0; i--)
        data[below(m, n)] = (uint8_t)draw(m);
    *b = (ProtobufCBinaryData){n, data};
}

static void change_value(mutator *m, const field *f, void *x, bool fresh)
{
    int64_t by = (int64_t)below(m, 3) - 1, v = draw_int(m);
    bool step = !fresh && by != 0;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING: *(char **)x = draw_name(m); break;
    case PROTOBUF_C_TYPE_MESSAGE: *(message **)x = fresh_message(m, f->descriptor); break;
    case PROTOBUF_C_TYPE_BYTES:
        if (fresh)
            *(ProtobufCBinaryData *)x = (ProtobufCBinaryData){0};
        change_bytes(m, x);
        break;
    case PROTOBUF_C_TYPE_FLOAT: *(float *)x = (float)draw_float(m); break;
    case PROTOBUF_C_TYPE_DOUBLE: *(double *)x = draw_float(m); break;
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)x = (protobuf_c_boolean)(v & 1); break;
    default:
        if (size_of(f) == 8)
            *(uint64_t *)x = step ? *(uint64_t *)x + (uint64_t)by : (uint64_t)v;
        else
            *(uint32_t *)x = step ? *(uint32_t *)x + (uint32_t)by : (uint32_t)v;
    }
}

/* Room for one more, with a gap at i. */
static void *insert(mutator *m, message *p, const field *f, size_t i)
{
    size_t n = count_of(p, f), size = size_of(f);
    char *old = *(char **)at(p, f->offset), *now = tn_alloc(&m->arena, (n + 1) * size);
    if (n > 0) {
        memcpy(now, old, i * size);
        memcpy(now + (i + 1) * size, old + i * size, (n - i) * size);
    }
    *(char **)at(p, f->offset) = now;
    *(size_t *)at(p, f->quantifier_offset) = n + 1;
    memset(now + i * size, 0, size);
    return now + i * size;
}

static void remove_element(message *p, const field *f, size_t i)
{
    size_t n = count_of(p, f), size = size_of(f);
    char *x = element(p, f, i);
    memmove(x, x + size, (n - 1 - i) * size);
    *(size_t *)at(p, f->quantifier_offset) = n - 1;
}

static void swap_elements(const message *p, const field *f, size_t i, size_t j)
{
    char keep[sizeof(ProtobufCBinaryData)], *x = element(p, f, i), *y = element(p, f, j);
    memcpy(keep, x, size_of(f));
    memmove(x, y, size_of(f));
    memcpy(y, keep, size_of(f));
}

static void change_repeated(mutator *m, message *p, const field *f)
{
    size_t n = count_of(p, f), i = below(m, n), what = n > 0 ? below(m, 8) : 0;
    if (what == 0)
        change_value(m, f, insert(m, p, f, below(m, n + 1)), true);
    else if (what == 1)
        remove_element(p, f, i);
    else if (what == 2)
        swap_elements(p, f, i, below(m, n));
    else if (f->type != PROTOBUF_C_TYPE_MESSAGE || what == 3) /* what is in a message has slots of its own */
        change_value(m, f, element(p, f, i), false);
}

static void change_slot(mutator *m, slot s)
{
    size_t n = count_of(s.of, s.field);
    if (s.field->label == PROTOBUF_C_LABEL_REPEATED) {
        change_repeated(m, s.of, s.field);
    } else if (n > 0 && s.field->label == PROTOBUF_C_LABEL_OPTIONAL && below(m, 8) == 0) {
        set_present(s.of, s.field, false);
    } else if (n == 0 || s.field->type != PROTOBUF_C_TYPE_MESSAGE || below(m, 4) == 0) {
        set_present(s.of, s.field, true);
        change_value(m, s.field, at(s.of, s.field->offset), n == 0);
    }
}

/* Inner messages back into their bytes, the innermost first. */
static void pack_inners(mutator *m)
{
    for (size_t i = m->inners.n; i-- > 0;) {
        const inner *in = &m->inners.items[i];
        uint8_t *data = tn_alloc(&m->arena, protobuf_c_message_get_packed_size(in->message) + 1);
        *in->at = (ProtobufCBinaryData){protobuf_c_message_pack(in->message, data), data};
    }
}

/* --- the entry ---------------------------------------------------------------------------------------------------- */

/* Three of four times something that is there, else something that is not. */
static void change(mutator *m)
{
    bool old = m->absent.n == 0 || below(m, 4) > 0;
    if (old && m->there.n > 0)
        change_slot(m, m->there.items[below(m, m->there.n)]);
    else if (m->absent.n > 0)
        change_slot(m, m->absent.items[below(m, m->absent.n)]);
}

static size_t mutate(mutator *m, uint8_t *bytes, size_t size, size_t max)
{
    ProtobufCAllocator allocator = allocator_of(m);
    message *p = protobuf_c_message_unpack(m->how->message, &allocator, size, bytes);
    if (p == NULL)
        return 0;
    collect(m, p, 0);
    for (size_t n = 1 + below(m, MAX_CHANGES); n > 0; n--)
        change(m);
    pack_inners(m);
    size_t packed = protobuf_c_message_get_packed_size(p);
    return packed <= max ? protobuf_c_message_pack(p, bytes) : 0;
}

size_t mutate_bytes(const mutation *how, uint8_t *bytes, size_t size, size_t max, unsigned seed)
{
    tn_memory memory = {0};
    mutator m = {.arena.memory = &memory, .state = seed, .how = how};
    while (how->word(m.n_words) != NULL)
        m.n_words++;
    size_t now = mutate(&m, bytes, size, max);
    tn_arena_free(&m.arena);
    return now;
}
