/* State that a model keeps from run to run: variables, and the state tensors of recurrent layers. The generated function
   keeps none, so each is an input of the model, and what the run leaves of it an output:

       VAR_HANDLE "stream/states", READ_VARIABLE, ASSIGN_VARIABLE
           becomes    input "stream/states"    output "stream/states.next"

   The caller hands on one as the other; what it holds before the first run a note says. */
#include "tflite/fixed.h"

/* --- variables ------------------------------------------------------------------------------------------------------- */

static tfl_variable *find_variable(tfl_op *op, const char *name)
{
    importer *im = op->im;
    for (size_t i = 0; i < im->variables.n; i++)
        if (strcmp(im->variables.items[i].name, name) == 0)
            return &im->variables.items[i];
    tfl_variable *v = TN_PUSH(im->arena, im->variables);
    v->name = name;
    return v;
}

/* What it holds when it is read before it is written: an input of the tensor's type. */
tn_value *tn_tfl_read_state(tfl_op *op, const char *name, const tfl_tensor *like)
{
    if (op->im->depth > 0)
        tn_tfl_error(op, "state '%s' inside of a branch or a loop's body is not supported", name);
    if (op->im->depth > 0)
        return tn_expand_scalar(&op->e, TN_FLOAT, 0);
    tfl_variable *v = find_variable(op, name);
    if (v->now != NULL)
        return v->now;
    if (!like->shape.known) {
        tn_tfl_error(op, "the shape of state '%s' is not known", name);
        return tn_expand_scalar(&op->e, TN_FLOAT, 0);
    }
    v->now = tn_graph_add_value(op->im->graph, name);
    v->now->dtype = like->dtype;
    v->now->shape = like->shape;
    v->now->is_input = true;
    *TN_PUSH(op->im->arena, op->im->graph->inputs) = v->now;
    tn_note(op->im->diag, tn_strfmt(op->im->arena, "%s: ", op->im->path),
            "state '%s' is an input, %s, and the output '%s.next', to be handed on from run to run", name,
            tn_type_text(op->im->arena, like->dtype, &like->shape), name);
    return v->now;
}

void tn_tfl_assign_state(tfl_op *op, const char *name, tn_value *to)
{
    if (op->im->depth > 0)
        tn_tfl_error(op, "state '%s' inside of a branch or a loop's body is not supported", name);
    if (op->im->depth > 0)
        return;
    tfl_variable *v = find_variable(op, name);
    v->now = to;
    v->is_assigned = true;
}

bool tn_tfl_var_handle(tfl_op *op)
{
    tfl_tensor *t = op->out[0];
    const char *name = tn_flat_text(op->im->arena, op->options, 1);
    if (t->dtype != TN_UNDEFINED)
        return tn_tfl_error(op, "its output '%s' is no resource", t->name);
    t->variable = *name != '\0' ? name : t->name;
    return true;
}

static bool check_handle(tfl_op *op)
{
    return op->in[0]->variable != NULL || tn_tfl_error(op, "input '%s' is the handle of no variable", op->in[0]->name);
}

bool tn_tfl_read_variable(tfl_op *op)
{
    return check_handle(op) && tn_tfl_give_one(op, tn_tfl_read_state(op, op->in[0]->variable, op->out[0]));
}

bool tn_tfl_assign_variable(tfl_op *op)
{
    if (!check_handle(op))
        return false;
    tn_tfl_assign_state(op, op->in[0]->variable, tn_tfl_in(op, 1));
    return !op->e.failed;
}

/* The subgraph that gives variables their first values: the caller does that. */
bool tn_tfl_call_once(tfl_op *op)
{
    (void)op;
    return true;
}

