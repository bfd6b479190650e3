/* Random numbers: RandomUniform, RandomNormal and their Like forms, Bernoulli, Multinomial, Dropout in training.

   Element i is a hash of i and of the node's key, so a number does not depend on those drawn before it: there is no state
   to keep, threads share the work, and the same call gives the same numbers each time.

       bits(i) = mix(mix(i + key's low half) ^ key's high half)     mix: MurmurHash3's finaliser (Appleby, public domain)
       u = bits / 2^32    uniform: low + (high - low) u    normal: sqrt(-2 log(1 - u)) cos(2 pi u')   (Box and Muller, 1958)

   The key is a hash of the seed; without one, of the node, so that two nodes differ. In a repeat the turn is part of i. */
#include "base/hash.h"
#include "ops/ops.h"

#include <math.h>

typedef enum { UNIFORM, NORMAL } distribution; /* the rows' detail */

static const double pi = 3.14159265358979323846;

/* --- keys ----------------------------------------------------------------------------------------------------------- */

static const char key_name[] = "key"; /* an attribute, so that passes and the text form keep it */

bool tn_node_draws(const tn_node *n)
{
    return tn_node_find_attr(n, key_name) != NULL;
}

void tn_node_set_key(tn_graph *g, tn_node *n)
{
    const tn_attr *seed = tn_node_find_attr(n, "seed");
    uint64_t key;
    if (tn_node_draws(n))
        return;
    if (seed != NULL && seed->kind == TN_ATTR_INT)
        key = tn_hash(&seed->i, sizeof seed->i, 0);
    else if (seed != NULL)
        key = tn_hash(&seed->f, sizeof seed->f, 0);
    else
        key = tn_hash(&(int){n->out[0] != NULL ? n->out[0]->id : n->index}, sizeof(int), 1);
    tn_node_set_int(g, n, key_name, (int64_t)(key & INT64_MAX));
}

/* --- numbers -------------------------------------------------------------------------------------------------------- */

static const tn_expr *word(tn_program *p, uint32_t x)
{
    return tn_integer(p, TN_UINT32, (int64_t)x);
}

static const tn_expr *fold_high(tn_program *p, const tn_expr *x, uint32_t bits)
{
    return tn_op2(p, TN_OP_BITXOR, x, tn_op2(p, TN_OP_SHR, x, word(p, bits)));
}

static const tn_expr *mix(tn_program *p, const tn_expr *x)
{
    x = tn_mul(p, fold_high(p, x, 16), word(p, 0x85ebca6bu));
    x = tn_mul(p, fold_high(p, x, 13), word(p, 0xc2b2ae35u));
    return fold_high(p, x, 16);
}

const tn_expr *tn_random_unit(tn_program *p, const tn_node *n, tn_dtype t, const tn_expr *i, uint32_t stream)
{
    uint64_t key = (uint64_t)tn_node_int(n, key_name, 0);
    key = tn_hash(&stream, sizeof stream, key);
    const tn_expr *x = tn_cast(p, TN_UINT32, i);
    for (const tn_repeat *r = p->repeat; r != NULL; r = r->outer)
        x = mix(p, tn_add(p, tn_mul(p, x, word(p, 0x9e3779b9u)), tn_cast(p, TN_UINT32, tn_var_expr(p, r->turn))));
    x = mix(p, tn_add(p, x, word(p, (uint32_t)key)));
    x = mix(p, tn_op2(p, TN_OP_BITXOR, x, word(p, (uint32_t)(key >> 32))));
    if (t == TN_DOUBLE)
        return tn_mul(p, tn_cast(p, TN_DOUBLE, x), tn_number(p, TN_DOUBLE, 0x1p-32));
    /* 24 bits, which float holds exactly: it must not round up to 1 */
    x = tn_cast(p, TN_FLOAT, tn_op2(p, TN_OP_SHR, x, word(p, 8)));
    return tn_mul(p, x, tn_number(p, TN_FLOAT, 0x1p-24));
}

static tn_dtype drawn_in(tn_dtype t)
{
    return t == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
}

static const tn_expr *unit_at(tn_program *p, const tn_comp *c, tn_dtype t, uint32_t stream)
{
    return tn_random_unit(p, c->node, t, tn_flatten(p, c->out->rank, c->out->dim, c->at), stream);
}

/* --- uniform, normal ------------------------------------------------------------------------------------------------ */

static bool read_type(tn_graph *g, const tn_node *n, tn_dtype otherwise, unsigned fits, tn_dtype *out)
{
    int64_t t = tn_node_int(n, "dtype", (int64_t)otherwise);
    *out = t > 0 && t < TN_INDEX ? (tn_dtype)t : TN_UNDEFINED;
    return (fits >> *out & 1u) != 0
        || tn_node_error(g, n, "dtype is %lld (%s), which %s does not give", (long long)t, tn_dtype_get(*out)->name,
                         n->op->name);
}

