/* The same function of every vector of a tile becomes one call for all of them. See sched.h.

       y[0]  = erf(acc0) * 0.5;          many[0 + l]  = acc0;          l: the lane
       y[16] = erf(acc1) * 0.5;    ->    many[16 + l] = acc1;
                                         for k < 2: many[16 k + l] = erf(many[16 k + l])
                                         y[0]  = many[0 + l] * 0.5;
                                         y[16] = many[16 + l] * 0.5;

   Written out side by side, C compilers take the polynomials' constants out of all loops around, and keep them in registers
   where the tile's accumulators should be: gcc 12 spills those in the innermost loop, at half its speed (measured: 197 x
   768 x 192 with GELU, two parts, Zen 4: 0.61 ms on one thread for what takes 0.31 so). The printer makes a call of a
   function of its own of the loop, which also takes less code. */
#include "sched/sched.h"

/* Fewer vectors have registers beside them for the constants. */
enum { LEAST_CALLS = 4 };

/* The first call in e whose operand has none; NULL: none. What stands in a branch may be out of bounds outside of it. */
static const tn_expr *find_call(const tn_expr *e)
{
    if (e->kind == TN_E_SELECT || e->kind == TN_E_LOAD)
        return NULL;
    for (int k = 0; k < e->n; k++) {
        const tn_expr *inner = find_call(e->arg[k]);
        if (inner != NULL)
            return inner;
    }
    return tn_is_long_call(e) ? e : NULL;
}

static bool is_vector(const tn_expr *e, const tn_var *lane)
{
    if (e->kind == TN_E_VAR)
        return e->var == lane || e->var->lanes > 0;
    for (int k = 0; k < e->n; k++)
        if (is_vector(e->arg[k], lane))
            return true;
    return false;
}

/* From first on, a call of one function in each store of vectors. */
static bool find_calls(const tn_stmt_vec *block, size_t first, const tn_expr **call)
{
    for (size_t i = first; i < block->n; i++) {
        const tn_stmt *s = block->items[i];
        if (s->kind != TN_S_STORE || s->lane == NULL || s->lane != block->items[first]->lane)
            return false;
        call[i] = find_call(s->value);
        if (call[i] == NULL || call[i]->op != call[first]->op || !is_vector(call[i], s->lane))
            return false;
    }
    return true;
}

typedef struct swap {
    const tn_expr *call, *by;
} swap;

static const tn_expr *swap_call(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const swap *s = user;
    return e == s->call ? s->by : NULL;
}

static tn_stmt *add_store(tn_program *p, tn_stmt_vec *out, tn_buf *b, tn_var *lane, const tn_expr *offset,
                          const tn_expr *value)
{
    tn_stmt *s = TN_NEW(p->arena, tn_stmt);
    *s = (tn_stmt){.kind = TN_S_STORE, .buf = b, .lane = lane, .offset = offset, .value = value};
    return *TN_PUSH(p->arena, *out) = s;
}

/* many[k lanes + lane] */
static const tn_expr *place(tn_program *p, tn_var *lane, const tn_expr *k)
{
    return tn_add(p, tn_mul(p, k, tn_index(p, lane->hi + 1)), tn_var_expr(p, lane));
}

static void add_loop(tn_program *p, tn_stmt_vec *out, tn_buf *many, tn_var *lane, int op, int64_t n)
{
    tn_stmt *loop = TN_NEW(p->arena, tn_stmt);
    loop->kind = TN_S_FOR;
    loop->var = tn_loop_var(p, "k", tn_index(p, n));
    loop->begin = tn_index(p, 0);
    loop->end = tn_index(p, n);
    const tn_expr *at = place(p, lane, tn_var_expr(p, loop->var));
    add_store(p, &loop->body, many, lane, at, tn_op1(p, (tn_scalar_op)op, tn_load_flat(p, many, at)));
    *TN_PUSH(p->arena, *out) = loop;
}

/* The stores from first on; what comes before them is kept. */
static bool batch_one(tn_program *p, tn_stmt_vec *block, size_t *first)
{
    const tn_expr **call = TN_NEW_N(p->arena, const tn_expr *, block->n + 1);
    int64_t n = (int64_t)(block->n - *first);
    if (n < LEAST_CALLS || !find_calls(block, *first, call))
        return false;
    tn_stmt_vec out = {0};
    tn_var *lane = block->items[*first]->lane;
    tn_dim room = tn_dim_fixed(n * (lane->hi + 1));
    tn_buf *many = tn_buf_temp(p, "many", TN_FLOAT, 1, &room);
    many->scope = TN_SCOPE_REGISTER;
    for (size_t i = 0; i < *first; i++)
        *TN_PUSH(p->arena, out) = block->items[i];
    for (int64_t i = 0; i < n; i++)
        add_store(p, &out, many, lane, place(p, lane, tn_index(p, i)), call[*first + (size_t)i]->arg[0]);
    add_loop(p, &out, many, lane, call[*first]->op, n);
    for (int64_t i = 0; i < n; i++) {
        tn_stmt *s = block->items[*first + (size_t)i];
        swap w = {call[*first + (size_t)i], tn_load_flat(p, many, place(p, lane, tn_index(p, i)))};
        s->value = tn_rewrite(p, s->value, swap_call, &w);
        *TN_PUSH(p->arena, out) = s;
    }
    *first = out.n - (size_t)n;
    *block = out;
    return true;
}

void tn_batch_calls(tn_program *p, tn_stmt_vec *block)
{
    size_t first = 0;
    while (batch_one(p, block, &first))
        continue;
}