bool tn_tfl_add_state_outputs(importer *im)
{
    for (size_t i = 0; i < im->variables.n; i++) {
        const tfl_variable *v = &im->variables.items[i];
        if (!v->is_assigned)
            continue;
        tn_node *n = tn_graph_make_node(im->graph, tn_op_find("", "Identity"), "", 1, 1);
        n->index = (int)im->graph->nodes.n;
        n->version = n->op->since;
        n->in[0] = v->now;
        n->out[0] = tn_graph_add_value(im->graph, tn_strfmt(im->arena, "%s.next", v->name));
        n->out[0]->maker = n;
        n->out[0]->is_output = true;
        *TN_PUSH(im->arena, im->graph->nodes) = n;
        *TN_PUSH(im->arena, im->graph->outputs) = n->out[0];
    }
    return true;
}

/* --- SVDF ---------------------------------------------------------------------------------------------------------------

   Inputs: x [batch, size], features [filters, size], times [filters, steps], bias, state [batch, filters * steps]. What each
   filter made of x in the last steps is the state; rank filters side by side, weighted by time, make one result. */

enum { FEATURES = 1, TIMES, SVDF_BIAS, SVDF_STATE };

static bool check_svdf(tfl_op *op, int64_t rank)
{
    const tfl_tensor *x = op->in[0], *f = op->in[FEATURES], *t = op->in[TIMES], *s = op->in[SVDF_STATE];
    if (s == NULL || !s->is_variable)
        return tn_tfl_error(op, "input %d is no variable, which the state is", SVDF_STATE);
    bool ok = x->shape.rank == 2 && f->shape.rank == 2 && t->shape.rank == 2 && s->shape.rank == 2 && x->is_fixed
           && tn_tfl_dim(f, 1) == tn_tfl_dim(x, 1) && tn_tfl_dim(t, 0) == tn_tfl_dim(f, 0) && tn_tfl_dim(t, 1) > 0
           && tn_tfl_dim(s, 0) == tn_tfl_dim(x, 0) && tn_tfl_dim(s, 1) == tn_tfl_dim(t, 0) * tn_tfl_dim(t, 1);
    return (ok && rank > 0 && tn_tfl_dim(f, 0) > 0 && tn_tfl_dim(f, 0) % rank == 0)
        || tn_tfl_error(op, "input %s, features %s, times %s, state %s and rank %lld do not fit",
                        tn_type_text(op->im->arena, x->dtype, &x->shape),
                        tn_type_text(op->im->arena, f->dtype, &f->shape),
                        tn_type_text(op->im->arena, t->dtype, &t->shape),
                        tn_type_text(op->im->arena, s->dtype, &s->shape), (long long)rank);
}

/* The state [batch, filters, steps] without its first step, with the new one behind. */
static tn_value *push_step(tfl_op *op, tn_value *state, tn_value *step)
{
    int64_t dims[] = {tn_tfl_dim(op->in[0], 0), tn_tfl_dim(op->in[TIMES], 0), tn_tfl_dim(op->in[TIMES], 1)};
    step = tn_call_unsqueeze(&op->e, step, 2);
    if (dims[2] == 1)
        return step;
    state = tn_call_reshape(&op->e, state, 3, dims);
    return tn_call_join(&op->e, 2, tn_call_slice(&op->e, state, 2, 1, dims[2], 1), step);
}

/* Over the steps, and over the rank filters of each result; both in the type of what is summed. */
static tn_value *sum_steps(tfl_op *op, tn_value *weighted, int64_t rank)
{
    int64_t dims[] = {tn_tfl_dim(op->in[0], 0), tn_tfl_dim(op->in[TIMES], 0) / rank, rank};
    tn_value *sum = tn_tfl_call(op, "ReduceSum keepdims=0", weighted, tn_expand_int(&op->e, 2));
    sum = tn_tfl_call(op, "ReduceSum keepdims=0", tn_call_reshape(&op->e, sum, 3, dims), tn_expand_int(&op->e, 2));
    return tn_tfl_has(op, SVDF_BIAS) ? tn_tfl_call(op, "Add", sum, tn_tfl_in(op, SVDF_BIAS)) : sum;
}

