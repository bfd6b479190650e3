/* IF and WHILE: their subgraphs become those of ONNX's If and Loop (ops/branch.c, ops/turns.c).

       IF       condition, inputs      then and else read the inputs as values of outside
       WHILE    inputs                 Loop: the condition's subgraph stands before it and at the end of its body. A condition that
                                       counts to a constant says how many turns there are; otherwise option bounds does */
#include "tflite/importer.h"

static tn_node *make_node(tfl_op *op, const char *name, int n_in, int n_body)
{
    importer *im = op->im;
    tn_node *n = tn_graph_make_node(im->graph, tn_op_find("", name), op->node.name, n_in, op->n_out);
    n->index = op->index;
    n->version = n->op->since;
    n->attr = TN_NEW_N(im->arena, tn_attr, n_body);
    n->n_attr = n_body;
    for (int i = 0; i < op->n_out; i++) {
        n->out[i] = tn_graph_add_value(im->graph, op->out[i]->name);
        n->out[i]->maker = n;
    }
    return n;
}

static bool give_node(tfl_op *op, tn_node *n)
{
    *TN_PUSH(op->im->arena, *op->im->nodes) = n;
    for (int i = 0; i < op->n_out; i++)
        tn_tfl_give(op, i, LAST, n->out[i]);
    return !op->e.failed;
}

static tn_subgraph *make_body(tn_node *n, int i, const char *name, importer *im)
{
    tn_subgraph *b = TN_NEW(im->arena, tn_subgraph);
    *b = (tn_subgraph){0};
    n->attr[i] = (tn_attr){.name = name, .kind = TN_ATTR_BODY, .body = b};
    return b;
}

/* Subgraphs a and b take as many inputs as there are, and give so many results. */
static bool check_part(tfl_op *op, uint32_t number, int n_in, int n_out)
{
    int in = tn_tfl_part_count(op, number, 1), out = tn_tfl_part_count(op, number, 2);
    return (in == n_in && out == n_out)
        || tn_tfl_error(op, "subgraph %u has %d inputs and %d outputs (-1: there is none); %d and %d are wanted",
                        (unsigned)number, in, out, n_in, n_out);
}

static tn_value **operands(tfl_op *op, int first)
{
    tn_value **in = TN_NEW_N(op->im->arena, tn_value *, op->n_in + 1);
    for (int i = first; i < op->n_in; i++) {
        if (op->in[i] == NULL)
            tn_tfl_error(op, "input %d is omitted", i);
        in[i - first] = op->in[i] != NULL ? tn_tfl_in(op, i) : NULL;
    }
    return in;
}

bool tn_tfl_if(tfl_op *op)
{
    static const char *const name[] = {"then_branch", "else_branch"};
    tn_value *condition = tn_tfl_in(op, 0), **in = operands(op, 1);
    tn_node *n = make_node(op, "If", op->n_in, 2);
    n->in[0] = condition;
    for (int i = 1; i < op->n_in; i++)
        n->in[i] = in[i - 1];
    for (int i = 0; i < 2 && !op->e.failed; i++) {
        uint32_t number = tn_flat_u32(op->options, i, 0);
        if (!check_part(op, number, op->n_in - 1, op->n_out)
            || !tn_tfl_read_part(op, number, (size_t)op->n_in - 1, in, make_body(n, i, name[i], op->im)))
            return false;
    }
    return !op->e.failed && give_node(op, n);
}

/* --- WHILE -------------------------------------------------------------------------------------------------------------- */

/* One integer that is known. */
static bool find_known(const tn_tensor *t, int64_t *out)
{
    if (t == NULL || tn_dtype_get(t->dtype)->is_float || t->dtype == TN_BOOL || tn_shape_count(&t->shape) != 1)
        return false;
    *out = tn_tensor_get_int(t, 0);
    return *out > INT32_MIN && *out < INT32_MAX;
}

/* How many turns a condition leaves at most that compares a counter: input k of the body, which each turn makes a constant larger,
   less than a constant. -1: it is not of this form. exact: it ends after just so many. Of several conditions, depth inside each
   other, one is enough. */
