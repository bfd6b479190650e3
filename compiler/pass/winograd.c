/* winograd: float convolutions with constant weights, stride 1, and 3 or 5 taps in one dim or both (3x3, 5x5, 1x3, 3x1,
   1x5, 5x1, and of rank 3), in fewer products (Winograd; Toom and Cook;
   S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray, 2015, for convolution layers).

   F(m x m, 3x3) finds a tile of m x m results from a = m + 2 squared products per channel instead of 9 m m: 4 where the
   direct form takes 9 (m = 2, 16 products for 4 results), or 2.25 (m = 4, 36 for 16). F(2x2, 5x5) has a = 6, and takes 9
   where the direct form takes 25. A dim with one tap is left as it is: F(1x4, 1x3) takes 6 products for 4 results where
   the direct form takes 12. A convolution

       y[n, k, i, j] = post(sum over c, r, s of x[n, c, i + r - 1, j + s - 1] * w[k, c, r, s])

   becomes three computations, repeated for blocks of tiles so that V and M stay in the cache:

       V[p, c, t] = point p of the transformed a x a pixels of tile t           p = 0 .. a a - 1
       M[p, k, t] = sum over c of U[p, k, c] * V[p, c, t]                       U from w, at compile time
       y[n, k, tile t, i, j] = post(point (i, j) of tile t from M[.., k, t])

   The last tile of a row or column begins early enough to be whole and finds some results again, so there is neither a
   test nor a wider border.

   Done where arithmetic says that it is faster (see cost_of), for buffers in blocks of one vector of channels: after
   layout. Nothing is done for plain targets, whose memory for weights (four times as much for m = 4) is dear. The result
   is not the direct one to the bit: the error is about 3 (m = 2) to 20 (m = 4) units in the last place of the
   output's scale. */
#include <math.h>

#include "pass/pass.h"

/* --- the transforms ------------------------------------------------------------------------------------------------- */

enum { MOST_A = 6, MOST_TAPS = 5 };

/* The products are values of polynomials at these points and at infinity (the leading coefficient). Opposite points
   stand side by side: what they share is computed once. The larger ones are chosen with product 1, for the smallest error. */
static const double four_points[] = {0, 1, -1};
static const double six_points[] = {0, 0.70710678118654752440, -0.70710678118654752440, 1.41421356237309504880,
                                    -1.41421356237309504880};

static const struct {
    int taps, m;
    const double *point;
} forms[] = {{3, 2, four_points}, {3, 4, six_points}, {5, 2, six_points}, {1, 1, NULL}};

enum { N_FORMS = sizeof forms / sizeof *forms };

typedef struct transform {
    int taps, m, a;
    double in[MOST_A][MOST_A];        /* B': a points from a pixels */
    double kernel[MOST_A][MOST_TAPS]; /* G: a points from the taps */
    double out[MOST_A][MOST_A];       /* A': m results from a points */
} transform;

/* The coefficients of the product of x - point over all points but the one at skip. */
static void multiply_out(const double *point, int n, int skip, double *out)
{
    int degree = 0;
    out[0] = 1;
    for (int l = 0; l < n; l++) {
        if (l == skip)
            continue;
        out[degree + 1] = out[degree];
        for (int i = degree; i > 0; i--)
            out[i] = out[i - 1] - point[l] * out[i];
        out[0] *= -point[l];
        degree++;
    }
}

static transform make_transform(int form)
{
    transform t = {.taps = forms[form].taps, .m = forms[form].m, .a = forms[form].m + forms[form].taps - 1};
    int n = t.a - 1;
    const double *point = forms[form].point;
    for (int j = 0; j < n; j++) {
        double scale = 1;
        for (int l = 0; l < n; l++)
            scale *= l != j ? point[j] - point[l] : 1;
        multiply_out(point, n, j, t.in[j]);
        for (int k = 0; k < t.taps; k++)
            t.kernel[j][k] = pow(point[j], k) / scale;
        for (int i = 0; i < t.m; i++)
            t.out[i][j] = pow(point[j], i);
    }
    multiply_out(point, n, -1, t.in[n]);
    t.kernel[n][t.taps - 1] = 1;
    t.out[t.m - 1][n] = 1;
    return t;
}

