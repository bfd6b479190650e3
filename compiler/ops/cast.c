/* Operators that keep the elements, up to their type: Cast, CastLike, Identity and Dropout.

       Cast(x float) to=int8      out[i] = (int8)x[i]          2.9 gives 2, -2.9 gives -2

   Conversions are those of tn_cast: floats truncate toward zero and saturate, NaN gives the least number (both are
   unspecified in ONNX), integers wrap, anything but 0 is true, NaN included; to the 16-bit floats it rounds to nearest even. */
#include "ops/ops.h"

/* --- Cast --------------------------------------------------------------------------------------------------------- */

/* ONNX's types that the compiler has no form of. */
static const char *foreign_name(int64_t t)
{
    static const char *const names[] = {
        [8] = "string",          [14] = "complex64",  [15] = "complex128",     [17] = "float8e4m3fn",
        [18] = "float8e4m3fnuz", [19] = "float8e5m2", [20] = "float8e5m2fnuz", [21] = "uint4",
        [22] = "int4",           [23] = "float4e2m1", [24] = "float8e8m0",     [25] = "uint2",
        [26] = "int2",           [27] = "float6e2m3", [28] = "float6e3m2",
    };
    bool listed = t > 0 && t < (int64_t)(sizeof names / sizeof *names) && names[t] != NULL;
    return listed ? names[t] : "unknown";
}

static bool set_type(tn_graph *g, tn_node *n, int64_t to)
{
    if (to <= 0 || to >= TN_INDEX || (TN_T_ANY >> to & 1u) == 0)
        return tn_node_error(g, n, "a cast to type %lld (%s) is not supported", (long long)to, foreign_name(to));
    tn_set_output(n, 0, (tn_dtype)to, &n->in[0]->shape);
    return true;
}

bool tn_infer_cast(tn_graph *g, tn_node *n)
{
    const tn_attr *to = tn_node_find_attr(n, "to");
    if (to == NULL || to->kind != TN_ATTR_INT)
        return tn_node_error(g, n, "the attribute to is missing or not an integer");
    return set_type(g, n, to->i);
}

bool tn_infer_cast_like(tn_graph *g, tn_node *n)
{
    return set_type(g, n, n->in[1]->dtype);
}

/* Output 0 has the elements of input 0: shared where the type is the same, else storing converts them. Input 1 of
   CastLike is not read. */
bool tn_lower_cast(tn_program *p, const tn_node *n)
{
    tn_buf *x = tn_buf_of(p, n->in[0]), *out = tn_buf_of(p, n->out[0]);
    if (x->dtype == out->dtype) {
        tn_comp_view(p, n, out, x);
        return true;
    }
    tn_comp *c = tn_comp_begin(p, n, out);
    tn_comp_set(p, c, tn_load(p, x, c->at));
    return true;
}

/* --- Dropout ------------------------------------------------------------------------------------------------------ */

/* Training with a ratio of 0 drops nothing, as in inference. */
static bool drops_nothing(const tn_node *n)
{
    const tn_value *ratio = tn_has_input(n, 1) ? n->in[1] : NULL;
    return ratio != NULL && ratio->constant != NULL && tn_shape_count(&ratio->shape) == 1
        && tn_tensor_get(ratio->constant, 0) == 0;
}

bool tn_infer_dropout(tn_graph *g, tn_node *n)
{
    const tn_value *mode = tn_has_input(n, 2) ? n->in[2] : NULL;
    if (mode != NULL && mode->constant == NULL)
        return tn_node_error(g, n, "training_mode '%s' must be known at compile time", mode->name);
    if (mode != NULL && (mode->dtype != TN_BOOL || tn_shape_count(&mode->shape) != 1))
        return tn_node_error(g, n, "training_mode '%s' is %s; a scalar of type bool is wanted", mode->name,
                             tn_type_text(g->arena, mode->dtype, &mode->shape));
    if (mode != NULL && tn_tensor_get_int(mode->constant, 0) != 0 && !drops_nothing(n))
        return tn_node_error(g, n, "training_mode is true, which is not supported: only inference is");
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    tn_set_output(n, 1, TN_BOOL, &n->in[0]->shape);
    return true;
}

bool tn_lower_dropout(tn_program *p, const tn_node *n)
{
    if (n->out[0] != NULL)
        tn_lower_cast(p, n);
    if (n->n_out > 1 && n->out[1] != NULL)
        tn_comp_set(p, tn_comp_begin(p, n, tn_buf_of(p, n->out[1])), tn_integer(p, TN_BOOL, 1));
    return true;
}
