/* Constants in the order of their memory. See loop.h. */
#include "loop/loop.h"

static int64_t place_of(const tn_buf *b, const int64_t *at)
{
    int64_t flat = 0;
    int n = b->layout.n > 0 ? b->layout.n : b->rank;
    for (int k = 0; k < n; k++) {
        int axis = b->layout.n > 0 ? b->layout.part[k].axis : k;
        int64_t div = b->layout.n > 0 ? b->layout.part[k].div : 1, mod = b->layout.n > 0 ? b->layout.part[k].mod : 0;
        int64_t room = mod != 0 ? mod : (b->max[axis] + div - 1) / div;
        int64_t i = at[axis] / div;
        flat = flat * room + (mod != 0 ? i % mod : i);
    }
    return flat;
}

static const tn_tensor *contents_of(const tn_buf *b)
{
    return b->packed_from != NULL ? b->packed_from->data : b->data;
}

int64_t tn_buf_packed_bytes(const tn_buf *b)
{
    const tn_tensor *t = contents_of(b);
    return b->layout.n == 0 ? (int64_t)t->bytes : tn_buf_room(b) * tn_dtype_get(t->dtype)->size;
}

void tn_buf_pack(const tn_buf *b, void *zeros)
{
    const tn_tensor *t = contents_of(b);
    size_t size = (size_t)tn_dtype_get(t->dtype)->size;
    int64_t at[TN_MAX_RANK] = {0}, count = tn_shape_count(&t->shape);
    if (b->layout.n == 0) {
        if (t->bytes > 0)
            memcpy(zeros, t->data, t->bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy((char *)zeros + (size_t)place_of(b, at) * size, (const char *)t->data + (size_t)i * size, size);
        for (int d = b->rank - 1; d >= 0 && ++at[d] == b->max[d]; d--)
            at[d] = 0;
    }
}
