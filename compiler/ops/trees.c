/* Tree ensembles, as functions of other operators: all trees take a step at a time, from their roots to the deepest leaf.

       at = roots                                              [N,trees], numbers of nodes
       repeat depth:  v = x[feature[at]]    at = v <= split[at] ? yes[at] : no[at]
       y = sum over trees of weight[at]                        [N,targets]

   A leaf leads to itself. The arrays of nodes are constants; the loop has no branch, so that it runs on vectors. A NaN goes
   where the comparison is false, or to yes where the node says so.

   A classifier's label is that of the highest score, as ONNX has it ("the top class"). ONNX Runtime differs for two classes
   that both have weights: there it is the second wherever its score is above 0. */
#include "base/map.h"
#include "ops/ml.h"
#include "ops/ops.h"
#include "ops/repeat.h"

#include <math.h>

typedef enum { LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF, MODES } mode;

typedef struct forest {
    tn_expand *e;
    tn_dtype dtype; /* of features, splits and weights */
    int64_t nodes, trees, targets, depth, set_size;
    int64_t *feature, *yes, *no, *mode, *missing, *root;
    double *split, *weight; /* weight: [nodes,targets] */
    bool *scores;           /* [nodes,targets]: a leaf has a weight for the target, be it 0 */
    tn_value *leaf;         /* [N,trees]: where each tree ends */
    double *set;            /* MEMBER: [nodes,set_size], filled up with NaN; NULL without */
} forest;

/* --- attributes ------------------------------------------------------------------------------------------------------ */

static bool copy_ints(tn_expand *e, const char *name, int64_t n, int64_t *out)
{
    if (!tn_ml_need_count(e, name, n))
        return false;
    for (int64_t i = 0; i < n; i++)
        out[i] = tn_ml_integer(e->node, name, i);
    return true;
}

static bool begin_forest(forest *f, tn_expand *e, int64_t nodes, int64_t targets)
{
    tn_arena *a = e->g->arena;
    f->e = e;
    f->dtype = e->node->in[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    f->nodes = nodes;
    f->targets = targets;
    if (nodes < 1 || targets < 1 || nodes > INT32_MAX / targets)
        return tn_expand_error(e, "has %lld nodes and %lld targets", (long long)nodes, (long long)targets);
    int64_t **lists[] = {&f->feature, &f->yes, &f->no, &f->mode, &f->missing, &f->root};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = TN_NEW_N(a, int64_t, nodes);
        memset(*lists[i], 0, sizeof **lists[i] * (size_t)nodes);
    }
    f->split = TN_NEW_N(a, double, nodes);
    f->weight = TN_NEW_N(a, double, nodes *targets);
    f->scores = TN_NEW_N(a, bool, nodes *targets);
    memset(f->scores, 0, sizeof *f->scores * (size_t)(nodes * targets));
    memset(f->split, 0, sizeof *f->split * (size_t)nodes);
    memset(f->weight, 0, sizeof *f->weight * (size_t)(nodes * targets));
    return true;
}

/* --- depth ----------------------------------------------------------------------------------------------------------- */

/* Adds a node to a level, each once: what is reached again lies on a circle, or is of two trees. */
static bool reach(forest *f, bool *reached, int64_t at, int64_t *level, int64_t *n)
{
    if (at < 0 || at >= f->nodes || reached[at])
        return tn_expand_error(f->e, "its nodes form no trees: node %lld is reached twice or is not there",
                               (long long)at);
    reached[at] = true;
    level[(*n)++] = at;
    return true;
}

/* Level by level, from the roots. */
static bool find_depth(forest *f)
{
    tn_arena *a = f->e->g->arena;
    int64_t *level = TN_NEW_N(a, int64_t, f->nodes), *next = TN_NEW_N(a, int64_t, f->nodes), n = 0;
    bool *reached = TN_NEW_N(a, bool, f->nodes);
    memset(reached, 0, sizeof *reached * (size_t)f->nodes);
    for (int64_t i = 0; i < f->trees; i++)
        if (!reach(f, reached, f->root[i], level, &n))
            return false;
    for (f->depth = -1; n > 0; f->depth++) { /* the deepest are leaves */
        int64_t count = 0, *spare = level;
        for (int64_t i = 0; i < n; i++) {
            int64_t at = level[i];
            if (f->mode[at] == LEAF)
                f->yes[at] = f->no[at] = at;
            else if (!reach(f, reached, f->yes[at], next, &count)
                     || (f->no[at] != f->yes[at] && !reach(f, reached, f->no[at], next, &count)))
                return false;
        }
        level = next;
        next = spare;
        n = count;
    }
    return true;
}

