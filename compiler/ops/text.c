/* TfIdfVectorizer of integers, as a function of other operators: how often each n-gram of a pool occurs in a row.

       x [B,C], pool of bigrams [G,2]      hits[b,p,g] = x[b,p] == pool[g,0] and x[b,p+1+skip] == pool[g,1]
                                           count[b,g] = sum of hits over the places p and the skips 0 .. max_skip_count
       y[b,ngram_indexes[g]] = count, or 1 where it is not 0 (IDF), times weights[g] (IDF, TFIDF) */
#include "ops/expand.h"
#include "ops/ops.h"

enum { MOST_COLUMNS = 1 << 24 };

typedef struct pool {
    const tn_attr *grams, *starts, *indexes, *weights; /* starts: of each length's part of grams */
    int64_t columns;                                   /* of the output: the largest index, and 1 */
    int64_t tokens;                                    /* C */
} pool;

static const tn_attr *find_list(const tn_node *n, const char *name, tn_attr_kind kind)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a != NULL && a->kind == kind ? a : NULL;
}

static bool check_indexes(tn_expand *e, pool *l)
{
    size_t before = 0;
    for (size_t i = 0; i < l->indexes->n; i++) {
        if (l->indexes->ints[i] < 0 || l->indexes->ints[i] >= MOST_COLUMNS)
            return tn_expand_error(e, "ngram_indexes holds %lld; 0 to %d are supported", (long long)l->indexes->ints[i],
                                   MOST_COLUMNS - 1);
        l->columns = l->indexes->ints[i] >= l->columns ? l->indexes->ints[i] + 1 : l->columns;
    }
    for (size_t i = 0; i < l->starts->n; before = (size_t)l->starts->ints[i++])
        if (l->starts->ints[i] < (int64_t)before || l->starts->ints[i] > (int64_t)l->grams->n)
            return tn_expand_error(e, "ngram_counts holds %lld; the pool has %zu elements",
                                   (long long)l->starts->ints[i], l->grams->n);
    return true;
}

static bool read_pool(tn_expand *e, pool *l)
{
    const tn_node *n = e->node;
    const tn_shape *x = &n->in[0]->shape;
    *l = (pool){.grams = find_list(n, "pool_int64s", TN_ATTR_INTS),
                .starts = find_list(n, "ngram_counts", TN_ATTR_INTS)};
    l->indexes = find_list(n, "ngram_indexes", TN_ATTR_INTS);
    l->weights = find_list(n, "weights", TN_ATTR_FLOATS);
    if (l->grams == NULL || l->starts == NULL || l->indexes == NULL)
        return tn_expand_error(e, "pool_int64s, ngram_counts and ngram_indexes are wanted");
    if (l->weights != NULL && l->weights->n < l->indexes->n)
        return tn_expand_error(e, "%zu weights for %zu n-grams", l->weights->n, l->indexes->n);
    if (x->rank < 1 || x->rank > 2 || x->dim[x->rank - 1].sym != NULL)
        return tn_expand_error(e, "'%s' is %s; [C] or [N,C] with a fixed C is wanted", n->in[0]->name,
                               tn_type_text(e->g->arena, n->in[0]->dtype, x));
    l->tokens = x->dim[x->rank - 1].n;
    return check_indexes(e, l);
}

/* Element j of all grams of a length: [1,1,count], in the type of x. */
static tn_value *gram_tokens(tn_expand *e, const pool *l, int64_t start, int64_t count, int64_t length, int64_t j)
{
    tn_shape s = tn_shape_fixed(3, (const int64_t[]){1, 1, count});
    tn_tensor *t = tn_tensor_make(e->g->arena, e->node->in[0]->dtype, &s);
    for (int64_t g = 0; g < count; g++)
        tn_tensor_set_int(t, g, l->grams->ints[start + g * length + j]);
    return tn_expand_constant(e, t);
}

/* [N,count]: how often each of them is in x [N,C] with that many tokens between its own. */
static tn_value *count_grams(tn_expand *e, const pool *l, tn_value *x, int64_t start, int64_t count, int64_t length,
                             int64_t stride)
{
    tn_value *hits = NULL;
    for (int64_t j = 0; j < length; j++) {
        tn_value *tokens = tn_call_slice(e, x, 1, j * stride, l->tokens - (length - 1 - j) * stride, 1);
        tn_value *same =
            tn_call(e, "Equal", tn_call_unsqueeze(e, tokens, 2), gram_tokens(e, l, start, count, length, j));
        hits = hits == NULL ? same : tn_call(e, "And", hits, same);
    }
    return tn_call(e, "ReduceSum keepdims=0", tn_call_cast(e, hits, TN_FLOAT), tn_expand_int(e, 1));
}