static const tn_expr *plus(tn_program *p, const tn_expr *sum, const tn_expr *x)
{
    return sum == NULL ? x : tn_add(p, sum, x);
}

/* sum + c * x; NULL is a sum of nothing. */
static const tn_expr *plus_scaled(tn_program *p, const tn_expr *sum, double c, const tn_expr *x)
{
    c = fabs(c) < 1e-9 ? 0 : c; /* of coefficients that cancel */
    if (c == 0)
        return sum;
    if (sum != NULL && fabs(c + 1) < 1e-9)
        return tn_sub(p, sum, x);
    return plus(p, sum, fabs(c - 1) < 1e-9 ? x : tn_mul(p, x, tn_number(p, TN_FLOAT, c)));
}

/* The a points of a row of a pixels. Rows of opposite points differ in the sign of every second pixel. */
static void transform_in(tn_program *p, const transform *t, const tn_expr *const *x, const tn_expr **out)
{
    for (int j = 0; j < t->a; j++) {
        const tn_expr *part[2] = {NULL, NULL};
        bool pair = j > 0 && j < t->a - 1;
        for (int k = t->a - 1; k >= 0; k--)
            part[pair ? k % 2 : 0] = plus_scaled(p, part[pair ? k % 2 : 0], t->in[j][k], x[k]);
        out[j] = part[0];
        if (!pair)
            continue;
        out[j] = tn_add(p, part[0], part[1]);
        out[++j] = tn_sub(p, part[0], part[1]);
    }
}

/* The m results of a points: sums and differences of opposite points first. */
static void transform_out(tn_program *p, const transform *t, const tn_expr *const *x, const tn_expr **out)
{
    for (int i = 0; i < t->m; i++) {
        const tn_expr *sum = i == 0 && t->a > 1 ? x[0] : NULL;
        for (int j = 1; j + 1 < t->a; j += 2)
            sum = plus_scaled(p, sum, t->out[i][j], i % 2 == 0 ? tn_add(p, x[j], x[j + 1]) : tn_sub(p, x[j], x[j + 1]));
        out[i] = plus_scaled(p, sum, t->out[i][t->a - 1], x[t->a - 1]);
    }
}

typedef void transform_fn(tn_program *p, const transform *t, const tn_expr *const *x, const tn_expr **out);

/* f down the columns by t[0], then along the rows by t[1]; the result stands in the place of the values, row by row. */
static void transform_tile(tn_program *p, const transform *t, transform_fn *f, const tn_expr *(*tile)[MOST_A])
{
    const tn_expr *x[MOST_A] = {NULL}, *y[MOST_A] = {NULL};
    for (int v = 0; v < t[1].a; v++) {
        for (int u = 0; u < t[0].a; u++)
            x[u] = tile[u][v];
        f(p, &t[0], x, y);
        for (int u = 0; u < t[0].a; u++)
            tile[u][v] = y[u];
    }
    for (int u = 0; u < t[0].a && tile[u][0] != NULL; u++) {
        memcpy(x, tile[u], sizeof x);
        memset(tile[u], 0, sizeof tile[u]);
        f(p, &t[1], x, tile[u]);
    }
}

/* tile[i][j] of rows by cols: when the loops of i and j are unrolled, the one expression is left. */
static const tn_expr *pick(tn_program *p, const tn_expr *(*tile)[MOST_A], int rows, int cols, const tn_expr *i,
                           const tn_expr *j)
{
    const tn_expr *e = NULL;
    for (int u = rows - 1; u >= 0; u--) {
        const tn_expr *row = tile[u][cols - 1];
        for (int v = cols - 2; v >= 0; v--)
            row = tn_select(p, tn_op2(p, TN_OP_EQ, j, tn_index(p, v)), tile[u][v], row);
        e = e == NULL ? row : tn_select(p, tn_op2(p, TN_OP_EQ, i, tn_index(p, u)), row, e);
    }
    return e;
}

/* --- which convolutions ----------------------------------------------------------------------------------------------- */

typedef struct conv {
    const tn_comp *comp;
    const tn_expr *x, *w; /* the loads */
    int64_t c, k;
    int dims;          /* behind the channels: 2, or 1, which is a single row */
    int64_t extent[2]; /* of the result, rows and columns, as all pairs */
    int taps[2];
    int lanes_in, lanes_out; /* of the blocks of x and of y: a vector, or half of one */
    int64_t shift[2];        /* of the pixel at tap 0: minus the padding */
} conv;

