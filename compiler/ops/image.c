/* ImageDecoder, of formats whose pixels stand in the file as they are: BMP, binary PNM, TIFF without compression. What
   format it is, and where its pixels are, is found at run time from the header's bytes:

       BMP     "BM", offset, width, height, bits (8 with a palette, 24, 32); rows of blue, green, red from the bottom up
       PNM     "P5" or "P6", width, height, largest value, in digits among blanks and comments
       TIFF    "II" or "MM" (the order of bytes), a table of tags: sizes, samples of 8 bits, strips

   The result has the shape that the model declares; the run ends with an error where the data is no such image of that
   size. JPEG, PNG, WebP and JPEG 2000 compress: their decoders belong in front of the model. */
#include "ops/late.h"

enum { HEADER = 512, MOST_TAGS = 64 }; /* bytes of a PNM that are looked at for its header; entries of a TIFF's table */

typedef struct image {
    tn_program *p;
    const tn_node *node;
    tn_buf *data;
    const tn_expr *size; /* of the data, int64 */
} image;

/* What a format says; int64, bools as such. */
typedef struct format {
    const tn_expr *is;                     /* it is this format, in a form that is supported */
    const tn_expr *width, *height, *bytes; /* of a pixel */
    const tn_expr *end;                    /* of the pixels */
} format;

/* --- numbers of a header -------------------------------------------------------------------------------------------- */

static const tn_expr *number(const image *m, int64_t x)
{
    return tn_int64(m->p, x);
}

/* 0 outside. Expressions are printed as trees: what is used several times is kept in a buffer, here and below. */
static const tn_expr *byte_at(const image *m, const tn_expr *at)
{
    const tn_expr *i = tn_late_index(m->p, at);
    return tn_cast(m->p, TN_INT64, tn_load_or(m->p, m->data, &i, tn_integer(m->p, TN_UINT8, 0)));
}

/* `count` bytes from `at` on; big: the first is the highest. NULL: it is not. */
static const tn_expr *bytes_at(const image *m, const tn_expr *at, int count, const tn_expr *big)
{
    tn_program *p = m->p;
    const tn_expr *sum = number(m, 0);
    for (int i = 0; i < count; i++) {
        const tn_expr *place = number(m, i);
        if (big != NULL)
            place = tn_select(p, big, number(m, count - 1 - i), place);
        const tn_expr *b = byte_at(m, tn_add(p, at, place));
        sum = tn_add(p, sum, tn_mul(p, b, number(m, (int64_t)1 << 8 * i)));
    }
    return sum;
}

static const tn_expr *fixed_at(const image *m, int64_t at, int count)
{
    return bytes_at(m, number(m, at), count, NULL);
}

static const tn_expr *begins_with(const image *m, const char *magic)
{
    const tn_expr *all = tn_integer(m->p, TN_BOOL, 1);
    for (int i = 0; magic[i] != '\0'; i++)
        all = tn_and(m->p, all, tn_is(m->p, fixed_at(m, i, 1), number(m, magic[i])));
    return all;
}

/* Found once, read by each pixel. */
static const tn_expr *keep(const image *m, const char *name, const tn_expr *x)
{
    tn_comp *c = tn_comp_begin(m->p, m->node, tn_buf_temp(m->p, name, TN_INT64, 0, NULL));
    tn_comp_set(m->p, c, x);
    return tn_load(m->p, c->out, NULL);
}

static const tn_expr *keep_bool(const image *m, const char *name, const tn_expr *x)
{
    return tn_is(m->p, keep(m, name, tn_cast(m->p, TN_INT64, x)), number(m, 1));
}

static const tn_expr *is_one_of(const image *m, const tn_expr *x, int64_t a, int64_t b)
{
    return tn_either(m->p, tn_is(m->p, x, number(m, a)), tn_is(m->p, x, number(m, b)));
}

/* --- BMP ------------------------------------------------------------------------------------------------------------ */

typedef struct bmp {
    format f;
    const tn_expr *first, *step; /* where row 0 is, and how far it is to the next: backwards where it is the last */
    const tn_expr *palette;
} bmp;

