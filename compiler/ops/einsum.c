/* Einsum: a sum of products over named subscripts.

       "bij,bjk->bik"   axes b i k   reduce j   x[b, i, j] * y[b, j, k]
       "...ii->...i"    dims under ... are named by their place from the right; a letter twice is a diagonal

   Any number of operands, in one computation; the sum is kept in the compute type. */
#include "ops/ops.h"

enum { LETTERS = 52, LABELS = LETTERS + TN_MAX_RANK };

typedef struct einsum {
    int n_out, n_sum;
    int out[TN_MAX_RANK], sum[LABELS];
    int term[TN_MAX_ARGS][TN_MAX_RANK]; /* the label of each dim of each operand */
    int uses[LABELS];
    int dots; /* most dims under "..." of any operand */
    tn_dim dim[LABELS];
} einsum;

static int letter_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* One term: the labels up to ',' , "->" or the end; at most room, of which dots come from "..." (-1: rank - letters).
   NULL after an error. */
static const char *parse_term(tn_graph *g, const tn_node *n, const char *s, int room, int dots, int *labels, int *count)
{
    int letters = 0, used = 0;
    bool ellipsis = false;
    for (const char *c = s; *c != '\0' && *c != ',' && *c != '-'; c++)
        letters += letter_of(*c) >= 0;
    if (dots < 0)
        dots = room > letters ? room - letters : 0;
    for (; *s != '\0' && *s != ',' && *s != '-'; s++) {
        bool is_dots = strncmp(s, "...", 3) == 0 && !ellipsis;
        int more = is_dots ? dots : *s == ' ' ? 0 : 1;
        if (!is_dots && *s != ' ' && letter_of(*s) < 0) {
            tn_node_error(g, n, "the equation has '%c' where a letter, '...', ',' or '->' is wanted", *s);
            return NULL;
        }
        if (used + more > room) {
            tn_node_error(g, n, "a term of the equation has more than %d subscripts", room);
            return NULL;
        }
        if (!is_dots && more == 1)
            labels[used++] = letter_of(*s);
        for (int k = dots; is_dots && k > 0; k--)
            labels[used++] = LETTERS + k - 1;
        if (is_dots) {
            ellipsis = true;
            s += 2;
        }
    }
    *count = used;
    return s;
}

static bool join_dim(tn_graph *g, const tn_node *n, einsum *e, int label, int operand, tn_dim d)
{
    if (e->uses[label]++ == 0 || tn_dim_is(e->dim[label], 1))
        e->dim[label] = d;
    else if (!tn_dim_is(d, 1) && !tn_dim_same(d, e->dim[label]))
        return tn_node_error(g, n, "a subscript is %s in input %d and %s before", tn_dim_text(g->arena, d), operand,
                             tn_dim_text(g->arena, e->dim[label]));
    if (label >= LETTERS && label - LETTERS >= e->dots)
        e->dots = label - LETTERS + 1;
    return true;
}

static bool parse_operands(tn_graph *g, const tn_node *n, einsum *e, const char **s)
{
    for (int i = 0; i < n->n_in; i++) {
        const tn_shape *x = &n->in[i]->shape;
        int count = 0;
        *s = parse_term(g, n, *s, x->rank, -1, e->term[i], &count);
        if (*s == NULL)
            return false;
        if (count != x->rank)
            return tn_node_error(g, n, "the equation has %d subscripts for input %d, which has rank %d", count, i,
                                 x->rank);
        for (int k = 0; k < count; k++)
            if (!join_dim(g, n, e, e->term[i][k], i, x->dim[k]))
                return false;
        if ((i + 1 < n->n_in) != (**s == ','))
            return tn_node_error(g, n, "the equation has %s terms than the node has inputs (%d)",
                                 **s == ',' ? "more" : "fewer", n->n_in);
        *s += **s == ',';
    }
    return true;
}

