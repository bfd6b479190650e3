/* Recurrent layers: RNN, GRU, LSTM.

       before       xw[t,b,g] = sum_i x[t,b,i] * W[d,g,i] + Wb[d,g]          all steps in one product; g runs over the
                    h[b,j] = initial_h[d,b,j] or 0                           gates' units, gate by gate
       repeat t     pre[b,g] = sum_k h[b,k] * R[d,g,k] + Rb[d,g] + xw[t,b,g]
                    h[b,j] = ...                                             LSTM: from pre and the cell c; GRU: pre, h
                    y[t,d,b,j] = h[b,j]
       after        y_h[d,b,j] = h[b,j]

   once for each direction d; the reverse one takes the steps from the last. Where a sequence of the batch has ended, its
   state stays and y is 0; in reverse it begins at its own last step. State is kept in the compute type. */
#include "ops/ops.h"
#include "ops/quant.h"

typedef struct layer {
    tn_program *p;
    const tn_node *n;
    tn_dtype t; /* compute type */
    int64_t gates, hidden;
    tn_dim steps, batch;
    int directions;
    bool reverse, batch_first;
} layer;

/* One direction, inside the repeat. */
typedef struct pass {
    const layer *l;
    int d;
    bool reverse;
    const tn_expr *turn;
    tn_buf *xw, *h;
} pass;

/* --- activations ---------------------------------------------------------------------------------------------------- */

