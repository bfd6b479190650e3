/* attention: a product whose result only serves, row by row, to weigh the rows of a second product: scores, softmax,
   weighted sum. The whole of the scores is never there: the chain of computations runs in a repeat, for one head and a
   block of query rows at a time, and what stands between the two products shrinks to that block.

       s[h, q, k] = sum over d of x[h, q, d] * y[h, d, k]         repeat head < H, repeat block < Q / B
       ... softmax of s over k, to p ...                 ->         s[0, q, k] = sum over d of x[head, B block + q, d] * ...
       o[h, q, v] = sum over k of p[h, q, k] * z[h, k, v]           ...
                                                                    o[head, B block + q, v] = sum over k of p[0, q, k] * ...

   The last block begins early enough to be whole and finds some rows again. Each number is found by the same operations
   as before, so results keep their bits.

   No operator is looked for: what lies between the products may be anything that takes each row on its own, a mask, a
   scale, a cap, a softmax in several computations. A chain is
       - computations without side effects, of one repeat; others that stand among them do not need them and go before;
       - buffers that only the chain reads, of fixed extents, whose dims but the last (the keys) are walked by one axis of
         each computation that writes or reads them: the rows.
   Done where the scores do not fit into half of the second-level cache; attention.rows sets the rows of a block. */
#include "pass/call.h"

enum { MOST_STEPS = 16, LEAST_ROWS = 12 };

typedef struct chain {
    tn_program *p;
    tn_comp *step[MOST_STEPS]; /* scores first, weighted sum last; all but the last write a buffer of the chain */
    int n;
    size_t last;                       /* the weighted sum's place in the program */
    int rank, row;                     /* of the buffers; the dim that is cut into blocks */
    int axis[MOST_STEPS][TN_MAX_RANK]; /* by step and dim but the last: the axis that walks it */
    tn_buf *small[MOST_STEPS];         /* by step: what stands in the place of its buffer */
    const tn_expr *turn[TN_MAX_RANK];  /* by dim: where the turn is; of dim row: where the block begins */
    tn_axis inside[MOST_STEPS];        /* by step: the rows of a block */
    int64_t rows;                      /* of a block */
    int n_made;
    const tn_comp *made[MOST_STEPS]; /* whose elements are found where they are read */
} chain;

/* --- finding chains ------------------------------------------------------------------------------------------------- */

/* A product of what only the run knows: blocks of rows would read the weights of a layer again and again. */
static bool is_product(const tn_comp *c)
{
    return c->n_reduce > 0 && c->combine == TN_OP_ADD && c->elem->kind == TN_E_OP && c->elem->op == TN_OP_MUL
        && tn_dtype_get(c->elem->dtype)->is_float && !tn_loads_constants(c->elem);
}

static bool is_plain(const tn_comp *c)
{
    return c->call == NULL && c->mark == NULL && c->schedule == NULL && !c->serial && !c->check && !c->view;
}

/* Which step's buffer it is; -1: none of the chain. */
static int find_step(const chain *h, const tn_buf *b)
{
    for (int i = 0; i < h->n; i++)
        if (h->step[i]->out == b)
            return i;
    return -1;
}

static bool has_fixed_dims(const tn_buf *b)
{
    for (int d = 0; d < b->rank; d++)
        if (b->dim[d]->kind != TN_E_INT)
            return false;
    return true;
}

/* A buffer that may shrink: nothing else knows it. */
static bool is_private(const chain *h, const tn_buf *b)
{
    if (b->scope != TN_SCOPE_ARENA || b->alias != NULL || tn_buf_has_views(h->p, b) || b->rank != h->rank
        || b->layout.n > 0 || tn_buf_has_border(b) || !has_fixed_dims(b))
        return false;
    for (int d = 0; d + 1 < b->rank; d++)
        if (b->dim[d] != h->step[0]->out->dim[d])
            return false;
    return true;
}

typedef struct walk {
    chain *h;
    int step;
    bool ok;
} walk;