static bmp read_bmp(const image *m)
{
    tn_program *p = m->p;
    bmp b;
    const tn_expr *bits = keep(m, "bmp.bits", fixed_at(m, 28, 2)), *zero = number(m, 0);
    const tn_expr *raw = keep(m, "bmp.raw", fixed_at(m, 22, 4));
    const tn_expr *down = tn_le(p, number(m, (int64_t)1 << 31), raw); /* a negative height: from the top down */
    const tn_expr *width = keep(m, "bmp.width", fixed_at(m, 18, 4)),
                  *offset = keep(m, "bmp.offset", fixed_at(m, 10, 4));
    const tn_expr *height = keep(m, "bmp.height", tn_select(p, down, tn_sub(p, number(m, (int64_t)1 << 32), raw), raw));
    const tn_expr *row =
        tn_mul(p, tn_div(p, tn_add(p, tn_mul(p, width, bits), number(m, 31)), number(m, 32)), number(m, 4));
    row = keep(m, "bmp.row", row);
    const tn_expr *known = tn_either(p, tn_is(p, bits, number(m, 8)), is_one_of(m, bits, 24, 32));
    known = tn_and(p, known, tn_is(p, fixed_at(m, 30, 4), zero)); /* no compression */
    b.f.is = keep_bool(m, "bmp", tn_and(p, begins_with(m, "BM"), known));
    b.f.width = width;
    b.f.height = height;
    b.f.bytes = keep(m, "bmp.bytes", tn_div(p, bits, number(m, 8)));
    b.f.end = tn_add(p, offset, tn_mul(p, row, height));
    b.step = keep(m, "bmp.step", tn_select(p, down, row, tn_sub(p, zero, row)));
    b.first = keep(m, "bmp.first",
                   tn_select(p, down, offset, tn_add(p, offset, tn_mul(p, row, tn_sub(p, height, number(m, 1))))));
    b.palette = keep(m, "bmp.palette", tn_add(p, fixed_at(m, 14, 4), number(m, 14)));
    return b;
}

/* --- PNM ------------------------------------------------------------------------------------------------------------ */

/* The header byte by byte: in a comment, a digit, which number, its digits so far; behind "P6", before that nothing is. */
typedef struct pnm_header {
    tn_buf *comment, *digit, *numbers, *value; /* int64 [HEADER] */
} pnm_header;

typedef struct pnm {
    format f;
    const tn_expr *first, *most;
} pnm;

/* A buffer of the header whose elements follow from those before. */
typedef struct lane {
    tn_comp *c;
    const tn_expr *q, *before, *last, *byte; /* last: the element before; byte: at q, int64 */
} lane;

static lane begin_lane(const image *m, const char *name)
{
    tn_program *p = m->p;
    const tn_dim length = tn_dim_fixed(HEADER);
    lane l = {.c = tn_comp_begin(p, m->node, tn_buf_temp(p, name, TN_INT64, 1, &length))};
    l.q = l.c->at[0];
    l.before = tn_sub(p, l.q, tn_index(p, 1));
    l.last = tn_select(p, tn_lt(p, l.q, tn_index(p, 1)), number(m, 0), tn_load(p, l.c->out, &l.before));
    l.byte = byte_at(m, tn_cast(p, TN_INT64, l.q));
    l.c->serial = true;
    return l;
}

static pnm_header scan_header(const image *m)
{
    tn_program *p = m->p;
    const tn_expr *one = number(m, 1), *zero = number(m, 0);
    pnm_header h;
    lane l = begin_lane(m, "pnm.comment");
    const tn_expr *starts = tn_select(p, tn_is(p, l.byte, number(m, '#')), one, l.last);
    tn_comp_set(p, l.c, tn_select(p, tn_is(p, l.byte, number(m, '\n')), zero, starts));
    h.comment = l.c->out;
    l = begin_lane(m, "pnm.digit");
    const tn_expr *is_digit = tn_and(p, tn_le(p, number(m, '0'), l.byte), tn_le(p, l.byte, number(m, '9')));
    is_digit = tn_and(p, is_digit, tn_is(p, tn_load(p, h.comment, &l.q), zero));
    tn_comp_set(p, l.c, tn_cast(p, TN_INT64, tn_and(p, is_digit, tn_le(p, tn_index(p, 2), l.q))));
    h.digit = l.c->out;
    l = begin_lane(m, "pnm.numbers");
    const tn_expr *follows = tn_select(p, tn_lt(p, l.q, tn_index(p, 1)), zero, tn_load(p, h.digit, &l.before));
    tn_comp_set(p, l.c, tn_add(p, l.last, tn_max(p, tn_sub(p, tn_load(p, h.digit, &l.q), follows), zero)));
    h.numbers = l.c->out;
    l = begin_lane(m, "pnm.value");
    const tn_expr *same = tn_select(p, tn_lt(p, l.q, tn_index(p, 1)), zero, tn_load(p, h.digit, &l.before));
    const tn_expr *so_far = tn_mul(p, tn_min(p, l.last, number(m, INT32_MAX)), tn_mul(p, same, number(m, 10)));
    const tn_expr *value = tn_add(p, so_far, tn_sub(p, l.byte, number(m, '0')));
    tn_comp_set(p, l.c, tn_select(p, tn_is(p, tn_load(p, h.digit, &l.q), one), value, l.last));
    h.value = l.c->out;
    return h;
}

