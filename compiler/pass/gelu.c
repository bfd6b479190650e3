/* gelu: GELU as files write it out becomes one function, and 1 + tanh(u) a sigmoid.

       x * 0.5 * (1 + erf(x / sqrt(2)))       becomes   gelu(x)              in any order of the factors
       x * 0.5 * (1 + tanh(u))                becomes   x * sigmoid(2 u)

   gelu(x) is x times a sigmoid of an odd polynomial (tn_vmath.h): 22 cycles for 16 floats on Zen 4, where erf and what
   stands around it take 40; a sigmoid takes half of tanh. Neither is less exact than what it replaces: the sum with 1
   rounds to 2^-24, whatever its other operand is exact to. Nothing without vectors (C's library has erff), and with
   option exact. */
#include <float.h>
#include <math.h>

#include "pass/pass.h"

enum { MOST_FACTORS = 8 };

static bool is_op(const tn_expr *e, int op)
{
    return e->kind == TN_E_OP && e->op == op && e->dtype == TN_FLOAT;
}

/* --- products ----------------------------------------------------------------------------------------------------- */

/* number * factor[0] * factor[1] ... */
typedef struct product {
    double number;
    int numbers; /* that it is made of */
    const tn_expr *factor[MOST_FACTORS];
    int n;
} product;

/* Takes e apart, but for `whole`, which is one factor even if it is a product; false: too many factors. */
static bool take_apart(product *out, const tn_expr *e, const tn_expr *whole)
{
    if (e->kind == TN_E_NUM) {
        out->number *= e->f;
        out->numbers++;
        return true;
    }
    if (e != whole && is_op(e, TN_OP_MUL))
        return take_apart(out, e->arg[0], whole) && take_apart(out, e->arg[1], whole);
    if (e != whole && is_op(e, TN_OP_DIV) && e->arg[1]->kind == TN_E_NUM && e->arg[1]->f != 0) {
        out->number /= e->arg[1]->f;
        out->numbers++;
        return take_apart(out, e->arg[0], whole);
    }
    if (out->n == MOST_FACTORS)
        return false;
    out->factor[out->n++] = e;
    return true;
}

/* NULL where float has no such number: x * 1e30 * 1e30 is 0 where x is, x times infinity is not. */
static const tn_expr *put_together(tn_program *p, const product *of)
{
    if (fabs(of->number) < (double)FLT_MIN || fabs(of->number) > (double)FLT_MAX)
        return NULL;
    const tn_expr *e = of->factor[0];
    for (int i = 1; i < of->n; i++)
        e = tn_mul(p, e, of->factor[i]);
    return of->number == 1 ? e : tn_mul(p, e, tn_number(p, TN_FLOAT, of->number));
}

/* The numbers that files write have been rounded to float. */
static bool is_near(double x, double y)
{
    return fabs(x - y) <= 1e-6 * fabs(y);
}

/* --- 1 + erf(x / sqrt(2)) ------------------------------------------------------------------------------------------- */

/* The operand of f in 1 + f(..); NULL: another expression. */
static const tn_expr *operand_of_one_plus(const tn_expr *e, int f)
{
    if (!is_op(e, TN_OP_ADD))
        return NULL;
    bool swap = e->arg[0]->kind == TN_E_NUM;
    const tn_expr *one = e->arg[!swap], *call = e->arg[swap];
    return one->kind == TN_E_NUM && one->f == 1 && is_op(call, f) ? call->arg[0] : NULL;
}

/* x of x / sqrt(2), or of x * sqrt(1 / 2). */
static const tn_expr *find_whole(const tn_expr *scaled)
{
    if (!is_op(scaled, TN_OP_MUL) && !is_op(scaled, TN_OP_DIV))
        return NULL;
    bool swap = scaled->op == TN_OP_MUL && scaled->arg[0]->kind == TN_E_NUM;
    const tn_expr *by = scaled->arg[!swap];
    double wanted = scaled->op == TN_OP_MUL ? 0.70710678118654752440 : 1.41421356237309504880;
    return by->kind == TN_E_NUM && is_near(by->f, wanted) ? scaled->arg[swap] : NULL;
}

static bool drop(product *of, const tn_expr *factor)
{
    for (int i = 0; i < of->n; i++)
        if (of->factor[i] == factor) {
            of->factor[i] = of->factor[--of->n];
            return true;
        }
    return false;
}

/* e has the factors 1 + erf(x / sqrt(2)) and x. */
static const tn_expr *gelu_of(tn_program *p, const tn_expr *e, const tn_expr *one_plus, const tn_expr *x)
{
    product of = {.number = 1};
    if (!take_apart(&of, e, x) || !drop(&of, one_plus) || !drop(&of, x))
        return NULL;
    of.number = is_near(of.number, 0.5) ? 1 : of.number * 2;
    of.numbers = 0;
    if (of.n == MOST_FACTORS)
        return NULL;
    of.factor[of.n++] = tn_op1(p, TN_OP_GELU, x);
    return put_together(p, &of);
}

/* --- rewriting ---------------------------------------------------------------------------------------------------- */

static const tn_expr *double_sigmoid(tn_program *p, const tn_expr *u)
{
    product of = {.number = 2};
    if (!take_apart(&of, u, NULL) || of.n == 0)
        return NULL;
    const tn_expr *twice = put_together(p, &of);
    return twice == NULL ? NULL : tn_mul(p, tn_op1(p, TN_OP_SIGMOID, twice), tn_number(p, TN_FLOAT, 2));
}

static const tn_expr *replace(tn_program *p, void *user, const tn_expr *e)
{
    (void)user;
    const tn_expr *u = operand_of_one_plus(e, TN_OP_TANH);
    if (u != NULL)
        return double_sigmoid(p, u);
    product of = {.number = 1};
    bool gates = false;
    if (!is_op(e, TN_OP_MUL) || !take_apart(&of, e, NULL))
        return NULL;
    for (int i = 0; i < of.n; i++) {
        const tn_expr *scaled = operand_of_one_plus(of.factor[i], TN_OP_ERF);
        const tn_expr *x = scaled == NULL ? NULL : find_whole(scaled);
        const tn_expr *by = x == NULL ? NULL : gelu_of(p, e, of.factor[i], x);
        if (by != NULL)
            return by;
        gates = gates || is_op(of.factor[i], TN_OP_GELU) || is_op(of.factor[i], TN_OP_SIGMOID);
    }
    /* The 2 of a sigmoid meets the file's 0.5. */
    return gates && of.numbers > 1 ? put_together(p, &of) : NULL;
}

bool tn_pass_gelu(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t i = 0; i < p->comps.n && m->target->lanes > 1 && !p->exact; i++) {
        tn_comp *c = p->comps.items[i];
        const tn_expr *elem = c->elem, *post = c->post;
        c->elem = tn_rewrite(p, elem, replace, NULL);
        c->post = post == NULL ? NULL : tn_rewrite(p, post, replace, NULL);
        *changed = *changed || c->elem != elem || c->post != post;
    }
    return true;
}