static tn_value *svdf_float(tfl_op *op, tn_value *state, int64_t rank, tn_value **next)
{
    tn_value *w[3] = {NULL};
    for (int i = FEATURES; i <= TIMES; i++)
        w[i] = tn_tfl_is_fixed(op->in[i]) ? tn_tfl_dequantised(op, i) : tn_tfl_in(op, i);
    tn_value *step = tn_tfl_call(op, "Gemm transB=1", tn_tfl_in(op, 0), w[FEATURES]);
    *next = push_step(op, state, step);
    tn_value *sum = sum_steps(op, tn_tfl_call(op, "Mul", *next, w[TIMES]), rank);
    return tn_tfl_activate(op, sum, tn_flat_i8(op->options, 1, 0));
}

/* The state is 8 or 16 bits, as the weights of time are. */
static tn_value *svdf_fixed(tfl_op *op, tn_value *state, int64_t rank, tn_value **next)
{
    const tfl_tensor *x = op->in[0], *f = op->in[FEATURES], *t = op->in[TIMES], *s = op->in[SVDF_STATE],
                     *y = op->out[0];
    int activation = tn_flat_i8(op->options, 1, 0);
    if (!tn_tfl_check_scale(op, x) || !tn_tfl_check_scale(op, f) || !tn_tfl_check_scale(op, t)
        || !tn_tfl_check_scale(op, s) || !tn_tfl_check_scale(op, y))
        return NULL;
    if (x->dtype != TN_INT8 || f->dtype != TN_INT8 || t->dtype != s->dtype || y->dtype != TN_INT8 || f->zero[0] != 0
        || t->zero[0] != 0 || activation < 0 || activation > 1) {
        tn_tfl_error(
            op,
            "int8 inputs, features and results, times of the state's type, no zero points of weights and no activation but Relu are wanted");
        return NULL;
    }
    const tfl_rescale to_state = {.zero = s->zero[0], .limits = tn_tfl_type_limits(s->dtype), .to = s->dtype};
    const tfl_rescale to_y = {.zero = y->zero[0], .limits = tn_tfl_type_limits(y->dtype), .to = y->dtype};
    int64_t zero = x->zero[0], state_zero = s->zero[0];
    tn_value *step = tn_tfl_call(op, "MatMulInteger", tn_tfl_in(op, 0),
                                 tn_tfl_call(op, "Transpose perm=1,0", tn_tfl_in(op, FEATURES)),
                                 tn_tfl_list(op, TN_INT8, 0, NULL, &zero));
    step = tn_tfl_rescale_one(op, step, (double)(x->scale[0] * f->scale[0] / s->scale[0]), &to_state);
    *next = push_step(op, state, step);
    tn_value *steps = tn_call_cast(&op->e, *next, TN_INT32),
             *times = tn_call_cast(&op->e, tn_tfl_in(op, TIMES), TN_INT32);
    if (state_zero != 0)
        steps = tn_tfl_call(op, "Sub", steps, tn_expand_scalar(&op->e, TN_INT32, (double)state_zero));
    tn_value *sum = sum_steps(op, tn_tfl_call(op, "Mul", steps, times), rank);
    return tn_tfl_rescale_one(op, sum, (double)(s->scale[0] * t->scale[0] / y->scale[0]), &to_y);
}

bool tn_tfl_svdf(tfl_op *op)
{
    int64_t rank = tn_flat_i32(op->options, 0, 0), dims[2];
    tn_value *next = NULL;
    if (!check_svdf(op, rank))
        return false;
    const tfl_tensor *s = op->in[SVDF_STATE];
    tn_value *state = tn_tfl_read_state(op, s->name, s), *y = NULL;
    y = tn_tfl_is_fixed(op->in[0]) ? svdf_fixed(op, state, rank, &next) : svdf_float(op, state, rank, &next);
    if (y == NULL || op->e.failed)
        return false;
    for (int i = 0; i < 2; i++)
        dims[i] = tn_tfl_dim(s, i);
    tn_tfl_assign_state(op, s->name, tn_call_reshape(&op->e, next, 2, dims));
    return tn_tfl_give_one(op, y);
}
