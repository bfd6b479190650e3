/* StringSplit, as three computations over bytes: where the parts begin is found byte by byte, from it where each part begins
   and ends, then each part is copied.

       "a,bc" by ","      [byte][begin, count]  (0,1) (2,2) (2,2) (2,2)      parts 0..1 and 2..4 */
#include "ops/late.h"
#include "ops/string.h"

/* What is found from the left to the right, for each byte p of each string: where the last part so far begins, and how many
   parts there are up to here. With a delimiter a part begins behind it, and the first at 0; else at what is no blank behind
   what is one. Behind `most` parts nothing splits any more. */
typedef struct split {
    tn_program *p;
    const tn_node *node;
    tn_buf *x, *scan, *lengths; /* scan: [S.., W, 2] */
    const char *delimiter;      /* "": blanks */
    int rank;                   /* of S */
    int64_t width, most;        /* most: INT32_MAX without a limit */
} split;

enum { BEGIN, COUNT };

bool tn_infer_string_split(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape, y;
    if (!tn_text_check(g, n, 0))
        return false;
    tn_dim width = s.dim[--s.rank];
    bool empty = tn_shape_is_fixed(&s) && tn_shape_count(&s) == 0;
    if (s.rank + 2 > TN_MAX_RANK)
        return tn_node_error(g, n, "strings of rank %d; at most %d is supported", s.rank, TN_MAX_RANK - 2);
    if (!empty && !tn_need_declared(g, n, 0, "x", 0, &y))
        return false;
    if (!empty && y.rank == s.rank + 2)
        y.rank--; /* known by an earlier inference, bytes and all */
    if (!empty && (y.rank != s.rank + 1 || y.dim[s.rank].sym != NULL))
        return tn_node_error(g, n, "the model declares %s for the parts of '%s'; one dim more than that has is wanted",
                             tn_type_text(g->arena, TN_STRING, &y), n->in[0]->name);
    tn_set_output(n, 1, TN_INT64, &s);
    s.dim[s.rank] = empty ? tn_dim_fixed(0) : y.dim[s.rank];
    s.dim[s.rank + 1] = width;
    s.rank += 2;
    tn_text_set(n, 0, &s);
    return true;
}

static const tn_expr *byte_is(const split *s, const tn_expr *b, int c)
{
    return tn_is(s->p, b, tn_integer(s->p, TN_UINT8, c));
}

static const tn_expr *is_blank(const split *s, const tn_expr *b)
{
    tn_program *p = s->p;
    const tn_expr *control =
        tn_and(p, tn_le(p, tn_integer(p, TN_UINT8, '\t'), b), tn_le(p, b, tn_integer(p, TN_UINT8, '\r')));
    return tn_either(p, byte_is(s, b, ' '), control);
}

/* Byte q of the string at c's axes; 0 outside. */
static const tn_expr *byte_at(const split *s, const tn_comp *c, const tn_expr *q)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof at);
    at[s->rank] = q;
    return tn_load_or(s->p, s->x, at, tn_integer(s->p, TN_UINT8, 0));
}

static const tn_expr *scanned(const split *s, const tn_comp *c, const tn_expr *q, int what)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof at);
    at[s->rank] = q;
    at[s->rank + 1] = tn_index(s->p, what);
    return tn_load(s->p, s->scan, at);
}

static const tn_expr *begins_delimiter(const split *s, const tn_comp *c, const tn_expr *q)
{
    const tn_expr *all = tn_integer(s->p, TN_BOOL, 1);
    for (int i = 0; s->delimiter[i] != '\0'; i++)
        all = tn_and(s->p, all,
                     byte_is(s, byte_at(s, c, tn_add(s->p, q, tn_index(s->p, i))), (unsigned char)s->delimiter[i]));
    return all;
}

static const tn_expr *begins_word(const split *s, const tn_comp *c, const tn_expr *q)
{
    tn_program *p = s->p;
    const tn_expr *b = byte_at(s, c, q), *before = byte_at(s, c, tn_sub(p, q, tn_index(p, 1)));
    const tn_expr *is_first = tn_either(p, tn_is(p, q, tn_index(p, 0)), is_blank(s, before));
    const tn_expr *is_gap = tn_either(p, is_blank(s, b), byte_is(s, b, 0));
    return tn_and(p, tn_op1(p, TN_OP_NOT, is_gap), is_first);
}

static void scan_parts(split *s)
{
    tn_program *p = s->p;
    bool words = *s->delimiter == '\0';
    tn_shape shape = s->node->in[0]->shape;
    shape.dim[shape.rank++] = tn_dim_fixed(2);
    s->scan = tn_buf_temp(p, "parts", TN_INT32, shape.rank, shape.dim);
    tn_comp *c = tn_comp_begin(p, s->node, s->scan);
    const tn_expr *q = c->at[s->rank], *before = tn_sub(p, q, tn_index(p, 1)), *is_first = tn_is(p, q, tn_index(p, 0));
    const tn_expr *zero = tn_integer(p, TN_INT32, 0), *one = tn_integer(p, TN_INT32, 1),
                  *here = tn_cast(p, TN_INT32, q);
    const tn_expr *begin = tn_select(p, is_first, zero, scanned(s, c, before, BEGIN));
    const tn_expr *count = tn_select(p, is_first, words ? zero : one, scanned(s, c, before, COUNT));
    const tn_expr *behind = tn_add(p, here, tn_integer(p, TN_INT32, (int64_t)strlen(s->delimiter)));
    const tn_expr *splits = words ? begins_word(s, c, q) : tn_and(p, tn_le(p, begin, here), begins_delimiter(s, c, q));
    splits = tn_and(p, splits, tn_lt(p, count, tn_integer(p, TN_INT32, s->most)));
    const tn_expr *is_begin = tn_is(p, c->at[s->rank + 1], tn_index(p, BEGIN));
    c->serial = true;
    tn_comp_set(p, c,
                tn_select(p, is_begin, tn_select(p, splits, words ? here : behind, begin),
                          tn_select(p, splits, tn_add(p, count, one), count)));
}

