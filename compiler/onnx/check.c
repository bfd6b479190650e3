/* Whether all operators that a model uses are supported; otherwise what is missing, all at once. */
#include "onnx/importer.h"
#include "ops/ops.h"

static bool has_subgraph(const NodeProto *p)
{
    for (size_t i = 0; i < p->n_attribute; i++)
        if (p->attribute[i]->has_g || p->attribute[i]->n_graphs > 0)
            return true;
    return false;
}

/* How many letters must change, come or go to make x of y: of names that begin alike. */
static int distance(const char *x, const char *y)
{
    enum { LONGEST = 64 };
    int row[LONGEST + 1], n = (int)strlen(y);
    if (n > LONGEST)
        return LONGEST;
    for (int k = 0; k <= n; k++)
        row[k] = k;
    for (int i = 1; x[i - 1] != '\0'; i++) {
        int before = row[0];
        row[0] = i;
        for (int k = 1; k <= n; k++) {
            int kept = before + (x[i - 1] != y[k - 1]);
            before = row[k];
            int changed = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            row[k] = kept < changed ? kept : changed;
        }
    }
    return row[n];
}

/* The supported operator of the same name, or of one that differs by a slip; NULL: none. */
static const tn_op *find_nearest(const char *name)
{
    const tn_op *best = NULL;
    int least = strlen(name) < 6 ? 1 : 3; /* what is as far is none */
    for (size_t i = 0; tn_op_at(i) != NULL; i++) {
        int d = strcmp(tn_op_at(i)->domain, "tenon") == 0 ? least : distance(name, tn_op_at(i)->name);
        if (d < least) {
            best = tn_op_at(i);
            least = d;
        }
    }
    return best;
}

/* What would work in its place. */
static const char *find_hint(const importer *im, const NodeProto *p)
{
    const tn_op *near = find_nearest(tn_onnx_text(p->op_type));
    if (strcmp(tn_onnx_domain_of(p), "com.microsoft.nchwc") == 0)
        return "; it fits only the machine on which ONNX Runtime made it: save the model with ORT_ENABLE_EXTENDED";
    if (near == NULL)
        return "";
    return tn_strfmt(im->arena, "; %s of domain '%s' is", near->name, *near->domain != '\0' ? near->domain : "ai.onnx");
}

/* NULL when the operator is supported; otherwise why it is not. */
static const char *find_obstacle(const importer *im, const NodeProto *p)
{
    const char *other = tn_onnx_other_overload(im, p), *overload = tn_onnx_text(p->overload);
    const tn_op *op = tn_onnx_find_op(p);
    if (tn_onnx_find_function(im, p) != NULL)
        return has_subgraph(p) ? "is a function, which is given a subgraph: that is not supported" : NULL;
    if (*overload != '\0' || (op == NULL && other != NULL))
        return tn_strfmt(im->arena, "has no overload '%s'; among the functions of the model is %s", overload,
                         other != NULL ? other : "none of that name");
    if (tn_onnx_is_constant(p))
        return NULL;
    if (op == NULL)
        return tn_strfmt(im->arena, "is not supported%s", find_hint(im, p));
    return has_subgraph(p) && !op->has_bodies ? "has a subgraph, which is not supported" : NULL;
}

typedef struct obstacle {
    const importer *im; /* of the model's graph, or of a function */
    const char *label;  /* com.microsoft.FusedConv */
    const char *why;
    const NodeProto *node; /* the first */
    int index;             /* of it */
    int nodes;
} obstacle;

typedef struct obstacle_vec {
    obstacle **items;
    size_t n, room;
} obstacle_vec;

static int type_in(ValueInfoProto *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const TypeProto *t = list[i]->type;
        if (strcmp(tn_onnx_text(list[i]->name), name) == 0 && t != NULL
            && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && t->tensor_type != NULL)
            return (int)t->tensor_type->elem_type;
    }
    return 0;
}

/* The element type that the file says a value has; 0: it does not say. */
static int declared_type(const GraphProto *g, const char *name)
{
    int t = type_in(g->input, g->n_input, name);
    t = t != 0 ? t : type_in(g->value_info, g->n_value_info, name);
    for (size_t i = 0; t == 0 && i < g->n_initializer; i++)
        if (strcmp(tn_onnx_text(g->initializer[i]->name), name) == 0)
            t = (int)g->initializer[i]->data_type;
    return t;
}