/* --- the walk -------------------------------------------------------------------------------------------------------- */

static tn_value *table_of(forest *f, tn_dtype dtype, int rank, const int64_t *dims, const int64_t *ints,
                          const double *numbers)
{
    tn_shape s = tn_shape_fixed(rank, dims);
    tn_tensor *t = tn_tensor_make(f->e->g->arena, dtype, &s);
    for (int64_t i = 0, n = tn_shape_count(&s); i < n; i++)
        if (ints != NULL)
            tn_tensor_set_int(t, i, ints[i]);
        else
            tn_tensor_set(t, i, numbers[i]);
    return tn_expand_constant(f->e, t);
}

/* What a list of nodes says of those at `at`. */
static tn_value *look(forest *f, tn_dtype dtype, const int64_t *ints, const double *numbers, tn_value *at)
{
    return tn_call(f->e, "Gather", table_of(f, dtype, 1, &f->nodes, ints, numbers), at);
}

static tn_value *is_member(forest *f, tn_value *v, tn_value *at)
{
    tn_expand *e = f->e;
    const int64_t dims[] = {f->nodes, f->set_size};
    tn_value *sets = tn_call(e, "Gather", table_of(f, f->dtype, 2, dims, NULL, f->set), at);
    tn_value *same = tn_call_cast(e, tn_call(e, "Equal", tn_call_unsqueeze(e, v, 2), sets), TN_INT32);
    return tn_call_cast(e, tn_call(e, "ReduceMax keepdims=0", same, tn_expand_int(e, 2)), TN_BOOL);
}

static tn_value *compare(forest *f, int64_t m, tn_value *v, tn_value *split, tn_value *at)
{
    static const char *const op[] = {"LessOrEqual", "Less", "GreaterOrEqual", "Greater", "Equal", "Equal"};
    if (m == MEMBER)
        return is_member(f, v, at);
    tn_value *holds = tn_call(f->e, op[m], v, split);
    return m == NEQ ? tn_call(f->e, "Not", holds) : holds;
}

static bool has_mode(const forest *f, int64_t m)
{
    for (int64_t i = 0; i < f->nodes; i++)
        if (f->mode[i] == m)
            return true;
    return false;
}

static tn_value *decide(forest *f, tn_value *v, tn_value *at)
{
    tn_expand *e = f->e;
    tn_value *split = look(f, f->dtype, NULL, f->split, at), *yes = NULL;
    for (int64_t m = 0; m < LEAF; m++) {
        if (!has_mode(f, m))
            continue;
        tn_value *holds = compare(f, m, v, split, at);
        tn_value *is_mode = yes != NULL ? tn_call(e, "Equal", look(f, TN_INT32, f->mode, NULL, at),
                                                  tn_expand_scalar(e, TN_INT32, (double)m))
                                        : NULL;
        yes = yes != NULL ? tn_call(e, "Where", is_mode, holds, yes) : holds;
    }
    for (int64_t i = 0; i < f->nodes; i++)
        if (f->missing[i] != 0 && f->mode[i] != LEAF)
            return tn_call(e, "Or", yes,
                           tn_call(e, "And", tn_call(e, "IsNaN", v), look(f, TN_BOOL, f->missing, NULL, at)));
    return yes;
}

/* [N,trees]: the leaf that each tree ends in. */
static tn_value *walk(forest *f, tn_value *x)
{
    tn_expand *e = f->e;
    tn_value *at = tn_call(e, "Expand", table_of(f, TN_INT32, 1, &f->trees, f->root, NULL),
                           tn_call_join(e, 0, tn_call_dim(e, x, 0), tn_expand_int(e, f->trees)));
    if (f->depth == 0 || e->failed)
        return at;
    const tn_node *begin = tn_call_repeat_begin(e, f->depth, 1, 0, &at, NULL, NULL);
    if (begin == NULL)
        return at;
    at = begin->out[1];
    tn_value *v = tn_call(e, "GatherElements axis=1", x, look(f, TN_INT32, f->feature, NULL, at));
    tn_value *next =
        tn_call(e, "Where", decide(f, v, at), look(f, TN_INT32, f->yes, NULL, at), look(f, TN_INT32, f->no, NULL, at));
    const tn_node *end = e->failed ? NULL : tn_call_repeat_end(e, begin, 1, 0, &next, NULL, NULL);
    return end != NULL ? end->out[0] : at;
}