/* Number k of the header: what its digits have come to at last. end: the byte behind it instead. */
static const tn_expr *pnm_number(const image *m, const pnm_header *h, int k, bool end)
{
    tn_program *p = m->p;
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, end ? "pnm.end" : "pnm.number", TN_INT64, 0, NULL));
    const tn_expr *q = tn_reduce_over(p, c, tn_dim_fixed(HEADER)), *here = tn_cast(p, TN_INT64, q);
    const tn_expr *mine = tn_is(p, tn_load(p, h->numbers, &q), number(m, k)), *bound = number(m, end ? HEADER : 0);
    if (end)
        mine = tn_and(p, mine, tn_is(p, tn_load(p, h->digit, &q), number(m, 0)));
    const tn_expr *e = tn_select(p, mine, end ? here : tn_load(p, h->value, &q), bound);
    tn_comp_reduce(p, c, end ? TN_OP_MIN : TN_OP_MAX, bound, e, NULL);
    return tn_load(p, c->out, NULL);
}

static pnm read_pnm(const image *m)
{
    tn_program *p = m->p;
    const pnm_header h = scan_header(m);
    pnm n = {.f = {.width = pnm_number(m, &h, 1, false), .height = pnm_number(m, &h, 2, false)}};
    const tn_expr *is_grey = begins_with(m, "P5");
    n.most = pnm_number(m, &h, 3, false);
    n.first = keep(m, "pnm.first", tn_add(p, pnm_number(m, &h, 3, true), number(m, 1)));
    n.f.bytes = keep(m, "pnm.bytes", tn_select(p, is_grey, number(m, 1), number(m, 3)));
    const tn_expr *narrow = tn_and(p, tn_le(p, number(m, 1), n.most), tn_le(p, n.most, number(m, 255)));
    n.f.is = keep_bool(m, "pnm", tn_and(p, tn_either(p, is_grey, begins_with(m, "P6")), narrow));
    const tn_expr *count =
        tn_mul(p, tn_limit(p, n.f.width, number(m, 0), m->size), tn_limit(p, n.f.height, number(m, 0), m->size));
    n.f.end = tn_add(p, n.first, tn_mul(p, count, n.f.bytes));
    return n;
}

/* --- TIFF ----------------------------------------------------------------------------------------------------------- */

typedef struct tiff {
    format f;
    const tn_expr *big, *strips, *strip_count, *strip_bytes, *strip_rows;
} tiff;

enum { TAG, TYPE, COUNT, VALUE, FIELDS };

/* The table: tag, type, how many values, and the first value or where they are: up to two of 2 bytes, or one of 4, stand in
   the table itself. int64 [MOST_TAGS, FIELDS], zeros behind its end. */
static tn_buf *read_tags(const image *m, const tn_expr *big)
{
    tn_program *p = m->p;
    const tn_dim dims[] = {tn_dim_fixed(MOST_TAGS), tn_dim_fixed(FIELDS)};
    const tn_expr *table = keep(m, "tiff.table", bytes_at(m, number(m, 4), 4, big));
    const tn_expr *entries = keep(m, "tiff.entries", bytes_at(m, table, 2, big));
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, "tiff.tags", TN_INT64, 2, dims));
    const tn_expr *i = tn_cast(p, TN_INT64, c->at[0]);
    const tn_expr *at = tn_add(p, tn_add(p, table, number(m, 2)), tn_mul(p, i, number(m, 12)));
    const tn_expr *is_tag = tn_is(p, c->at[1], tn_index(p, TAG)), *is_count = tn_is(p, c->at[1], tn_index(p, COUNT));
    const tn_expr *place = tn_add(p, at, number(m, 8)), *type = bytes_at(m, tn_add(p, at, number(m, 2)), 2, big);
    const tn_expr *count = bytes_at(m, tn_add(p, at, number(m, 4)), 4, big);
    const tn_expr *is_short = tn_and(p, tn_is(p, type, number(m, 3)), tn_le(p, count, number(m, 2)));
    const tn_expr *value = tn_select(p, is_short, bytes_at(m, place, 2, big), bytes_at(m, place, 4, big));
    const tn_expr *field = tn_select(p, is_count, count, value);
    field = tn_select(p, tn_is(p, c->at[1], tn_index(p, TYPE)), type, field);
    field = tn_select(p, is_tag, bytes_at(m, at, 2, big), field);
    tn_comp_set(p, c, tn_select(p, tn_lt(p, i, entries), field, number(m, 0)));
    return c->out;
}