static bool read_shape(tn_graph *g, const tn_node *n, tn_shape *out)
{
    const tn_attr *a = tn_node_find_attr(n, "shape");
    if (a == NULL || a->kind != TN_ATTR_INTS || a->n > TN_MAX_RANK)
        return tn_node_error(g, n, "attribute 'shape', a list of at most %d ints, is wanted", TN_MAX_RANK);
    *out = tn_shape_fixed((int)a->n, a->ints);
    return true;
}

bool tn_infer_random(tn_graph *g, tn_node *n)
{
    tn_shape s;
    tn_dtype t, otherwise = n->n_in > 0 && (TN_T_FLOATS >> n->in[0]->dtype & 1u) != 0 ? n->in[0]->dtype : TN_FLOAT;
    if (n->n_in > 0)
        s = n->in[0]->shape;
    else if (!read_shape(g, n, &s))
        return false;
    if (!read_type(g, n, otherwise, TN_T_FLOATS, &t))
        return false;
    tn_node_set_key(g, n);
    tn_set_output(n, 0, t, &s);
    return true;
}

static const tn_expr *uniform(tn_program *p, const tn_comp *c, tn_dtype t)
{
    double low = (double)tn_node_float(c->node, "low", 0), high = (double)tn_node_float(c->node, "high", 1);
    const tn_expr *u = tn_mul(p, unit_at(p, c, t, 0), tn_number(p, t, high - low));
    return tn_add(p, u, tn_number(p, t, low));
}

static const tn_expr *normal(tn_program *p, const tn_comp *c, tn_dtype t)
{
    double mean = (double)tn_node_float(c->node, "mean", 0), scale = (double)tn_node_float(c->node, "scale", 1);
    const tn_expr *open = tn_sub(p, tn_number(p, t, 1), unit_at(p, c, t, 0)); /* above 0 */
    const tn_expr *length = tn_op1(p, TN_OP_SQRT, tn_mul(p, tn_number(p, t, -2), tn_op1(p, TN_OP_LOG, open)));
    const tn_expr *angle = tn_mul(p, tn_number(p, t, 2 * pi), unit_at(p, c, t, 1));
    const tn_expr *x = tn_mul(p, length, tn_op1(p, TN_OP_COS, angle));
    return tn_add(p, tn_mul(p, x, tn_number(p, t, scale)), tn_number(p, t, mean));
}

bool tn_lower_random(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_dtype t = drawn_in(n->out[0]->dtype);
    tn_comp_set(p, c, n->op->detail == NORMAL ? normal(p, c, t) : uniform(p, c, t));
    return true;
}

/* --- Bernoulli ------------------------------------------------------------------------------------------------------ */

bool tn_infer_bernoulli(tn_graph *g, tn_node *n)
{
    tn_dtype t;
    if (!read_type(g, n, n->in[0]->dtype, TN_T_NUMBERS | TN_T_BOOL, &t))
        return false;
    tn_node_set_key(g, n);
    tn_set_output(n, 0, t, &n->in[0]->shape);
    return true;
}

bool tn_lower_bernoulli(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *chance = tn_load(p, tn_buf_of(p, n->in[0]), c->at);
    tn_comp_set(p, c, tn_lt(p, unit_at(p, c, chance->dtype, 0), chance));
    return true;
}

/* --- Multinomial ---------------------------------------------------------------------------------------------------- */

bool tn_infer_multinomial(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    int64_t samples = tn_node_int(n, "sample_size", 1);
    tn_dtype t;
    if (x->rank != 2 || samples < 1 || samples >= TN_DIM_MAX)
        return tn_node_error(g, n, "'%s' is %s, with %lld samples; [batch, classes] and 1 sample or more are wanted",
                             n->in[0]->name, tn_type_text(g->arena, n->in[0]->dtype, x), (long long)samples);
    if (!read_type(g, n, TN_INT32, TN_BIT(TN_INT32) | TN_BIT(TN_INT64), &t))
        return false;
    tn_shape y = {.known = true, .rank = 2, .dim = {x->dim[0], tn_dim_fixed(samples)}};
    tn_node_set_key(g, n);
    tn_set_output(n, 0, t, &y);
    return true;
}

static tn_buf *greatest(tn_program *p, const tn_node *n, tn_buf *x, tn_dtype t)
{
    const tn_shape *s = &n->in[0]->shape;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "most", t, 1, s->dim));
    const tn_expr *k = tn_reduce_over(p, c, s->dim[1]);
    const tn_expr *e = tn_load(p, x, (const tn_expr *[]){c->at[0], k});
    tn_comp_reduce(p, c, TN_OP_MAX, tn_number(p, t, -(double)INFINITY), e, NULL);
    return c->out;
}

/* below[b, k]: the weight exp(x) of classes 0 .. k, up to a factor for each row. */
static tn_buf *running_weights(tn_program *p, const tn_node *n, tn_dtype t)
{
    const tn_shape *s = &n->in[0]->shape;
    tn_buf *x = tn_buf_of(p, n->in[0]), *most = greatest(p, n, x, t), *sum = tn_buf_temp(p, "below", t, 2, s->dim);
    tn_comp *c = tn_comp_begin(p, n, sum);
    const tn_expr *before[] = {c->at[0], tn_sub(p, c->at[1], tn_index(p, 1))};
    const tn_expr *e = tn_op1(p, TN_OP_EXP, tn_sub(p, tn_load(p, x, c->at), tn_load(p, most, c->at)));
    const tn_expr *is_first = tn_op2(p, TN_OP_EQ, c->at[1], tn_index(p, 0));
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, is_first, e, tn_add(p, tn_load(p, sum, before), e)));
    return sum;
}