/* Over all skips; NULL where no place has room. A single token has nothing to skip. */
static tn_value *count_length(tn_expand *e, const pool *l, tn_value *x, int64_t start, int64_t count, int64_t length)
{
    int64_t skips = length == 1 ? 0 : tn_node_int(e->node, "max_skip_count", 0);
    tn_value *sum = NULL;
    for (int64_t skip = 0; skip <= skips && (length - 1) * (skip + 1) < l->tokens; skip++) {
        tn_value *found = count_grams(e, l, x, start, count, length, skip + 1);
        sum = sum == NULL ? found : tn_call(e, "Add", sum, found);
    }
    return sum;
}

static tn_value *weigh(tn_expand *e, const pool *l, tn_value *counts, int64_t first, int64_t n)
{
    const char *mode = tn_node_string(e->node, "mode", "TF");
    bool idf = strcmp(mode, "IDF") == 0;
    if (!idf && strcmp(mode, "TF") != 0 && strcmp(mode, "TFIDF") != 0)
        tn_expand_error(e, "mode is '%s'; TF, IDF or TFIDF is wanted", mode);
    if (idf)
        counts = tn_call(e, "Min", counts, tn_expand_scalar(e, TN_FLOAT, 1));
    if (l->weights == NULL || strcmp(mode, "TF") == 0)
        return counts;
    tn_shape s = tn_shape_fixed(1, &n);
    tn_tensor *t = tn_tensor_make(e->g->arena, TN_FLOAT, &s);
    for (int64_t i = 0; i < n; i++)
        tn_tensor_set(t, i, (double)l->weights->floats[first + i]);
    return tn_call(e, "Mul", counts, tn_expand_constant(e, t));
}

/* Column c of the counts goes to each output that where names; what no gram goes to takes column 0, which is 0. */
static bool place_grams(tn_expand *e, const pool *l, int64_t *where, int64_t first, int64_t n, int64_t column)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t *at = &where[l->indexes->ints[first + i]];
        if (*at != 0)
            return tn_expand_error(e, "two n-grams have the index %lld; that is not supported",
                                   (long long)l->indexes->ints[first + i]);
        *at = column + i;
    }
    return true;
}

/* The columns so far: column 0 is 0. */
typedef struct table {
    tn_value *columns; /* [N,count] */
    int64_t count;
    int64_t *where; /* by output: its column */
} table;

/* The n-grams of a length, which are `first` and those after it in the pool's order, become columns. */
static bool add_length(tn_expand *e, const pool *l, tn_value *x, int64_t length, int64_t first, int64_t n, table *t)
{
    int64_t shortest = tn_node_int(e->node, "min_gram_length", 1), longest = tn_node_int(e->node, "max_gram_length", 1);
    if (first + n > (int64_t)l->indexes->n)
        return tn_expand_error(e, "%zu indexes for more n-grams than that", l->indexes->n);
    if (length < shortest || length > longest || n == 0)
        return true;
    tn_value *found = count_length(e, l, x, l->starts->ints[length - 1], n, length);
    if (found == NULL)
        return true;
    if (!place_grams(e, l, t->where, first, n, t->count))
        return false;
    t->columns = tn_call_join(e, 1, t->columns, weigh(e, l, found, first, n));
    t->count += n;
    return !e->failed;
}

bool tn_expand_tfidf(tn_expand *e, const tn_node *n)
{
    pool l;
    if (!read_pool(e, &l))
        return false;
    bool vector = n->in[0]->shape.rank == 1;
    int64_t first = 0, lengths = (int64_t)l.starts->n;
    tn_value *x = vector ? tn_call_unsqueeze(e, n->in[0], 0) : n->in[0];
    tn_value *sum = tn_call(e, "ReduceSum keepdims=1", tn_call_cast(e, x, TN_FLOAT), tn_expand_int(e, 1));
    table t = {tn_call(e, "Mul", sum, tn_expand_scalar(e, TN_FLOAT, 0)), 1,
               TN_NEW_N(e->g->arena, int64_t, l.columns + 1)};
    for (int64_t length = 1; length <= lengths; length++) {
        int64_t end = length < lengths ? l.starts->ints[length] : (int64_t)l.grams->n;
        int64_t count = (end - l.starts->ints[length - 1]) / length;
        if (!add_length(e, &l, x, length, first, count, &t))
            return false;
        first += count;
    }
    tn_value *y = tn_call(e, "Gather axis=1", t.columns, tn_expand_ints(e, (int)l.columns, t.where));
    return tn_give(e, 0, vector ? tn_call(e, "Squeeze", y, tn_expand_int(e, 0)) : y);
}
