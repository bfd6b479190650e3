/* Support vector machines, as functions of other operators.

       k[n,v] = kernel(x[n], vector[v])          LINEAR x.v   POLY (gamma x.v + coef0)^degree
                                                 RBF exp(-gamma |x - v|^2)   SIGMOID tanh(gamma x.v + coef0)
       regressor:  y = k * coefficients' + rho; without vectors x * coefficients' + rho
       classifier: a score for each pair of classes i < j, from the vectors of both; a vote for i where it is above 0, else
                   for j; the label has the most votes, the first of equal ones

   Of pair (i, j), the coefficients of i's vectors stand in row j - 1, those of j's in row i (libsvm). With prob_a and prob_b
   scores become the classes' probabilities: r[i][j] = 1 / (1 + exp(a s + b)), then what fits all pairs best (Wu, Lin and
   Weng, "Probability estimates for multi-class classification by pairwise coupling", JMLR 5, 2004, algorithm 2), as libsvm
   finds it: at most 100 rounds, until no equation is off by 0.005 / classes. Rounds behind that leave it as it is.

   Without vectors the classifier is linear: a row of coefficients for each class, rho[0] for all; of two classes the second
   is chosen wherever any score is above 0 (0.5 where no coefficient is negative), unless there is a prob_a. */
#include "ops/ml.h"
#include "ops/ops.h"
#include "ops/repeat.h"

enum { ROUNDS = 100 };

typedef struct svm {
    tn_expand *e;
    int64_t classes, pairs, vectors;
    const int64_t *count; /* vectors of each class */
} svm;

static tn_value *number(tn_expand *e, double x)
{
    return tn_expand_scalar(e, TN_FLOAT, x);
}

/* --- kernels -------------------------------------------------------------------------------------------------------- */

/* gamma, coef0, degree */
static double kernel_param(tn_expand *e, int i)
{
    int64_t n = tn_ml_count(e->node, "kernel_params");
    if (n > 0 && n < 3)
        tn_ml_need_count(e, "kernel_params", 3);
    return n < 3 ? 0 : tn_ml_number(e->node, "kernel_params", i);
}

static tn_value *squared_distance(tn_expand *e, tn_value *x, tn_value *vectors)
{
    tn_value *d = tn_call(e, "Sub", tn_call_unsqueeze(e, x, 1), vectors);
    return tn_call(e, "ReduceSum keepdims=0", tn_call(e, "Mul", d, d), tn_expand_int(e, 2));
}

/* [N,vectors] */
static tn_value *apply_kernel(tn_expand *e, tn_value *x, tn_value *vectors)
{
    const char *kind = tn_node_string(e->node, "kernel_type", "LINEAR");
    tn_value *gamma = number(e, kernel_param(e, 0)), *degree = number(e, kernel_param(e, 2));
    if (strcmp(kind, "RBF") == 0)
        return tn_call(e, "Exp", tn_call(e, "Neg", tn_call(e, "Mul", squared_distance(e, x, vectors), gamma)));
    tn_value *dot = tn_call(e, "Gemm transB=1", x, vectors);
    if (strcmp(kind, "LINEAR") == 0)
        return dot;
    dot = tn_call(e, "Add", tn_call(e, "Mul", dot, gamma), number(e, kernel_param(e, 1)));
    if (strcmp(kind, "POLY") == 0)
        return tn_call(e, "Pow", dot, degree);
    if (strcmp(kind, "SIGMOID") != 0)
        tn_expand_error(e, "kernel_type is '%s'; LINEAR, POLY, RBF and SIGMOID are known", kind);
    return tn_call(e, "Tanh", dot);
}

/* x * coefficients' + rho[0] */
static tn_value *linear(tn_expand *e, tn_value *x, int64_t rows)
{
    if (e->failed)
        return x;
    tn_value *w = tn_ml_floats(e, "coefficients", 2, (const int64_t[]){rows, x->shape.dim[1].n});
    if (tn_ml_count(e->node, "rho") < 1) {
        tn_expand_error(e, "attribute 'rho' is missing");
        return x;
    }
    return tn_call(e, "Gemm transB=1", x, w, number(e, tn_ml_number(e->node, "rho", 0)));
}

/* x by the kernel with that many support vectors; x itself without any. */
static tn_value *by_kernel(tn_expand *e, tn_value *x, int64_t vectors)
{
    if (e->failed || vectors < 1)
        return x;
    const int64_t dims[] = {vectors, x->shape.dim[1].n};
    return apply_kernel(e, x, tn_ml_floats(e, "support_vectors", 2, dims));
}

