/* LinearAttention: attention whose past is one matrix for each head, S [B,H,K,V], changed by every step.

       repeat t     read[v] = sum_k k[t,k] * decay[t,k] * S[k,v]                    delta rules only
                    S[k,v]  = decay[t,k] * S[k,v] + k[t,k] * beta[t] * (value[t,v] - read[v])
                    out[t,v] = scale * sum_k query[t,k] * S[k,v]

   decay is exp of the input, for each head or each of its elements; 1 where the rule has none. Without a delta rule beta
   is 1 and read 0. A group of query heads shares a state. Heads lie side by side in the last dim of the inputs. */
#include "ops/ops.h"
#include "ops/quant.h"

#include <math.h>

enum { QUERY, KEY, VALUE, PAST, DECAY, BETA };

typedef struct linear {
    tn_program *p;
    const tn_node *n;
    tn_dtype t; /* compute type */
    bool gated, delta;
    int64_t heads, group, keys, values; /* query heads are heads * group */
    tn_dim batch, steps;
    const tn_expr *turn;
    tn_buf *state; /* [B,heads,keys,values] */
} linear;

/* --- types and shapes ----------------------------------------------------------------------------------------------- */

static bool read_rule(tn_graph *g, linear *l)
{
    const char *rule = tn_node_string(l->n, "update_rule", "gated_delta");
    l->gated = strcmp(rule, "gated") == 0 || strcmp(rule, "gated_delta") == 0;
    l->delta = strcmp(rule, "delta") == 0 || strcmp(rule, "gated_delta") == 0;
    if (!l->gated && !l->delta && strcmp(rule, "linear") != 0)
        return tn_node_error(g, l->n, "update_rule is '%s'; linear, gated, delta or gated_delta is wanted", rule);
    if ((l->gated && !tn_has_input(l->n, DECAY)) || (l->delta && !tn_has_input(l->n, BETA)))
        return tn_node_error(g, l->n, "update_rule %s needs input %d (%s)", rule,
                             l->gated && !tn_has_input(l->n, DECAY) ? DECAY : BETA,
                             l->gated && !tn_has_input(l->n, DECAY) ? "decay" : "beta");
    return true;
}

static bool read_sizes(tn_graph *g, linear *l)
{
    const tn_node *n = l->n;
    int64_t q_heads = tn_node_int(n, "q_num_heads", 0);
    l->heads = tn_node_int(n, "kv_num_heads", 0);
    if (l->heads < 1 || q_heads < 1 || q_heads > INT32_MAX || q_heads % l->heads != 0)
        return tn_node_error(g, n, "%lld query heads and %lld key heads; the first must be a multiple of the second",
                             (long long)q_heads, (long long)l->heads);
    for (int i = QUERY; i <= VALUE; i++)
        if (n->in[i]->shape.rank != 3 || n->in[i]->shape.dim[2].sym != NULL || n->in[i]->shape.dim[2].n > INT32_MAX)
            return tn_node_error(g, n, "input %d '%s' is %s; [B,T,heads*size] with a fixed last dim is wanted", i,
                                 n->in[i]->name, tn_value_type(g->arena, n->in[i]));
    l->group = q_heads / l->heads;
    l->batch = n->in[QUERY]->shape.dim[0];
    l->steps = n->in[QUERY]->shape.dim[1];
    l->keys = n->in[KEY]->shape.dim[2].n / l->heads;
    l->values = n->in[VALUE]->shape.dim[2].n / l->heads;
    l->t = tn_dtype_get(n->in[QUERY]->dtype)->compute;
    return true;
}

