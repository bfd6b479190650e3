/* What statements side by side have in common gets a name before them: loads that the points of a register tile share,
   values that the points of an unrolled computation share. See sched.h.

       acc0 = acc0 + x[0] * w[0];          s0 = w[0];
       acc1 = acc1 + x[8] * w[0];    ->    acc0 = acc0 + x[0] * s0;
                                           acc1 = acc1 + x[8] * s0;  */
#include "sched/sched.h"

/* --- loads that several points of a tile share -------------------------------------------------------------------- */

typedef struct {
    const tn_expr **items;
    size_t n, room;
} expr_vec;
typedef struct sharing {
    expr_vec seen, again;
} sharing;

static bool holds(const expr_vec *v, const tn_expr *e)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->items[i] == e)
            return true;
    return false;
}

/* A load with the conversion of what it loads. */
static bool is_load(const tn_expr *e)
{
    return e->kind == TN_E_LOAD || (e->kind == TN_E_CAST && e->arg[0]->kind == TN_E_LOAD);
}

static void note_loads(tn_arena *a, const tn_expr *e, sharing *s)
{
    if (is_load(e)) {
        if (!holds(&s->seen, e))
            *TN_PUSH(a, s->seen) = e;
        else if (!holds(&s->again, e))
            *TN_PUSH(a, s->again) = e;
        return;
    }
    if (e->kind == TN_E_SELECT) /* what stands in a branch may be out of bounds outside of it */
        return;
    for (int k = 0; k < e->n; k++)
        note_loads(a, e->arg[k], s);
}

typedef struct renaming {
    const expr_vec *from;
    tn_var **to;
} renaming;

static const tn_expr *rename_load(tn_program *p, void *user, const tn_expr *e)
{
    const renaming *r = user;
    for (size_t i = 0; is_load(e) && i < r->from->n; i++)
        if (r->from->items[i] == e)
            return tn_var_expr(p, r->to[i]);
    return NULL;
}

static bool holds_load(const tn_expr *e, const tn_expr *load)
{
    if (e == load)
        return true;
    for (int k = 0; k < e->n; k++)
        if (holds_load(e->arg[k], load))
            return true;
    return false;
}

static bool moves_with(const tn_expr *e, const tn_var *lane)
{
    return lane != NULL && tn_uses_var(e, lane);
}

/* A name for e, given its value in terms of other names. */
static tn_stmt *name_value(tn_program *p, tn_var *lane, const tn_expr *e, const tn_expr *value)
{
    tn_stmt *let = TN_NEW(p->arena, tn_stmt);
    let->kind = TN_S_LET;
    let->lane = moves_with(e, lane) ? lane : NULL;
    let->var = tn_var_make(p, let->lane != NULL ? "v" : "s", e->dtype, 0, 0);
    let->var->lanes = let->lane != NULL ? (int)lane->hi + 1 : 0;
    let->value = value;
    return let;
}

/* Each shared load gets its name right before its first use, which keeps few of them alive at once. The statements
   must not write what they load: true of accumulations. */
void tn_share_loads(tn_program *p, tn_var *lane, tn_stmt_vec *block)
{
    sharing s = {0};
    for (size_t i = 0; i < block->n; i++)
        note_loads(p->arena, block->items[i]->value, &s);
    if (s.again.n == 0)
        return;
    tn_stmt_vec out = {0};
    tn_stmt **lets = TN_NEW_N(p->arena, tn_stmt *, s.again.n);
    tn_var **vars = TN_NEW_N(p->arena, tn_var *, s.again.n);
    for (size_t i = 0; i < s.again.n; i++) {
        lets[i] = name_value(p, lane, s.again.items[i], s.again.items[i]);
        vars[i] = lets[i]->var;
    }
    renaming r = {&s.again, vars};
    for (size_t i = 0; i < block->n; i++) {
        for (size_t k = 0; k < s.again.n; k++)
            if (lets[k] != NULL && holds_load(block->items[i]->value, s.again.items[k])) {
                *TN_PUSH(p->arena, out) = lets[k];
                lets[k] = NULL;
            }
        block->items[i]->value = tn_rewrite(p, block->items[i]->value, rename_load, &r);
        *TN_PUSH(p->arena, out) = block->items[i];
    }
    *block = out;
}

/* --- values that several points of an unrolled computation share --------------------------------------------------- */

/* By id of an expression: by how many others and statements it is used, and what stands in its place. */
typedef struct values {
    tn_program *p;
    tn_var *lane; /* of the statements */
    int *uses;
    const tn_expr **place;
    tn_stmt_vec *out;
} values;

/* Subscripts are the emitter's to share; what stands in a branch may be out of bounds outside of it. */
static int count_shared_operands(const tn_expr *e)
{
    bool through = (e->kind == TN_E_OP || e->kind == TN_E_CAST) && e->dtype != TN_INDEX;
    return through ? e->n : 0;
}

static void count_values(values *s, const tn_expr *e)
{
    if (s->uses[e->id]++ > 0)
        return;
    for (int k = 0; k < count_shared_operands(e); k++)
        count_values(s, e->arg[k]);
}

static bool is_worth_a_name(const tn_expr *e)
{
    return e->dtype != TN_INDEX && e->dtype != TN_BOOL && (e->kind == TN_E_OP || is_load(e));
}

/* e in terms of the names; new ones are made as they are met. */
static const tn_expr *name_values(values *s, const tn_expr *e)
{
    const tn_expr *arg[3] = {NULL};
    if (s->place[e->id] != NULL)
        return s->place[e->id];
    const tn_expr *value = e;
    for (int k = 0; k < count_shared_operands(e); k++) {
        arg[k] = name_values(s, e->arg[k]);
        value = arg[k] != e->arg[k] ? NULL : value;
    }
    if (value == NULL)
        value = tn_expr_rebuild(s->p, e, arg);
    if (s->uses[e->id] > 1 && is_worth_a_name(e)) {
        tn_stmt *let = name_value(s->p, s->lane, e, value);
        *TN_PUSH(s->p->arena, *s->out) = let;
        value = tn_var_expr(s->p, let->var);
    }
    return s->place[e->id] = value;
}

/* Each value that several stores use is found once, before the first of them: the transformed points of a tile, say.
   The stores must not write what others load. */
void tn_share_values(tn_program *p, tn_stmt_vec *block)
{
    tn_stmt_vec out = {0};
    values s = {.p = p, .out = &out};
    size_t n = p->n_expr;
    for (size_t i = 0; i < block->n; i++)
        if (block->items[i]->kind != TN_S_STORE || block->items[i]->lane != block->items[0]->lane)
            return;
    s.uses = TN_NEW_N(p->arena, int, n);
    s.place = TN_NEW_N(p->arena, const tn_expr *, n);
    s.lane = block->n > 0 ? block->items[0]->lane : NULL;
    for (size_t i = 0; i < block->n; i++)
        count_values(&s, block->items[i]->value);
    for (size_t i = 0; i < block->n; i++) {
        block->items[i]->value = name_values(&s, block->items[i]->value);
        *TN_PUSH(p->arena, out) = block->items[i];
    }
    *block = out;
}
