/* The importer: from the bytes of a model file to a graph. In order:

       unpack protobuf -> check opsets and operators -> initializers -> inputs -> nodes -> outputs -> order -> upgrade

   Each stage reports what is wrong and stops the import. The unpacked message lives in the graph's arena, so that names
   and weights are used where they are; the file's own bytes are released as soon as they are unpacked. */
#include "base/unwind.h"
#include "onnx/importer.h"
#include "ops/ops.h"

#include <limits.h>

/* --- unpacking ---------------------------------------------------------------------------------------------------- */

/* NULL after an error. The limit is protobuf's own; with it, every count in the file fits an int. */
static const ModelProto *unpack(importer *im, const void *bytes, size_t n)
{
    ProtobufCAllocator allocator = tn_onnx_allocator(im->arena);
    if (n > INT_MAX) {
        tn_error_at(im->diag, im->path, "%zu bytes; protobuf ends at 2 GiB (store the weights as external data)", n);
        return NULL;
    }
    if (n == 0) {
        tn_error_at(im->diag, im->path, "the file is empty");
        return NULL;
    }
    const ModelProto *m = tn_onnx__model_proto__unpack(&allocator, n, bytes);
    if (m == NULL)
        tn_error_at(im->diag, im->path, "not an ONNX model: its protobuf encoding is broken");
    return m;
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

static bool check_graph(importer *im)
{
    const GraphProto *g = im->model->graph;
    if (g == NULL)
        tn_error_at(im->diag, im->path, "the model has no graph");
    else if (g->n_output == 0)
        tn_error_at(im->diag, im->path, "the graph has no outputs");
    return g != NULL && g->n_output > 0;
}

bool tn_onnx_read_opsets(importer *im, size_t n, OperatorSetIdProto *const *sets, const char *owner, tn_map *out)
{
    for (size_t i = 0; i < n; i++) {
        const char *domain = tn_onnx_domain(sets[i]->domain);
        const OperatorSetIdProto *before = tn_map_get(out, domain);
        int64_t version = sets[i]->version, max = *domain == '\0' ? TN_ONNX_MAX_OPSET : INT_MAX;
        const char *shown = *domain == '\0' ? "ai.onnx" : domain;
        if (version < 1 || version > max) {
            tn_error_at(im->diag, im->path, "%s uses opset %lld of %s; supported are 1 to %lld", owner,
                        (long long)version, shown, (long long)max);
            return false;
        }
        if (before != NULL && before->version != version) {
            tn_error_at(im->diag, im->path, "%s names two opsets of %s, %lld and %lld", owner, shown,
                        (long long)before->version, (long long)version);
            return false;
        }
        tn_map_put(im->arena, out, domain, sets[i]);
    }
    if (n == 0)
        tn_error_at(im->diag, im->path, "%s does not say which opset it uses (opset_import is missing)", owner);
    return n > 0;
}

/* --- initializers and outputs ------------------------------------------------------------------------------------- */

static bool add_initializers(importer *im)
{
    const GraphProto *g = im->proto;
    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = tn_onnx_text(g->initializer[i]->name);
        const tn_tensor *t = tn_onnx_tensor(im, g->initializer[i], tn_strfmt(im->arena, "initializer '%s'", name));
        if (t == NULL || tn_onnx_define_constant(im, name, t, "initializer") == NULL)
            return false;
    }
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const SparseTensorProto *p = g->sparse_initializer[i];
        const char *name = p->values != NULL ? tn_onnx_text(p->values->name) : "";
        const tn_tensor *t = tn_onnx_sparse_tensor(im, p, tn_strfmt(im->arena, "initializer '%s'", name));
        if (t == NULL || tn_onnx_define_constant(im, name, t, "initializer") == NULL)
            return false;
    }
    return true;
}

static bool add_outputs(importer *im)
{
    const GraphProto *g = im->model->graph;
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = tn_onnx_text(g->output[i]->name);
        tn_value *v = tn_map_get(&im->values, name);
        if (v == NULL || v->is_output) {
            tn_error_at(im->diag, im->path, "output '%s' %s", name,
                        v == NULL ? "is made by no node" : "is listed twice");
            return false;
        }
        v->is_output = true;
        *TN_PUSH(im->arena, im->graph->outputs) = v;
    }
    return true;
}

/* --- subgraphs ---------------------------------------------------------------------------------------------------- */

static bool add_body_outputs(importer *im, tn_subgraph *b)
{
    for (size_t i = 0; i < im->proto->n_output; i++) {
        const char *name = tn_onnx_text(im->proto->output[i]->name);
        tn_value *v = tn_onnx_find(im, name);
        if (v == NULL || v == &im->functions->omitted) {
            tn_error_at(im->diag, im->path, "output '%s' of subgraph '%s' is made by no node", name,
                        tn_onnx_text(im->proto->name));
            return false;
        }
        *TN_PUSH(im->arena, b->outputs) = v;
    }
    return true;
}