static bool check_features(forest *f, const tn_value *x)
{
    for (int64_t i = 0; i < f->nodes; i++)
        if (f->mode[i] != LEAF && (f->feature[i] < 0 || f->feature[i] >= x->shape.dim[1].n))
            return tn_expand_error(f->e, "a node tests feature %lld of %s", (long long)f->feature[i],
                                   tn_value_type(f->e->g->arena, x));
    return true;
}

/* A row of the table, [nodes,targets], for the leaf of each tree: [N,trees,targets]. */
static tn_value *look_at_leaves(forest *f, tn_dtype dtype, const int64_t *ints, const double *numbers)
{
    const int64_t dims[] = {f->nodes, f->targets};
    return tn_call(f->e, "Gather", table_of(f, dtype, 2, dims, ints, numbers), f->leaf);
}

static bool scores_all(const forest *f)
{
    for (int64_t i = 0; i < f->nodes * f->targets; i++)
        if (f->mode[i / f->targets] == LEAF && !f->scores[i])
            return false;
    return true;
}

/* bool [N,targets]: a tree ends in a leaf that has a weight for the target. */
static tn_value *find_scored(forest *f)
{
    tn_expand *e = f->e;
    int64_t *table = TN_NEW_N(e->g->arena, int64_t, f->nodes * f->targets);
    for (int64_t i = 0; i < f->nodes * f->targets; i++)
        table[i] = f->scores[i];
    tn_value *has = look_at_leaves(f, TN_INT32, table, NULL);
    return tn_call_cast(e, tn_call(e, "ReduceMax keepdims=0", has, tn_expand_int(e, 1)), TN_BOOL);
}

/* MIN, MAX: of the trees that have a weight for the target; 0 where none has. */
static tn_value *find_extreme(forest *f, bool least)
{
    tn_expand *e = f->e;
    double *weight = TN_NEW_N(e->g->arena, double, f->nodes * f->targets);
    for (int64_t i = 0; i < f->nodes * f->targets; i++)
        weight[i] = f->scores[i] ? f->weight[i] : least ? (double)INFINITY : -(double)INFINITY;
    tn_value *y = tn_call(e, least ? "ReduceMin keepdims=0" : "ReduceMax keepdims=0",
                          look_at_leaves(f, f->dtype, NULL, weight), tn_expand_int(e, 1));
    return scores_all(f) ? y : tn_call(e, "Where", find_scored(f), y, tn_expand_scalar(e, f->dtype, 0));
}

/* [N,targets]: the sum of all trees, or their AVERAGE, MIN or MAX; a scalar after an error. */
static tn_value *sum_trees(forest *f, const char *aggregate)
{
    tn_expand *e = f->e;
    bool least = strcmp(aggregate, "MIN") == 0, average = strcmp(aggregate, "AVERAGE") == 0;
    tn_value *x = tn_ml_rows(e, f->dtype);
    if (!least && !average && strcmp(aggregate, "MAX") != 0 && strcmp(aggregate, "SUM") != 0)
        tn_expand_error(e, "aggregate_function is '%s'; SUM, AVERAGE, MIN or MAX is wanted", aggregate);
    if (e->failed || !find_depth(f) || !check_features(f, x))
        return tn_expand_scalar(e, TN_FLOAT, 0);
    f->leaf = walk(f, x);
    if (least || strcmp(aggregate, "MAX") == 0)
        return find_extreme(f, least);
    tn_value *sum =
        tn_call(e, "ReduceSum keepdims=0", look_at_leaves(f, f->dtype, NULL, f->weight), tn_expand_int(e, 1));
    return average ? tn_call(e, "Div", sum, tn_expand_scalar(e, f->dtype, (double)f->trees)) : sum;
}

