/* Recurrent layers in the terms of ONNX's, which have the same mathematics: weights are joined gate by gate, the state is
   state.c's.

       LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM, BIDIRECTIONAL_SEQUENCE_LSTM       LSTM
       RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN          RNN

   The backward layer of a bidirectional operator is one of its own, of direction reverse. */
#include "tflite/fixed.h"

/* --- what both have ----------------------------------------------------------------------------------------------------- */

/* A layer of an operator: which inputs are its own, and what runs over its steps. */
typedef struct layer {
    bool is_reverse;
    tn_value *x; /* steps first */
} layer;

static bool op_is_fixed(const tfl_op *op)
{
    return op->in[0]->dtype != TN_FLOAT;
}

static const char *direction(const layer *l)
{
    return l->is_reverse ? "reverse" : "forward";
}

/* Of the options' field. */
static const char *activation_name(tfl_op *op, int field)
{
    switch (tn_flat_i8(op->options, field, 0)) {
    case 1: return "Relu";
    case 4: return "Tanh";
    default:
        tn_tfl_error(op, "activation function %d is not supported; Relu (1) and Tanh (4) are",
                     tn_flat_i8(op->options, field, 0));
        return "Tanh";
    }
}

static void set_activations(tfl_op *op, tn_node *n, int count, const char *const *names)
{
    tn_attr *a = TN_NEW_N(op->im->arena, tn_attr, n->n_attr + 1);
    memcpy(a, n->attr, (size_t)n->n_attr * sizeof *a);
    n->attr = a;
    a += n->n_attr++;
    *a = (tn_attr){.name = "activations", .kind = TN_ATTR_STRINGS, .n = (size_t)count};
    a->strings = TN_NEW_N(op->im->arena, const char *, count);
    for (int i = 0; i < count; i++)
        a->strings[i] = names[i];
}

/* The input with its steps first; a single step has no axis for them. */
static tn_value *steps_first(tfl_op *op, bool is_single, bool time_major)
{
    tn_value *x = tn_tfl_in(op, 0);
    if (is_single)
        return tn_call_unsqueeze(&op->e, x, 0);
    return time_major ? x : tn_tfl_call(op, "Transpose perm=1,0,2", x);
}

/* A result with its steps first, as the file has it. */
static tn_value *as_in_file(tfl_op *op, tn_value *y, bool is_single, bool time_major)
{
    if (is_single)
        return tn_tfl_call(op, "Squeeze", y, tn_expand_int(&op->e, 0));
    return time_major ? y : tn_tfl_call(op, "Transpose perm=1,0,2", y);
}

static bool check_input(tfl_op *op, int rank)
{
    return op->in[0]->shape.rank == rank
        || tn_tfl_error(op, "input 0 has rank %d; %d is wanted", op->in[0]->shape.rank, rank);
}

/* Both directions' results in one tensor, or each for itself. */
static bool give_both(tfl_op *op, bool is_merged, tn_value *const *y)
{
    if (op->e.failed || op->n_out != (is_merged ? 1 : 2))
        return op->e.failed ? false : tn_tfl_error(op, "has %d outputs; %d are wanted", op->n_out, is_merged ? 1 : 2);
    if (is_merged)
        return tn_tfl_give_one(op, tn_call_join(&op->e, 2, y[0], y[1]));
    for (int i = 0; i < 2; i++)
        tn_tfl_give(op, i, LAST, y[i]);
    return !op->e.failed;
}

/* --- LSTM --------------------------------------------------------------------------------------------------------------

   Inputs: x; 1 to 4 its weights, 5 to 8 the state's, 12 to 15 biases, each of the gates input, forget, cell, output; 9 to 11
   peepholes of input, forget, output; 16, 17 a projection; 18 the output's state, 19 the cell's; 20 to 23 normalisations.
   Without an input gate (CIFG) that is 1 - forget = sigmoid of what the forget gate takes, negated. */

