/* Layouts: which buffers hold their channels in blocks of one vector, and which have a border of zeros.

       x f32[1,64,56,56]     becomes     [1, 64/16, 56+2, 56+2, 16]     for 16 lanes and a 3x3 convolution with padding 1

   A layout changes nothing but the place of an element: computations keep their subscripts, and tn_buf_offset maps
   them. The border takes the place of the test "is the pixel inside" of every convolution that reads the buffer:
   it is cleared before the buffer is written. Blocked are float and byte buffers of the arena with a dim or two behind
   the channels, none of them shared with a view; a kernel that does not like the blocks is right all the same. */
#include "pass/program.h"

static bool is_shared(const tn_program *p, const tn_buf *b)
{
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->alias == b)
            return true;
    return b->alias != NULL;
}

static bool is_fixed(const tn_buf *b, int from)
{
    for (int i = from; i < b->rank; i++)
        if (b->dim[i]->kind != TN_E_INT)
            return false;
    return true;
}

static int64_t spatial(const tn_buf *b)
{
    int64_t n = 1;
    for (int i = 2; i < b->rank; i++)
        n *= b->max[i];
    return n;
}

static bool has_blocks(tn_dtype t)
{
    return t == TN_FLOAT || t == TN_INT8 || t == TN_UINT8;
}

static bool may_block(const tn_program *p, const tn_buf *b, int lanes)
{
    return b->scope == TN_SCOPE_ARENA && has_blocks(b->dtype) && b->rank >= 3 && b->rank <= 4 && is_fixed(b, 1)
        && b->max[1] * 2 > lanes && (spatial(b) > 1 || b->max[1] % lanes != 0) && !is_shared(p, b);
}

static void block_channels(tn_buf *b, int64_t lanes)
{
    tn_layout *l = &b->layout;
    l->n = b->rank + 1;
    for (int k = 0; k < b->rank; k++) {
        l->part[k].axis = k;
        l->part[k].div = k == 1 ? lanes : 1;
        l->part[k].mod = 0;
    }
    l->part[b->rank].axis = 1;
    l->part[b->rank].div = 1;
    l->part[b->rank].mod = lanes;
}

/* --- borders -------------------------------------------------------------------------------------------------------- */

/* What a border can be filled with: 0.0, or any byte. */
static bool read_fill(const tn_expr *e, int64_t *fill)
{
    bool byte = e->kind == TN_E_INT && (e->dtype == TN_INT8 || e->dtype == TN_UINT8);
    *fill = byte ? e->i : 0;
    return byte || (e->kind == TN_E_NUM && e->f == 0);
}

/* All conjuncts of c say that a subscript of the load is inside its dim. */
static bool tests_bounds(tn_program *p, const tn_expr *c, const tn_expr *load)
{
    if (c->kind == TN_E_OP && c->op == TN_OP_AND)
        return tests_bounds(p, c->arg[0], load) && tests_bounds(p, c->arg[1], load);
    for (int i = 0; i < load->n; i++)
        if (c == tn_le(p, tn_index(p, 0), load->arg[i]) || c == tn_lt(p, load->arg[i], load->buf->dim[i]))
            return true;
    return false;
}

static bool is_padded_load(tn_program *p, const tn_expr *e, int64_t *fill)
{
    return e->kind == TN_E_SELECT && read_fill(e->arg[2], fill) && e->arg[1]->kind == TN_E_LOAD
        && tests_bounds(p, e->arg[0], e->arg[1]);
}

