/* How much stack a kernel's function may take, from its statements. What a C compiler does is its own business, so this
   is an estimate from above for gcc and clang with optimisation: everything that has a name at one place is counted as if
   all of it were in memory there, with room for the intermediate values of the largest expression and for the counters
   and pointers of every loop. tests/emit/stack.sh holds it against what gcc says it used (-fstack-usage). */
#include "emit/cbody.h"
#include "emit/frame.h"

enum {
    POINTER = 8,  /* bytes, on the largest machine */
    FRAME = 128,  /* saved registers, return address, alignment */
    IN_FLIGHT = 8 /* intermediate values beside an expression's own: constants of a polynomial, widened halves */
};

static int64_t width_of(const tn_stmt *s)
{
    int64_t size = tn_dtype_get(s->value->dtype)->size, lanes = s->lane != NULL ? s->lane->hi + 1 : 1;
    return lanes > 1 && size < 4 ? 4 * lanes : size < POINTER && lanes == 1 ? POINTER : size * lanes;
}

/* Different results of operations in the value: no more of them can wait at once, however the compiler orders them. */
static int64_t count_results(tn_program *p, const tn_stmt *s)
{
    tn_use_vec uses = {0};
    int64_t n = 0;
    tn_expr_uses(p, s->value, s->lane, false, &uses);
    for (size_t i = 0; i < uses.n; i++)
        n += uses.items[i].expr->kind != TN_E_LOAD && uses.items[i].expr->dtype != TN_INDEX;
    return n;
}

/* Loads of bytes that become wider, each of which a compiler may keep for all statements of a block that use it: a wide
   one costs more than reading it again, so gcc does. Others are read where they are used. */
static void note_widened(tn_program *p, const tn_expr *e, tn_use_vec *seen)
{
    if (e->kind != TN_E_CAST || e->arg[0]->kind != TN_E_LOAD) {
        for (int k = 0; k < e->n && e->kind != TN_E_LOAD; k++)
            note_widened(p, e->arg[k], seen);
        return;
    }
    for (size_t i = 0; i < seen->n; i++)
        if (seen->items[i].expr == e)
            return;
    if (tn_dtype_get(e->arg[0]->dtype)->size < tn_dtype_get(e->dtype)->size)
        TN_PUSH(p->arena, *seen)->expr = e;
}

/* What is there at once: the values named here, and the largest of the loops and intermediate values. A loop has its
   counter, its end, and a pointer that moves for every buffer. */
static int64_t scope_bytes(tn_program *p, const tn_stmt_vec *body, int n_pointers)
{
    int64_t named = 0, deepest = 0;
    tn_use_vec widened = {0};
    for (size_t i = 0; i < body->n; i++) {
        const tn_stmt *s = body->items[i];
        if (s->value != NULL) {
            size_t before = widened.n;
            note_widened(p, s->value, &widened);
            named += (int64_t)(widened.n - before) * width_of(s);
            deepest = tn_larger(deepest, (count_results(p, s) + IN_FLIGHT) * width_of(s));
        }
        if (s->kind == TN_S_LET)
            named += width_of(s);
        else if (s->kind == TN_S_FOR || s->kind == TN_S_BLOCK)
            deepest = tn_larger(deepest, (2 + n_pointers) * POINTER + scope_bytes(p, &s->body, n_pointers));
    }
    return named + deepest;
}

/* Tiles that the schedule keeps in an array. */
static int64_t array_bytes(const tn_stmt *s, bool *counted)
{
    int64_t sum = 0;
    if (s->kind == TN_S_STORE && s->buf->scope == TN_SCOPE_REGISTER && !counted[s->buf->id]) {
        counted[s->buf->id] = true;
        sum += s->buf->max[0] * tn_dtype_get(s->buf->dtype)->size;
    }
    for (size_t i = 0; i < s->body.n; i++)
        sum += array_bytes(s->body.items[i], counted);
    return sum;
}

int64_t tn_stack_bytes(tn_program *p, const tn_function *f, const tn_stmt *body)
{
    int n_pointers = f->n_param + f->n_symbol;
    bool *counted = TN_NEW_N(p->arena, bool, p->bufs.n + 1);
    return FRAME + n_pointers * POINTER + array_bytes(body, counted) + scope_bytes(p, &body->body, n_pointers);
}

/* The entry's own: the areas that it compares and the sizes it read. The C compiler may put some kernels into the entry,
   which then has room for the largest, and call the others, of which the largest is the second at most. */
static int64_t bound_of_one(const tn_unit *u)
{
    int64_t own = FRAME + (int64_t)(2 * (u->n_in + u->n_out + 2) + u->program->symbols.n) * POINTER, largest = 0,
            second = 0;
    if (u->n_states > 0) /* run_stateful's frame, with an io struct of its own */
        own += FRAME + (int64_t)(u->n_in + u->n_out + u->program->symbols.n) * POINTER;
    if (tn_is_threaded(u)) /* between the entry and a kernel: share, the pool's run and work, the part */
        own += 4 * FRAME;
    for (size_t i = 0; i < u->n_layers; i++)
        if (u->layer[i].stack_bytes > largest) {
            second = largest;
            largest = u->layer[i].stack_bytes;
        } else {
            second = tn_larger(second, u->layer[i].stack_bytes);
        }
    return own + largest + second;
}

int64_t tn_stack_bound(const tn_unit *u)
{
    int64_t largest = u->n_variants == 0 ? bound_of_one(u) : 0;
    for (size_t i = 0; i < u->n_variants; i++) /* and the frame of what chooses */
        largest = tn_larger(largest, FRAME + bound_of_one(u->variants[i]));
    return largest;
}