/* Gate i of those from `first`, or what stands for a coupled input gate. */
static tn_value *gate(tfl_op *op, int first, int i)
{
    if (i == 0 && !tn_tfl_has(op, WEIGHTS))
        return tn_tfl_call(op, "Neg", tn_tfl_in(op, first + 1));
    return tn_tfl_in(op, first + i);
}

/* ONNX's order of the gates: input, output, forget, cell. */
static tn_value *join_gates(tfl_op *op, int first)
{
    static const int place[4] = {0, 3, 1, 2};
    tn_value *all[4];
    for (int i = 0; i < 4; i++)
        all[i] = gate(op, first, place[i]);
    return tn_call_unsqueeze(&op->e, tn_call_list(&op->e, "Concat axis=0", 4, all), 0);
}

static bool check_lstm_types(tfl_op *op)
{
    bool is_float = op->in[0]->dtype == TN_FLOAT;
    for (int i = 0; i < op->n_in; i++) {
        tn_dtype wanted = is_float ? TN_FLOAT : i == CELL ? TN_INT16 : i >= BIAS && i < PROJECTION ? TN_INT32 : TN_INT8;
        if (tn_tfl_has(op, i) && op->in[i]->dtype != wanted)
            return tn_tfl_error(op, "input %d '%s' is %s; %s is wanted", i, op->in[i]->name,
                                tn_dtype_get(op->in[i]->dtype)->name, tn_dtype_get(wanted)->name);
        if (tn_tfl_has(op, i) && !is_float && i >= PEEPHOLE && i < BIAS)
            return tn_tfl_error(op, "peepholes (input %d) are supported in float only", i);
        if (i > PEEPHOLE && i < BIAS && tn_tfl_has(op, i) != tn_tfl_has(op, PEEPHOLE + 1))
            return tn_tfl_error(op, "has some peepholes (inputs %d to %d), but not all", PEEPHOLE, BIAS - 1);
    }
    return true;
}

static bool check_lstm(tfl_op *op)
{
    if (op->n_in <= CELL)
        return tn_tfl_error(op, "has %d inputs; %d or more are wanted", op->n_in, CELL + 1);
    for (int i = 0; i < op->n_in; i++) {
        bool must = (i >= WEIGHTS && i < PEEPHOLE) || (i >= BIAS && i < PROJECTION) || i == STATE || i == CELL;
        bool may_be_coupled =
            !op_is_fixed(op) && (i == WEIGHTS || i == RECURRENT || i == BIAS) && !tn_tfl_has(op, WEIGHTS);
        if (must && !may_be_coupled && !tn_tfl_has(op, i))
            return tn_tfl_error(op, "input %d is omitted", i);
        if (tn_tfl_has(op, i) && (i == PROJECTION || i == PROJECTION + 1 || i >= NORM))
            return tn_tfl_error(op, "a projection or a normalisation of gates (input %d) is not supported", i);
    }
    if (op->in[RECURRENT + 1]->shape.rank != 2 || op->in[STATE]->shape.rank != 2)
        return tn_tfl_error(op, "weights have rank %d, the state %d; 2 and 2 are wanted",
                            op->in[RECURRENT + 1]->shape.rank, op->in[STATE]->shape.rank);
    return check_lstm_types(op);
}

/* Peepholes in ONNX's order: input, output, forget. */
static tn_value *peepholes(tfl_op *op)
{
    if (!tn_tfl_has(op, PEEPHOLE + 1))
        return NULL;
    tn_value *p[3] = {gate(op, PEEPHOLE, 0), tn_tfl_in(op, PEEPHOLE + 2), tn_tfl_in(op, PEEPHOLE + 1)};
    return tn_call_unsqueeze(&op->e, tn_call_list(&op->e, "Concat axis=0", 3, p), 0);
}