/* Of the entry with that tag; 0 without one. */
static const tn_expr *tag_value(const image *m, tn_buf *tags, int64_t tag, int field)
{
    tn_program *p = m->p;
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, "tiff.tag", TN_INT64, 0, NULL));
    const tn_expr *i = tn_reduce_over(p, c, tn_dim_fixed(MOST_TAGS));
    const tn_expr *mine = tn_is(p, tn_load(p, tags, (const tn_expr *[]){i, tn_index(p, TAG)}), number(m, tag));
    const tn_expr *x = tn_load(p, tags, (const tn_expr *[]){i, tn_index(p, field)});
    tn_comp_reduce(p, c, TN_OP_MAX, number(m, 0), tn_select(p, mine, x, number(m, 0)), NULL);
    return tn_load(p, c->out, NULL);
}

/* Of the first sample; the others are taken to have as many. */
static const tn_expr *sample_bits(const image *m, tn_buf *tags, const tn_expr *big)
{
    enum { BITS = 258 };
    const tn_expr *value = tag_value(m, tags, BITS, VALUE), *count = tag_value(m, tags, BITS, COUNT);
    return tn_select(m->p, tn_le(m->p, count, number(m, 2)), value, bytes_at(m, value, 2, big));
}

/* Where row r begins: strips are of several rows each, and a table says where, if there is more than one. */
static const tn_expr *tiff_row(const image *m, const tiff *t, const tn_expr *r)
{
    tn_program *p = m->p;
    const tn_expr *strip = tn_div(p, r, t->strip_rows), *four = number(m, 4);
    const tn_expr *listed = bytes_at(m, tn_add(p, t->strips, tn_mul(p, strip, four)), 4, t->big);
    const tn_expr *start = tn_select(p, tn_is(p, t->strip_count, number(m, 1)), t->strips, listed);
    const tn_expr *within = tn_sub(p, r, tn_mul(p, strip, t->strip_rows));
    return tn_add(p, start, tn_mul(p, within, tn_mul(p, t->f.width, t->f.bytes)));
}

/* Behind the last byte of each row, and of the table of strips where there is one. */
static const tn_expr *tiff_end(const image *m, const tiff *t, tn_dim height)
{
    tn_program *p = m->p;
    const tn_expr *table = tn_add(p, t->strips, tn_mul(p, t->strip_count, number(m, 4))), *none = number(m, 0);
    const tn_expr *listed = tn_select(p, tn_is(p, t->strip_count, number(m, 1)), none, table);
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, "tiff.end", TN_INT64, 0, NULL));
    const tn_expr *r = tn_cast(p, TN_INT64, tn_reduce_over(p, c, height));
    const tn_expr *row = tn_add(p, tiff_row(m, t, r), tn_mul(p, t->f.width, t->f.bytes));
    tn_comp_reduce(p, c, TN_OP_MAX, none, row, tn_max(p, tn_comp_acc(p, c, TN_INT64), listed));
    return tn_load(p, c->out, NULL);
}