/* As many classes lie below the point as have a running weight that does not pass it. */
bool tn_lower_multinomial(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->in[0]->shape;
    tn_dtype t = drawn_in(n->in[0]->dtype);
    tn_buf *sum = running_weights(p, n, t);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *last = tn_sub(p, tn_dim_expr(p, s->dim[1]), tn_index(p, 1));
    const tn_expr *all = tn_load(p, sum, (const tn_expr *[]){c->at[0], last});
    const tn_expr *point = tn_mul(p, unit_at(p, c, t, 0), all);
    const tn_expr *k = tn_reduce_over(p, c, tn_dim_do(p->arena, TN_SYM_SUB, s->dim[1], tn_dim_fixed(1)));
    const tn_expr *passed = tn_le(p, tn_load(p, sum, (const tn_expr *[]){c->at[0], k}), point);
    tn_dtype out = n->out[0]->dtype;
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, out, 0), tn_cast(p, out, passed), NULL);
    return true;
}

/* --- Dropout -------------------------------------------------------------------------------------------------------- */

/* Whether n may drop something: in training, by a ratio that is not 0. */
static bool may_drop(const tn_node *n)
{
    const tn_value *ratio = tn_has_input(n, 1) ? n->in[1] : NULL, *mode = tn_has_input(n, 2) ? n->in[2] : NULL;
    bool trains = mode != NULL && (mode->constant == NULL || tn_tensor_get_int(mode->constant, 0) != 0);
    bool by_none = ratio != NULL && ratio->constant != NULL && tn_tensor_get(ratio->constant, 0) == 0;
    return trains && !by_none;
}

bool tn_infer_dropout(tn_graph *g, tn_node *n)
{
    const tn_value *mode = tn_has_input(n, 2) ? n->in[2] : NULL;
    if (tn_has_input(n, 1) && tn_shape_count(&n->in[1]->shape) != 1)
        return tn_node_error(g, n, "ratio '%s' is %s; a scalar is wanted", n->in[1]->name,
                             tn_value_type(g->arena, n->in[1]));
    if (mode != NULL && (mode->dtype != TN_BOOL || tn_shape_count(&mode->shape) != 1))
        return tn_node_error(g, n, "training_mode '%s' is %s; a scalar of type bool is wanted", mode->name,
                             tn_value_type(g->arena, mode));
    if (may_drop(n))
        tn_node_set_key(g, n);
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    tn_set_output(n, 1, TN_BOOL, &n->in[0]->shape);
    return true;
}

/* The only element of v. */
static const tn_expr *load_one(tn_program *p, const tn_value *v)
{
    const tn_expr *at[TN_MAX_RANK];
    for (int i = 0; i < TN_MAX_RANK; i++)
        at[i] = tn_index(p, 0);
    return tn_load(p, tn_buf_of(p, v), at);
}

static const tn_expr *drop_ratio(tn_program *p, const tn_node *n, tn_dtype t)
{
    return tn_has_input(n, 1) ? tn_cast(p, t, load_one(p, n->in[1])) : tn_number(p, t, 0.5);
}

/* Whether the element at c's axes stays; NULL: all do. */
static const tn_expr *stays(tn_program *p, const tn_node *n, const tn_comp *c, tn_dtype t)
{
    if (!tn_node_draws(n))
        return NULL;
    const tn_expr *drawn = tn_le(p, drop_ratio(p, n, t), unit_at(p, c, t, 0));
    const tn_expr *infers = tn_op1(p, TN_OP_NOT, load_one(p, n->in[2]));
    return tn_op2(p, TN_OP_OR, infers, drawn);
}

/* What stays grows by as much as is dropped on average; a ratio of 1 drops all and divides nothing. */
static const tn_expr *grown(tn_program *p, const tn_node *n, const tn_expr *x)
{
    const tn_expr *rest = tn_sub(p, tn_number(p, x->dtype, 1), drop_ratio(p, n, x->dtype));
    return tn_select(p, load_one(p, n->in[2]), tn_div(p, x, rest), x);
}

bool tn_lower_dropout(tn_program *p, const tn_node *n)
{
    tn_dtype t = drawn_in(n->in[0]->dtype);
    if (n->out[0] != NULL) {
        tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
        const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), c->at), *stay = stays(p, n, c, t);
        tn_comp_set(p, c, stay == NULL ? x : tn_select(p, stay, grown(p, n, x), tn_number(p, x->dtype, 0)));
    }
    if (n->n_out > 1 && n->out[1] != NULL) {
        tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[1]));
        const tn_expr *stay = stays(p, n, c, t);
        tn_comp_set(p, c, stay == NULL ? tn_integer(p, TN_BOOL, 1) : stay);
    }
    return true;
}