static tn_value *add_base(forest *f, tn_value *sum)
{
    int64_t n = tn_ml_count(f->e->node, "base_values");
    if (n == 0 || f->e->failed)
        return sum;
    if (n != 1 && n != f->targets)
        tn_expand_error(f->e, "attribute 'base_values' has %lld elements; %lld are wanted", (long long)n,
                        (long long)f->targets);
    double *base = TN_NEW_N(f->e->g->arena, double, n);
    for (int64_t i = 0; i < n; i++)
        base[i] = tn_ml_number(f->e->node, "base_values", i);
    return tn_call(f->e, "Add", sum, table_of(f, f->dtype, 1, &n, NULL, base));
}

/* --- the newest form -------------------------------------------------------------------------------------------------- */

/* The sets of the nodes that test for membership stand one behind the other, a NaN after each. */
static bool read_sets(forest *f, int64_t branches)
{
    const char *name = "membership_values";
    int64_t n = tn_ml_count(f->e->node, name), set = 0, size = 0;
    for (int64_t i = 0, run = 0; i < n; i++) {
        run = isnan(tn_ml_number(f->e->node, name, i)) ? 0 : run + 1;
        size = run > size ? run : size;
    }
    f->set_size = size > 0 ? size : 1;
    f->set = TN_NEW_N(f->e->g->arena, double, f->nodes * f->set_size);
    for (int64_t i = 0; i < f->nodes * f->set_size; i++)
        f->set[i] = (double)NAN;
    for (int64_t i = 0; i < branches; i++) {
        if (f->mode[i] != MEMBER)
            continue;
        for (int64_t k = 0; set < n && !isnan(tn_ml_number(f->e->node, name, set)); k++)
            f->set[i * f->set_size + k] = tn_ml_number(f->e->node, name, set++);
        if (set++ >= n)
            return tn_expand_error(f->e, "attribute '%s' ends before the set of node %lld does", name, (long long)i);
    }
    return true;
}

static bool read_leaves(forest *f, int64_t branches, int64_t leaves)
{
    const tn_node *n = f->e->node;
    for (int64_t i = 0; i < leaves; i++) {
        int64_t target = tn_ml_integer(n, "leaf_targetids", i);
        if (target < 0 || target >= f->targets)
            return tn_expand_error(f->e, "leaf %lld has target %lld of %lld", (long long)i, (long long)target,
                                   (long long)f->targets);
        f->mode[branches + i] = LEAF;
        f->scores[(branches + i) * f->targets + target] = true;
        f->weight[(branches + i) * f->targets + target] = tn_ml_number(n, "leaf_weights", i);
    }
    return true;
}

/* Leaves stand behind the branches. What is no place at all stays one. */
static int64_t place_of_child(const forest *f, int64_t branches, int64_t at, bool leaf)
{
    return leaf && at < f->nodes ? at + branches : at;
}

static bool read_branches(forest *f, int64_t branches)
{
    tn_expand *e = f->e;
    int64_t *yes_leaf = TN_NEW_N(e->g->arena, int64_t, branches), *no_leaf = TN_NEW_N(e->g->arena, int64_t, branches);
    if (!copy_ints(e, "nodes_featureids", branches, f->feature) || !copy_ints(e, "nodes_modes", branches, f->mode)
        || !copy_ints(e, "nodes_truenodeids", branches, f->yes) || !copy_ints(e, "nodes_falsenodeids", branches, f->no)
        || !copy_ints(e, "nodes_trueleafs", branches, yes_leaf) || !copy_ints(e, "nodes_falseleafs", branches, no_leaf)
        || !tn_ml_need_count(e, "nodes_splits", branches))
        return false;
    if (tn_ml_count(e->node, "nodes_missing_value_tracks_true") > 0
        && !copy_ints(e, "nodes_missing_value_tracks_true", branches, f->missing))
        return false;
    for (int64_t i = 0; i < branches; i++) {
        f->split[i] = tn_ml_number(e->node, "nodes_splits", i);
        f->yes[i] = place_of_child(f, branches, f->yes[i], yes_leaf[i] != 0);
        f->no[i] = place_of_child(f, branches, f->no[i], no_leaf[i] != 0);
        if (f->mode[i] < LEQ || f->mode[i] > MEMBER)
            return tn_expand_error(e, "node %lld has mode %lld; 0 to 6 are known", (long long)i, (long long)f->mode[i]);
    }
    return true;
}

