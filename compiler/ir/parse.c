/* Graphs from text: the inverse of print.c, which shows the form. Types of computed values may be left out, as may the
   graph's name; dims are declared by `symbol`, and everything stands before what uses it. Any text is either a graph
   whose values all have makers and whose nodes have as many inputs and outputs as their operator takes, or an error. */
#include "ir/text.h"

#include <limits.h>

typedef struct reader {
    tn_scan s;
    tn_graph *g;
    tn_map values, symbols; /* by name: tn_value, tn_dim */
    const tn_op *(*find)(const char *domain, const char *name);
    bool is_pattern;    /* shapes may be left open */
    tn_node_vec *nodes; /* where nodes go: the graph's, or a subgraph's */
} reader;

static bool need_quoted(reader *r, const char *what, const char **out)
{
    return tn_scan_quoted(&r->s, what, out);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static bool parse_dim(reader *r, tn_dim *out);

/* min(x,y), (x+y) behind the opening sign */
static bool parse_two(reader *r, bool is_call, tn_sym_kind kind, tn_dim *out)
{
    static const struct {
        const char *sign;
        tn_sym_kind kind;
    } signs[] = {{"+", TN_SYM_ADD}, {"-", TN_SYM_SUB}, {"*", TN_SYM_MUL}, {"/", TN_SYM_DIV}};
    tn_dim x, y;
    if (!tn_scan_deeper(&r->s) || !parse_dim(r, &x))
        return false;
    bool found = is_call && tn_scan_skip(&r->s, ",");
    for (size_t i = 0; !is_call && !found && i < sizeof signs / sizeof *signs; i++)
        if (tn_scan_skip(&r->s, signs[i].sign)) {
            kind = signs[i].kind;
            found = true;
        }
    if (!found)
        return tn_scan_wanted(&r->s, is_call ? "," : "one of + - * /");
    if (!parse_dim(r, &y) || !tn_scan_need(&r->s, ")"))
        return false;
    *out = tn_dim_do(r->g->arena, kind, x, y);
    r->s.depth--;
    return true;
}

/* A number, a declared symbol, or arithmetic on both. */
static bool parse_dim(reader *r, tn_dim *out)
{
    tn_scan *s = &r->s;
    const char *name = NULL;
    int64_t n = 0;
    if (s->kind == TN_TOK_NUMBER || tn_scan_is(s, "-")) {
        if (!tn_scan_integer(s, TN_INT64, &n))
            return false;
        *out = tn_dim_fixed(n);
        return (n <= TN_DIM_MAX && n >= -TN_DIM_MAX)
            || tn_scan_error(s, "found the dim %lld, which is too large", (long long)n);
    }
    if (tn_scan_skip(s, "("))
        return parse_two(r, false, TN_SYM_ADD, out);
    bool is_word = s->kind == TN_TOK_WORD;
    if (!tn_scan_name(s, "a dim: a number, a symbol or (x+y)", &name))
        return false;
    bool is_min = is_word && strcmp(name, "min") == 0, is_max = is_word && strcmp(name, "max") == 0;
    if ((is_min || is_max) && tn_scan_skip(s, "("))
        return parse_two(r, true, is_min ? TN_SYM_MIN : TN_SYM_MAX, out);
    const tn_dim *symbol = tn_map_get(&r->symbols, name);
    if (symbol == NULL)
        return tn_scan_error(s, "found the dim '%s', which is no symbol; symbols are declared by: symbol N <= 8", name);
    *out = *symbol;
    return true;
}

/* A string's last dim is its bytes. */
static bool parse_element_type(reader *r, tn_dtype *dtype, bool *is_text)
{
    *is_text = tn_scan_skip(&r->s, tn_dtype_get(TN_STRING)->name);
    *dtype = TN_UINT8;
    return *is_text || tn_scan_dtype(&r->s, dtype);
}

static bool parse_type(reader *r, tn_dtype *dtype, bool *is_text, tn_shape *shape)
{
    tn_scan *s = &r->s;
    *shape = (tn_shape){.known = true};
    if (!parse_element_type(r, dtype, is_text) || !tn_scan_need(s, "["))
        return false;
    if (r->is_pattern && tn_scan_skip(s, "...")) {
        shape->known = false;
        return tn_scan_need(s, "]");
    }
    while (!tn_scan_is(s, "]")) {
        if (shape->rank == TN_MAX_RANK)
            return tn_scan_error(s, "found more than %d dims; that many are supported", TN_MAX_RANK);
        if (shape->rank > 0 && !tn_scan_need(s, ","))
            return false;
        tn_dim *d = &shape->dim[shape->rank++];
        if (!parse_dim(r, d))
            return false;
        if (d->n < 0)
            return tn_scan_error(s, "found the dim %s, which is negative", tn_dim_text(r->g->arena, *d));
    }
    if (*is_text && shape->rank == 0)
        return tn_scan_error(s, "found string[]; the last dim of strings is how many bytes each has");
    if (!r->is_pattern && tn_shape_count(shape) >= TN_DIM_MAX)
        return tn_scan_error(s, "found %s, which is too large", tn_type_text(r->g->arena, *dtype, shape));
    return tn_scan_need(s, "]");
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static tn_value *define(reader *r, const char *name)
{
    if (*name == '\0' || tn_map_get(&r->values, name) != NULL) {
        tn_scan_error(&r->s, "found %s \"%s\"; each value has a name of its own",
                      *name == '\0' ? "the name" : "a second value", name);
        return NULL;
    }
    tn_value *v = tn_graph_add_value(r->g, name);
    tn_map_put(r->g->arena, &r->values, name, v);
    return v;
}

static bool parse_graph(reader *r)
{
    if (r->g->name != NULL)
        return tn_scan_error(&r->s, "found a second name of the graph");
    return need_quoted(r, "the name of the graph in quotes", &r->g->name);
}

static bool parse_symbol(reader *r)
{
    const char *name = NULL;
    int64_t bound = 0;
    if (!tn_scan_name(&r->s, "the name of the symbol", &name) || !tn_scan_need(&r->s, "<="))
        return false;
    if (tn_map_get(&r->symbols, name) != NULL)
        return tn_scan_error(&r->s, "found a second symbol '%s'", name);
    if (!tn_scan_integer(&r->s, TN_INT64, &bound))
        return false;
    if (bound < 1 || bound >= TN_DIM_MAX)
        return tn_scan_error(&r->s, "found the bound %lld of '%s', wanted 1 to 2^40 - 1", (long long)bound, name);
    tn_dim *d = TN_PUSH(r->g->arena, r->g->symbols), *kept = TN_NEW(r->g->arena, tn_dim);
    *d = *kept = (tn_scan_skip(&r->s, "found") ? tn_dim_found : tn_dim_named)(r->g->arena, name, bound);
    tn_map_put(r->g->arena, &r->symbols, name, kept);
    return true;
}

static bool parse_input(reader *r)
{
    const char *name = NULL;
    if (!need_quoted(r, "the name of the input in quotes", &name))
        return false;
    tn_value *v = define(r, name);
    if (v == NULL || !tn_scan_need(&r->s, ":") || !parse_type(r, &v->dtype, &v->is_text, &v->shape))
        return false;
    v->is_input = true;
    *TN_PUSH(r->g->arena, r->g->inputs) = v;
    return true;
}

static bool parse_constant(reader *r)
{
    const char *name = NULL;
    if (!need_quoted(r, "the name of the constant in quotes", &name))
        return false;
    tn_value *v = define(r, name);
    if (v == NULL || !tn_scan_need(&r->s, ":") || !parse_type(r, &v->dtype, &v->is_text, &v->shape)
        || !tn_scan_need(&r->s, "="))
        return false;
    v->constant = tn_scan_data(&r->s, v->dtype, &v->shape);
    return v->constant != NULL;
}

static bool parse_output(reader *r)
{
    const char *name = NULL;
    if (!need_quoted(r, "the name of the output in quotes", &name))
        return false;
    tn_value *v = tn_map_get(&r->values, name);
    if (v == NULL)
        return tn_scan_error(&r->s, "found the output \"%s\", which nothing above makes", name);
    if (v->is_output)
        return tn_scan_error(&r->s, "found the output \"%s\" a second time", name);
    v->is_output = true;
    *TN_PUSH(r->g->arena, r->g->outputs) = v;
    return true;
}

/* --- attributes --------------------------------------------------------------------------------------------------- */

static bool is_float_token(const tn_scan *s)
{
    if (s->kind != TN_TOK_NUMBER)
        return tn_scan_is(s, "inf") || tn_scan_is(s, "nan");
    return s->text[strspn(s->text, "0123456789")] != '\0';
}

/* One number: an integer, unless it has a point or an exponent or follows floats. */
static bool parse_number(reader *r, bool *is_float, int64_t *i, float *f)
{
    double x = 0;
    tn_scan ahead = r->s;
    if (tn_scan_is(&ahead, "-") && !tn_scan_next(&ahead)) {
        r->s.failed = true;
        return false;
    }
    *is_float = *is_float || is_float_token(&ahead);
    if (!*is_float)
        return tn_scan_integer(&r->s, TN_INT64, i);
    if (!tn_scan_float(&r->s, TN_FLOAT, &x))
        return false;
    *f = (float)x;
    return true;
}

static bool parse_numbers(reader *r, tn_attr *a)
{
    struct {
        int64_t *items;
        size_t n, room;
    } ints = {0};
    struct {
        float *items;
        size_t n, room;
    } floats = {0};
    bool is_float = a->kind == TN_ATTR_FLOATS;
    if (!tn_scan_need(&r->s, "["))
        return false;
    for (size_t n = 0; !tn_scan_is(&r->s, "]"); n++) {
        int64_t *i = TN_PUSH(r->g->arena, ints);
        float *f = TN_PUSH(r->g->arena, floats);
        bool before = is_float;
        if ((n > 0 && !tn_scan_need(&r->s, ",")) || !parse_number(r, &is_float, i, f))
            return false;
        if (n > 0 && is_float != before)
            return tn_scan_error(&r->s, "found a float after integers in attribute %s, wanted one kind (1.0, not 1)",
                                 a->name);
    }
    a->kind = is_float ? TN_ATTR_FLOATS : TN_ATTR_INTS;
    a->n = ints.n;
    a->ints = is_float ? NULL : ints.items;
    a->floats = is_float ? floats.items : NULL;
    return tn_scan_need(&r->s, "]");
}

static bool parse_strings(reader *r, tn_attr *a)
{
    struct {
        const char **items;
        size_t n, room;
    } strings = {0};
    if (!tn_scan_need(&r->s, "["))
        return false;
    while (!tn_scan_is(&r->s, "]"))
        if ((strings.n > 0 && !tn_scan_need(&r->s, ",")) || !need_quoted(r, "", TN_PUSH(r->g->arena, strings)))
            return false;
    a->kind = TN_ATTR_STRINGS;
    a->n = strings.n;
    a->strings = strings.items;
    return tn_scan_need(&r->s, "]");
}

static bool parse_tensor(reader *r, tn_attr *a)
{
    tn_dtype dtype;
    bool is_text;
    tn_shape shape;
    if (!parse_type(r, &dtype, &is_text, &shape) || !tn_scan_need(&r->s, "="))
        return false;
    a->kind = TN_ATTR_TENSOR;
    a->tensor = tn_scan_data(&r->s, dtype, &shape);
    if (a->tensor != NULL)
        a->tensor->is_text = is_text;
    return a->tensor != NULL;
}

static bool parse_subgraph(reader *r, tn_attr *a);

static bool parse_value_of(reader *r, tn_attr *a)
{
    tn_scan *s = &r->s;
    if (tn_scan_is(s, "{"))
        return parse_subgraph(r, a);
    if (s->kind == TN_TOK_QUOTED) {
        a->kind = TN_ATTR_STRING;
        return need_quoted(r, "", &a->s);
    }
    if (tn_scan_skip(s, "strings"))
        return parse_strings(r, a);
    if (tn_scan_skip(s, "floats"))
        a->kind = TN_ATTR_FLOATS;
    if (a->kind == TN_ATTR_FLOATS || tn_scan_is(s, "["))
        return parse_numbers(r, a);
    if (s->kind == TN_TOK_WORD && !is_float_token(s))
        return parse_tensor(r, a);
    bool is_float = false;
    if (s->kind != TN_TOK_NUMBER && s->kind != TN_TOK_WORD && !tn_scan_is(s, "-"))
        return tn_scan_wanted(s, "a number, a text in quotes, a list or a tensor");
    if (!parse_number(r, &is_float, &a->i, &a->f))
        return false;
    a->kind = is_float ? TN_ATTR_FLOAT : TN_ATTR_INT;
    return true;
}

static bool parse_attributes(reader *r, tn_node *n)
{
    struct {
        tn_attr *items;
        size_t n, room;
    } attrs = {0};
    do {
        tn_attr a = {.name = NULL};
        if (!tn_scan_name(&r->s, "the name of an attribute", &a.name) || !tn_scan_need(&r->s, "="))
            return false;
        if (tn_node_find_attr(n, a.name) != NULL)
            return tn_scan_error(&r->s, "found the attribute %s a second time", a.name);
        if (!parse_value_of(r, &a))
            return false;
        *TN_PUSH(r->g->arena, attrs) = a;
        n->attr = attrs.items;
        n->n_attr = (int)attrs.n;
    } while (tn_scan_skip(&r->s, ","));
    return tn_scan_need(&r->s, "}");
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* Names and types on the left of a node, kept until its operands are read: it cannot be its own operand. */
typedef struct target {
    const char *name;
    tn_dtype dtype;
    bool is_text;
    tn_shape shape;
} target;
typedef struct {
    target *items;
    size_t n, room;
} target_vec;

static bool parse_targets(reader *r, target_vec *out)
{
    do {
        target *t = TN_PUSH(r->g->arena, *out);
        if (!need_quoted(r, "the name of a result in quotes", &t->name))
            return false;
        if (tn_scan_skip(&r->s, ":") && !parse_type(r, &t->dtype, &t->is_text, &t->shape))
            return false;
    } while (tn_scan_skip(&r->s, ","));
    return tn_scan_need(&r->s, "=");
}

static const tn_op *parse_operator(reader *r)
{
    const char *domain = "", *name = NULL;
    if (!tn_scan_name(&r->s, "the name of an operator", &name))
        return NULL;
    if (tn_scan_skip(&r->s, "::")) {
        domain = name;
        if (!tn_scan_name(&r->s, "the name of an operator", &name))
            return NULL;
    }
    const tn_op *op = r->s.failed ? NULL : r->find(domain, name);
    if (op == NULL)
        tn_scan_error(&r->s, "found the operator %s%s%s, which is not supported", domain, *domain != '\0' ? "::" : "",
                      name);
    return op;
}

static bool parse_operands(reader *r, tn_value_vec *out)
{
    if (!tn_scan_need(&r->s, "("))
        return false;
    while (!tn_scan_is(&r->s, ")")) {
        const char *name = NULL;
        if (out->n > 0 && !tn_scan_need(&r->s, ","))
            return false;
        if (!need_quoted(r, "the name of an operand in quotes", &name))
            return false;
        tn_value *v = *name != '\0' ? tn_map_get(&r->values, name) : NULL;
        if (v == NULL && *name != '\0')
            return tn_scan_error(&r->s, "found the operand \"%s\", which nothing above makes", name);
        *TN_PUSH(r->g->arena, *out) = v;
    }
    return tn_scan_next(&r->s);
}

static bool check_count(reader *r, const tn_op *op, const char *what, size_t found, int min, int max)
{
    if (found >= (size_t)min && (max < 0 ? found < INT_MAX : found <= (size_t)max))
        return true;
    const char *wanted = max < 0    ? tn_strfmt(r->g->arena, "at least %d", min)
                       : min == max ? tn_strfmt(r->g->arena, "%d", min)
                                    : tn_strfmt(r->g->arena, "%d to %d", min, max);
    return tn_scan_error(&r->s, "found %zu %s%s of %s, wanted %s", found, what, found == 1 ? "" : "s", op->name,
                         wanted);
}

static bool check_arity(reader *r, const tn_op *op, const tn_value_vec *in, const target_vec *out)
{
    if (!check_count(r, op, "operand", in->n, op->min_in, op->max_in)
        || !check_count(r, op, "result", out->n, op->min_out, op->max_out))
        return false;
    for (size_t i = 0; i < in->n; i++)
        if (in->items[i] == NULL && ((int)i < op->min_in || op->max_in < 0))
            return tn_scan_error(&r->s, "operand %zu is omitted; %s needs it", i, op->name);
    return (out->n > 0 && *out->items[0].name != '\0') || tn_scan_error(&r->s, "result 0 of %s is omitted", op->name);
}

static bool define_results(reader *r, tn_node *n, const target_vec *out)
{
    for (size_t i = 0; i < out->n; i++) {
        const target *t = &out->items[i];
        if (*t->name == '\0')
            continue;
        tn_value *v = n->out[i] = define(r, t->name);
        if (v == NULL)
            return false;
        v->dtype = t->dtype;
        v->is_text = t->is_text;
        v->shape = t->shape;
        v->maker = n;
    }
    return true;
}

/* @ 3 "conv1" */
static bool parse_origin(reader *r, tn_node *n)
{
    int64_t index = 0;
    if (!tn_scan_integer(&r->s, TN_INT32, &index))
        return false;
    n->index = (int)index;
    return r->s.kind != TN_TOK_QUOTED || need_quoted(r, "", &n->name);
}

static bool parse_node(reader *r)
{
    target_vec out = {0};
    tn_value_vec in = {0};
    if (!parse_targets(r, &out))
        return false;
    const tn_op *op = parse_operator(r);
    if (op == NULL || !parse_operands(r, &in) || !check_arity(r, op, &in, &out))
        return false;
    tn_node *n = tn_graph_make_node(r->g, op, "", (int)in.n, (int)out.n);
    n->index = (int)r->nodes->n;
    n->version = op->since;
    if (in.n > 0)
        memcpy(n->in, in.items, sizeof *n->in * in.n);
    if ((tn_scan_skip(&r->s, "{") && !parse_attributes(r, n)) || (tn_scan_skip(&r->s, "@") && !parse_origin(r, n)))
        return false;
    if (r->s.failed || !define_results(r, n, &out))
        return false;
    *TN_PUSH(r->g->arena, *r->nodes) = n;
    return true;
}

static bool parse_body_inputs(reader *r, tn_subgraph *b)
{
    if (!tn_scan_need(&r->s, "("))
        return false;
    while (!tn_scan_is(&r->s, ")")) {
        const char *name = NULL;
        if ((b->inputs.n > 0 && !tn_scan_need(&r->s, ","))
            || !need_quoted(r, "the name of a subgraph's input in quotes", &name))
            return false;
        tn_value *v = define(r, name);
        if (v == NULL)
            return false;
        *TN_PUSH(r->g->arena, b->inputs) = v;
    }
    return tn_scan_next(&r->s) && tn_scan_need(&r->s, ",");
}

static bool parse_body_outputs(reader *r, tn_subgraph *b)
{
    if (!parse_operands(r, &b->outputs))
        return false;
    for (size_t i = 0; i < b->outputs.n; i++)
        if (b->outputs.items[i] == NULL)
            return tn_scan_error(&r->s, "output %zu of a subgraph is omitted", i);
    return tn_scan_need(&r->s, "}");
}

/* {("i", "s"), "t" = Add("s", "x"), gives ("t")} */
static bool parse_subgraph(reader *r, tn_attr *a)
{
    tn_node_vec *around = r->nodes;
    a->kind = TN_ATTR_BODY;
    a->body = TN_NEW(r->g->arena, tn_subgraph);
    *a->body = (tn_subgraph){0};
    if (!tn_scan_deeper(&r->s) || !tn_scan_need(&r->s, "{") || !parse_body_inputs(r, a->body))
        return false;
    r->nodes = &a->body->nodes;
    while (!tn_scan_skip(&r->s, "gives"))
        if (r->s.failed || !parse_node(r) || !tn_scan_need(&r->s, ","))
            return false;
    r->nodes = around;
    r->s.depth--;
    return parse_body_outputs(r, a->body);
}

/* --- graphs ------------------------------------------------------------------------------------------------------- */

static bool parse_statement(reader *r)
{
    static const struct {
        const char *word;
        bool (*parse)(reader *r);
    } kinds[] = {{"graph", parse_graph},
                 {"symbol", parse_symbol},
                 {"input", parse_input},
                 {"constant", parse_constant},
                 {"output", parse_output}};
    if (r->s.kind == TN_TOK_QUOTED)
        return parse_node(r);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (tn_scan_is(&r->s, kinds[i].word))
            return tn_scan_next(&r->s) && kinds[i].parse(r);
    return tn_scan_wanted(&r->s, "graph, symbol, input, constant, output, or a node: \"y\" = Relu(\"x\")");
}

static tn_graph *parse(tn_arena *a, tn_diag *d, const char *path, const char *text,
                       const tn_op *(*find)(const char *domain, const char *name), bool is_pattern)
{
    reader r = {.find = find, .is_pattern = is_pattern};
    r.g = TN_NEW(a, tn_graph);
    *r.g = (tn_graph){.arena = a, .diag = d, .path = tn_strdup(a, path)};
    r.nodes = &r.g->nodes;
    bool ok = tn_scan_begin(&r.s, a, d, r.g->path, text);
    while (ok && r.s.kind != TN_TOK_END)
        ok = parse_statement(&r) && tn_scan_statement_end(&r.s);
    if (!ok)
        return NULL;
    if (r.g->outputs.n == 0) {
        tn_scan_error(&r.s, "found the end of the text, wanted an output");
        return NULL;
    }
    if (r.g->name == NULL)
        r.g->name = "";
    return r.g;
}

tn_graph *tn_graph_parse(tn_arena *a, tn_diag *d, const char *path, const char *text,
                         const tn_op *(*find)(const char *domain, const char *name))
{
    return parse(a, d, path, text, find, false);
}

tn_graph *tn_graph_parse_pattern(tn_arena *a, tn_diag *d, const char *path, const char *text,
                                 const tn_op *(*find)(const char *domain, const char *name))
{
    return parse(a, d, path, text, find, true);
}