bool tn_expand_svm_regressor(tn_expand *e, const tn_node *n)
{
    tn_value *x = by_kernel(e, tn_ml_rows(e, TN_FLOAT), tn_node_int(n, "n_supports", 0));
    tn_value *y = linear(e, x, 1);
    if (tn_node_int(n, "one_class", 0) != 0)
        y = tn_call(e, "Where", tn_call(e, "Greater", y, number(e, 0)), number(e, 1), number(e, -1));
    return tn_give(e, 0, tn_ml_transform(e, tn_node_string(n, "post_transform", "NONE"), y));
}

/* --- pairs of classes ----------------------------------------------------------------------------------------------- */

/* Which column of class_sums holds what the vectors of class `of` say of it and class `against`. */
static int64_t column_of(const svm *s, int64_t of, int64_t against)
{
    return of * (s->classes - 1) + (against > of ? against - 1 : against);
}

/* [N,classes * (classes - 1)]: for each class, its vectors with each row of coefficients. */
static tn_value *class_sums(const svm *s, tn_value *k)
{
    tn_expand *e = s->e;
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, s->classes);
    tn_value *w = tn_ml_floats(e, "coefficients", 2, (const int64_t[]){s->classes - 1, s->vectors});
    for (int64_t c = 0, at = 0; c < s->classes; at += s->count[c++])
        parts[c] = tn_call(e, "Gemm transB=1", tn_call_slice(e, k, 1, at, at + s->count[c], 1),
                           tn_call_slice(e, w, 1, at, at + s->count[c], 1));
    return tn_call_list(e, "Concat axis=1", (int)s->classes, parts);
}

/* [N,pairs] */
static tn_value *pair_scores(const svm *s, tn_value *k)
{
    tn_expand *e = s->e;
    int64_t *first = TN_NEW_N(e->g->arena, int64_t, s->pairs), *second = TN_NEW_N(e->g->arena, int64_t, s->pairs);
    for (int64_t i = 0, at = 0; i < s->classes; i++)
        for (int64_t j = i + 1; j < s->classes; j++, at++) {
            first[at] = column_of(s, i, j);
            second[at] = column_of(s, j, i);
        }
    tn_value *sums = class_sums(s, k), *rho = tn_ml_floats(e, "rho", 1, &s->pairs);
    tn_value *x = tn_call(e, "Gather axis=1", sums, tn_expand_ints(e, (int)s->pairs, first));
    tn_value *y = tn_call(e, "Gather axis=1", sums, tn_expand_ints(e, (int)s->pairs, second));
    return tn_call(e, "Add", tn_call(e, "Add", x, y), rho);
}

/* 0, 1 ... n - 1 */
static tn_value *count_to(tn_expand *e, int64_t n)
{
    return tn_call(e, "Range", tn_expand_scalar(e, TN_INT64, 0), tn_expand_scalar(e, TN_INT64, (double)n),
                   tn_expand_scalar(e, TN_INT64, 1));
}

/* The class with the most votes: of the pairs with each other class, it has those that it wins as their first, or that
   the other one does not. */
static tn_value *most_votes(const svm *s, tn_value *scores)
{
    tn_expand *e = s->e;
    int64_t c = s->classes, *from = TN_NEW_N(e->g->arena, int64_t, c * (c - 1));
    for (int64_t i = 0, at = 0; i < c; i++)
        for (int64_t j = i + 1; j < c; j++, at++)
            from[column_of(s, i, j)] = from[column_of(s, j, i)] = at;
    tn_value *won = tn_call(e, "Greater", scores, number(e, 0));
    won = tn_call(e, "Gather axis=1", won, tn_expand_ints(e, (int)(c * (c - 1)), from));
    won = tn_call_reshape(e, won, 3, (const int64_t[]){0, c, c - 1});
    tn_value *is_first = tn_call(e, "GreaterOrEqual", count_to(e, c - 1), tn_call_unsqueeze(e, count_to(e, c), 1));
    tn_value *votes = tn_call_cast(e, tn_call(e, "Equal", won, is_first), TN_INT32);
    return tn_call(e, "ArgMax axis=1 keepdims=0", tn_call(e, "ReduceSum keepdims=0", votes, tn_expand_int(e, 2)));
}

/* --- probabilities -------------------------------------------------------------------------------------------------- */