/* ", inputs float, int64", where the file says it. */
static const char *type_list(const importer *im, const NodeProto *p)
{
    tn_str s = {.arena = im->arena, .text = ""};
    for (size_t i = 0; i < p->n_input; i++) {
        int t = *p->input[i] != '\0'
                  ? declared_type(im->function != NULL ? &im->function->body : im->model->graph, p->input[i])
                  : 0;
        if (t == 0 && *p->input[i] != '\0')
            return "";
        if (t != 0)
            tn_str_add(&s, "%s%s", s.len == 0 ? ", inputs " : ", ", tn_dtype_get(t)->name);
    }
    return s.text;
}

static void report_obstacles(importer *im, const obstacle_vec *found)
{
    tn_str list = {.arena = im->arena};
    for (size_t i = 0; i < found->n; i++) {
        const obstacle *o = found->items[i];
        const NodeProto *p = o->node;
        const char *domain = tn_onnx_domain_of(p);
        tn_onnx_node_error(o->im, o->index, p, "operator %s of domain '%s', version %d%s, %s%s",
                           tn_onnx_text(p->op_type), *domain != '\0' ? domain : "ai.onnx", tn_onnx_version_of(o->im, p),
                           type_list(o->im, p), o->why,
                           o->nodes > 1 ? tn_strfmt(im->arena, " (%d nodes)", o->nodes) : "");
        tn_str_add(&list, "%s%s", i > 0 ? ", " : "", o->label);
    }
    tn_error_at(im->diag, im->path,
                "cannot be compiled: %zu unsupported operator%s: %s; 'tenon ops' lists what is supported", found->n,
                found->n == 1 ? "" : "s", list.text);
}

typedef struct search {
    const importer *im; /* as obstacle.im */
    obstacle_vec found;
    tn_map by_label; /* of every operator seen: an obstacle, or &fine */
    obstacle fine;
    int depth;   /* of subgraphs and functions */
    bool failed; /* a subgraph cannot be read, or a function calls itself */
} search;

static void search_graph(search *s, const GraphProto *g);

static bool is_too_deep(search *s)
{
    if (s->depth < TN_ONNX_MAX_DEPTH)
        return false;
    if (!s->failed)
        tn_error_at(s->im->diag, s->im->path,
                    "more than %d functions and subgraphs inside each other, which is not supported",
                    (int)TN_ONNX_MAX_DEPTH);
    return s->failed = true;
}

static void search_subgraph(search *s, const AttributeProto *a)
{
    const GraphProto *g = is_too_deep(s) ? NULL : tn_onnx_subgraph(s->im, a);
    s->failed = s->failed || g == NULL;
    s->depth++;
    if (g != NULL)
        search_graph(s, g);
    s->depth--;
}

/* Each once, where it is called first. */
static void search_function(search *s, const NodeProto *p, int index, function *f)
{
    const importer *around = s->im;
    if (f->state == CHECKED || is_too_deep(s))
        return;
    if (f->state == CHECKING) {
        tn_onnx_node_error(around, index, p, "function %s calls itself, which ONNX does not allow", f->label);
        s->failed = true;
        return;
    }
    importer *in = TN_NEW(around->arena, importer);
    *in = *around;
    in->function = f;
    in->opsets = f->opsets;
    f->state = CHECKING;
    s->im = in;
    s->depth++;
    search_graph(s, &f->body);
    s->depth--;
    s->im = around;
    f->state = CHECKED;
}

static void search_node(search *s, const NodeProto *p, int index)
{
    const importer *im = s->im;
    const char *label = tn_onnx_label(im, tn_onnx_domain_of(p), tn_onnx_text(p->op_type), tn_onnx_text(p->overload));
    obstacle *o = tn_map_get(&s->by_label, label);
    const char *why = o == NULL || (o == &s->fine && has_subgraph(p)) ? find_obstacle(im, p) : NULL;
    if (why != NULL) {
        o = TN_NEW(im->arena, obstacle);
        *o = (obstacle){im, label, why, p, index, 0};
        *TN_PUSH(im->arena, s->found) = o;
    }
    tn_map_put(im->arena, &s->by_label, label, o != NULL ? o : &s->fine);
    if (o != NULL)
        o->nodes++;
    if (o != NULL && o != &s->fine)
        return;
    function *f = tn_onnx_find_function(im, p);
    if (f != NULL)
        search_function(s, p, index, f);
    for (size_t i = 0; i < p->n_attribute; i++)
        if (p->attribute[i]->has_g)
            search_subgraph(s, p->attribute[i]);
}

static void search_graph(search *s, const GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++)
        search_node(s, g->node[i], (int)i);
}

/* One line for each operator, at its first node: a model with a thousand of one kind would drown the others. */
bool tn_onnx_check_operators(importer *im)
{
    search s = {.im = im};
    search_graph(&s, im->model->graph);
    if (s.found.n > 0)
        report_obstacles(im, &s.found);
    return s.found.n == 0 && !s.failed;
}