/* The least over p of what holds for p, int32 of [S.., K]; the width where nothing does. end: where part k ends instead of
   where it begins. */
static tn_buf *find_bounds(const split *s, const tn_dim *parts, tn_buf *begins)
{
    tn_program *p = s->p;
    bool words = *s->delimiter == '\0';
    tn_dim dims[TN_MAX_RANK];
    memcpy(dims, s->node->in[0]->shape.dim, sizeof dims);
    dims[s->rank] = *parts;
    tn_comp *c =
        tn_comp_begin(p, s->node, tn_buf_temp(p, begins == NULL ? "begin" : "end", TN_INT32, s->rank + 1, dims));
    const tn_expr *k = tn_cast(p, TN_INT32, c->at[s->rank]), *q = tn_reduce_over(p, c, tn_dim_fixed(s->width));
    const tn_expr *one = tn_integer(p, TN_INT32, 1), *here = tn_cast(p, TN_INT32, q), *holds, *place;
    if (begins == NULL) {
        holds = tn_lt(p, k, scanned(s, c, q, COUNT));
        place = scanned(s, c, q, BEGIN);
    } else if (words) {
        const tn_expr *gap = tn_either(p, is_blank(s, byte_at(s, c, q)), byte_is(s, byte_at(s, c, q), 0));
        const tn_expr *last = tn_is(p, k, tn_integer(p, TN_INT32, s->most - 1));
        gap = tn_select(p, last, byte_is(s, byte_at(s, c, q), 0), gap);
        holds = tn_and(p, tn_le(p, tn_load(p, begins, c->at), here), gap);
        place = here;
    } else {
        holds = tn_lt(p, tn_add(p, k, one), scanned(s, c, q, COUNT));
        place = tn_sub(p, scanned(s, c, q, BEGIN), tn_integer(p, TN_INT32, (int64_t)strlen(s->delimiter)));
    }
    const tn_expr *width = tn_integer(p, TN_INT32, s->width);
    tn_comp_reduce(p, c, TN_OP_MIN, width, tn_select(p, holds, place, width), NULL);
    return c->out;
}

static void copy_parts(const split *s, tn_buf *begins, tn_buf *ends)
{
    tn_program *p = s->p;
    tn_comp *c = tn_comp_begin(p, s->node, tn_buf_of(p, s->node->out[0]));
    const tn_expr *begin = tn_cast(p, TN_INDEX, tn_load(p, begins, c->at)),
                  *end = tn_cast(p, TN_INDEX, tn_load(p, ends, c->at));
    const tn_expr *from = tn_add(p, begin, c->at[s->rank + 1]);
    tn_comp_set(p, c, tn_select(p, tn_lt(p, from, end), byte_at(s, c, from), tn_integer(p, TN_UINT8, 0)));
}

/* How many parts each string has; the run ends where one has more than there is room for. */
static void count_parts(const split *s, tn_dim parts)
{
    tn_program *p = s->p;
    const tn_value *length = s->node->n_out > 1 ? s->node->out[1] : NULL;
    const tn_shape *x = &s->node->in[0]->shape;
    tn_comp *most = tn_comp_over(p, s->node, tn_buf_temp(p, "most", TN_INT32, 0, NULL), 0, NULL);
    const tn_expr *at[TN_MAX_RANK], *zero = tn_integer(p, TN_INT32, 0);
    for (int i = 0; i < s->rank; i++)
        at[i] = tn_reduce_over(p, most, x->dim[i]);
    at[s->rank] = tn_index(p, s->width - 1);
    at[s->rank + 1] = tn_index(p, COUNT);
    if (s->rank > 0)
        tn_comp_reduce(p, most, TN_OP_MAX, zero, tn_load(p, s->scan, at), NULL);
    else
        tn_comp_set(p, most, tn_load(p, s->scan, at));
    tn_late_check(p, s->node, tn_le(p, tn_load(p, most->out, NULL), tn_integer(p, TN_INT32, parts.n)));
    if (length == NULL)
        return;
    tn_comp *c = tn_comp_begin(p, s->node, tn_buf_of(p, length));
    tn_comp_set(p, c, scanned(s, c, tn_index(p, s->width - 1), COUNT));
}

bool tn_lower_string_split(tn_program *p, const tn_node *n)
{
    const tn_value *x = n->in[0];
    int64_t limit = tn_node_int(n, "maxsplit", -1);
    split s = {p, n, tn_buf_of(p, x), .delimiter = tn_node_string(n, "delimiter", ""), .rank = tn_text_rank(x)};
    s.width = tn_text_width(x).n;
    s.most = limit >= 0 && limit < INT32_MAX ? limit + 1 : INT32_MAX;
    tn_dim parts = n->out[0]->shape.dim[s.rank];
    scan_parts(&s);
    count_parts(&s, parts);
    tn_buf *begins = find_bounds(&s, &parts, NULL);
    copy_parts(&s, begins, find_bounds(&s, &parts, begins));
    return true;
}