/* [N,classes,classes]: r[i][j], how likely it is class i if it is i or j; 0 where i is j. */
static tn_value *pair_chances(const svm *s, tn_value *scores)
{
    tn_expand *e = s->e;
    int64_t c = s->classes, *from = TN_NEW_N(e->g->arena, int64_t, c * c);
    for (int64_t i = 0, at = 0; i < c; i++)
        for (int64_t j = i; j<c; at += j++> i) {
            from[i * c + j] = i == j ? 2 * s->pairs : at;
            from[j * c + i] = i == j ? 2 * s->pairs : s->pairs + at;
        }
    tn_value *a = tn_ml_floats(e, "prob_a", 1, &s->pairs), *b = tn_ml_floats(e, "prob_b", 1, &s->pairs);
    tn_value *r = tn_call(e, "Sigmoid", tn_call(e, "Neg", tn_call(e, "Add", tn_call(e, "Mul", scores, a), b)));
    r = tn_call(e, "Clip", r, number(e, 1e-7), number(e, 1 - 1e-7));
    r = tn_call_join(e, 1, r, tn_call(e, "Sub", number(e, 1), r));
    r = tn_call(e, "Pad", r, tn_expand_ints(e, 4, (const int64_t[]){0, 0, 0, 1}));
    r = tn_call(e, "Gather axis=1", r, tn_expand_ints(e, (int)(c * c), from));
    return tn_call_reshape(e, r, 3, (const int64_t[]){0, c, c});
}

/* Q of the equations Q p = (p' Q p) e: -r[j][i] r[i][j], on the diagonal the sum of r[j][i]^2. */
static tn_value *equations(const svm *s, tn_value *r)
{
    tn_expand *e = s->e;
    tn_value *other = tn_call(e, "Transpose perm=0,2,1,", r);
    tn_value *sums = tn_call(e, "ReduceSum keepdims=1", tn_call(e, "Mul", other, other), tn_expand_int(e, 2));
    tn_value *class = count_to(e, s->classes);
    tn_value *is_diagonal = tn_call(e, "Equal", tn_call_unsqueeze(e, class, 1), class);
    return tn_call(e, "Where", is_diagonal, sums, tn_call(e, "Neg", tn_call(e, "Mul", r, other)));
}

/* One round: each p[i] in turn is made to fit its equation, and all are scaled to a sum of 1 again. state: p [N,classes],
   Q p [N,classes] and p' Q p [N,1], which the change of p[i] by d moves along. */
static tn_value *one_round(const svm *s, tn_value *q, tn_value *p, tn_value *qp, tn_value *pqp)
{
    tn_expand *e = s->e;
    const tn_node *begin = tn_call_repeat_begin(e, s->classes, 3, 0, (tn_value *[]){p, qp, pqp}, NULL, NULL);
    if (begin == NULL)
        return p;
    tn_value *turn = tn_call_unsqueeze(e, begin->out[0], 0), *one = number(e, 1);
    p = begin->out[1], qp = begin->out[2], pqp = begin->out[3];
    tn_value *row = tn_call(e, "Gather axis=1", q, begin->out[0]), *diagonal = tn_call(e, "Gather axis=1", row, turn);
    tn_value *qp_i = tn_call(e, "Gather axis=1", qp, turn);
    tn_value *d = tn_call(e, "Div", tn_call(e, "Sub", pqp, qp_i), diagonal), *scale = tn_call(e, "Add", one, d);
    tn_value *on_off = tn_call(e, "OneHot", turn, tn_expand_int(e, s->classes),
                               tn_call_cast(e, tn_expand_ints(e, 2, (const int64_t[]){0, 1}), TN_FLOAT));
    tn_value *twice = tn_call(e, "Add", tn_call(e, "Mul", d, diagonal), tn_call(e, "Mul", qp_i, number(e, 2)));
    tn_value *moved = tn_call(e, "Add", pqp, tn_call(e, "Mul", d, twice));
    tn_value *next[] = {
        tn_call(e, "Div", tn_call(e, "Add", p, tn_call(e, "Mul", d, on_off)), scale),
        tn_call(e, "Div", tn_call(e, "Add", qp, tn_call(e, "Mul", d, row)), scale),
        tn_call(e, "Div", tn_call(e, "Div", moved, scale), scale),
    };
    const tn_node *end = e->failed ? NULL : tn_call_repeat_end(e, begin, 3, 0, next, NULL, NULL);
    return end != NULL ? end->out[0] : p;
}