/* The subscripts of a buffer of the chain, but the last, are axes of the computation, the same wherever it uses one. */
static void note_place(walk *w, const tn_expr *const *at)
{
    const tn_comp *c = w->h->step[w->step];
    for (int d = 0; d + 1 < w->h->rank && w->ok; d++) {
        int *axis = &w->h->axis[w->step][d], i = 0;
        if (tn_expr_is_int(w->h->step[0]->out->dim[d], 1))
            continue;
        while (i < c->n_axis && at[d] != tn_axis_var(w->h->p, c, i))
            i++;
        w->ok = i < c->n_axis && (*axis < 0 || *axis == i) && c->axis[i].extent == w->h->step[0]->out->dim[d];
        *axis = i;
    }
}

static void note_load(void *user, const tn_expr *load)
{
    walk *w = user;
    if (find_step(w->h, load->buf) >= 0 && load->buf != w->h->step[w->step]->out)
        note_place(w, load->arg);
}

static bool walks_rows(chain *h, int step, bool writes)
{
    walk w = {h, step, true};
    const tn_comp *c = h->step[step];
    for (int d = 0; d < TN_MAX_RANK; d++)
        h->axis[step][d] = -1;
    if (writes)
        note_place(&w, c->at);
    tn_comp_each_load(c, note_load, &w);
    for (int d = 0; d + 1 < h->rank && w.ok; d++) { /* no axis walks two dims */
        w.ok = h->axis[step][d] >= 0 || tn_expr_is_int(h->step[0]->out->dim[d], 1);
        for (int k = 0; k < d && h->axis[step][d] >= 0; k++)
            w.ok = w.ok && h->axis[step][k] != h->axis[step][d];
    }
    return w.ok && !tn_comp_loads(c, c->out);
}

static bool reads_chain(const chain *h, const tn_comp *c)
{
    for (int i = 0; i < h->n; i++)
        if (tn_comp_loads(c, h->step[i]->out))
            return true;
    return false;
}

/* Whether computation c, which does not read the chain's buffers, may go before the chain: it must not write what a step
   before it uses. */
static bool may_go_before(const chain *h, const tn_comp *c)
{
    for (int i = 0; i < h->n; i++)
        if (tn_comp_loads(h->step[i], c->out) || tn_buf_root(h->step[i]->out) == tn_buf_root(c->out))
            return false;
    return true;
}

/* Whether only the chain's steps use its buffers, but for the last step's, and each has one writer. */
static bool is_closed(const chain *h)
{
    for (size_t i = 0; i < h->p->comps.n; i++) {
        const tn_comp *c = h->p->comps.items[i];
        bool step = false;
        for (int k = 0; k < h->n; k++)
            step = step || h->step[k] == c;
        for (int k = 0; k + 1 < h->n && !step; k++)
            if (tn_comp_loads(c, h->step[k]->out) || tn_buf_root(c->out) == h->step[k]->out)
                return false;
    }
    return true;
}

/* A loop's state may be both what the rows are taken from and where the weighted sum goes: the next block would read what
   this one has written. */
static bool reads_result(const chain *h)
{
    for (int i = 0; i < h->n; i++)
        if (tn_comp_loads(h->step[i], h->step[h->n - 1]->out))
            return true;
    return false;
}

/* The chain whose scores computation i is; steps are added until a product closes it. */
static bool find_chain(tn_program *p, size_t i, chain *h)
{
    tn_comp *first = p->comps.items[i];
    *h = (chain){.p = p, .step = {first}, .n = 1, .rank = first->out->rank};
    if (!is_plain(first) || !is_product(first) || h->rank < 2 || !is_private(h, first->out) || !walks_rows(h, 0, true))
        return false;
    for (h->last = i + 1; h->last < p->comps.n; h->last++) {
        tn_comp *c = p->comps.items[h->last];
        if (c->repeat != first->repeat)
            return false;
        if (!reads_chain(h, c)) {
            if (!may_go_before(h, c))
                return false;
            continue;
        }
        if (!is_plain(c) || h->n == MOST_STEPS || find_step(h, c->out) >= 0)
            return false;
        h->step[h->n++] = c;
        if (is_product(c) && walks_rows(h, h->n - 1, false) && is_closed(h))
            return h->n > 2 && !reads_result(h);
        if (!is_private(h, c->out) || !walks_rows(h, h->n - 1, true))
            return false;
    }
    return false;
}

