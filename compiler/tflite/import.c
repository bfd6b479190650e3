/* The importer: from the bytes of a .tflite file to a graph. In order:

       header -> operator codes -> tensors -> inputs -> operators -> outputs

   The order of operators in the file is the order of execution, so nothing is sorted. What a row of operators.def adds
   are calls of the compiler's operators (ops/expand.h); types and shapes follow by inference, as for any model. */
#include "tflite/fixed.h"

static const tfl_row rows[] = {
#define TFL(name, min_in, max_in, n_out, types, add, call, doc) {#name, min_in, max_in, n_out, types, add, call, doc},
#include "tflite/operators.def"
#undef TFL
};

bool tn_tflite_row_at(size_t i, tn_tflite_row *out)
{
    if (i >= sizeof rows / sizeof *rows)
        return false;
    const tfl_row *r = &rows[i];
    *out = (tn_tflite_row){r->name, r->doc, r->min_in, r->max_in, r->types};
    return true;
}

/* The names of all codes. */
static const char *const names[] = {
#include "tflite/names.def"
};

static const char *name_of(int code)
{
    return code >= 0 && code < (int)(sizeof names / sizeof *names) ? names[code] : "not known to this version";
}

static const tfl_row *find_row(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name_of(code)) == 0)
            return &rows[i];
    return NULL;
}

/* --- what operators call -------------------------------------------------------------------------------------------- */

/* "operator 3", "operator 2 of subgraph 1" */
static const char *place_text(const importer *im, size_t index)
{
    return im->depth > 0 ? tn_strfmt(im->arena, "operator %zu of subgraph %u", index, (unsigned)im->number)
                         : tn_strfmt(im->arena, "operator %zu", index);
}

bool tn_tfl_error(tfl_op *op, const char *format, ...)
{
    importer *im = op->im;
    const char *place =
        tn_strfmt(im->arena, "%s: %s (%s): ", im->path, place_text(im, (size_t)op->index), op->row->name);
    va_list args;
    va_start(args, format);
    tn_verror(im->diag, place, format, args);
    va_end(args);
    op->e.failed = true;
    return false;
}

bool tn_tfl_has(const tfl_op *op, int i)
{
    return i < op->n_in && op->in[i] != NULL;
}

const char *tn_tfl_text(tfl_op *op, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tn_strdup(op->im->arena, text);
}

const char *tn_tfl_float_text(tfl_op *op, float x)
{
    return tn_tfl_text(op, "%.9e", (double)x);
}

/* [0, rank-1, 1, ..., rank-2]: channels first; or back. */
static const char *transpose_text(tfl_op *op, int rank, tfl_form to)
{
    const char *perm = "0,";
    for (int i = 1; i < rank; i++) {
        int axis = to == FIRST ? (i == 1 ? rank - 1 : i - 1) : (i == rank - 1 ? 1 : i + 1);
        perm = tn_tfl_text(op, "%s%d%s", perm, axis, i < rank - 1 ? "," : "");
    }
    return tn_tfl_text(op, "Transpose perm=%s", perm);
}

static void set_value(tfl_tensor *t, tfl_form form, tn_value *v)
{
    t->value[form] = v;
    v->dtype = t->dtype;
    if (form == LAST && t->is_fixed) {
        v->declared = t->shape;
        v->promised = t->dtype;
    }
}

/* A value of the tensor's own name, or, when the other form has that, of one like it. */
static void name_value(importer *im, const tfl_tensor *t, tfl_form form, tn_value *v)
{
    bool is_taken = t->value[LAST + FIRST - form] != NULL;
    v->name = is_taken ? tn_strfmt(im->arena, "%s.%s", t->name, form == FIRST ? "first" : "last") : t->name;
}

/* A constant without elements has no data in the file, as what an operator makes has none; but nothing makes it. */
static const tn_tensor *constant_of(importer *im, tfl_tensor *t)
{
    bool is_made = t->value[LAST] != NULL || t->value[FIRST] != NULL;
    if (t->data == NULL && !is_made && !t->is_variable && t->dtype != TN_UNDEFINED && t->shape.known
        && tn_shape_count(&t->shape) == 0)
        t->data = tn_tensor_make(im->arena, t->dtype, &t->shape);
    return t->data;
}