/* Named as the operators that they are, but for two. */
static const struct {
    const char *name;
    bool takes_alpha, takes_beta;
    float alpha, beta;
} functions[] = {
    {"Affine", true, true, 1, 0},
    {"Elu", true, false, 1, 0},
    {"HardSigmoid", true, true, 0.2f, 0.5f},
    {"LeakyRelu", true, false, 0.01f, 0},
    {"Relu", false, false, 0, 0},
    {"ScaledTanh", true, true, 1, 1},
    {"Sigmoid", false, false, 0, 0},
    {"Softplus", false, false, 0, 0},
    {"Softsign", false, false, 0, 0},
    {"Tanh", false, false, 0, 0},
    {"ThresholdedRelu", true, false, 1, 0},
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

static int find_function(const char *name)
{
    for (int i = 0; i < N_FUNCTIONS; i++) {
        const char *x = functions[i].name, *y = name;
        while (*x != '\0' && (*x | 32) == (*y | 32)) /* files differ in case */
            x++, y++;
        if (*x == '\0' && *y == '\0')
            return i;
    }
    return -1;
}

static int count_activations(int64_t gates)
{
    return gates == 4 ? 3 : gates == 3 ? 2 : 1;
}

/* The name of activation i over all directions; the last is Tanh, and LSTM's last two, those before are Sigmoid. */
static const char *activation_name(const tn_node *n, int64_t gates, int i)
{
    const tn_attr *names = tn_node_find_attr(n, "activations");
    int each = count_activations(gates);
    if (names != NULL && names->n > 0)
        return (size_t)i < names->n ? names->strings[i] : "";
    return i % each == 0 && each > 1 ? "Sigmoid" : "Tanh";
}

static float next_number(const tn_attr *list, size_t *at, bool takes, float otherwise)
{
    if (!takes || list == NULL || *at >= list->n)
        return otherwise;
    return list->floats[(*at)++];
}

/* alpha and beta are consumed in the order of the activations that take one. */
static void find_numbers(const layer *l, int which, float *alpha, float *beta)
{
    const tn_attr *alphas = tn_node_find_attr(l->n, "activation_alpha");
    const tn_attr *betas = tn_node_find_attr(l->n, "activation_beta");
    size_t a = 0, b = 0;
    for (int i = 0; i <= which; i++) {
        int f = find_function(activation_name(l->n, l->gates, i));
        *alpha = next_number(alphas, &a, functions[f].takes_alpha, functions[f].alpha);
        *beta = next_number(betas, &b, functions[f].takes_beta, functions[f].beta);
    }
}

/* To -limit .. limit, the attribute of that name; not at all where it is 0. */
static const tn_expr *clip_by(const layer *l, const char *name, const tn_expr *x)
{
    double limit = (double)tn_node_float(l->n, name, 0);
    if (limit <= 0)
        return x;
    return tn_max(l->p, tn_min(l->p, x, tn_number(l->p, l->t, limit)), tn_number(l->p, l->t, -limit));
}

static const tn_expr *clip(const layer *l, const tn_expr *x)
{
    return clip_by(l, "clip", x);
}

/* Activation i of the direction, of a value that is clipped already. */
static const tn_expr *activate_clipped(const pass *s, int i, const tn_expr *x)
{
    const layer *l = s->l;
    int which = s->d * count_activations(l->gates) + i;
    float alpha = 0, beta = 0;
    const char *name = functions[find_function(activation_name(l->n, l->gates, which))].name;
    find_numbers(l, which, &alpha, &beta);
    const tn_expr *a = tn_number(l->p, l->t, (double)alpha), *b = tn_number(l->p, l->t, (double)beta);
    if (strcmp(name, "Affine") == 0)
        return tn_add(l->p, tn_mul(l->p, a, x), b);
    if (strcmp(name, "ScaledTanh") == 0)
        return tn_mul(l->p, a, tn_op1(l->p, TN_OP_TANH, tn_mul(l->p, b, x)));
    tn_node *n = tn_graph_make_node(l->p->graph, tn_op_find("", name), "", 1, 1);
    tn_node_set_float(l->p->graph, n, "alpha", alpha);
    tn_node_set_float(l->p->graph, n, "beta", beta);
    return n->op->expr(l->p, n, &x);
}

static const tn_expr *activate(const pass *s, int i, const tn_expr *x)
{
    return activate_clipped(s, i, clip(s->l, x));
}

/* --- types and shapes ----------------------------------------------------------------------------------------------- */

static bool read_layer(tn_graph *g, const tn_node *n, layer *l)
{
    const char *direction = tn_node_string(n, "direction", "forward");
    const tn_shape *x = &n->in[0]->shape, *r = &n->in[2]->shape;
    bool both = strcmp(direction, "bidirectional") == 0;
    *l = (layer){.n = n, .gates = n->op->detail, .directions = both ? 2 : 1};
    l->reverse = strcmp(direction, "reverse") == 0;
    l->batch_first = tn_node_int(n, "layout", 0) != 0;
    if (!both && !l->reverse && strcmp(direction, "forward") != 0)
        return tn_node_error(g, n, "direction is '%s'; forward, reverse or bidirectional is wanted", direction);
    if (x->rank != 3 || r->rank != 3)
        return tn_node_error(g, n, "'%s' has rank %d and '%s' rank %d; rank 3 is wanted", n->in[0]->name, x->rank,
                             n->in[2]->name, r->rank);
    l->t = tn_dtype_get(n->in[0]->dtype)->compute;
    l->hidden = r->dim[2].n;
    l->steps = x->dim[l->batch_first];
    l->batch = x->dim[!l->batch_first];
    return true;
}

/* Input i, if it is there, has that shape and, where typed, the type of input 0. */
static bool check_input(tn_graph *g, const tn_node *n, int i, bool typed, int rank, const tn_dim *dims)
{
    if (!tn_has_input(n, i))
        return true;
    const tn_value *v = n->in[i];
    tn_shape s = {.known = true, .rank = rank};
    memcpy(s.dim, dims, sizeof *dims * (size_t)rank);
    tn_dtype t = typed ? n->in[0]->dtype : TN_INT32;
    if (v->dtype == t && tn_shape_equal(&v->shape, &s))
        return true;
    return tn_node_error(g, n, "input %d '%s' is %s; %s is wanted", i, v->name, tn_value_type(g->arena, v),
                         tn_type_text(g->arena, t, &s));
}

static bool check_activations(tn_graph *g, const layer *l)
{
    const tn_attr *names = tn_node_find_attr(l->n, "activations");
    int count = count_activations(l->gates) * l->directions;
    /* RNN's default names two, whatever the direction */
    if (names != NULL && names->n > 0 && names->n < (size_t)count)
        return tn_node_error(g, l->n, "%zu activations are given; %d are wanted", names->n, count);
    for (int i = 0; i < count; i++)
        if (find_function(activation_name(l->n, l->gates, i)) < 0)
            return tn_node_error(g, l->n, "activation '%s' is not one that ONNX defines",
                                 activation_name(l->n, l->gates, i));
    return true;
}

static void state_dims(const layer *l, tn_dim *dims)
{
    dims[l->batch_first] = tn_dim_fixed(l->directions);
    dims[!l->batch_first] = l->batch;
    dims[2] = tn_dim_fixed(l->hidden);
}

static bool check_inputs(tn_graph *g, const layer *l)
{
    const tn_node *n = l->n;
    tn_dim d = tn_dim_fixed(l->directions), gates = tn_dim_fixed(l->gates * l->hidden), state[3];
    state_dims(l, state);
    return check_input(g, n, 1, true, 3, (const tn_dim[]){d, gates, n->in[0]->shape.dim[2]})
        && check_input(g, n, 2, true, 3, (const tn_dim[]){d, gates, tn_dim_fixed(l->hidden)})
        && check_input(g, n, 3, true, 2, (const tn_dim[]){d, tn_dim_fixed(2 * l->gates * l->hidden)})
        && check_input(g, n, 4, false, 1, &l->batch) && check_input(g, n, 5, true, 3, state)
        && check_input(g, n, 6, true, 3, state)
        && check_input(g, n, 7, true, 2, (const tn_dim[]){d, tn_dim_fixed(3 * l->hidden)});
}

bool tn_infer_recurrent(tn_graph *g, tn_node *n)
{
    layer l;
    if (!read_layer(g, n, &l) || !check_inputs(g, &l) || !check_activations(g, &l))
        return false;
    tn_shape y = {.known = true, .rank = 4}, state = {.known = true, .rank = 3};
    y.dim[l.batch_first] = l.steps;
    y.dim[l.batch_first ? 0 : 2] = l.batch;
    y.dim[l.batch_first ? 2 : 1] = tn_dim_fixed(l.directions);
    y.dim[3] = tn_dim_fixed(l.hidden);
    state_dims(&l, state.dim);
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    tn_set_output(n, 1, n->in[0]->dtype, &state);
    tn_set_output(n, 2, n->in[0]->dtype, &state);
    return true;
}

/* --- subscripts ----------------------------------------------------------------------------------------------------- */

/* Element [d, i] of an optional input, i counted from a part of it; 0 where it is omitted. */
static const tn_expr *load_row(const layer *l, int input, int d, const tn_expr *i, int64_t from)
{
    const tn_value *v = tn_optional_input(l->n, input);
    if (v == NULL)
        return tn_number(l->p, l->t, 0);
    const tn_expr *at[] = {tn_index(l->p, d), tn_add(l->p, i, tn_index(l->p, from))};
    return tn_load(l->p, tn_buf_of(l->p, v), at);
}

/* How many steps the sequence b has; NULL where all have all. */
static const tn_expr *length_of(const layer *l, const tn_expr *b)
{
    const tn_value *v = tn_optional_input(l->n, 4);
    if (v == NULL)
        return NULL;
    const tn_expr *length = tn_cast(l->p, TN_INDEX, tn_load(l->p, tn_buf_of(l->p, v), &b));
    return tn_max(l->p, tn_min(l->p, length, tn_dim_expr(l->p, l->steps)), tn_index(l->p, 0));
}

/* The step that this turn takes of the sequence b. */
static const tn_expr *step_of(const pass *s, const tn_expr *b)
{
    tn_program *p = s->l->p;
    const tn_expr *length = length_of(s->l, b), *one = tn_index(p, 1);
    if (!s->reverse)
        return s->turn;
    if (length == NULL)
        return tn_sub(p, tn_sub(p, tn_dim_expr(p, s->l->steps), one), s->turn);
    return tn_select(p, tn_lt(p, s->turn, length), tn_sub(p, tn_sub(p, length, one), s->turn), s->turn);
}

/* x while the sequence b lasts, then otherwise. */
static const tn_expr *while_lasting(const pass *s, const tn_expr *b, const tn_expr *x, const tn_expr *otherwise)
{
    const tn_expr *length = length_of(s->l, b);
    return length == NULL ? x : tn_select(s->l->p, tn_lt(s->l->p, s->turn, length), x, otherwise);
}

/* Subscripts of [directions, batch, hidden], as the layout has them. */
static void state_at(const layer *l, int d, const tn_expr *const *at, const tn_expr **out)
{
    out[l->batch_first] = tn_index(l->p, d);
    out[!l->batch_first] = at[0];
    out[2] = at[1];
}

/* --- computations --------------------------------------------------------------------------------------------------- */

static tn_buf *make_temp(const layer *l, const char *name, int64_t columns)
{
    const tn_dim dims[] = {l->batch, tn_dim_fixed(columns)};
    return tn_buf_temp(l->p, name, l->t, 2, dims);
}

static tn_buf *multiply_input(const layer *l, int d)
{
    const tn_dim dims[] = {l->steps, l->batch, tn_dim_fixed(l->gates * l->hidden)};
    tn_buf *out = tn_buf_temp(l->p, "xw", l->t, 3, dims);
    tn_comp *c = tn_comp_begin(l->p, l->n, out);
    const tn_expr *i = tn_reduce_over(l->p, c, l->n->in[0]->shape.dim[2]), *acc = tn_comp_acc(l->p, c, l->t);
    const tn_expr *x_at[] = {c->at[l->batch_first], c->at[!l->batch_first], i};
    const tn_expr *w_at[] = {tn_index(l->p, d), c->at[2], i};
    const tn_expr *x = tn_load(l->p, tn_buf_of(l->p, l->n->in[0]), x_at);
    const tn_expr *w = tn_load(l->p, tn_buf_of(l->p, l->n->in[1]), w_at);
    const tn_expr *bias = load_row(l, 3, d, c->at[2], 0);
    tn_comp_reduce(l->p, c, TN_OP_ADD, tn_number(l->p, l->t, 0), tn_mul(l->p, x, w), tn_add(l->p, acc, bias));
    return out;
}

/* A state and its value before the first step. */
static tn_buf *begin_state(const layer *l, int d, const char *name, int input)
{
    tn_buf *out = make_temp(l, name, l->hidden);
    tn_comp *c = tn_comp_begin(l->p, l->n, out);
    const tn_value *v = tn_optional_input(l->n, input);
    const tn_expr *at[3];
    state_at(l, d, c->at, at);
    tn_comp_set(l->p, c, v != NULL ? tn_load(l->p, tn_buf_of(l->p, v), at) : tn_number(l->p, l->t, 0));
    return out;
}

static const tn_expr *load_input(const pass *s, const tn_expr *b, const tn_expr *g)
{
    const tn_expr *at[] = {step_of(s, b), b, g};
    return tn_load(s->l->p, s->xw, at);
}

/* out[b,g] = h R + Rb for count gates from the first; plus xw where with_input. */
static tn_buf *multiply_state(const pass *s, tn_buf *h, const char *name, int64_t first, int64_t count, bool with_input)
{
    const layer *l = s->l;
    tn_program *p = l->p;
    tn_buf *out = make_temp(l, name, count * l->hidden);
    tn_comp *c = tn_comp_begin(p, l->n, out);
    const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(l->hidden)), *post = tn_comp_acc(p, c, l->t);
    const tn_expr *g = tn_add(p, c->at[1], tn_index(p, first * l->hidden));
    const tn_expr *h_at[] = {c->at[0], k}, *r_at[] = {tn_index(p, s->d), g, k};
    const tn_expr *product = tn_mul(p, tn_load(p, h, h_at), tn_load(p, tn_buf_of(p, l->n->in[2]), r_at));
    post = tn_add(p, post, load_row(l, 3, s->d, g, l->gates * l->hidden));
    if (with_input)
        post = tn_add(p, post, load_input(s, c->at[0], g));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, l->t, 0), product, post);
    return out;
}