static tiff read_tiff(const image *m, tn_dim height)
{
    enum {
        WIDTH = 256,
        LENGTH = 257,
        COMPRESSION = 259,
        PHOTOMETRIC = 262,
        STRIPS = 273,
        SAMPLES = 277,
        ROWS = 278,
        PLANAR = 284
    };
    tn_program *p = m->p;
    tiff t;
    const tn_expr *one = number(m, 1);
    t.big = keep_bool(m, "tiff.big", begins_with(m, "MM"));
    tn_buf *tags = read_tags(m, t.big);
    t.f.width = tag_value(m, tags, WIDTH, VALUE);
    t.f.height = tag_value(m, tags, LENGTH, VALUE);
    t.f.bytes = keep(m, "tiff.samples", tn_max(p, tag_value(m, tags, SAMPLES, VALUE), one));
    t.strips = tag_value(m, tags, STRIPS, VALUE);
    t.strip_count = tag_value(m, tags, STRIPS, COUNT);
    const tn_expr *rows = tag_value(m, tags, ROWS, VALUE);
    t.strip_rows = keep(m, "tiff.rows", tn_select(p, tn_is(p, rows, number(m, 0)), tn_max(p, t.f.height, one), rows));
    const tn_expr *meaning = tag_value(m, tags, PHOTOMETRIC, VALUE), *grey = tn_is(p, meaning, one);
    const tn_expr *colour = tn_and(p, tn_is(p, meaning, number(m, 2)), tn_le(p, number(m, 3), t.f.bytes));
    const tn_expr *plain = tn_and(p, tn_is(p, tag_value(m, tags, COMPRESSION, VALUE), one),
                                  tn_le(p, tag_value(m, tags, PLANAR, VALUE), one));
    const tn_expr *magic = tn_is(p, bytes_at(m, number(m, 2), 2, t.big), number(m, 42));
    magic = tn_and(p, magic, tn_either(p, begins_with(m, "II"), t.big));
    const tn_expr *listed = tn_is(p, tag_value(m, tags, STRIPS, TYPE), number(m, 4)); /* of 4 bytes each */
    plain = tn_and(p, plain, tn_either(p, tn_is(p, t.strip_count, one), listed));
    plain = tn_and(p, plain, tn_is(p, sample_bits(m, tags, t.big), number(m, 8)));
    t.f.is = keep_bool(m, "tiff", tn_and(p, magic, tn_and(p, plain, tn_either(p, grey, colour))));
    t.f.end = tiff_end(m, &t, height);
    return t;
}

/* --- pixels --------------------------------------------------------------------------------------------------------- */

typedef struct formats {
    bmp bmp;
    pnm pnm;
    tiff tiff;
} formats;

static const tn_expr *pick(const image *m, const formats *f, const tn_expr *b, const tn_expr *n, const tn_expr *t)
{
    return tn_select(m->p, f->bmp.f.is, b, tn_select(m->p, f->pnm.f.is, n, t));
}

/* Where each row begins: int64 [H]. */
static tn_buf *find_rows(const image *m, const formats *f, const tn_expr *bytes, tn_dim height)
{
    tn_program *p = m->p;
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, "rows", TN_INT64, 1, &height));
    const tn_expr *r = tn_cast(p, TN_INT64, c->at[0]), *pnm_row = tn_mul(p, f->pnm.f.width, bytes);
    tn_comp_set(p, c,
                pick(m, f, tn_add(p, f->bmp.first, tn_mul(p, r, f->bmp.step)),
                     tn_add(p, f->pnm.first, tn_mul(p, r, pnm_row)), tiff_row(m, &f->tiff, r)));
    return c->out;
}

/* The bytes of all pixels as they stand, red, green, blue: uint8 [H,W,3]. Of one byte a pixel, three times that. */
static tn_buf *find_samples(const image *m, const formats *f, const tn_dim *size)
{
    tn_program *p = m->p;
    const tn_dim dims[] = {size[0], size[1], tn_dim_fixed(3)};
    const tn_expr *bytes = keep(m, "bytes", pick(m, f, f->bmp.f.bytes, f->pnm.f.bytes, f->tiff.f.bytes));
    tn_buf *rows = find_rows(m, f, bytes, size[0]);
    tn_comp *c = tn_comp_begin(p, m->node, tn_buf_temp(p, "samples", TN_UINT8, 3, dims));
    const tn_expr *k = tn_cast(p, TN_INT64, c->at[2]), *column = tn_cast(p, TN_INT64, c->at[1]);
    const tn_expr *place = tn_select(p, f->bmp.f.is, tn_sub(p, number(m, 2), k), k);
    place = tn_select(p, tn_lt(p, bytes, number(m, 3)), number(m, 0), place);
    tn_comp_set(p, c, byte_at(m, tn_add(p, tn_add(p, tn_load(p, rows, c->at), tn_mul(p, column, bytes)), place)));
    return c->out;
}