/* Input i is [B,T,count], or [B,T,other] where that is not 0. */
static bool check_steps(tn_graph *g, const linear *l, int i, int64_t count, int64_t other)
{
    if (!tn_has_input(l->n, i))
        return true;
    const tn_value *v = l->n->in[i];
    bool fits = v->shape.rank == 3 && tn_dim_same(v->shape.dim[0], l->batch) && tn_dim_same(v->shape.dim[1], l->steps)
             && (tn_dim_is(v->shape.dim[2], count) || (other != 0 && tn_dim_is(v->shape.dim[2], other)));
    if (fits && v->dtype == l->n->in[QUERY]->dtype)
        return true;
    return tn_node_error(g, l->n,
                         "input %d '%s' is %s; [B,T,%lld] with the batch, the steps and the type of '%s' is wanted", i,
                         v->name, tn_value_type(g->arena, v), (long long)count, l->n->in[QUERY]->name);
}

static void state_dims(const linear *l, tn_dim *dims)
{
    dims[0] = l->batch;
    dims[1] = tn_dim_fixed(l->heads);
    dims[2] = tn_dim_fixed(l->keys);
    dims[3] = tn_dim_fixed(l->values);
}

static tn_shape state_shape(const linear *l)
{
    tn_shape s = {.known = true, .rank = 4};
    state_dims(l, s.dim);
    return s;
}

static bool check_past(tn_graph *g, const linear *l)
{
    tn_shape want = state_shape(l);
    const tn_value *v = tn_optional_input(l->n, PAST);
    if (v == NULL || (tn_shape_equal(&v->shape, &want) && tn_quant_check_type(g, l->n, PAST, TN_T_FLOATS)))
        return true;
    return tn_node_error(g, l->n, "input %d '%s' is %s; %s is wanted", PAST, v->name, tn_value_type(g->arena, v),
                         tn_type_text(g->arena, v->dtype, &want));
}

static bool read_linear(tn_graph *g, const tn_node *n, linear *l)
{
    *l = (linear){.n = n};
    return read_rule(g, l) && read_sizes(g, l) && check_steps(g, l, QUERY, l->heads * l->group * l->keys, 0)
        && check_steps(g, l, KEY, l->heads * l->keys, 0) && check_steps(g, l, VALUE, l->heads * l->values, 0)
        && check_steps(g, l, DECAY, l->heads * l->keys, l->heads) && check_steps(g, l, BETA, l->heads, 1)
        && check_past(g, l);
}

bool tn_infer_linear_attention(tn_graph *g, tn_node *n)
{
    linear l;
    if (!read_linear(g, n, &l))
        return false;
    tn_shape y = n->in[QUERY]->shape, state = state_shape(&l);
    y.dim[2] = tn_dim_fixed(l.heads * l.group * l.values);
    tn_set_output(n, 0, n->in[QUERY]->dtype, &y);
    tn_set_output(n, 1, n->in[tn_has_input(n, PAST) ? PAST : QUERY]->dtype, &state);
    return true;
}

/* --- computations --------------------------------------------------------------------------------------------------- */

/* Element i of head h of an input at this turn. */
static const tn_expr *load_step(const linear *l, int input, const tn_expr *b, const tn_expr *h, int64_t size,
                                const tn_expr *i)
{
    const tn_expr *at[] = {b, l->turn, tn_add(l->p, tn_mul(l->p, h, tn_index(l->p, size)), i)};
    return tn_load(l->p, tn_buf_of(l->p, l->n->in[input]), at);
}

/* x times the decay of element k of head h. */
static const tn_expr *decayed(const linear *l, const tn_expr *b, const tn_expr *h, const tn_expr *k, const tn_expr *x)
{
    if (!l->gated)
        return x;
    bool each = l->n->in[DECAY]->shape.dim[2].n != l->heads;
    const tn_expr *gate =
        each ? load_step(l, DECAY, b, h, l->keys, k) : load_step(l, DECAY, b, h, 1, tn_index(l->p, 0));
    return tn_mul(l->p, tn_op1(l->p, TN_OP_EXP, gate), x);
}

static void begin_state(linear *l)
{
    tn_dim dims[4];
    state_dims(l, dims);
    l->state = tn_buf_temp(l->p, "state", l->t, 4, dims);
    tn_comp *c = tn_comp_begin(l->p, l->n, l->state);
    const tn_value *past = tn_optional_input(l->n, PAST);
    tn_comp_set(l->p, c,
                past != NULL ? tn_cast(l->p, l->t, tn_load(l->p, tn_buf_of(l->p, past), c->at))
                             : tn_number(l->p, l->t, 0));
}