/* Channels of a block: as many as a vector has lanes, or half of them; 0: no such blocks. */
static int block_of(const tn_buf *b, int lanes)
{
    const tn_layout *l = &b->layout;
    if ((b->rank != 3 && b->rank != 4) || l->n != b->rank + 1 || l->part[b->rank].axis != 1)
        return 0;
    return l->part[b->rank].mod == lanes || 2 * l->part[b->rank].mod == lanes ? (int)l->part[b->rank].mod : 0;
}

static bool is_fixed_axis(const tn_axis *a)
{
    return a->extent->kind == TN_E_INT && a->extent->i > 0;
}

/* The result's place: the axes themselves, the channels perhaps moved by whole vectors (one part of a Concat). */
static bool writes_axes(tn_program *p, const tn_comp *c, int lanes)
{
    for (int i = 0; i < c->n_axis; i++) {
        const tn_expr *move = tn_sub(p, c->at[i], tn_axis_var(p, c, i));
        if (move->kind != TN_E_INT || (i == 1 ? move->i % lanes : move->i) != 0)
            return false;
    }
    return true;
}

static bool has_form(const tn_axis *taps)
{
    for (int i = 0; i < N_FORMS; i++)
        if (tn_expr_is_int(taps->extent, forms[i].taps))
            return true;
    return false;
}

/* y[n, k, i, j] from sums over c, r, s. */
static bool has_axes(tn_program *p, const tn_comp *c, int lanes)
{
    if ((c->n_axis != 3 && c->n_axis != 4) || c->n_reduce != c->n_axis - 1 || c->out->rank != c->n_axis
        || c->combine != TN_OP_ADD || !writes_axes(p, c, lanes) || !is_fixed_axis(&c->reduce[0]))
        return false;
    for (int i = 1; i < c->n_axis; i++)
        if (!is_fixed_axis(&c->axis[i]) || (i > 1 && !has_form(&c->reduce[i - 1])))
            return false;
    return true;
}

static bool match_weights(tn_program *p, const tn_comp *c, const tn_expr *w)
{
    const tn_buf *b = w->buf;
    if (b->scope != TN_SCOPE_CONST || b->data == NULL || b->layout.n > 0 || b->rank != c->n_axis || w->n != c->n_axis
        || w->arg[0] != tn_axis_var(p, c, 1))
        return false;
    for (int i = 0; i < c->n_reduce; i++) {
        const tn_expr *at = c->reduce[i].var->hi == 0 ? tn_index(p, 0) : tn_var_expr(p, c->reduce[i].var);
        if (w->arg[i + 1] != at || !tn_expr_is_int(b->dim[i + 1], c->reduce[i].extent->i))
            return false;
    }
    return tn_expr_is_int(b->dim[0], c->axis[1].extent->i);
}

static bool match_pixels(tn_program *p, conv *v)
{
    const tn_comp *c = v->comp;
    const tn_expr *x = v->x;
    if (x->n != c->n_axis || x->arg[0] != tn_axis_var(p, c, 0) || x->arg[1] != tn_var_expr(p, c->reduce[0].var))
        return false;
    v->dims = c->n_axis - 2;
    for (int i = 0; i < 2; i++) {
        int d = i + v->dims - 2; /* -1: there are no rows */
        v->extent[i] = v->taps[i] = 1;
        if (d < 0)
            continue;
        const tn_expr *tap = tn_add(p, tn_axis_var(p, c, 2 + d), tn_var_expr(p, c->reduce[1 + d].var));
        const tn_expr *shift = tn_sub(p, x->arg[2 + d], tap);
        if (shift->kind != TN_E_INT)
            return false;
        v->shift[i] = shift->i;
        v->extent[i] = c->axis[2 + d].extent->i;
        v->taps[i] = (int)c->reduce[1 + d].extent->i;
    }
    return v->taps[0] > 1 || v->taps[1] > 1;
}