/* The state; with the attribute quantised_state, which DynamicQuantizeLSTM sets, as a byte can hold it. */
static tn_buf *state_to_multiply(const pass *s)
{
    const layer *l = s->l;
    tn_program *p = l->p;
    const tn_dim dims[] = {l->batch, tn_dim_fixed(l->hidden)};
    const tn_expr *nowhere[1] = {NULL};
    if (tn_node_int(l->n, "quantised_state", 0) == 0)
        return s->h;
    tn_buf *scale = tn_buf_temp(p, "h_scale", TN_FLOAT, 0, NULL), *point = tn_buf_temp(p, "h_zero", TN_UINT8, 0, NULL);
    tn_quant_measure(p, l->n, s->h, dims, scale, point);
    tn_buf *out = make_temp(l, "h_rounded", l->hidden);
    tn_comp *c = tn_comp_begin(p, l->n, out);
    const tn_expr *factor = tn_load(p, scale, nowhere), *zero = tn_cast(p, TN_INT32, tn_load(p, point, nowhere));
    const tn_expr *q = tn_quantise(p, tn_div(p, tn_load(p, s->h, c->at), factor), zero, TN_UINT8);
    tn_comp_set(p, c, tn_dequantise(p, q, zero, factor));
    return out;
}

/* Gate g of a product at the subscripts of a state. */
static const tn_expr *load_gate(const pass *s, tn_buf *pre, int64_t g, const tn_expr *const *at)
{
    const tn_expr *pre_at[] = {at[0], tn_add(s->l->p, at[1], tn_index(s->l->p, g * s->l->hidden))};
    return tn_load(s->l->p, pre, pre_at);
}