/* out: all results [steps, batch, cells], the last ones and the last cells [batch, cells]. */
static void lstm_float(tfl_op *op, const layer *l, tn_value *h, tn_value *c, tn_value **out)
{
    int64_t hidden = tn_tfl_dim(op->in[RECURRENT + 1], 0);
    tn_shape s = tn_shape_fixed(2, (const int64_t[]){1, 4 * hidden});
    const char *cell = activation_name(op, 0), *clip = tn_tfl_float_text(op, tn_flat_float(op->options, 1, 0));
    tn_value *zeros = tn_tfl_constant(op, tn_tensor_make(op->im->arena, TN_FLOAT, &s));
    tn_value *in[8] = {l->x,
                       join_gates(op, WEIGHTS),
                       join_gates(op, RECURRENT),
                       tn_call_join(&op->e, 1, join_gates(op, BIAS), zeros),
                       NULL,
                       tn_call_unsqueeze(&op->e, h, 0),
                       tn_call_unsqueeze(&op->e, c, 0),
                       peepholes(op)};
    const char *call =
        tn_tfl_text(op, "LSTM hidden_size=%lld cell_clip=%s direction=%s", (long long)hidden, clip, direction(l));
    tn_call_all(&op->e, call, in[7] != NULL ? 8 : 7, in, 3, out);
    if (op->e.failed)
        return;
    set_activations(op, out[0]->maker, 3, (const char *const[]){"Sigmoid", cell, cell});
    for (int i = 0; i < 3; i++)
        out[i] = tn_tfl_call(op, "Squeeze", out[i], tn_expand_int(&op->e, i == 0 ? 1 : 0));
}

/* All results, steps first; the state is read and written. NULL after an error. */
static tn_value *run_lstm(tfl_op *op, const layer *l)
{
    tn_value *out[3];
    if (op->e.failed || !check_lstm(op))
        return NULL;
    int64_t hidden = tn_tfl_dim(op->in[RECURRENT + 1], 0);
    if (hidden < 1 || hidden > 1 << 20)
        tn_tfl_error(op, "%lld cells", (long long)hidden);
    if (op->e.failed)
        return NULL;
    tn_value *h = tn_tfl_read_state(op, op->in[STATE]->name, op->in[STATE]);
    tn_value *c = tn_tfl_read_state(op, op->in[CELL]->name, op->in[CELL]);
    if (op_is_fixed(op))
        tn_tfl_lstm_fixed(op, l->x, h, c, out);
    else
        lstm_float(op, l, h, c, out);
    if (op->e.failed)
        return NULL;
    tn_tfl_assign_state(op, op->in[STATE]->name, out[1]);
    tn_tfl_assign_state(op, op->in[CELL]->name, out[2]);
    return out[0];
}

bool tn_tfl_lstm(tfl_op *op)
{
    bool time_major = tn_flat_bool(op->options, 3);
    if (!check_input(op, 3))
        return false;
    const layer l = {.x = steps_first(op, false, time_major)};
    tn_value *y = run_lstm(op, &l);
    return y != NULL && tn_tfl_give_one(op, as_in_file(op, y, false, time_major));
}

/* LSTM's own kernel, of all weights in one: x, result before, weights [4 cells, x and result], biases, cells before. The gates are
   input, cell, forget, output; there is no state but what the file hands on. */
