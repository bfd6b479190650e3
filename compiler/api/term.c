/* The value of a dim of a package: numbers, symbols and the terms of tn_dim_formula (emit/frame.h).

       sum     = product { ("+" | "-") product }
       product = factor { ("*" | "/") factor }         "/" rounds toward minus infinity
       factor  = number | symbol | "(" sum ")" | ("min" | "max") "(" sum "," sum ")"

   Numbers saturate at TN_DIM_MAX, as in ir/dim.c. */
#include "api/package.h"

enum { DEEPEST = 500 };

typedef struct reader {
    const tn_package *package;
    const int64_t *symbols;
    const char *at;
    int depth;
    bool failed;
} reader;

static int64_t read_sum(reader *r);

static int64_t clamp(int64_t x)
{
    return x > TN_DIM_MAX ? TN_DIM_MAX : x < -TN_DIM_MAX ? -TN_DIM_MAX : x;
}

static int64_t multiply(int64_t x, int64_t y)
{
    bool negative = (x < 0) != (y < 0);
    int64_t product = 0;
    if (!tn_mul_i64(x < 0 ? -x : x, y < 0 ? -y : y, &product))
        product = TN_DIM_MAX;
    return clamp(negative ? -product : product);
}

static int64_t divide(reader *r, int64_t x, int64_t y)
{
    r->failed = r->failed || y == 0;
    return y == 0 ? 0 : x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static bool take(reader *r, char c)
{
    while (*r->at == ' ')
        r->at++;
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void need(reader *r, char c)
{
    if (!take(r, c))
        r->failed = true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static int64_t read_number(reader *r)
{
    int64_t x = 0;
    for (; is_digit(*r->at); r->at++)
        x = clamp(x * 10 + (*r->at - '0'));
    return x;
}

static int64_t read_name(reader *r)
{
    const char *name = r->at;
    while (is_name(*r->at))
        r->at++;
    size_t n = (size_t)(r->at - name);
    bool smaller = n == 3 && memcmp(name, "min", n) == 0;
    if ((smaller || (n == 3 && memcmp(name, "max", n) == 0)) && take(r, '(')) {
        int64_t x = read_sum(r);
        need(r, ',');
        int64_t y = read_sum(r);
        need(r, ')');
        return (x < y) == smaller ? x : y;
    }
    for (size_t i = 0; i < r->package->n_symbols && n > 0; i++) {
        const char *known = r->package->symbol[i].c_name;
        if (strlen(known) == n && memcmp(known, name, n) == 0)
            return r->symbols[i];
    }
    r->failed = true;
    return 0;
}

static int64_t read_factor(reader *r)
{
    int64_t x = 0;
    r->failed = r->failed || r->depth >= DEEPEST;
    if (r->failed)
        return 0;
    r->depth++;
    if (take(r, '(')) {
        x = read_sum(r);
        need(r, ')');
    } else if (take(r, '-')) {
        x = -read_factor(r);
    } else {
        x = is_digit(*r->at) ? read_number(r) : read_name(r);
    }
    r->depth--;
    return x;
}

static int64_t read_product(reader *r)
{
    int64_t x = read_factor(r);
    while (!r->failed) {
        if (take(r, '*'))
            x = multiply(x, read_factor(r));
        else if (take(r, '/'))
            x = divide(r, x, read_factor(r));
        else
            break;
    }
    return x;
}

static int64_t read_sum(reader *r)
{
    int64_t x = read_product(r);
    while (!r->failed) {
        if (take(r, '+'))
            x = clamp(x + read_product(r));
        else if (take(r, '-'))
            x = clamp(x - read_product(r));
        else
            break;
    }
    return x;
}

bool tn_package_dim_value(const tn_package *p, const tn_package_dim *d, const int64_t *symbols, int64_t *out)
{
    *out = d->symbol >= 0 ? symbols[d->symbol] : d->max;
    if (d->term == NULL)
        return true;
    reader r = {.package = p, .symbols = symbols, .at = d->term};
    *out = read_sum(&r);
    return !r.failed && *r.at == '\0';
}