static void set_state(const pass *s, tn_comp *c, const tn_expr *x)
{
    tn_comp_set(s->l->p, c, while_lasting(s, c->at[0], x, tn_load(s->l->p, c->out, c->at)));
}

static void write_output(const pass *s)
{
    const layer *l = s->l;
    if (l->n->n_out < 1 || l->n->out[0] == NULL)
        return;
    const tn_dim dims[] = {l->batch, tn_dim_fixed(l->hidden)};
    tn_comp *c = tn_comp_over(l->p, l->n, tn_buf_of(l->p, l->n->out[0]), 2, dims);
    const tn_expr *b = tn_axis_var(l->p, c, 0), *at[] = {b, tn_axis_var(l->p, c, 1)};
    c->at[l->batch_first] = step_of(s, b);
    c->at[l->batch_first ? 0 : 2] = b;
    c->at[l->batch_first ? 2 : 1] = tn_index(l->p, s->d);
    c->at[3] = at[1];
    tn_comp_set(l->p, c, while_lasting(s, b, tn_load(l->p, s->h, at), tn_number(l->p, l->t, 0)));
}

static void write_state(const layer *l, int d, int output, tn_buf *state)
{
    if (output >= l->n->n_out || l->n->out[output] == NULL)
        return;
    const tn_dim dims[] = {l->batch, tn_dim_fixed(l->hidden)};
    tn_comp *c = tn_comp_over(l->p, l->n, tn_buf_of(l->p, l->n->out[output]), 2, dims);
    const tn_expr *at[] = {tn_axis_var(l->p, c, 0), tn_axis_var(l->p, c, 1)};
    state_at(l, d, at, c->at);
    tn_comp_set(l->p, c, tn_load(l->p, state, at));
}