static int64_t larger(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

/* Widens the borders of blocked buffers so that every padded load of e stays inside. */
static void widen(tn_program *p, const tn_expr *e)
{
    int64_t fill = 0;
    bool padded = is_padded_load(p, e, &fill) && e->arg[1]->buf->layout.n > 0;
    if (padded && (!tn_buf_has_border(e->arg[1]->buf) || e->arg[1]->buf->layout.fill == fill)) {
        tn_buf *b = e->arg[1]->buf;
        b->layout.fill = fill;
        for (int i = 2; i < b->rank; i++) {
            int64_t lo = 0, hi = 0;
            tn_range_of(e->arg[1]->arg[i], &lo, &hi);
            b->layout.lo[i] = larger(b->layout.lo[i], larger(0, -lo));
            b->layout.hi[i] = larger(b->layout.hi[i], larger(0, hi - (b->max[i] - 1)));
        }
    }
    for (int k = 0; k < e->n; k++)
        widen(p, e->arg[k]);
}

static bool reaches(const tn_expr *load)
{
    for (int i = 0; i < load->n; i++) {
        int64_t lo = 0, hi = 0;
        tn_range_of(load->arg[i], &lo, &hi);
        bool inside = lo >= -load->buf->layout.lo[i] && hi < load->buf->max[i] + load->buf->layout.hi[i];
        if (!inside)
            return false;
    }
    return true;
}

static const tn_expr *drop_test(tn_program *p, void *user, const tn_expr *e)
{
    int64_t fill = 0;
    (void)user;
    bool padded = is_padded_load(p, e, &fill) && e->arg[1]->buf->layout.n > 0;
    return padded && e->arg[1]->buf->layout.fill == fill && reaches(e->arg[1]) ? e->arg[1] : NULL;
}

/* A border so wide that it outweighs the buffer (a large dilation) is not worth it. */
static void limit_border(tn_buf *b)
{
    int64_t room = tn_buf_room(b);
    tn_layout without = b->layout;
    memset(without.lo, 0, sizeof without.lo);
    memset(without.hi, 0, sizeof without.hi);
    tn_layout with = b->layout;
    b->layout = without;
    if (room < 4 * tn_buf_room(b))
        b->layout = with;
}

/* --- inputs that convolutions pad ----------------------------------------------------------------------------------- */

static const tn_expr *padded_input(tn_program *p, const tn_expr *e)
{
    int64_t fill = 0;
    if (is_padded_load(p, e, &fill)) {
        const tn_buf *b = e->arg[1]->buf;
        bool outside = b->scope == TN_SCOPE_INPUT || b->alias != NULL || b->layout.n == 0;
        if (outside && b->scope != TN_SCOPE_CONST && b->rank == 4 && has_blocks(b->dtype) && is_fixed(b, 1))
            return e->arg[1];
    }
    const tn_expr *found = NULL;
    for (int k = 0; k < e->n && found == NULL; k++)
        found = padded_input(p, e->arg[k]);
    return found;
}

typedef struct redirect {
    tn_buf *from, *to;
} redirect;

static const tn_expr *redirect_load(tn_program *p, void *user, const tn_expr *e)
{
    const redirect *r = user;
    return e->kind == TN_E_LOAD && e->buf == r->from ? tn_load_raw(p, r->to, e->n, e->arg) : NULL;
}

/* The input is copied into a buffer with a border: one pass over it instead of a test at every tap. */
static bool copy_with_border(tn_program *p, size_t at)
{
    tn_comp *c = p->comps.items[at];
    const tn_expr *load = c->n_reduce > 0 ? padded_input(p, c->elem) : NULL;
    if (load == NULL)
        return false;
    tn_buf *from = load->buf;
    tn_dim dims[TN_MAX_RANK] = {{0, NULL}};
    tn_buf *to = tn_buf_temp(p, tn_strfmt(p->arena, "%s.padded", from->name), from->dtype, from->rank, dims);
    memcpy(to->dim, from->dim, sizeof to->dim);
    memcpy(to->max, from->max, sizeof to->max);
    to->layout.n = to->rank;
    for (int k = 0; k < to->rank; k++) {
        to->layout.part[k].axis = k;
        to->layout.part[k].div = 1;
    }
    tn_comp *copy = tn_comp_begin(p, c->node, to);
    copy->label = tn_strfmt(p->arena, "border of '%s'", from->name);
    tn_comp_set(p, copy, tn_load_raw(p, from, from->rank, copy->at));
    memmove(&p->comps.items[at + 1], &p->comps.items[at], sizeof copy * (p->comps.n - 1 - at)); /* before its reader */
    p->comps.items[at] = copy;
    redirect r = {from, to};
    c->elem = tn_rewrite(p, c->elem, redirect_load, &r);
    return true;
}

void tn_choose_layouts(tn_program *p, const tn_target *t)
{
    if (t->lanes == 1)
        return;
    for (size_t i = 0; i < p->bufs.n; i++)
        if (may_block(p, p->bufs.items[i], t->lanes))
            block_channels(p->bufs.items[i], t->lanes);
    for (size_t i = 0; i < p->comps.n; i++)
        if (copy_with_border(p, i))
            i++;
    for (size_t i = 0; i < p->comps.n; i++)
        if (p->comps.items[i]->n_reduce > 0)
            widen(p, p->comps.items[i]->elem);
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->layout.n > 0 && p->bufs.items[i]->scope == TN_SCOPE_ARENA)
            limit_border(p->bufs.items[i]);
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        c->elem = tn_rewrite(p, c->elem, drop_test, NULL);
        if (c->post != NULL)
            c->post = tn_rewrite(p, c->post, drop_test, NULL);
    }
}