/* [N,classes] */
static tn_value *couple(const svm *s, tn_value *scores)
{
    tn_expand *e = s->e;
    tn_value *q = equations(s, pair_chances(s, scores));
    tn_value *shape = tn_call_join(e, 0, tn_call_dim(e, scores, 0), tn_expand_int(e, s->classes));
    tn_value *p = tn_call(e, "Expand", number(e, 1 / (double)s->classes), shape);
    const tn_node *begin = e->failed ? NULL : tn_call_repeat_begin(e, ROUNDS, 1, 0, &p, NULL, NULL);
    if (begin == NULL)
        return p;
    p = begin->out[1];
    tn_value *qp =
        tn_call(e, "ReduceSum keepdims=0", tn_call(e, "Mul", q, tn_call_unsqueeze(e, p, 1)), tn_expand_int(e, 2));
    tn_value *axis = tn_expand_int(e, 1), *pqp = tn_call(e, "ReduceSum keepdims=1", tn_call(e, "Mul", p, qp), axis);
    tn_value *off = tn_call(e, "ReduceMax keepdims=1", tn_call(e, "Abs", tn_call(e, "Sub", qp, pqp)), axis);
    tn_value *fits = tn_call(e, "Less", off, number(e, 0.005 / (double)s->classes));
    tn_value *next = tn_call(e, "Where", fits, p, one_round(s, q, p, qp, pqp));
    const tn_node *end = e->failed ? NULL : tn_call_repeat_end(e, begin, 1, 0, &next, NULL, NULL);
    return end != NULL ? end->out[0] : p;
}

/* --- the classifier ------------------------------------------------------------------------------------------------- */

/* Without vectors, of two classes. */
static tn_value *linear_choice(const svm *s, tn_value *scores)
{
    tn_expand *e = s->e;
    bool positive = true;
    for (int64_t i = 0; i < tn_ml_count(e->node, "coefficients"); i++)
        positive = positive && tn_ml_number(e->node, "coefficients", i) >= 0;
    tn_value *best = tn_call(e, "ArgMax axis=1 keepdims=0", scores);
    if (s->classes != 2 || tn_ml_count(e->node, "prob_a") > 0)
        return best;
    tn_value *top = tn_call(e, "ReduceMax keepdims=0", scores, tn_expand_int(e, 1));
    tn_value *second = tn_call(e, positive ? "GreaterOrEqual" : "Greater", top, number(e, positive ? 0.5 : 0));
    return tn_call(e, "Where", second, tn_expand_scalar(e, TN_INT64, 1), best);
}

static bool give_pairs(const svm *s, const char *labels, tn_value *k)
{
    tn_expand *e = s->e;
    const char *post = tn_node_string(e->node, "post_transform", "NONE");
    if (e->failed)
        return false;
    tn_value *scores = pair_scores(s, k);
    tn_ml_give_labels(e, labels, most_votes(s, scores));
    if (tn_ml_count(e->node, "prob_a") > 0)
        return tn_give(e, 1, tn_ml_transform(e, post, couple(s, scores)));
    return tn_give(e, 1,
                   s->classes == 2 ? tn_ml_two_scores(e, post, scores, strcmp(post, "NONE") != 0)
                                   : tn_ml_transform(e, post, scores));
}

bool tn_expand_svm_classifier(tn_expand *e, const tn_node *n)
{
    const char *labels = "classlabels_ints", *post = tn_node_string(n, "post_transform", "NONE");
    const tn_attr *each = tn_node_find_attr(n, "vectors_per_class");
    svm s = {.e = e, .classes = tn_ml_classes(e, labels), .count = each != NULL ? each->ints : NULL};
    tn_value *x = tn_ml_rows(e, TN_FLOAT);
    s.pairs = s.classes * (s.classes - 1) / 2;
    if (!e->failed && (s.classes < 2 || s.classes > INT16_MAX))
        tn_expand_error(e, "it has %lld classes", (long long)s.classes);
    if (each != NULL && each->n > 0
        && (each->kind != TN_ATTR_INTS || !tn_ml_need_count(e, "vectors_per_class", s.classes)))
        return false;
    for (size_t i = 0; each != NULL && i < each->n; i++) {
        if (each->ints[i] < 1 || each->ints[i] > INT32_MAX)
            return tn_expand_error(e, "class %zu has %lld vectors", i, (long long)each->ints[i]);
        s.vectors += each->ints[i];
    }
    if (e->failed)
        return false;
    if (s.vectors > 0 && !tn_ml_need_count(e, "rho", s.pairs)) /* before lists of as many are made */
        return false;
    if (s.vectors > 0)
        return give_pairs(&s, labels, by_kernel(e, x, s.vectors));
    tn_value *scores = linear(e, x, s.classes);
    tn_ml_give_labels(e, labels, linear_choice(&s, scores));
    return tn_give(e, 1, tn_ml_transform(e, post, scores));
}