/* Colour k of the pixel: 0 to 255. */
static const tn_expr *colour(const image *m, const formats *f, tn_buf *samples, const tn_expr *const *at,
                             const tn_expr *k)
{
    tn_program *p = m->p;
    const tn_expr *v = tn_cast(p, TN_INT64, tn_load(p, samples, (const tn_expr *[]){at[0], at[1], k}));
    const tn_expr *most = f->pnm.most;
    const tn_expr *reversed = tn_sub(p, number(m, 2), tn_cast(p, TN_INT64, k));
    const tn_expr *listed = byte_at(m, tn_add(p, tn_add(p, f->bmp.palette, tn_mul(p, v, number(m, 4))), reversed));
    const tn_expr *scaled = tn_div(p, tn_add(p, tn_mul(p, v, number(m, 255)), tn_div(p, most, number(m, 2))), most);
    const tn_expr *has_palette = tn_is(p, f->bmp.f.bytes, number(m, 1));
    return pick(m, f, tn_select(p, has_palette, listed, v), tn_min(p, scaled, number(m, 255)), v);
}

/* ITU-R 601-2 in 16 bits, as Pillow, whose results are ONNX's. */
static const tn_expr *grey(const image *m, const formats *f, tn_buf *samples, const tn_expr *const *at)
{
    static const int64_t weight[3] = {19595, 38470, 7471};
    const tn_expr *sum = number(m, 1 << 15);
    for (int k = 0; k < 3; k++)
        sum = tn_add(m->p, sum, tn_mul(m->p, colour(m, f, samples, at, tn_index(m->p, k)), number(m, weight[k])));
    return tn_div(m->p, sum, number(m, 1 << 16));
}

static const tn_expr *fits(const image *m, const format *f, const tn_shape *y)
{
    tn_program *p = m->p;
    const tn_expr *sized =
        tn_and(p, tn_is(p, f->height, tn_late_dim(p, y->dim[0])), tn_is(p, f->width, tn_late_dim(p, y->dim[1])));
    return tn_and(p, f->is, tn_and(p, sized, tn_le(p, f->end, m->size)));
}

static const char *pixel_format(const tn_node *n)
{
    return tn_node_string(n, "pixel_format", "RGB");
}

bool tn_infer_image_decoder(tn_graph *g, tn_node *n)
{
    const char *wanted = pixel_format(n);
    bool is_grey = strcmp(wanted, "Grayscale") == 0;
    tn_shape y;
    if (!is_grey && strcmp(wanted, "RGB") != 0 && strcmp(wanted, "BGR") != 0)
        return tn_node_error(g, n, "pixel_format is '%s'; RGB, BGR or Grayscale is wanted", wanted);
    if (n->in[0]->shape.rank != 1)
        return tn_node_error(g, n, "'%s' is %s; bytes in one row are wanted", n->in[0]->name,
                             tn_value_type(g->arena, n->in[0]));
    if (!tn_need_declared(g, n, 0, "encoded_stream", 0, &y))
        return false;
    if (y.rank != 3 || !tn_dim_is(y.dim[2], is_grey ? 1 : 3))
        return tn_node_error(g, n, "the model declares %s for the image; [height,width,%d] is wanted",
                             tn_type_text(g->arena, TN_UINT8, &y), is_grey ? 1 : 3);
    tn_set_output(n, 0, TN_UINT8, &y);
    return true;
}

bool tn_lower_image_decoder(tn_program *p, const tn_node *n)
{
    const tn_shape *y = &n->out[0]->shape;
    image m = {p, n, tn_buf_of(p, n->in[0]), tn_late_dim(p, n->in[0]->shape.dim[0])};
    const formats f = {read_bmp(&m), read_pnm(&m), read_tiff(&m, y->dim[0])};
    tn_late_check(p, n,
                  tn_either(p, fits(&m, &f.bmp.f, y), tn_either(p, fits(&m, &f.pnm.f, y), fits(&m, &f.tiff.f, y))));
    tn_buf *samples = find_samples(&m, &f, y->dim);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *k = c->at[2];
    if (strcmp(pixel_format(n), "BGR") == 0)
        k = tn_sub(p, tn_index(p, 2), k);
    bool is_grey = strcmp(pixel_format(n), "Grayscale") == 0;
    tn_comp_set(p, c, is_grey ? grey(&m, &f, samples, c->at) : colour(&m, &f, samples, c->at, k));
    return true;
}