const GraphProto *tn_onnx_subgraph(const importer *im, const AttributeProto *a)
{
    const char *key = tn_strfmt(im->arena, "%p", (const void *)a->g.data);
    TnOnnx__GraphProto *p = tn_map_get(im->graphs, key);
    if (p != NULL)
        return p;
    ProtobufCAllocator allocator = tn_onnx_allocator(im->arena);
    p = tn_onnx__graph_proto__unpack(&allocator, a->g.len, a->g.data);
    if (p == NULL)
        tn_error_at(im->diag, im->path, "the protobuf encoding of a subgraph, attribute '%s', is broken",
                    tn_onnx_text(a->name));
    else
        tn_map_put(im->arena, im->graphs, key, p);
    return p;
}

tn_subgraph *tn_onnx_body(importer *im, const AttributeProto *a)
{
    const GraphProto *p = tn_onnx_subgraph(im, a);
    if (p == NULL)
        return NULL;
    tn_subgraph *b = TN_NEW(im->arena, tn_subgraph);
    *b = (tn_subgraph){0};
    importer in = *im;
    in.proto = p;
    in.nodes = &b->nodes;
    in.outer = im;
    in.values = in.results = (tn_map){0};
    in.depth++;
    if (!add_initializers(&in) || !tn_onnx_add_body_inputs(&in))
        return NULL;
    for (size_t i = 0; i < p->n_input; i++)
        *TN_PUSH(im->arena, b->inputs) = tn_map_get(&in.values, tn_onnx_text(p->input[i]->name));
    if (!tn_onnx_add_nodes(&in) || !add_body_outputs(&in, b) || !tn_onnx_order(im->graph, &b->nodes))
        return NULL;
    tn_onnx_declare_shapes(&in);
    return b;
}

/* --- arity -------------------------------------------------------------------------------------------------------- */

static bool wrong_arity(tn_graph *g, const tn_node *n, const char *what, int found, int min, int max)
{
    if (found >= min && (max < 0 || found <= max))
        return false;
    const char *wanted = max < 0    ? tn_strfmt(g->arena, "at least %d", min)
                       : min == max ? tn_strfmt(g->arena, "%d", min)
                                    : tn_strfmt(g->arena, "%d to %d", min, max);
    tn_node_error(g, n, "has %d %s%s; %s takes %s", found, what, found == 1 ? "" : "s", n->op->name, wanted);
    return true;
}

bool tn_onnx_check_arity(tn_graph *g, const tn_node *n)
{
    const tn_op *op = n->op;
    if (wrong_arity(g, n, "input", n->n_in, op->min_in, op->max_in)
        || wrong_arity(g, n, "output", n->n_out, op->min_out, op->max_out))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == NULL && (i < op->min_in || op->max_in < 0))
            return tn_node_error(g, n, "input %d is omitted; %s needs it", i, op->name);
    return true;
}

/* --- entry -------------------------------------------------------------------------------------------------------- */

static tn_graph *build(importer *im)
{
    const ModelProto *m = im->model;
    im->graphs = TN_NEW(im->arena, tn_map);
    if (!check_graph(im) || !tn_onnx_read_opsets(im, m->n_opset_import, m->opset_import, "the model", &im->opsets)
        || !tn_onnx_read_functions(im) || !tn_onnx_check_operators(im))
        return NULL;
    tn_graph *g = TN_NEW(im->arena, tn_graph);
    *g = (tn_graph){.arena = im->arena, .diag = im->diag, .path = im->path};
    g->name = tn_onnx_text(m->graph->name);
    im->graph = g;
    im->proto = m->graph;
    im->nodes = &g->nodes;
    bool ok = add_initializers(im) && tn_onnx_add_inputs(im) && tn_onnx_add_nodes(im) && add_outputs(im)
           && tn_onnx_order(g, &g->nodes) && tn_onnx_upgrade(g);
    if (ok)
        tn_onnx_declare_shapes(im);
    return ok ? g : NULL;
}

tn_graph *tn_onnx_parse(tn_arena *a, tn_diag *d, const char *path, const void *bytes, size_t n,
                        const tn_onnx_options *o)
{
    importer im = {.arena = a, .diag = d, .path = tn_strdup(a, path), .options = o};
    im.model = unpack(&im, bytes, n);
    return im.model != NULL ? build(&im) : NULL;
}

typedef struct model_file {
    importer im;
    tn_arena scratch; /* the file's bytes */
} model_file;

static bool unpack_file(void *state)
{
    model_file *s = state;
    size_t size;
    const char *bytes = tn_read_file(&s->scratch, s->im.diag, s->im.path, &size);
    s->im.model = bytes != NULL ? unpack(&s->im, bytes, size) : NULL;
    return s->im.model != NULL;
}

static void release_file(void *state)
{
    tn_arena_free(&((model_file *)state)->scratch);
}

tn_graph *tn_onnx_load(tn_arena *a, tn_diag *d, const char *path, const tn_onnx_options *o)
{
    model_file s = {.im = {.arena = a, .diag = d, .path = tn_strdup(a, path), .options = o},
                    .scratch = {.memory = a->memory}};
    return tn_finally(a, unpack_file, release_file, &s) ? build(&s.im) : NULL;
}