static bool match(tn_program *p, const tn_comp *c, int lanes, conv *out)
{
    const tn_expr *e = c->elem;
    int lanes_out = block_of(c->out, lanes);
    if (c->call != NULL || c->schedule != NULL || c->repeat != NULL || c->serial || c->sums != 0 || lanes_out == 0
        || !has_axes(p, c, lanes_out) || c->out->dtype != TN_FLOAT || e->dtype != TN_FLOAT || e->kind != TN_E_OP
        || e->op != TN_OP_MUL || c->init->kind != TN_E_NUM || c->init->f != 0)
        return false;
    bool swap = e->arg[0]->kind == TN_E_LOAD && e->arg[0]->buf->scope == TN_SCOPE_CONST;
    *out = (conv){.comp = c, .x = e->arg[swap], .w = e->arg[!swap], .lanes_out = lanes_out};
    if (out->x->kind != TN_E_LOAD || out->w->kind != TN_E_LOAD || out->x->dtype != TN_FLOAT || out->w->dtype != TN_FLOAT
        || tn_comp_loads(c, c->out))
        return false;
    out->lanes_in = block_of(out->x->buf, lanes);
    if (out->lanes_in == 0)
        return false;
    out->c = c->reduce[0].extent->i;
    out->k = c->axis[1].extent->i;
    return match_weights(p, c, out->w) && match_pixels(p, out);
}

/* --- cost ------------------------------------------------------------------------------------------------------------- */

enum { MOST_TILES = 256 }; /* of a block */

/* How the tiles of an image are cut into blocks. */
typedef struct tiling {
    int form[2], m[2], a[2];
    int64_t rows, cols;             /* tiles of the image */
    int64_t block_rows, block_cols; /* tiles of a block */
    double cycles;
} tiling;

static int64_t divide_up(int64_t x, int64_t y)
{
    return (x + y - 1) / y;
}

/* Bytes that the core gets per cycle from its second-level cache, and from beyond. */
static const double near_bytes = 32, far_bytes = 10;

/* Multiply-adds that a core does in a cycle: two vectors, but no more than 16, since processors with wider ones split them
   or slow down. */
static double adds_per_cycle(int lanes)
{
    return lanes < 8 ? 2 * lanes : 16;
}

static double product_cycles(double points, int64_t c, int64_t k, int lanes)
{
    return points * (double)c * (double)(divide_up(k, lanes) * lanes) / adds_per_cycle(lanes);
}

static double direct_cycles(const conv *v)
{
    double taps = v->taps[0] * v->taps[1], weights = 4 * taps * (double)(v->c * v->k);
    return product_cycles(taps * (double)(v->extent[0] * v->extent[1]), v->c, v->k, v->lanes_out) + weights / far_bytes;
}

/* The product is a little slower than the direct form, in short loops; a transform takes about three cycles per vector of
   V or M. U is read in every turn, from far away unless it fits beside V and M, and so are V and M when they do not fit
   themselves. Fits what is measured on Zen 4 within a tenth, for all 3x3 layers of ResNet-50, cold. */
static double cost_of(const conv *v, const tiling *g, int64_t cache)
{
    int64_t points = g->a[0] * g->a[1], tiles = g->block_rows * g->block_cols;
    int64_t blocks = divide_up(g->rows, g->block_rows) * divide_up(g->cols, g->block_cols);
    int64_t in = divide_up(v->c, v->lanes_in), out = divide_up(v->k, v->lanes_out);
    double vectors = (double)(points * tiles * (in + out)), u_bytes = 4.0 * (double)(points * v->c * v->k);
    double vm_bytes = 4.0 * (double)(points * tiles * (in * v->lanes_in + out * v->lanes_out));
    bool stays = u_bytes + vm_bytes <= (double)cache;
    double turn = product_cycles((double)(points * tiles), v->c, v->k, v->lanes_out) * 1.1 + 3 * vectors;
    turn += vm_bytes > (double)cache * 0.75 ? 2 * vm_bytes / far_bytes : 0;
    turn += u_bytes / (stays ? near_bytes : far_bytes);
    return turn * (double)blocks + (stays ? u_bytes / far_bytes : 0);
}