/* --- the size of a block -------------------------------------------------------------------------------------------- */

static int64_t bytes_of(const tn_buf *b)
{
    return tn_buf_room(b) * tn_dtype_get(b->dtype)->size;
}

/* A quarter of the cache for the scores of a block, the rest for keys, values and what the softmax makes. Whole tiles of
   the product: 12 and 6 rows on most targets. 0: all rows at once are best. */
static int64_t choose_rows(chain *h, int64_t rows, int64_t cache)
{
    const tn_buf *scores = h->step[0]->out;
    h->row = h->rank - 2;
    while (h->row > 0 && scores->max[h->row] == 1)
        h->row--;
    if (scores->max[h->row] < 2)
        return 0;
    if (rows == TN_PARAM_AUTO) {
        int64_t row_bytes = scores->max[h->rank - 1] * tn_dtype_get(scores->dtype)->size;
        if (bytes_of(scores) <= cache / 2)
            return 0;
        rows = cache / 4 / (row_bytes > 0 ? row_bytes : 1) / LEAST_ROWS * LEAST_ROWS;
        rows = rows < LEAST_ROWS ? LEAST_ROWS : rows;
    }
    return rows < scores->max[h->row] ? rows : scores->max[h->row];
}

/* --- rewriting ------------------------------------------------------------------------------------------------------ */

static void make_small(chain *h, int step)
{
    tn_buf *from = h->step[step]->out;
    tn_dim dims[TN_MAX_RANK] = {{0, NULL}};
    for (int d = 0; d < h->rank; d++)
        dims[d] = tn_dim_fixed(d + 1 == h->rank ? from->max[d] : d == h->row ? h->rows : 1);
    h->small[step] = tn_buf_temp(h->p, tn_strfmt(h->p->arena, "%s.rows", from->name), from->dtype, h->rank, dims);
}

/* Subscripts of a block's buffer: the row in the block, and the last as it was. */
static void place_in_block(const chain *h, int step, const tn_expr *last, const tn_expr **at)
{
    for (int d = 0; d + 1 < h->rank; d++)
        at[d] = tn_index(h->p, 0);
    at[h->row] = tn_var_expr(h->p, h->inside[step].var);
    at[h->rank - 1] = last;
}

static const tn_expr *rewrite_one(tn_program *p, void *user, const tn_expr *e)
{
    const walk *w = user;
    const chain *h = w->h;
    if (e->kind == TN_E_LOAD) {
        int step = find_step(h, e->buf);
        const tn_expr *at[TN_MAX_RANK] = {NULL};
        if (step < 0 || step == w->step)
            return NULL;
        place_in_block(h, w->step, e->arg[h->rank - 1], at);
        return tn_load_raw(p, h->small[step], h->rank, at);
    }
    for (int d = 0; e->kind == TN_E_VAR && d + 1 < h->rank; d++) {
        int axis = h->axis[w->step][d];
        if (axis < 0 || h->step[w->step]->axis[axis].var != e->var)
            continue;
        return d == h->row ? tn_add(p, h->turn[d], tn_var_expr(p, h->inside[w->step].var)) : h->turn[d];
    }
    return NULL;
}

static const tn_expr *rewrite(walk *w, const tn_expr *e)
{
    return e != NULL ? tn_rewrite(w->h->p, e, rewrite_one, w) : NULL;
}

static void rewrite_step(chain *h, int step)
{
    tn_program *p = h->p;
    const tn_comp *from = h->step[step];
    tn_comp *c = tn_comp_copy(p, from);
    walk w = {h, step, true};
    h->inside[step] = (tn_axis){tn_loop_var(p, from->axis[h->axis[step][h->row]].var->name, tn_index(p, h->rows)),
                                tn_index(p, h->rows)};
    for (int d = 0; d + 1 < h->rank; d++) {
        int axis = h->axis[step][d];
        if (d == h->row)
            c->axis[axis] = h->inside[step];
        else if (axis >= 0)
            c->axis[axis] = (tn_axis){tn_loop_var(p, from->axis[axis].var->name, tn_index(p, 1)), tn_index(p, 1)};
    }
    c->elem = rewrite(&w, from->elem);
    c->init = rewrite(&w, from->init);
    c->post = rewrite(&w, from->post);
    for (int d = 0; d < from->out->rank; d++)
        c->at[d] = rewrite(&w, from->at[d]);
    if (step + 1 < h->n) {
        c->out = h->small[step];
        place_in_block(h, step, c->at[h->rank - 1], c->at);
    }
    c->repeat = p->repeat;
    *TN_PUSH(p->arena, p->comps) = c;
}

