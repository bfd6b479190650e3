/* Rewrites operators of older opsets into the form of their newest version, so that ops/ knows only that one.

       before (opset 6): y = Clip(x) min=0x0p+0 max=0x1.8p+2      after: y = Clip(x, "y.min", "y.max")

   One small function for each rewrite, in the table below with the opset version that brought the new form: it runs for
   nodes whose version is older. Does nothing to the operators of other domains. Each rewrite keeps the meaning that the
   old version's text gives, defaults included; what cannot be kept is an error that says "not supported". */
#include "onnx/upgrade.h"

#include "ops/ops.h"

#include <float.h>
#include <math.h>

enum { ALWAYS = TN_ONNX_MAX_OPSET + 1 };

static bool has_attr(const tn_node *n, const char *name)
{
    return tn_node_find_attr(n, name) != NULL;
}

static void set_default_int(upgrade *u, tn_node *n, const char *name, int64_t value)
{
    if (!has_attr(n, name))
        tn_node_set_int(u->g, n, name, value);
}

/* --- attributes that became inputs -------------------------------------------------------------------------------- */

static bool axes_to_input(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "axes", 1);
    return true;
}

static bool shape_to_input(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "shape", 1);
    return true;
}

static bool k_to_input(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "k", 1);
    return true;
}

static bool slice_to_inputs(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "starts", 1);
    tn_upgrade_ints_to_input(u, n, "ends", 2);
    tn_upgrade_ints_to_input(u, n, "axes", 3);
    return true;
}

/* A float attribute becomes a scalar input of the type of input 0; `absent` is the value that says the same as none. */
static void float_to_input(upgrade *u, tn_node *n, const char *attr, int i, float absent)
{
    tn_dtype t = tn_upgrade_type_of(u, n->n_in > 0 ? n->in[0] : NULL);
    float x = tn_node_float(n, attr, absent);
    if (!tn_dtype_get(t)->is_float)
        t = TN_FLOAT;
    if (x != absent)
        tn_upgrade_set_input(u, n, i, tn_upgrade_add_scalar(u, n, attr, t, (double)x));
    tn_node_drop_attr(n, attr);
}

/* The old defaults are the ends of float's range, which in float16 would be infinite: no bound says the same. */
static bool clip_to_inputs(upgrade *u, tn_node *n)
{
    float_to_input(u, n, "min", 1, -FLT_MAX);
    float_to_input(u, n, "max", 2, FLT_MAX);
    return true;
}

static bool pad_to_inputs(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "paddings", 1); /* opset 1 */
    tn_upgrade_ints_to_input(u, n, "pads", 1);
    float_to_input(u, n, "value", 2, 0.0f);
    return true;
}

static bool split_to_input(upgrade *u, tn_node *n)
{
    tn_upgrade_ints_to_input(u, n, "split", 1);
    return true;
}

/* Before opset 18 the number of parts was the number of outputs. */
static bool split_evenly(upgrade *u, tn_node *n)
{
    if (!tn_upgrade_has_input(n, 1) && !has_attr(n, "split"))
        set_default_int(u, n, "num_outputs", n->n_out);
    return true;
}

static bool dft_axis_to_input(upgrade *u, tn_node *n)
{
    int64_t axis = tn_node_int(n, "axis", 1);
    tn_upgrade_set_input(u, n, 2, tn_upgrade_add_ints(u, n, "axis", &axis, 1, 0));
    tn_node_drop_attr(n, "axis");
    return true;
}

/* The ratio matters in training only; a model that is compiled is not trained. */
static bool dropout_to_inference(upgrade *u, tn_node *n)
{
    (void)u;
    tn_node_drop_attr(n, "is_test");
    return true;
}

/* --- resizing ----------------------------------------------------------------------------------------------------- */

/* X, scales  ->  X, no roi, scales */
static void shift_scales(upgrade *u, tn_node *n, tn_value *scales)
{
    tn_upgrade_set_input(u, n, 2, scales);
    n->in[1] = NULL;
}

