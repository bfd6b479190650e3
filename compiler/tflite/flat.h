/* FlatBuffers, read where they lie. Every offset is checked before it is followed: what points outside the file gives an
   absent table, an empty vector or the default, and the first such place is kept for the message.

       tn_flat f = {bytes, size};
       tn_flat_table model = tn_flat_root(&f);
       tn_flat_vec graphs = tn_flat_tables(model, 2);          field 2 of the schema's table
       if (f.why != NULL) ...                                  the file is damaged

   Numbers are little-endian and may stand anywhere. */
#ifndef TN_FLAT_H
#define TN_FLAT_H

#include "base/base.h"

typedef struct tn_flat {
    const uint8_t *bytes;
    size_t size;
    const char *why; /* what is wrong with the file, and where; NULL: nothing so far */
    size_t where;
} tn_flat;

/* at 0: absent; all fields of an absent table have their defaults. */
typedef struct tn_flat_table {
    tn_flat *f;
    size_t at, fields; /* of the table, and of its vtable */
    size_t n;          /* bytes of the vtable */
} tn_flat_table;

typedef struct tn_flat_vec {
    tn_flat *f;
    size_t at, n; /* of the first element; how many */
} tn_flat_vec;

tn_flat_table tn_flat_root(tn_flat *f);

int64_t tn_flat_int(tn_flat_table t, int field, int bytes, bool is_signed,
                    int64_t otherwise); /* of 1, 2, 4 or 8 bytes */
int tn_flat_i32(tn_flat_table t, int field, int otherwise);
uint32_t tn_flat_u32(tn_flat_table t, int field, uint32_t otherwise);
int tn_flat_i8(tn_flat_table t, int field, int otherwise);
bool tn_flat_bool(tn_flat_table t, int field);
float tn_flat_float(tn_flat_table t, int field, float otherwise);
tn_flat_table tn_flat_child(tn_flat_table t, int field);
tn_flat_vec tn_flat_vector(tn_flat_table t, int field, size_t item); /* of elements of that many bytes */
const char *tn_flat_text(tn_arena *a, tn_flat_table t, int field);   /* "" where absent; control characters become ? */

/* Elements; i < v.n. */
int tn_flat_at_i32(tn_flat_vec v, size_t i);
int64_t tn_flat_at_i64(tn_flat_vec v, size_t i);
float tn_flat_at_float(tn_flat_vec v, size_t i);
tn_flat_table tn_flat_at_table(tn_flat_vec v, size_t i); /* of a vector of offsets: item 4 */

#endif