tn_value *tn_tfl_get(tfl_op *op, tfl_tensor *t, tfl_form form)
{
    tfl_form other = form == LAST ? FIRST : LAST;
    if (t->value[form] != NULL)
        return t->value[form];
    if (t->value[LAST] == NULL && constant_of(op->im, t) != NULL)
        set_value(t, LAST, tn_graph_add_constant(op->im->graph, t->name, t->data));
    if (t->value[form] != NULL || op->e.failed)
        return t->value[form] != NULL ? t->value[form] : tn_expand_scalar(&op->e, TN_FLOAT, 0);
    if (t->value[other] == NULL) {
        tn_tfl_error(op, "its input '%s' is made by no operator before it", t->name);
        return tn_expand_scalar(&op->e, TN_FLOAT, 0);
    }
    tn_value *v = tn_tfl_call(op, transpose_text(op, t->shape.rank, form), t->value[other]);
    if (!op->e.failed) {
        name_value(op->im, t, form, v);
        set_value(t, form, v);
    }
    return v;
}

tn_value *tn_tfl_in(tfl_op *op, int i)
{
    return tn_tfl_has(op, i) ? tn_tfl_get(op, op->in[i], LAST) : NULL;
}

tn_value *tn_tfl_first(tfl_op *op, int i)
{
    if (op->in[i]->shape.rank >= 3)
        return tn_tfl_get(op, op->in[i], FIRST);
    tn_tfl_error(op, "its input '%s' has rank %d; an image with channels is wanted", op->in[i]->name,
                 op->in[i]->shape.rank);
    return tn_expand_scalar(&op->e, TN_FLOAT, 0);
}

tfl_form tn_tfl_form(const tfl_op *op)
{
    int rank = op->n_out > 0 ? op->out[0]->shape.rank : 0;
    bool any = false;
    for (int i = 0; i < op->n_in; i++) {
        const tfl_tensor *t = op->in[i];
        if (t == NULL || rank < 3)
            continue;
        if (t->shape.rank < rank && !t->is_fixed)
            return LAST;
        if (t->shape.rank != rank)
            continue;
        if (t->value[LAST] != NULL && t->value[FIRST] == NULL && t->data == NULL)
            return LAST;
        any = any || (t->value[FIRST] != NULL && t->data == NULL);
    }
    return any ? FIRST : LAST;
}

tfl_form tn_tfl_form_of(const tfl_tensor *t)
{
    return t->value[FIRST] != NULL && t->value[LAST] == NULL ? FIRST : LAST;
}

int tn_tfl_axis(const tfl_op *op, tfl_form form, int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank) {
        tn_tfl_error((tfl_op *)op, "axis %lld is outside -%d..%d", (long long)axis, rank, rank - 1);
        return -1;
    }
    int a = (int)(axis < 0 ? axis + rank : axis);
    return form == LAST || a == 0 ? a : a == rank - 1 ? 1 : a + 1;
}

/* Whether one of the operator's nodes makes it. */
static bool is_own(const tfl_op *op, const tn_value *v)
{
    const tn_node_vec *nodes = op->im->nodes;
    for (size_t i = nodes->n; i > op->first; i--)
        if (nodes->items[i - 1] == v->maker)
            return true;
    return false;
}

void tn_tfl_give(tfl_op *op, int i, tfl_form form, tn_value *v)
{
    tfl_tensor *t = op->out[i];
    if (op->e.failed)
        return;
    if (t->value[LAST] != NULL || t->value[FIRST] != NULL || t->data != NULL) {
        tn_tfl_error(op, "its output '%s' is made twice", t->name);
        return;
    }
    if (!is_own(op, v))
        v = tn_tfl_call(op, "Identity", v);
    name_value(op->im, t, form, v);
    set_value(t, form, v);
}

bool tn_tfl_give_one(tfl_op *op, tn_value *v)
{
    tn_tfl_give(op, 0, LAST, v);
    return !op->e.failed;
}