static void set_asymmetric(upgrade *u, tn_node *n, const char *nearest_mode)
{
    tn_node_set_string(u->g, n, "coordinate_transformation_mode", "asymmetric");
    tn_node_set_string(u->g, n, "nearest_mode", nearest_mode);
    if (strcmp(tn_node_string(n, "mode", "nearest"), "bilinear") == 0)
        tn_node_set_string(u->g, n, "mode", "linear");
}

/* Upsample 1 has a factor for each side of an image, Upsample 7 a list. */
static tn_value *scales_of_attributes(upgrade *u, tn_node *n)
{
    float pair[4] = {1, 1, tn_node_float(n, "height_scale", 0), tn_node_float(n, "width_scale", 0)};
    const tn_attr *list = tn_node_find_attr(n, "scales");
    tn_value *v = NULL;
    if (list != NULL && list->kind == TN_ATTR_FLOATS)
        v = tn_upgrade_add_floats(u, n, "scales", list->floats, list->n);
    else if (pair[2] > 0 && pair[3] > 0)
        v = tn_upgrade_add_floats(u, n, "scales", pair, 4);
    tn_node_drop_attr(n, "scales");
    tn_node_drop_attr(n, "height_scale");
    tn_node_drop_attr(n, "width_scale");
    return v;
}

static bool upsample_to_resize(upgrade *u, tn_node *n)
{
    tn_value *scales = tn_upgrade_has_input(n, 1) ? n->in[1] : scales_of_attributes(u, n);
    if (n->n_in == 0 || scales == NULL)
        return tn_node_error(u->g, n, "Upsample without %s", n->n_in == 0 ? "an input" : "scales");
    shift_scales(u, n, scales);
    set_asymmetric(u, n, "floor");
    return true;
}

/* Resize 10 does not say how nearest rounds. Runtimes round down when enlarging and up when shrinking; where an extent
   stays the two agree. */
static bool resize_10(upgrade *u, tn_node *n)
{
    bool enlarges = false, shrinks = false;
    if (n->n_in != 2 || n->in[1] == NULL)
        return tn_node_error(u->g, n, "has %d inputs; Resize of opset 10 takes 2", n->n_in);
    const tn_tensor *t = n->in[1]->constant;
    for (int64_t i = 0; t != NULL && i < tn_shape_count(&t->shape); i++) {
        enlarges = enlarges || tn_tensor_get(t, i) > 1;
        shrinks = shrinks || tn_tensor_get(t, i) < 1;
    }
    if (enlarges && shrinks && strcmp(tn_node_string(n, "mode", "nearest"), "nearest") == 0)
        return tn_node_error(u->g, n, "enlarging one axis while shrinking another is not supported in opset 10");
    shift_scales(u, n, n->in[1]);
    set_asymmetric(u, n, shrinks ? "ceil" : "floor");
    return true;
}

static bool resize_older(upgrade *u, tn_node *n)
{
    return n->version < 10 ? upsample_to_resize(u, n) : resize_10(u, n);
}

/* Opset 11 demanded roi and scales even when unused: an empty tensor says "none" there, and in newer files too. */
static bool omit_empty_inputs(upgrade *u, tn_node *n)
{
    (void)u;
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i] != NULL && n->in[i]->constant != NULL && tn_shape_count(&n->in[i]->shape) == 0)
            n->in[i] = NULL;
    return true;
}

/* --- broadcasting of opset 1 to 6 --------------------------------------------------------------------------------- */

/* Without an axis the operand aligns at the end, as NumPy does; with one it starts there. */
static bool explicit_broadcast(upgrade *u, tn_node *n)
{
    const tn_attr *axis = tn_node_find_attr(n, "axis");
    bool aligned = tn_node_int(n, "broadcast", 0) != 0 && axis != NULL && axis->kind == TN_ATTR_INT;
    int64_t at = aligned ? axis->i : 0;
    tn_node_drop_attr(n, "axis");
    tn_node_drop_attr(n, "broadcast");
    if (!aligned || !tn_upgrade_has_input(n, 0) || !tn_upgrade_has_input(n, 1))
        return true;
    return tn_upgrade_align(u, n, 1, at);
}

static bool gemm_broadcast(upgrade *u, tn_node *n)
{
    (void)u;
    tn_node_drop_attr(n, "broadcast");
    return true;
}