static tiling best_blocks(const conv *v, const int form[2], int64_t cache)
{
    tiling best = {0};
    for (int i = 0; i < 2; i++) {
        best.form[i] = form[i];
        best.m[i] = forms[form[i]].m;
        best.a[i] = best.m[i] + v->taps[i] - 1;
    }
    best.rows = divide_up(v->extent[0], best.m[0]);
    best.cols = divide_up(v->extent[1], best.m[1]);
    for (int64_t by = divide_up(best.cols, MOST_TILES), next = 0; by <= best.cols; by = next) {
        tiling g = best;
        g.block_cols = divide_up(g.cols, by);
        next = g.block_cols > 1 ? divide_up(g.cols, g.block_cols - 1) : g.cols + 1; /* the next other block */
        int64_t most = by == 1 ? MOST_TILES / g.block_cols : 1;
        for (g.block_rows = 1; g.block_rows <= g.rows && g.block_rows <= most; g.block_rows++) {
            g.cycles = cost_of(v, &g, cache);
            if (best.cycles == 0 || g.cycles < best.cycles)
                best = g;
        }
    }
    return best;
}

/* Both dims in tiles of one m, but for a dim of one tap; tile: TN_PARAM_AUTO or that m. */
static bool fits(const conv *v, const int form[2], int64_t tile)
{
    int m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = forms[form[i]].m;
        if (forms[form[i]].taps != v->taps[i] || v->extent[i] < m[i]
            || (m[i] > 1 && tile != TN_PARAM_AUTO && tile != m[i]))
            return false;
    }
    return m[0] == m[1] || m[0] == 1 || m[1] == 1;
}

/* false: the direct form is faster. tile: TN_PARAM_AUTO whatever is fastest, else this m wherever it is possible. A form
   with more weights has to be faster by a sixth: they take memory, and the estimate is one. */
static bool choose(const conv *v, int64_t tile, int64_t cache, tiling *out)
{
    const double margin = 6.0 / 7;
    out->cycles = tile == TN_PARAM_AUTO ? direct_cycles(v) : 0;
    for (int i = 0; i < N_FORMS * N_FORMS; i++) {
        const int form[2] = {i / N_FORMS, i % N_FORMS};
        if (!fits(v, form, tile))
            continue;
        tiling g = best_blocks(v, form, cache);
        if (out->cycles == 0 || g.cycles < margin * out->cycles)
            *out = g;
    }
    return out->m[0] > 0;
}

/* --- the three computations --------------------------------------------------------------------------------------------- */

typedef struct rewriting {
    tn_program *p;
    const conv *v;
    tiling g;
    transform t[2];
    const tn_expr *image, *row, *col; /* of this turn: the image, the first tile's row and column */
    tn_buf *points_in, *points_out;   /* V, M */
} rewriting;

/* U[p, k, c], by row and column transform of the taps. */
static tn_buf *transform_weights(const rewriting *r)
{
    const conv *v = r->v;
    const transform *ty = &r->t[0], *tx = &r->t[1];
    int taps = ty->taps * tx->taps, points = ty->a * tx->a;
    const float *w = v->w->buf->data->data;
    int64_t dims[3] = {points, v->k, v->c};
    tn_shape shape = tn_shape_fixed(3, dims);
    tn_tensor *data = tn_tensor_make(r->p->arena, TN_FLOAT, &shape);
    float *u = data->data;
    for (int64_t at = 0; at < v->k * v->c; at++, w += taps)
        for (int i = 0; i < points; i++) {
            double sum = 0;
            for (int tap = 0; tap < taps; tap++)
                sum += ty->kernel[i / tx->a][tap / tx->taps] * tx->kernel[i % tx->a][tap % tx->taps] * (double)w[tap];
            u[i * v->k * v->c + at] = (float)sum;
        }
    tn_buf *b = tn_buf_temp(r->p, tn_strfmt(r->p->arena, "%s.points", v->w->buf->name), TN_FLOAT, 3, shape.dim);
    b->scope = TN_SCOPE_CONST;
    b->data = data;
    return b;
}

/* V and M: [channel / lanes, point, tile, lane]. An odd number of tiles keeps the points of one tile, which are written
   together, out of each other's cache sets. */