tn_value *tn_tfl_operand(tfl_op *op, int i, tfl_form form)
{
    tfl_tensor *t = op->in[i];
    int rank = op->out[0]->shape.rank;
    int64_t dims[TN_MAX_RANK];
    if (form == LAST || t->shape.rank == rank)
        return tn_tfl_get(op, t, form);
    if (tn_shape_count(&t->shape) == 1)
        return tn_tfl_get(op, t, LAST);
    for (int k = 0; k < rank; k++)
        dims[k] = k < rank - t->shape.rank ? 1 : tn_tfl_dim(t, k - (rank - t->shape.rank));
    return tn_tfl_call(op, transpose_text(op, rank, FIRST), tn_call_reshape(&op->e, tn_tfl_in(op, i), rank, dims));
}

tn_value *tn_tfl_activate(tfl_op *op, tn_value *v, int function)
{
    enum { NONE, RELU, RELU_N1_TO_1, RELU6, TANH };
    switch (function) {
    case NONE: return v;
    case RELU: return tn_tfl_call(op, "Relu", v);
    case RELU_N1_TO_1:
    case RELU6:
        return tn_tfl_call(op, "Clip", v, tn_expand_scalar(&op->e, TN_FLOAT, function == RELU6 ? 0 : -1),
                           tn_expand_scalar(&op->e, TN_FLOAT, function == RELU6 ? 6 : 1));
    case TANH: return tn_tfl_call(op, "Tanh", v);
    default: tn_tfl_error(op, "fused activation function %d is not supported", function); return v;
    }
}

/* --- constants ------------------------------------------------------------------------------------------------------ */

const int64_t *tn_tfl_ints(tfl_op *op, int i, const char *what, size_t *count)
{
    const tn_tensor *t = tn_tfl_has(op, i) ? constant_of(op->im, op->in[i]) : NULL;
    if (t == NULL || (t->dtype != TN_INT32 && t->dtype != TN_INT64) || t->shape.rank > 2) {
        tn_tfl_error(op, "%s (input %d) must be known at compile time: a constant of int32 or int64", what, i);
        return NULL;
    }
    *count = (size_t)tn_shape_count(&t->shape);
    int64_t *x = TN_NEW_N(op->im->arena, int64_t, *count + 1);
    for (size_t k = 0; k < *count; k++) {
        int64_t n = tn_tensor_get_int(t, (int64_t)k);
        x[k] = n < -TN_DIM_MAX ? -TN_DIM_MAX : n > TN_DIM_MAX ? TN_DIM_MAX : n;
    }
    return x;
}

tn_value *tn_tfl_constant(tfl_op *op, const tn_tensor *t)
{
    return tn_expand_constant(&op->e, t);
}

tn_value *tn_tfl_reshaped(tfl_op *op, const tfl_tensor *t, int rank, const int64_t *dims)
{
    tn_tensor x = *t->data;
    x.shape = tn_shape_fixed(rank, dims);
    assert(tn_shape_count(&x.shape) == tn_shape_count(&t->data->shape));
    return tn_tfl_constant(op, &x);
}