static int64_t count_turns(tfl_op *op, const tn_subgraph *turn, const tn_value *condition, int depth, bool *exact)
{
    const tn_node *less = condition->maker;
    int64_t start = 0, end = 0, step = 0;
    if (tn_node_is(less, "And") && depth < 4) {
        int64_t x = count_turns(op, turn, less->in[0], depth + 1, exact);
        int64_t y = count_turns(op, turn, less->in[1], depth + 1, exact);
        *exact = false;
        return x < 0 || (y >= 0 && y < x) ? y : x;
    }
    if (!tn_node_is(less, "Less") || !find_known(less->in[1]->constant, &end))
        return -1;
    for (size_t k = 0; k < turn->outputs.n; k++) {
        const tn_node *add = turn->outputs.items[k] == less->in[0] ? less->in[0]->maker : NULL;
        if (tn_node_is(add, "Add") && add->in[0] == turn->inputs.items[k] && find_known(add->in[1]->constant, &step)
            && step > 0 && find_known(op->in[k]->data, &start)) {
            *exact = true;
            return start < end ? (end - start + step - 1) / step : 0;
        }
    }
    return -1;
}

/* The Loop's own operands: how many turns, and the condition before the first one; what the body says of the next one. */
static void set_turns(tfl_op *op, tn_node *n, const tn_subgraph *turn, tn_value *first, tn_value *next, tn_subgraph *b)
{
    bool exact = false;
    int64_t turns = count_turns(op, turn, next, 0, &exact);
    n->in[0] = turns >= 0 ? tn_expand_scalar(&op->e, TN_INT64, (double)turns) : NULL;
    n->in[1] = exact ? NULL : first;
    *TN_PUSH(op->im->arena, b->outputs) = exact ? tn_expand_scalar(&op->e, TN_BOOL, 1) : next;
}

bool tn_tfl_while(tfl_op *op)
{
    uint32_t condition = tn_flat_u32(op->options, 0, 0), body = tn_flat_u32(op->options, 1, 0);
    size_t count = (size_t)op->n_in;
    tn_value **in = operands(op, 0);
    tn_subgraph first = {0}, turn = {0}, next = {0};
    if (op->n_in != op->n_out)
        return tn_tfl_error(op, "%d inputs and %d outputs; as many are wanted", op->n_in, op->n_out);
    if (op->e.failed || !check_part(op, condition, op->n_in, 1) || !check_part(op, body, op->n_in, op->n_in)
        || !tn_tfl_read_part(op, condition, count, in, &first) || !tn_tfl_read_part(op, body, count, NULL, &turn)
        || !tn_tfl_read_part(op, condition, count, turn.outputs.items, &next))
        return false;
    for (size_t i = 0; i < first.nodes.n; i++)
        *TN_PUSH(op->im->arena, *op->im->nodes) = first.nodes.items[i];
    for (size_t i = 0; i < next.nodes.n; i++)
        *TN_PUSH(op->im->arena, turn.nodes) = next.nodes.items[i];
    tn_node *n = make_node(op, "Loop", op->n_in + 2, 1);
    tn_subgraph *b = make_body(n, 0, "body", op->im);
    b->nodes = turn.nodes;
    for (int i = 0; i < 2; i++) { /* the turn, and the condition before it, which nobody reads */
        tn_value *v = tn_graph_add_value(op->im->graph, tn_expand_name(&op->e, i == 0 ? "turn" : "goes_on"));
        v->dtype = i == 0 ? TN_INT64 : TN_BOOL;
        v->shape = tn_shape_fixed(0, NULL);
        *TN_PUSH(op->im->arena, b->inputs) = v;
    }
    set_turns(op, n, &turn, first.outputs.items[0], next.outputs.items[0], b);
    for (size_t i = 0; i < count; i++) {
        n->in[2 + i] = in[i];
        *TN_PUSH(op->im->arena, b->inputs) = turn.inputs.items[i];
        *TN_PUSH(op->im->arena, b->outputs) = turn.outputs.items[i];
    }
    return give_node(op, n);
}