/* --- cells ---------------------------------------------------------------------------------------------------------- */

static void step_rnn(const pass *s, tn_buf *unused)
{
    (void)unused;
    tn_buf *pre = multiply_state(s, s->h, "pre", 0, 1, true);
    tn_comp *c = tn_comp_begin(s->l->p, s->l->n, s->h);
    set_state(s, c, activate(s, 0, load_gate(s, pre, 0, c->at)));
}

/* The hidden gate before its activation: the reset gate r is applied to the state, or to the product. */
static tn_buf *gru_candidate(const pass *s, tn_buf *zr)
{
    tn_program *p = s->l->p;
    tn_buf *reset = make_temp(s->l, "reset", s->l->hidden);
    if (tn_node_int(s->l->n, "linear_before_reset", 0) == 0) {
        tn_comp *c = tn_comp_begin(p, s->l->n, reset);
        tn_comp_set(p, c, tn_mul(p, activate(s, 0, load_gate(s, zr, 1, c->at)), tn_load(p, s->h, c->at)));
        return multiply_state(s, reset, "candidate", 2, 1, true);
    }
    tn_buf *product = multiply_state(s, s->h, "product", 2, 1, false);
    tn_comp *c = tn_comp_begin(p, s->l->n, reset);
    const tn_expr *r = activate(s, 0, load_gate(s, zr, 1, c->at));
    const tn_expr *g = tn_add(p, c->at[1], tn_index(p, 2 * s->l->hidden));
    tn_comp_set(p, c, tn_add(p, tn_mul(p, r, tn_load(p, product, c->at)), load_input(s, c->at[0], g)));
    return reset;
}