/* A slope of one element is for all channels, any other is for the channels at axis 1. */
static bool prelu_channels(upgrade *u, tn_node *n)
{
    if (!tn_upgrade_has_input(n, 0) || !tn_upgrade_has_input(n, 1))
        return true;
    const tn_shape *s = &n->in[1]->shape;
    if (!tn_upgrade_infer(u, n, n->in[1]))
        return false;
    return s->rank != 1 || tn_shape_count(s) == 1 || tn_upgrade_align(u, n, 1, 1);
}

/* --- changed meanings and defaults -------------------------------------------------------------------------------- */

/* Before opset 13 the dims from the axis on were one: ops normalise over all of them when "flatten" is set. */
static bool flatten_softmax(upgrade *u, tn_node *n)
{
    set_default_int(u, n, "axis", 1);
    tn_node_set_int(u->g, n, "flatten", 1);
    return true;
}

static bool batch_norm_older(upgrade *u, tn_node *n)
{
    if (n->version < 9 && tn_node_int(n, "spatial", 1) == 0)
        return tn_node_error(u->g, n, "statistics for each activation (spatial=0) are not supported");
    if (n->n_out > 1)
        return tn_node_error(u->g, n, "has %d outputs, as in training, which is not supported", n->n_out);
    tn_node_drop_attr(n, "spatial");
    tn_node_drop_attr(n, "is_test");
    return true;
}

static bool group_norm_18(upgrade *u, tn_node *n)
{
    tn_node_set_int(u->g, n, "per_group", 1);
    return true;
}

static bool concat_axis(upgrade *u, tn_node *n)
{
    set_default_int(u, n, "axis", 1);
    return true;
}

static bool selu_defaults(upgrade *u, tn_node *n)
{
    if (!has_attr(n, "alpha"))
        tn_node_set_float(u->g, n, "alpha", 1.6732f);
    if (!has_attr(n, "gamma"))
        tn_node_set_float(u->g, n, "gamma", 1.0507f);
    return true;
}

static bool roi_align_pixels(upgrade *u, tn_node *n)
{
    if (!has_attr(n, "coordinate_transformation_mode"))
        tn_node_set_string(u->g, n, "coordinate_transformation_mode", "output_half_pixel");
    return true;
}

static bool grid_sample_modes(upgrade *u, tn_node *n)
{
    const char *mode = tn_node_string(n, "mode", "bilinear");
    if (strcmp(mode, "bilinear") == 0)
        tn_node_set_string(u->g, n, "mode", "linear");
    else if (strcmp(mode, "bicubic") == 0)
        tn_node_set_string(u->g, n, "mode", "cubic");
    return true;
}

static bool lp_pool_power(upgrade *u, tn_node *n)
{
    float p = tn_node_float(n, "p", 2.0f);
    if (!(p >= 1 && p <= 1000) || p != floorf(p))
        return tn_node_error(u->g, n, "p=%g is not a whole number: not supported", (double)p);
    tn_node_set_int(u->g, n, "p", (int64_t)p);
    return true;
}

static bool drop_output_sequence(upgrade *u, tn_node *n)
{
    (void)u;
    tn_node_drop_attr(n, "output_sequence"); /* omitting the output says the same */
    return true;
}

static bool tile_1(upgrade *u, tn_node *n)
{
    return n->n_in <= 2 || tn_node_error(u->g, n, "Tile of opset 1 along one axis is not supported");
}

static bool is_same_word(const char *x, const char *y)
{
    for (; *x != '\0' && (*x | 0x20) == (*y | 0x20); x++)
        y++;
    return *x == *y;
}