/* Without "->": what is under "...", then the letters used once, in the order of the alphabet. */
static bool implied_output(tn_graph *g, const tn_node *n, einsum *e)
{
    for (int k = e->dots; k > 0; k--)
        e->out[e->n_out++] = LETTERS + k - 1;
    for (int k = 0; k < LETTERS; k++) {
        if (e->uses[k] != 1)
            continue;
        if (e->n_out == TN_MAX_RANK)
            return tn_node_error(g, n, "the result has a rank over %d", TN_MAX_RANK);
        e->out[e->n_out++] = k;
    }
    return true;
}

static bool find_sums(tn_graph *g, const tn_node *n, einsum *e)
{
    bool kept[LABELS] = {false};
    for (int i = 0; i < e->n_out; i++) {
        if (kept[e->out[i]] || e->uses[e->out[i]] == 0)
            return tn_node_error(g, n, "subscript %d of the result is %s", i,
                                 kept[e->out[i]] ? "there twice" : "in no input");
        kept[e->out[i]] = true;
    }
    for (int k = 0; k < LABELS; k++)
        if (e->uses[k] > 0 && !kept[k])
            e->sum[e->n_sum++] = k;
    if (e->n_sum > TN_MAX_AXES)
        return tn_node_error(g, n, "the sum is over %d subscripts; at most %d are supported", e->n_sum, TN_MAX_AXES);
    return true;
}

static bool parse(tn_graph *g, const tn_node *n, einsum *e)
{
    const char *s = tn_node_string(n, "equation", NULL);
    *e = (einsum){0};
    if (s == NULL)
        return tn_node_error(g, n, "attribute equation is missing");
    if (n->n_in > TN_MAX_ARGS)
        return tn_node_error(g, n, "%d inputs; at most %d are supported", n->n_in, TN_MAX_ARGS);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == NULL || n->in[i]->dtype != n->in[0]->dtype)
            return tn_node_error(g, n, "input %d is omitted or not %s", i, tn_dtype_get(n->in[0]->dtype)->name);
    if (!parse_operands(g, n, e, &s))
        return false;
    if (*s == '\0')
        return implied_output(g, n, e) && find_sums(g, n, e);
    if (strncmp(s, "->", 2) != 0)
        return tn_node_error(g, n, "the equation has '%s' where '->' is wanted", s);
    s = parse_term(g, n, s + 2, TN_MAX_RANK, e->dots, e->out, &e->n_out);
    if (s == NULL)
        return false;
    if (*s != '\0')
        return tn_node_error(g, n, "the equation goes on with '%s' after the result", s);
    return find_sums(g, n, e);
}

bool tn_infer_einsum(tn_graph *g, tn_node *n)
{
    einsum e;
    if (!parse(g, n, &e))
        return false;
    tn_shape y = {.known = true, .rank = e.n_out};
    for (int i = 0; i < e.n_out; i++)
        y.dim[i] = e.dim[e.out[i]];
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    return true;
}

bool tn_lower_einsum(tn_program *p, const tn_node *n)
{
    einsum e;
    const tn_expr *by_label[LABELS] = {NULL}, *product = NULL;
    if (!parse(p->graph, n, &e))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < e.n_out; i++)
        by_label[e.out[i]] = c->at[i];
    for (int i = 0; i < e.n_sum; i++)
        by_label[e.sum[i]] = tn_reduce_over(p, c, e.dim[e.sum[i]]);
    for (int i = 0; i < n->n_in; i++) {
        const tn_expr *at[TN_MAX_RANK] = {NULL};
        for (int k = 0; k < n->in[i]->shape.rank; k++)
            at[k] = tn_dim_is(n->in[i]->shape.dim[k], 1) ? tn_index(p, 0) : by_label[e.term[i][k]];
        const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[i]), at);
        product = product == NULL ? x : tn_mul(p, product, x);
    }
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, product->dtype, 0), product, NULL);
    return true;
}