static tn_buf *points_buf(const rewriting *r, const char *what, int64_t channels, int lanes)
{
    int64_t tiles = r->g.block_rows * r->g.block_cols;
    tn_dim dims[3] = {tn_dim_fixed(r->g.a[0] * r->g.a[1]), tn_dim_fixed(channels),
                      tn_dim_fixed(tiles + (tiles % 2 == 0))};
    tn_buf *b = tn_buf_temp(r->p, tn_strfmt(r->p->arena, "%s.%s", r->v->comp->out->name, what), TN_FLOAT, 3, dims);
    b->layout = (tn_layout){.n = 4, .part = {{1, lanes, 0}, {0, 1, 0}, {2, 1, 0}, {1, 1, lanes}}};
    return b;
}

/* Where in the image the tile begins: whole, the last one too. */
static const tn_expr *first_pixel(const rewriting *r, int dim, const tn_expr *tile)
{
    const tn_expr *first = tn_add(r->p, dim == 0 ? r->row : r->col, tile);
    const tn_expr *begin = tn_mul(r->p, first, tn_index(r->p, r->g.m[dim]));
    return tn_min(r->p, begin, tn_index(r->p, r->v->extent[dim] - r->g.m[dim]));
}

static const char *label_of(const rewriting *r, const char *what)
{
    return tn_strfmt(r->p->arena, "%s, F(%dx%d) %s", r->v->comp->label, r->g.m[0], r->g.m[1], what);
}

static tn_comp *begin_comp(const rewriting *r, tn_buf *out, int64_t channels, const int side[2], const char *what)
{
    tn_dim dims[5] = {tn_dim_fixed(channels), tn_dim_fixed(r->g.block_rows), tn_dim_fixed(r->g.block_cols),
                      tn_dim_fixed(side[0]), tn_dim_fixed(side[1])};
    tn_comp *c = tn_comp_over(r->p, r->v->comp->node, out, 5, dims);
    c->label = label_of(r, what);
    return c;
}

/* A subscript for each dim of x and y; of rank 3 they have no rows. */
static void set_place(const rewriting *r, const tn_expr *channel, const tn_expr *y, const tn_expr *x,
                      const tn_expr **at)
{
    at[0] = r->image;
    at[1] = channel;
    at[2] = y;
    at[r->v->dims + 1] = x;
}

static const tn_expr *tile_of(const rewriting *r, const tn_comp *c)
{
    return tn_add(r->p, tn_mul(r->p, tn_axis_var(r->p, c, 1), tn_index(r->p, r->g.block_cols)),
                  tn_axis_var(r->p, c, 2));
}

static void add_input(const rewriting *r)
{
    tn_program *p = r->p;
    tn_comp *c = begin_comp(r, r->points_in, r->v->c, r->g.a, "input");
    const tn_expr *i = tn_axis_var(p, c, 3), *j = tn_axis_var(p, c, 4), *tile[MOST_A][MOST_A] = {{NULL}};
    const tn_expr *y = first_pixel(r, 0, tn_axis_var(p, c, 1)), *x = first_pixel(r, 1, tn_axis_var(p, c, 2));
    for (int u = 0; u < r->g.a[0]; u++)
        for (int w = 0; w < r->g.a[1]; w++) {
            const tn_expr *at[4];
            set_place(r, tn_axis_var(p, c, 0), tn_add(p, y, tn_index(p, u + r->v->shift[0])),
                      tn_add(p, x, tn_index(p, w + r->v->shift[1])), at);
            tile[u][w] = tn_load_raw(p, r->v->x->buf, r->v->x->n, at);
        }
    transform_tile(p, r->t, transform_in, tile);
    c->at[0] = tn_add(p, tn_mul(p, i, tn_index(p, r->g.a[1])), j);
    c->at[1] = tn_axis_var(p, c, 0);
    c->at[2] = tile_of(r, c);
    tn_comp_set(p, c, pick(p, tile, r->g.a[0], r->g.a[1], i, j));
}

static void add_product(const rewriting *r)
{
    tn_program *p = r->p;
    tn_dim dims[3] = {tn_dim_fixed(r->g.a[0] * r->g.a[1]), tn_dim_fixed(r->v->k),
                      tn_dim_fixed(r->g.block_rows * r->g.block_cols)};
    tn_comp *c = tn_comp_over(p, r->v->comp->node, r->points_out, 3, dims);
    c->label = label_of(r, "product");
    for (int i = 0; i < 3; i++)
        c->at[i] = tn_axis_var(p, c, i);
    const tn_expr *in = tn_reduce_over(p, c, tn_dim_fixed(r->v->c));
    const tn_expr *u = tn_load_raw(p, transform_weights(r), 3, (const tn_expr *[]){c->at[0], c->at[1], in});
    const tn_expr *v = tn_load_raw(p, r->points_in, 3, (const tn_expr *[]){c->at[0], in, c->at[2]});
    tn_comp_reduce(p, c, TN_OP_ADD, r->v->comp->init, tn_mul(p, v, u), NULL);
}