bool tn_expand_tree_ensemble(tn_expand *e, const tn_node *n)
{
    static const char *const posts[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    static const char *const aggregates[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    int64_t branches = tn_ml_count(n, "nodes_featureids"), leaves = tn_ml_count(n, "leaf_targetids");
    int64_t post = tn_node_int(n, "post_transform", 0), aggregate = tn_node_int(n, "aggregate_function", 1);
    forest f = {0};
    if (!begin_forest(&f, e, branches + leaves, tn_node_int(n, "n_targets", 1)))
        return false;
    f.trees = tn_ml_count(n, "tree_roots");
    if (post < 0 || post > 4 || aggregate < 0 || aggregate > 3 || f.trees < 1 || f.trees > f.nodes)
        return tn_expand_error(e, "post_transform, aggregate_function or tree_roots is not what ONNX defines");
    if (!read_branches(&f, branches) || !tn_ml_need_count(e, "leaf_weights", leaves)
        || !read_leaves(&f, branches, leaves) || !copy_ints(e, "tree_roots", f.trees, f.root)
        || (has_mode(&f, MEMBER) && !read_sets(&f, branches)))
        return false;
    return tn_give(e, 0, tn_ml_transform(e, posts[post], sum_trees(&f, aggregates[aggregate])));
}

/* --- the older forms -------------------------------------------------------------------------------------------------- */

static const char *node_key(tn_expand *e, int64_t tree, int64_t node)
{
    return tn_strfmt(e->g->arena, "%lld.%lld", (long long)tree, (long long)node);
}

static bool find_mode(forest *f, int64_t i, const char *text)
{
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",    "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"};
    for (int m = 0; m < MODES; m++)
        if (strcmp(names[m], text) == 0 && m != MEMBER) {
            f->mode[i] = m;
            return true;
        }
    return tn_expand_error(f->e, "node %lld has mode '%s', which is not known", (long long)i, text);
}

/* nodes_values, or in double nodes_values_as_tensor. */
static const char *either(const tn_node *n, const char *name, const char *as_tensor)
{
    return tn_ml_count(n, as_tensor) > 0 ? as_tensor : name;
}

/* The place of a node in the lists; -1. */
static int64_t place_of(tn_expand *e, const tn_map *places, int64_t tree, int64_t node)
{
    const int64_t *at = tn_map_get(places, node_key(e, tree, node));
    return at != NULL ? *at : -1;
}

static bool read_nodes(forest *f, tn_map *places)
{
    tn_expand *e = f->e;
    const tn_node *n = e->node;
    const char *values = either(n, "nodes_values", "nodes_values_as_tensor");
    const tn_attr *modes = tn_node_find_attr(n, "nodes_modes");
    int64_t *tree = TN_NEW_N(e->g->arena, int64_t, f->nodes), *id = TN_NEW_N(e->g->arena, int64_t, f->nodes),
            *place = TN_NEW_N(e->g->arena, int64_t, f->nodes);
    if (!copy_ints(e, "nodes_treeids", f->nodes, tree) || !copy_ints(e, "nodes_nodeids", f->nodes, id)
        || !copy_ints(e, "nodes_featureids", f->nodes, f->feature)
        || !copy_ints(e, "nodes_truenodeids", f->nodes, f->yes) || !copy_ints(e, "nodes_falsenodeids", f->nodes, f->no)
        || !tn_ml_need_count(e, values, f->nodes) || !tn_ml_need_count(e, "nodes_modes", f->nodes))
        return false;
    if (tn_ml_count(n, "nodes_missing_value_tracks_true") > 0
        && !copy_ints(e, "nodes_missing_value_tracks_true", f->nodes, f->missing))
        return false;
    for (int64_t i = 0; i < f->nodes; i++) {
        place[i] = i;
        tn_map_put(e->g->arena, places, node_key(e, tree[i], id[i]), &place[i]);
        f->split[i] = tn_ml_number(n, values, i);
        if (modes->kind != TN_ATTR_STRINGS || !find_mode(f, i, modes->strings[i]))
            return false;
        if (i == 0 || tree[i] != tree[i - 1])
            f->root[f->trees++] = i;
    }
    for (int64_t i = 0; i < f->nodes; i++)
        if (f->mode[i] != LEAF) {
            f->yes[i] = place_of(e, places, tree[i], f->yes[i]);
            f->no[i] = place_of(e, places, tree[i], f->no[i]);
        }
    return true;
}

/* kind: "target" or "class". one: all weights belong to one target, whatever their id. */
static bool read_weights(forest *f, const char *kind, const tn_map *places, bool one)
{
    tn_expand *e = f->e;
    tn_arena *a = e->g->arena;
    const char *ids = tn_strfmt(a, "%s_ids", kind), *nodes = tn_strfmt(a, "%s_nodeids", kind),
               *trees = tn_strfmt(a, "%s_treeids", kind);
    const char *weights = either(e->node, tn_strfmt(a, "%s_weights", kind), tn_strfmt(a, "%s_weights_as_tensor", kind));
    int64_t n = tn_ml_count(e->node, ids);
    if (!tn_ml_need_count(e, nodes, n) || !tn_ml_need_count(e, trees, n) || !tn_ml_need_count(e, weights, n))
        return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t target = one ? 0 : tn_ml_integer(e->node, ids, i);
        int64_t at = place_of(e, places, tn_ml_integer(e->node, trees, i), tn_ml_integer(e->node, nodes, i));
        if (at < 0 || target < 0 || target >= f->targets)
            return tn_expand_error(e, "weight %lld is of no node, or of target %lld of %lld", (long long)i,
                                   (long long)target, (long long)f->targets);
        f->scores[at * f->targets + target] = true;
        f->weight[at * f->targets + target] += tn_ml_number(e->node, weights, i);
    }
    return true;
}

bool tn_expand_tree_regressor(tn_expand *e, const tn_node *n)
{
    forest f = {0};
    tn_map places = {0};
    if (!begin_forest(&f, e, tn_ml_count(n, "nodes_nodeids"), tn_node_int(n, "n_targets", 1))
        || !read_nodes(&f, &places) || !read_weights(&f, "target", &places, false))
        return false;
    tn_value *y = add_base(&f, sum_trees(&f, tn_node_string(n, "aggregate_function", "SUM")));
    return tn_give(e, 0, tn_call_cast(e, tn_ml_transform(e, tn_node_string(n, "post_transform", "NONE"), y), TN_FLOAT));
}

/* Two classes and weights of one of them only: no weight is negative? */
static bool is_positive(const forest *f)
{
    bool positive = true;
    for (int64_t i = 0; i < f->nodes; i++)
        positive = positive && f->weight[i] >= 0;
    return positive;
}

static bool is_of_one_class(const tn_node *n)
{
    int64_t count = tn_ml_count(n, "class_ids");
    for (int64_t i = 1; i < count; i++)
        if (tn_ml_integer(n, "class_ids", i) != tn_ml_integer(n, "class_ids", 0))
            return false;
    return true;
}

/* The class of the highest score; one that no leaf has a weight for is not chosen, though its score is 0. */
static tn_value *find_best(forest *f, tn_value *scores)
{
    tn_expand *e = f->e;
    if (!e->failed && !scores_all(f) && tn_ml_count(e->node, "base_values") == 0)
        scores = tn_call(e, "Where", find_scored(f), scores, tn_expand_scalar(e, f->dtype, -(double)INFINITY));
    return tn_call(e, "ArgMax axis=1 keepdims=0", scores);
}

bool tn_expand_tree_classifier(tn_expand *e, const tn_node *n)
{
    forest f = {0};
    tn_map places = {0};
    const char *post = tn_node_string(n, "post_transform", "NONE"), *labels = "classlabels_int64s";
    int64_t classes = tn_ml_classes(e, labels);
    bool one = classes == 2 && is_of_one_class(n);
    if (e->failed || !begin_forest(&f, e, tn_ml_count(n, "nodes_nodeids"), one ? 1 : classes)
        || !read_nodes(&f, &places) || !read_weights(&f, "class", &places, one))
        return false;
    tn_value *scores = add_base(&f, sum_trees(&f, "SUM")), *best;
    if (one) {
        bool positive = is_positive(&f);
        tn_value *is_second = tn_call(e, "Greater", scores, tn_expand_scalar(e, f.dtype, positive ? 0.5 : 0));
        best = tn_call(e, "Squeeze", tn_call_cast(e, is_second, TN_INT64), tn_expand_int(e, 1));
        scores = tn_ml_two_scores(e, post, scores, positive);
    } else {
        best = find_best(&f, scores);
        scores = tn_ml_transform(e, post, scores);
    }
    tn_ml_give_labels(e, labels, best);
    return tn_give(e, 1, tn_call_cast(e, scores, TN_FLOAT));
}