/* Opset 1 to 5 spelled the type: to="FLOAT16". */
static bool cast_by_name(upgrade *u, tn_node *n)
{
    const tn_attr *to = tn_node_find_attr(n, "to");
    if (to == NULL || to->kind != TN_ATTR_STRING)
        return true;
    for (int t = TN_FLOAT; t <= TN_BFLOAT16; t++)
        if (is_same_word(tn_dtype_get(t)->name, to->s) && tn_dtype_get(t)->size > 0) {
            tn_node_set_int(u->g, n, "to", t);
            return true;
        }
    return tn_node_error(u->g, n, "a cast to '%s' is not supported", to->s);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* Rows of one operator run in this order. */
static const struct {
    const char *op;
    int below; /* the version that brought the new form */
    bool (*rewrite)(upgrade *u, tn_node *n);
} rows[] = {
    {"Add", 7, explicit_broadcast},
    {"And", 7, explicit_broadcast},
    {"BatchNormalization", 14, batch_norm_older},
    {"Cast", 6, cast_by_name},
    {"Clip", 11, clip_to_inputs},
    {"Concat", 4, concat_axis},
    {"DFT", 20, dft_axis_to_input},
    {"Div", 7, explicit_broadcast},
    {"Dropout", 12, dropout_to_inference},
    {"Equal", 7, explicit_broadcast},
    {"GRU", 3, drop_output_sequence},
    {"Gemm", 7, gemm_broadcast},
    {"GlobalLpPool", 2, lp_pool_power},
    {"Greater", 7, explicit_broadcast},
    {"GridSample", 20, grid_sample_modes},
    {"GroupNormalization", 21, group_norm_18},
    {"Hardmax", 13, flatten_softmax},
    {"LSTM", 7, drop_output_sequence},
    {"Less", 7, explicit_broadcast},
    {"LogSoftmax", 13, flatten_softmax},
    {"LpPool", 2, lp_pool_power},
    {"Mul", 7, explicit_broadcast},
    {"Or", 7, explicit_broadcast},
    {"PRelu", 7, prelu_channels},
    {"Pad", 11, pad_to_inputs},
    {"Pow", 7, explicit_broadcast},
    {"RNN", 7, drop_output_sequence},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Reshape", 5, shape_to_input},
    {"Resize", 11, resize_older},
    {"Resize", ALWAYS, omit_empty_inputs},
    {"RoiAlign", 16, roi_align_pixels},
    {"Selu", 6, selu_defaults},
    {"Slice", 10, slice_to_inputs},
    {"Softmax", 13, flatten_softmax},
    {"Split", 13, split_to_input},
    {"Split", 18, split_evenly},
    {"Squeeze", 13, axes_to_input},
    {"Sub", 7, explicit_broadcast},
    {"Tile", 6, tile_1},
    {"TopK", 10, k_to_input},
    {"Unsqueeze", 13, axes_to_input},
    {"Xor", 7, explicit_broadcast},
};

static bool upgrade_node(upgrade *u, tn_node *n)
{
    if (*n->op->domain != '\0')
        return true;
    tn_node_drop_attr(n, "consumed_inputs"); /* a hint of the first opset about reusing memory */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (n->version < rows[i].below && strcmp(rows[i].op, n->op->name) == 0 && !rows[i].rewrite(u, n))
            return false;
    return true;
}

static bool upgrade_nodes(upgrade *u, tn_node_vec *nodes);

static bool upgrade_bodies(upgrade *u, const tn_node *n)
{
    for (int i = 0; i < n->n_attr; i++)
        if (n->attr[i].kind == TN_ATTR_BODY && !upgrade_nodes(u, &n->attr[i].body->nodes))
            return false;
    return true;
}

static bool upgrade_nodes(upgrade *u, tn_node_vec *nodes)
{
    tn_node_vec around = u->out;
    size_t inferred = u->inferred;
    u->out = (tn_node_vec){0};
    u->inferred = 0;
    for (size_t i = 0; i < nodes->n; i++) {
        tn_node *n = nodes->items[i];
        if (!upgrade_node(u, n) || !tn_onnx_check_arity(u->g, n) || !upgrade_bodies(u, n))
            return false;
        tn_upgrade_note_types(u, n);
        *TN_PUSH(u->g->arena, u->out) = n;
    }
    *nodes = u->out;
    u->out = around;
    u->inferred = inferred;
    return true;
}

bool tn_onnx_upgrade(tn_graph *g)
{
    upgrade u = {.g = g, .n_types = g->values.n};
    u.types = TN_NEW_N(g->arena, tn_dtype, g->values.n);
    return upgrade_nodes(&u, &g->nodes);
}