/* A repeat for each dim of several heads, and one for the blocks of rows. */
static void rewrite_chain(chain *h)
{
    tn_program *p = h->p;
    const tn_repeat *outer = p->repeat;
    for (int d = 0; d + 1 < h->rank; d++) {
        int64_t extent = h->step[0]->out->max[d];
        if (d == h->row) {
            int64_t blocks = (extent + h->rows - 1) / h->rows;
            h->turn[d] = tn_index(p, 0);
            if (blocks > 1)
                h->turn[d] = tn_min(p, tn_mul(p, tn_repeat_begin(p, tn_index(p, blocks)), tn_index(p, h->rows)),
                                    tn_index(p, extent - h->rows));
        } else {
            h->turn[d] = extent > 1 ? tn_repeat_begin(p, tn_index(p, extent)) : tn_index(p, 0);
        }
    }
    for (int i = 0; i + 1 < h->n; i++)
        make_small(h, i);
    for (int i = 0; i < h->n; i++)
        rewrite_step(h, i);
    while (p->repeat != outer)
        tn_repeat_end(p);
}

/* --- masks ---------------------------------------------------------------------------------------------------------- */

/* The only computation that writes the buffer, when it is one of elements that may as well be found where they are read. */
static const tn_comp *find_maker(const chain *h, const tn_buf *b)
{
    const tn_comp *maker = NULL;
    for (size_t i = 0; i < h->p->comps.n; i++) {
        const tn_comp *c = h->p->comps.items[i];
        if (tn_buf_root(c->out) != b)
            continue;
        if (maker != NULL || !is_plain(c) || c->n_reduce > 0 || c->repeat != h->step[0]->repeat || c->n_axis != b->rank)
            return NULL;
        maker = c;
    }
    for (int d = 0; maker != NULL && d < b->rank; d++)
        if (maker->at[d] != tn_axis_var(h->p, maker, d))
            return NULL;
    return maker;
}

static bool has_one_reader(const tn_program *p, const tn_buf *b)
{
    int readers = 0;
    for (size_t i = 0; i < p->comps.n; i++)
        readers += tn_comp_loads(p->comps.items[i], b);
    return readers == 1;
}

/* Nothing that it reads is written between it and the chain's end. */
static bool may_move_to(const chain *h, const tn_comp *maker)
{
    for (size_t i = h->p->comps.n; i-- > 0 && h->p->comps.items[i] != maker;)
        if (tn_comp_loads(maker, h->p->comps.items[i]->out))
            return false;
    return true;
}

static bool is_large(const chain *h, const tn_buf *b)
{
    const int64_t *max = h->step[0]->out->max;
    return b->rank > 0 && b->max[b->rank - 1] == max[h->rank - 1] && tn_buf_room(b) >= max[h->row] * max[h->rank - 1];
}

static const tn_expr *inline_mask(tn_program *p, void *user, const tn_expr *e)
{
    chain *h = user;
    if (e->kind != TN_E_LOAD || e->buf->scope != TN_SCOPE_ARENA || e->buf->alias != NULL || find_step(h, e->buf) >= 0
        || !is_large(h, e->buf) || tn_buf_has_views(p, e->buf) || !has_one_reader(p, e->buf))
        return NULL;
    const tn_comp *maker = find_maker(h, e->buf);
    if (maker == NULL || h->n_made == MOST_STEPS || !may_move_to(h, maker))
        return NULL;
    h->made[h->n_made++] = maker;
    const tn_expr *value = maker->elem;
    for (int d = 0; d < e->n; d++)
        value = tn_substitute(p, value, maker->axis[d].var, e->arg[d]);
    return value;
}