int64_t tn_tfl_dim(const tfl_tensor *t, int i)
{
    return t->shape.dim[i].n;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool append(tn_expand *e, tn_node *n)
{
    *TN_PUSH(e->g->arena, *e->done) = n;
    return true;
}

static int code_of(importer *im, tn_flat_table p)
{
    uint32_t i = tn_flat_u32(p, 0, 0);
    if (i >= im->codes.n)
        return -1;
    tn_flat_table t = tn_flat_at_table(im->codes, i);
    int before = tn_flat_i8(t, 0, 0), code = tn_flat_i32(t, 3, 0); /* codes over 127 came later */
    return before > code ? before : code;
}

/* What stops an operator from being read; NULL: nothing. */
static const char *obstacle(importer *im, tn_flat_table p, int code)
{
    enum { CUSTOM = 32 };
    if (code < 0)
        return tn_strfmt(im->arena, "its operator code is %u; the file has %zu", (unsigned)tn_flat_u32(p, 0, 0),
                         im->codes.n);
    if (find_row(code) != NULL)
        return NULL;
    if (code == CUSTOM)
        return tn_strfmt(im->arena,
                         "custom operator '%s': only TFLite's builtin operators can be compiled; convert the model "
                         "without custom operators",
                         tn_flat_text(im->arena, tn_flat_at_table(im->codes, tn_flat_u32(p, 0, 0)), 1));
    return tn_strfmt(im->arena, "operator %s (code %d) is not supported; 'tenon ops' lists those that are",
                     name_of(code), code);
}

/* All at once, one line for each kind. */
static bool check_operators(importer *im, tn_flat_vec ops)
{
    tn_map seen = {0};
    bool ok = true;
    for (size_t i = 0; i < ops.n; i++) {
        tn_flat_table p = tn_flat_at_table(ops, i);
        const char *why = obstacle(im, p, code_of(im, p));
        if (why == NULL || tn_map_get(&seen, why) != NULL)
            continue;
        tn_error_at(im->diag, im->path, "%s: %s", place_text(im, i), why);
        tn_map_put(im->arena, &seen, why, im);
        ok = false;
    }
    return ok;
}

/* Tensors by their numbers; -1 is an omitted one. NULL after an error. */
static tfl_tensor **find_tensors(importer *im, tn_flat_vec list, bool may_omit, const char *what)
{
    tfl_tensor **out = TN_NEW_N(im->arena, tfl_tensor *, list.n + 1);
    for (size_t i = 0; i < list.n; i++) {
        int k = tn_flat_at_i32(list, i);
        if ((k < 0 || (size_t)k >= im->n_tensors) && !(k == -1 && may_omit)) {
            tn_error_at(im->diag, im->path, "%s refers to tensor %d; the file has %zu", what, k, im->n_tensors);
            return NULL;
        }
        out[i] = k >= 0 ? &im->tensors[k] : NULL;
    }
    return out;
}

/* "2", "1 to 3", "1 or more" */
static const char *count_text(importer *im, int min, int max)
{
    return max < 0    ? tn_strfmt(im->arena, "%d or more", min)
         : min == max ? tn_strfmt(im->arena, "%d", min)
                      : tn_strfmt(im->arena, "%d to %d", min, max);
}

static bool check_arity(tfl_op *op)
{
    const tfl_row *r = op->row;
    if (op->n_in < r->min_in || (r->max_in >= 0 && op->n_in > r->max_in))
        return tn_tfl_error(op, "has %d inputs; %s are wanted", op->n_in, count_text(op->im, r->min_in, r->max_in));
    if (r->n_out >= 0 ? op->n_out != r->n_out : op->n_out < 1)
        return tn_tfl_error(op, "has %d outputs; %s are wanted", op->n_out,
                            count_text(op->im, r->n_out < 0 ? 1 : r->n_out, r->n_out));
    for (int i = 0; i < r->min_in; i++)
        if (op->in[i] == NULL)
            return tn_tfl_error(op, "input %d is omitted", i);
    return true;
}

/* "int8" in "float, uint8, int8" */
static bool lists(const char *types, const char *type)
{
    size_t n = strlen(type);
    for (const char *at = strstr(types, type); at != NULL; at = strstr(at + n, type))
        if ((at == types || at[-1] == ' ') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* Bytes that stand for scaled numbers would go through the arithmetic as they are. Input 0 decides, unless the operator knows no
   scales at all. */
static bool check_types(tfl_op *op)
{
    const char *types = op->row->types;
    bool plain = strcmp(types, TFL_PLAIN) == 0, any = strcmp(types, "any") == 0;
    for (int i = 0; i < (plain ? op->n_in : 1) && i < op->n_in && !any; i++) {
        const char *type = op->in[i] != NULL ? tn_dtype_get(op->in[i]->dtype)->name : "";
        if (op->in[i] != NULL && tn_tfl_is_fixed(op->in[i]) && !lists(types, type))
            return tn_tfl_error(op, "input %d '%s' is quantised %s; what it takes is: %s", i, op->in[i]->name, type,
                                types);
    }
    return true;
}

static bool add_operator(importer *im, int index, tn_flat_table p)
{
    tfl_op op = {.im = im,
                 .index = index,
                 .first = im->nodes->n,
                 .row = find_row(code_of(im, p)),
                 .table = p,
                 .options = tn_flat_child(p, 4)};
    tn_flat_vec in = tn_flat_vector(p, 1, 4), out = tn_flat_vector(p, 2, 4);
    const char *what = tn_strfmt(im->arena, "%s (%s)", place_text(im, (size_t)index), op.row->name);
    op.in = find_tensors(im, in, true, what);
    op.out = op.in != NULL ? find_tensors(im, out, false, what) : NULL;
    if (op.out == NULL)
        return false;
    op.n_in = (int)in.n;
    op.n_out = (int)out.n;
    tn_value name = {.name = op.n_out > 0 ? op.out[0]->name : ""}, *names_of = &name;
    op.node = (tn_node){.index = index, .name = name.name, .n_out = 1, .out = &names_of};
    op.e = (tn_expand){.g = im->graph, .node = &op.node, .add = append, .done = im->nodes};
    return check_arity(&op) && check_types(&op) && op.row->add(&op) && !op.e.failed;
}

static bool add_inputs(importer *im)
{
    tn_flat_vec list = tn_flat_vector(im->part, 1, 4);
    tfl_tensor **in = find_tensors(im, list, false, "an input");
    for (size_t i = 0; in != NULL && i < list.n; i++) {
        tfl_tensor *t = in[i];
        if (t->value[LAST] != NULL || t->data != NULL || !t->shape.known) {
            tn_error_at(im->diag, im->path, "input '%s' %s", t->name,
                        t->value[LAST] != NULL ? "is listed twice"
                        : t->data != NULL      ? "is a constant"
                                               : "has no known shape");
            return false;
        }
        tn_value *v = tn_graph_add_value(im->graph, t->name);
        v->shape = t->shape;
        v->is_input = true;
        set_value(t, LAST, v);
        *TN_PUSH(im->arena, im->graph->inputs) = v;
    }
    return in != NULL;
}

/* An output is as the file has it, under its own name. */
static bool add_output(importer *im, tfl_tensor *t)
{
    tn_value none = {.name = t->name}, *names_of = &none;
    tfl_op op = {.im = im, .index = (int)im->nodes->n, .first = im->nodes->n};
    op.node = (tn_node){.index = op.index, .name = t->name, .n_out = 1, .out = &names_of};
    op.e = (tn_expand){.g = im->graph, .node = &op.node, .add = append, .done = im->nodes};
    if (t->value[LAST] == NULL && t->value[FIRST] == NULL && t->data == NULL) {
        tn_error_at(im->diag, im->path, "output '%s' is made by no operator", t->name);
        return false;
    }
    tn_value *v = tn_tfl_get(&op, t, LAST);
    if (v->is_output) {
        tn_error_at(im->diag, im->path, "output '%s' is listed twice", t->name);
        return false;
    }
    if (t->value[FIRST] != NULL && !v->is_input) {
        t->value[FIRST]->name = tn_strfmt(im->arena, "%s.first", t->name);
        v->name = t->name;
    }
    v->is_output = true;
    *TN_PUSH(im->arena, im->graph->outputs) = v;
    return true;
}

static bool add_outputs(importer *im)
{
    tn_flat_vec list = tn_flat_vector(im->part, 2, 4);
    tfl_tensor **out = find_tensors(im, list, false, "an output");
    for (size_t i = 0; out != NULL && i < list.n; i++)
        if (!add_output(im, out[i]))
            return false;
    if (list.n == 0)
        tn_error_at(im->diag, im->path, "the model has no outputs");
    return out != NULL && list.n > 0;
}

/* --- entry ---------------------------------------------------------------------------------------------------------- */

bool tn_tflite_is(const void *bytes, size_t n)
{
    return n >= 8 && memcmp((const char *)bytes + 4, "TFL3", 4) == 0;
}

static bool check_damage(importer *im)
{
    if (im->file.why != NULL)
        tn_error_at(im->diag, im->path, "the file is damaged or cut off: at byte %zu, %s", im->file.where,
                    im->file.why);
    return im->file.why == NULL;
}

static bool read_header(importer *im)
{
    im->model = tn_flat_root(&im->file);
    tn_flat_vec parts = im->parts = tn_flat_vector(im->model, 2, 4);
    im->codes = tn_flat_vector(im->model, 1, 4);
    im->buffers = tn_flat_vector(im->model, 4, 4);
    if (!check_damage(im))
        return false;
    uint32_t version = tn_flat_u32(im->model, 0, 0);
    if (version != 3 || parts.n == 0)
        tn_error_at(im->diag, im->path, version != 3 ? "schema version %u; 3 is wanted" : "the model has no subgraph",
                    (unsigned)version);
    im->part = parts.n > 0 ? tn_flat_at_table(parts, 0) : (tn_flat_table){.f = &im->file};
    return version == 3 && parts.n > 0 && check_damage(im);
}

static bool add_operators(importer *im)
{
    tn_flat_vec ops = tn_flat_vector(im->part, 3, 4);
    if (!check_operators(im, ops) || !check_damage(im))
        return false;
    for (size_t i = 0; i < ops.n; i++)
        if (!add_operator(im, (int)i, tn_flat_at_table(ops, i)))
            return false;
    return check_damage(im);
}

/* --- other subgraphs ------------------------------------------------------------------------------------------------- */

int tn_tfl_part_count(const tfl_op *op, uint32_t number, int field)
{
    importer *im = op->im;
    return number < im->parts.n ? (int)tn_flat_vector(tn_flat_at_table(im->parts, number), field, 4).n : -1;
}

static bool bind_inputs(importer *im, size_t n_in, tn_value *const *in, tn_subgraph *out)
{
    tn_flat_vec list = tn_flat_vector(im->part, 1, 4);
    tfl_tensor **t = find_tensors(im, list, false, "an input of a subgraph");
    if (t == NULL || list.n != n_in)
        return false;
    for (size_t i = 0; i < n_in; i++) {
        if (t[i]->value[LAST] != NULL || t[i]->data != NULL) {
            tn_error_at(im->diag, im->path, "input '%s' of subgraph %u is a constant, or listed twice", t[i]->name,
                        (unsigned)im->number);
            return false;
        }
        if (in != NULL) {
            t[i]->value[LAST] = in[i];
            continue;
        }
        tn_value *v = tn_graph_add_value(im->graph, t[i]->name);
        v->shape = t[i]->shape;
        set_value(t[i], LAST, v);
        *TN_PUSH(im->arena, out->inputs) = v;
    }
    return true;
}

static bool find_outputs(tfl_op *op, importer *im, tn_subgraph *out)
{
    tn_flat_vec list = tn_flat_vector(im->part, 2, 4);
    tfl_tensor **t = find_tensors(im, list, false, "an output of a subgraph");
    tfl_op inner = *op;
    inner.im = im;
    inner.e.done = im->nodes;
    for (size_t i = 0; t != NULL && i < list.n; i++)
        *TN_PUSH(im->arena, out->outputs) = tn_tfl_get(&inner, t[i], LAST);
    return t != NULL && !inner.e.failed;
}

bool tn_tfl_read_part(tfl_op *op, uint32_t number, size_t n_in, tn_value *const *in, tn_subgraph *out)
{
    enum { MOST_DEPTH = 8 };
    importer inner = *op->im;
    if (number >= inner.parts.n || inner.depth == MOST_DEPTH)
        return tn_tfl_error(op,
                            number >= inner.parts.n ? "refers to subgraph %u; the file has %zu"
                                                    : "subgraph %u of %zu is nested too deeply",
                            (unsigned)number, inner.parts.n);
    inner.part = tn_flat_at_table(inner.parts, number);
    inner.number = number;
    inner.depth++;
    inner.nodes = &out->nodes;
    bool ok = tn_tfl_read_tensors(&inner) && bind_inputs(&inner, n_in, in, out) && add_operators(&inner)
           && find_outputs(op, &inner, out);
    op->im->names = inner.names;
    op->e.failed = op->e.failed || !ok;
    return ok;
}

tn_graph *tn_tflite_parse(tn_arena *a, tn_diag *d, const char *path, const void *bytes, size_t n,
                          const tn_tflite_options *o)
{
    static const tn_tflite_options none = {0};
    importer im = {.arena = a, .diag = d, .path = tn_strdup(a, path), .options = o != NULL ? o : &none};
    im.file = (tn_flat){.bytes = bytes, .size = n};
    if (!read_header(&im))
        return NULL;
    im.graph = TN_NEW(a, tn_graph);
    *im.graph = (tn_graph){.arena = a, .diag = d, .path = im.path};
    im.graph->name = tn_flat_text(a, im.part, 4);
    im.nodes = &im.graph->nodes;
    bool ok = tn_tfl_read_tensors(&im) && check_damage(&im) && add_inputs(&im) && add_operators(&im) && add_outputs(&im)
           && tn_tfl_add_state_outputs(&im);
    return ok && check_damage(&im) ? im.graph : NULL;
}