/* h = (1 - z) * candidate + z * h */
static void step_gru(const pass *s, tn_buf *unused)
{
    (void)unused;
    tn_program *p = s->l->p;
    tn_buf *zr = multiply_state(s, s->h, "zr", 0, 2, true), *candidate = gru_candidate(s, zr);
    tn_comp *c = tn_comp_begin(p, s->l->n, s->h);
    const tn_expr *z = activate(s, 0, load_gate(s, zr, 0, c->at));
    const tn_expr *fresh = activate(s, 1, tn_load(p, candidate, c->at)), *old = tn_load(p, s->h, c->at);
    const tn_expr *rest = tn_sub(p, tn_number(p, s->l->t, 1), z);
    set_state(s, c, tn_add(p, tn_mul(p, rest, fresh), tn_mul(p, z, old)));
}

/* A gate with its peephole: part k of P, in the order i, o, f, times the cell. */
static const tn_expr *peep(const pass *s, const tn_expr *gate, int64_t k, const tn_expr *j, const tn_expr *cell)
{
    if (!tn_has_input(s->l->n, 7))
        return gate;
    const tn_expr *weight = load_row(s->l, 7, s->d, j, k * s->l->hidden);
    return tn_add(s->l->p, gate, tn_mul(s->l->p, weight, cell));
}

/* clip bounds what goes into the gates' activations; the cell is not clipped on its way to h, as in ONNX Runtime;
   cell_clip, which ONNX does not have, bounds the cell itself, as in TFLite.
   Gates i o f c:  cell = f * cell + i * c,  h = o * tanh(cell); the output gate peeps at the new cell. With input_forget
   the forget gate is what the input gate leaves. */
static void step_lstm(const pass *s, tn_buf *cell)
{
    tn_program *p = s->l->p;
    tn_buf *pre = multiply_state(s, state_to_multiply(s), "pre", 0, 4, true);
    tn_comp *c = tn_comp_begin(p, s->l->n, cell);
    const tn_expr *old = tn_load(p, cell, c->at);
    const tn_expr *i = activate(s, 0, peep(s, load_gate(s, pre, 0, c->at), 0, c->at[1], old));
    const tn_expr *f = tn_node_int(s->l->n, "input_forget", 0) != 0
                         ? tn_sub(p, tn_number(p, s->l->t, 1), i)
                         : activate(s, 0, peep(s, load_gate(s, pre, 2, c->at), 2, c->at[1], old));
    const tn_expr *fresh = activate(s, 1, load_gate(s, pre, 3, c->at));
    set_state(s, c, clip_by(s->l, "cell_clip", tn_add(p, tn_mul(p, f, old), tn_mul(p, i, fresh))));
    c = tn_comp_begin(p, s->l->n, s->h);
    const tn_expr *now = tn_load(p, cell, c->at);
    const tn_expr *o = activate(s, 0, peep(s, load_gate(s, pre, 1, c->at), 1, c->at[1], now));
    set_state(s, c, tn_mul(p, o, activate_clipped(s, 2, now)));
}

static bool lower_layer(tn_program *p, const tn_node *n, void (*step)(const pass *s, tn_buf *cell))
{
    layer l;
    if (!read_layer(p->graph, n, &l))
        return false;
    l.p = p;
    for (int d = 0; d < l.directions; d++) {
        pass s = {.l = &l, .d = d, .reverse = l.reverse || d == 1};
        s.xw = multiply_input(&l, d);
        s.h = begin_state(&l, d, "h", 5);
        tn_buf *cell = l.gates == 4 ? begin_state(&l, d, "cell", 6) : NULL;
        s.turn = tn_repeat_begin(p, tn_dim_expr(p, l.steps));
        step(&s, cell);
        write_output(&s);
        tn_repeat_end(p);
        write_state(&l, d, 1, s.h);
        if (cell != NULL)
            write_state(&l, d, 2, cell);
    }
    return true;
}

bool tn_lower_rnn(tn_program *p, const tn_node *n)
{
    return lower_layer(p, n, step_rnn);
}

bool tn_lower_gru(tn_program *p, const tn_node *n)
{
    return lower_layer(p, n, step_gru);
}

bool tn_lower_lstm(tn_program *p, const tn_node *n)
{
    return lower_layer(p, n, step_lstm);
}