/* What is added to the scores, a mask of queries by keys, is as large as they are for one head: where it is computed and
   nobody else reads it, its elements are found where they are added. */
static void inline_masks(chain *h)
{
    for (int i = 0; i + 1 < h->n; i++) {
        tn_comp *c = h->step[i];
        if (c->n_reduce > 0)
            c->post = tn_rewrite(h->p, c->post, inline_mask, h);
        else
            c->elem = tn_rewrite(h->p, c->elem, inline_mask, h);
    }
}

/* --- the keys ------------------------------------------------------------------------------------------------------- */

static bool may_block(tn_program *p, const tn_buf *b)
{
    return !tn_find_called(p)[b->id] && b->scope == TN_SCOPE_ARENA && b->rank >= 2 && b->rank <= 8 && b->alias == NULL
        && b->layout.n == 0 && !tn_buf_has_views(p, b) && !tn_buf_has_border(b) && has_fixed_dims(b);
}

typedef struct keys {
    const tn_expr *axis; /* of the scores' last dim */
    tn_buf *buf;         /* that has it as its last dim, too */
} keys;

static void see_keys(void *user, const tn_expr *load)
{
    keys *k = user;
    if (load->n == load->buf->rank && load->n >= 2 && load->arg[load->n - 1] == k->axis)
        k->buf = load->buf;
}

/* The scores read vectors of keys for one d after the other, which lie as far apart as there are keys: a power of two of
   them has all in one set of the first cache. So the keys come in blocks of a vector, with all d in each. */
static void block_keys(chain *h, int lanes)
{
    const tn_comp *scores = h->step[0];
    keys k = {scores->at[h->rank - 1], NULL};
    tn_each_load(scores->elem, see_keys, &k);
    if (lanes == 1 || k.buf == NULL || !may_block(h->p, k.buf) || k.buf->max[k.buf->rank - 1] < 2 * lanes)
        return;
    int last = k.buf->rank - 1, n = 0;
    tn_layout l = {.n = last + 2};
    for (int d = 0; d + 1 < last; d++, n++) {
        l.part[n].axis = d;
        l.part[n].div = 1;
    }
    l.part[n].axis = last;
    l.part[n++].div = lanes;
    l.part[n].axis = last - 1;
    l.part[n++].div = 1;
    l.part[n].axis = last;
    l.part[n].div = 1;
    l.part[n].mod = lanes;
    k.buf->layout = l;
}

/* --- the pass ------------------------------------------------------------------------------------------------------- */

static bool is_replaced(const chain *h, const tn_comp *c)
{
    bool found = false;
    for (int i = 0; i < h->n; i++)
        found = found || h->step[i] == c;
    for (int i = 0; i < h->n_made; i++)
        found = found || h->made[i] == c;
    return found;
}

/* What is not part of the chain stands before it, up to h->last; the rest of the program follows. */
static void replace_chain(chain *h)
{
    tn_program *p = h->p;
    tn_comp_vec before = p->comps;
    p->comps = (tn_comp_vec){0};
    for (size_t i = 0; i <= h->last; i++)
        if (!is_replaced(h, before.items[i]))
            *TN_PUSH(p->arena, p->comps) = before.items[i];
    p->repeat = h->step[0]->repeat;
    rewrite_chain(h);
    p->repeat = NULL;
    for (size_t i = h->last + 1; i < before.n; i++)
        *TN_PUSH(p->arena, p->comps) = before.items[i];
}

bool tn_pass_attention(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int64_t rows = tn_param_get(m, "attention.rows"), cache = tn_param_get(m, "attention.cache");
    cache = cache == TN_PARAM_AUTO ? m->target->l2 : cache;
    for (size_t i = 0; i < p->comps.n && rows != 0; i++) {
        chain h;
        if (!find_chain(p, i, &h))
            continue;
        h.rows = choose_rows(&h, rows, cache);
        if (h.rows == 0)
            continue;
        block_keys(&h, m->target->lanes);
        inline_masks(&h);
        replace_chain(&h);
        *changed = true;
        i = h.last - (size_t)h.n_made;
    }
    if (*changed)
        tn_program_number(p);
    return true;
}