static bool lstm_of_one_matrix(tfl_op *op)
{
    enum { X, BEFORE, MATRIX, BIASES, CELLS };
    const tfl_tensor *w = op->in[MATRIX];
    if (op->n_in != 5 || op->n_out != 4 || op_is_fixed(op) || w->shape.rank != 2 || tn_flat_i8(op->options, 0, 0) != 4)
        return tn_tfl_error(op,
                            "%d inputs, %d outputs, %s, activation function %d; 5, 4, float and Tanh (4) are wanted",
                            op->n_in, op->n_out, tn_dtype_get(op->in[0]->dtype)->name, tn_flat_i8(op->options, 0, 0));
    tn_value *in[2] = {tn_tfl_in(op, X), tn_tfl_in(op, BEFORE)}, *g[4];
    tn_value *joined = tn_call_join(&op->e, 1, in[0], in[1]);
    tn_value *sums = tn_tfl_call(op, "Gemm transB=1", joined, tn_tfl_in(op, MATRIX), tn_tfl_in(op, BIASES));
    tn_call_all(&op->e, "Split axis=1 num_outputs=4", 1, &sums, 4, g);
    for (int i = 0; i < 4; i++)
        g[i] = tn_tfl_call(op, i == 1 ? "Tanh" : "Sigmoid", g[i]);
    tn_value *cells =
        tn_tfl_call(op, "Add", tn_tfl_call(op, "Mul", g[0], g[1]), tn_tfl_call(op, "Mul", g[2], tn_tfl_in(op, CELLS)));
    tn_value *const out[4] = {tn_tfl_call(op, "Mul", g[3], tn_tfl_call(op, "Tanh", cells)), cells, joined, sums};
    for (int i = 0; i < 4; i++)
        tn_tfl_give(op, i, LAST, out[i]);
    return !op->e.failed;
}

/* A single step. */
bool tn_tfl_lstm_step(tfl_op *op)
{
    if (!check_input(op, 2))
        return false;
    if (tn_flat_i8(op->options, 3, 0) == 1)
        return lstm_of_one_matrix(op);
    const layer l = {.x = steps_first(op, true, false)};
    tn_value *y = run_lstm(op, &l);
    return y != NULL && tn_tfl_give_one(op, as_in_file(op, y, true, false));
}

/* A direction's inputs at the places of an operator of one: 17 weights each behind x, then the states of both, forward first; what is
   behind, an input of its own for the backward layer with weights, is not supported. */
enum { LSTM_EACH = 17, LSTM_STATES = 35 };

static tfl_op lstm_of(tfl_op *op, bool is_reverse)
{
    tfl_op one = *op;
    one.in = TN_NEW_N(op->im->arena, tfl_tensor *, NORM);
    one.n_in = NORM;
    for (int i = LSTM_STATES + 4; i < op->n_in; i++)
        if (op->in[i] != NULL)
            tn_tfl_error(&one, "an auxiliary input (input %d) is not supported", i);
    one.in[0] = op->in[0];
    for (int i = 1; i <= LSTM_EACH; i++)
        one.in[i] = op->in[i + (is_reverse ? LSTM_EACH : 0)];
    for (int i = 0; i < 2; i++)
        one.in[STATE + i] = op->in[LSTM_STATES + (is_reverse ? 2 : 0) + i];
    return one;
}

bool tn_tfl_bidirectional_lstm(tfl_op *op)
{
    bool is_merged = tn_flat_bool(op->options, 3), time_major = tn_flat_int(op->options, 4, 1, false, 1) != 0;
    tn_value *y[2] = {NULL};
    if (op->n_in < LSTM_STATES + 4)
        return tn_tfl_error(op, "has %d inputs; %d or more are wanted", op->n_in, LSTM_STATES + 4);
    if (!check_input(op, 3))
        return false;
    layer l = {.x = steps_first(op, false, time_major)};
    for (int i = 0; i < 2 && !op->e.failed; i++) {
        tfl_op one = lstm_of(op, i == 1);
        l.is_reverse = i == 1;
        y[i] = run_lstm(&one, &l);
        y[i] = y[i] != NULL ? as_in_file(&one, y[i], false, time_major) : NULL;
        op->e.failed = one.e.failed || y[i] == NULL;
    }
    return give_both(op, is_merged, y);
}

/* --- RNN ----------------------------------------------------------------------------------------------------------------

   Four inputs from `first`: weights [cells, size], the state's [cells, cells], biases, the state. */