static void add_output(const rewriting *r)
{
    tn_program *p = r->p;
    const tn_comp *direct = r->v->comp;
    tn_comp *c = begin_comp(r, direct->out, r->v->k, r->g.m, "output");
    const tn_expr *i = tn_axis_var(p, c, 3), *j = tn_axis_var(p, c, 4), *tile[MOST_A][MOST_A] = {{NULL}};
    const tn_expr *axis[4];
    set_place(r, tn_axis_var(p, c, 0), tn_add(p, first_pixel(r, 0, tn_axis_var(p, c, 1)), i),
              tn_add(p, first_pixel(r, 1, tn_axis_var(p, c, 2)), j), axis);
    for (int d = 0; d < direct->n_axis; d++)
        c->at[d] = tn_substitute(p, direct->at[d], direct->axis[d].var, axis[d]);
    for (int u = 0; u < r->g.a[0]; u++)
        for (int w = 0; w < r->g.a[1]; w++)
            tile[u][w] = tn_load_raw(p, r->points_out, 3,
                                     (const tn_expr *[]){tn_index(p, u * r->g.a[1] + w), axis[1], tile_of(r, c)});
    transform_tile(p, r->t, transform_out, tile);
    const tn_expr *post = direct->post;
    for (int d = 0; d < direct->n_axis; d++)
        post = tn_substitute(p, post, direct->axis[d].var, axis[d]);
    tn_comp_set(p, c, tn_substitute(p, post, direct->acc, pick(p, tile, r->g.m[0], r->g.m[1], i, j)));
}

/* The first tile of this turn's block; the last block, too, is a whole one. */
static const tn_expr *begin_blocks(tn_program *p, int64_t tiles, int64_t block, int *depth)
{
    if (tiles <= block)
        return tn_index(p, 0);
    ++*depth;
    const tn_expr *turn = tn_repeat_begin(p, tn_index(p, divide_up(tiles, block)));
    return tn_min(p, tn_mul(p, turn, tn_index(p, block)), tn_index(p, tiles - block));
}

static void rewrite_conv(tn_program *p, const conv *v, const tiling *g)
{
    rewriting r = {.p = p, .v = v, .g = *g, .t = {make_transform(g->form[0]), make_transform(g->form[1])}};
    int depth = 0;
    r.image = tn_index(p, 0);
    if (v->comp->axis[0].var->hi > 0) {
        r.image = tn_repeat_begin(p, v->comp->axis[0].extent);
        depth++;
    }
    r.row = begin_blocks(p, g->rows, g->block_rows, &depth);
    r.col = begin_blocks(p, g->cols, g->block_cols, &depth);
    r.points_in = points_buf(&r, "v", v->c, v->lanes_in);
    r.points_out = points_buf(&r, "m", v->k, v->lanes_out);
    add_input(&r);
    add_product(&r);
    add_output(&r);
    while (depth-- > 0)
        tn_repeat_end(p);
}

bool tn_pass_winograd(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int lanes = m->target->lanes;
    int64_t tile = tn_param_get(m, "winograd.tile"), cache = tn_param_get(m, "winograd.cache");
    cache = cache == TN_PARAM_AUTO ? m->target->l2 : cache;
    tn_comp_vec before = p->comps;
    p->comps = (tn_comp_vec){0};
    for (size_t i = 0; i < before.n; i++) {
        conv v;
        tiling g = {0};
        bool rewrites = lanes > 1 && tile != 0 && match(p, before.items[i], lanes, &v) && choose(&v, tile, cache, &g);
        if (rewrites)
            rewrite_conv(p, &v, &g);
        else
            *TN_PUSH(p->arena, p->comps) = before.items[i];
        *changed = *changed || rewrites;
    }
    for (size_t i = 0; *changed && i < p->comps.n; i++)
        p->comps.items[i]->id = (int)i;
    return true;
}