/* [B,heads,values]: beta * (value - what the state has for this key). */
static tn_buf *find_news(const linear *l)
{
    tn_program *p = l->p;
    const tn_dim dims[] = {l->batch, tn_dim_fixed(l->heads), tn_dim_fixed(l->values)};
    tn_buf *news = tn_buf_temp(p, "news", l->t, 3, dims);
    tn_comp *c = tn_comp_begin(p, l->n, news);
    const tn_expr *b = c->at[0], *h = c->at[1], *v = c->at[2], *value = load_step(l, VALUE, b, h, l->values, v);
    if (!l->delta) {
        tn_comp_set(p, c, value);
        return news;
    }
    const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(l->keys)), *read = tn_comp_acc(p, c, l->t);
    const tn_expr *at[] = {b, h, k, v};
    const tn_expr *product = tn_mul(p, load_step(l, KEY, b, h, l->keys, k), tn_load(p, l->state, at));
    const tn_expr *head = tn_dim_is(l->n->in[BETA]->shape.dim[2], 1) ? tn_index(p, 0) : h;
    const tn_expr *beta = load_step(l, BETA, b, head, 1, tn_index(p, 0));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, l->t, 0), decayed(l, b, h, k, product),
                   tn_mul(p, beta, tn_sub(p, value, read)));
    return news;
}

static void change_state(const linear *l, tn_buf *news)
{
    tn_comp *c = tn_comp_begin(l->p, l->n, l->state);
    const tn_expr *b = c->at[0], *h = c->at[1], *k = c->at[2], *news_at[] = {b, h, c->at[3]};
    const tn_expr *kept = decayed(l, b, h, k, tn_load(l->p, l->state, c->at));
    const tn_expr *key = load_step(l, KEY, b, h, l->keys, k);
    tn_comp_set(l->p, c, tn_add(l->p, kept, tn_mul(l->p, key, tn_load(l->p, news, news_at))));
}

static void write_output(const linear *l)
{
    tn_program *p = l->p;
    float scale = tn_node_float(l->n, "scale", 0);
    scale = scale == 0 ? 1 / sqrtf((float)l->keys) : scale;
    const tn_dim dims[] = {l->batch, tn_dim_fixed(l->heads), tn_dim_fixed(l->group), tn_dim_fixed(l->values)};
    tn_comp *c = tn_comp_over(p, l->n, tn_buf_of(p, l->n->out[0]), 4, dims);
    const tn_expr *b = tn_axis_var(p, c, 0), *h = tn_axis_var(p, c, 1), *v = tn_axis_var(p, c, 3);
    const tn_expr *q = tn_add(p, tn_mul(p, h, tn_index(p, l->group)), tn_axis_var(p, c, 2));
    c->at[0] = b;
    c->at[1] = l->turn;
    c->at[2] = tn_add(p, tn_mul(p, q, tn_index(p, l->values)), v);
    const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(l->keys)), *acc = tn_comp_acc(p, c, l->t);
    const tn_expr *at[] = {b, h, k, v};
    const tn_expr *product = tn_mul(p, load_step(l, QUERY, b, q, l->keys, k), tn_load(p, l->state, at));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, l->t, 0), product, tn_mul(p, acc, tn_number(p, l->t, (double)scale)));
}

bool tn_lower_linear_attention(tn_program *p, const tn_node *n)
{
    linear l;
    if (!read_linear(p->graph, n, &l))
        return false;
    l.p = p;
    begin_state(&l);
    l.turn = tn_repeat_begin(p, tn_dim_expr(p, l.steps));
    change_state(&l, find_news(&l));
    if (n->out[0] != NULL)
        write_output(&l);
    tn_repeat_end(p);
    if (n->n_out > 1 && n->out[1] != NULL) {
        tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[1]));
        tn_comp_set(p, c, tn_load(p, l.state, c->at));
    }
    return true;
}