static bool check_rnn(tfl_op *op, int first)
{
    const tfl_tensor *w = op->in[first], *r = op->in[first + 1], *s = op->in[first + 3];
    if (op->in[first + 2] == NULL || s == NULL || w == NULL || r == NULL)
        return tn_tfl_error(op, "one of the inputs %d to %d is omitted", first, first + 3);
    if (op->in[0]->dtype != TN_FLOAT || w->dtype != TN_FLOAT || r->dtype != TN_FLOAT)
        return tn_tfl_error(op, "input 0 is %s, weights are %s and %s; float is wanted",
                            tn_dtype_get(op->in[0]->dtype)->name, tn_dtype_get(w->dtype)->name,
                            tn_dtype_get(r->dtype)->name);
    return (w->shape.rank == 2 && r->shape.rank == 2 && s->shape.rank == 2)
        || tn_tfl_error(op, "weights of rank %d and %d, a state of rank %d; 2 is wanted", w->shape.rank, r->shape.rank,
                        s->shape.rank);
}

static tn_value *run_rnn(tfl_op *op, const layer *l, int first)
{
    if (op->e.failed || !check_rnn(op, first))
        return NULL;
    int64_t cells = tn_tfl_dim(op->in[first], 0);
    const tfl_tensor *state = op->in[first + 3];
    const char *activation = activation_name(op, strcmp(op->row->name, "RNN") == 0 ? 0 : 1);
    tn_shape s = tn_shape_fixed(1, &cells);
    tn_value *zeros = tn_tfl_constant(op, tn_tensor_make(op->im->arena, TN_FLOAT, &s)), *out[2];
    tn_value *in[6] = {l->x,
                       tn_call_unsqueeze(&op->e, tn_tfl_in(op, first), 0),
                       tn_call_unsqueeze(&op->e, tn_tfl_in(op, first + 1), 0),
                       tn_call_unsqueeze(&op->e, tn_call_join(&op->e, 0, tn_tfl_in(op, first + 2), zeros), 0),
                       NULL,
                       tn_call_unsqueeze(&op->e, tn_tfl_read_state(op, state->name, state), 0)};
    tn_call_all(&op->e, tn_tfl_text(op, "RNN hidden_size=%lld direction=%s", (long long)cells, direction(l)), 6, in, 2,
                out);
    if (op->e.failed)
        return NULL;
    set_activations(op, out[0]->maker, 1, &activation);
    tn_tfl_assign_state(op, state->name, tn_tfl_call(op, "Squeeze", out[1], tn_expand_int(&op->e, 0)));
    return tn_tfl_call(op, "Squeeze", out[0], tn_expand_int(&op->e, 1));
}

/* RNN is a single step; of a sequence field 0 says whether its steps are first. */
bool tn_tfl_rnn(tfl_op *op)
{
    bool is_single = strcmp(op->row->name, "RNN") == 0, time_major = !is_single && tn_flat_bool(op->options, 0);
    if (!check_input(op, is_single ? 2 : 3))
        return false;
    const layer l = {.x = steps_first(op, is_single, time_major)};
    tn_value *y = run_rnn(op, &l, 1);
    return y != NULL && tn_tfl_give_one(op, as_in_file(op, y, is_single, time_major));
}

/* Behind the layers' inputs stand an auxiliary one and its weights. */
bool tn_tfl_bidirectional_rnn(tfl_op *op)
{
    enum { FORWARD = 1, BACKWARD = 5, AUXILIARY = 9 };
    bool time_major = tn_flat_bool(op->options, 0), is_merged = tn_flat_bool(op->options, 2);
    tn_value *y[2] = {NULL};
    for (int i = AUXILIARY; i < op->n_in; i++)
        if (op->in[i] != NULL)
            return tn_tfl_error(op, "an auxiliary input (input %d) is not supported", i);
    if (!check_input(op, 3))
        return false;
    layer l = {.x = steps_first(op, false, time_major)};
    for (int i = 0; i < 2 && !op->e.failed; i++) {
        l.is_reverse = i == 1;
        y[i] = run_rnn(op, &l, i == 0 ? FORWARD : BACKWARD);
        if (y[i] == NULL)
            return false;
        y[i] = as_in_file(op, y[i], false, time_major);
    }
    return give_both(op, is_merged, y);
}
