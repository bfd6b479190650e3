/* See confusion.h. */
#include "cli/confusion.h"

#include "cli/text.h"
#include "cli/values.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_IN_MATRIX = 32, MOST_PAIRS = 10, MOST_CLASSES = 8192 };

/* Whether a file is numbers as text: digits and blanks only. Labels as bytes are hardly ever all of these. */
static bool is_text(const char *bytes, size_t n)
{
    bool digit = false;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (isdigit(byte))
            digit = true;
        else if (byte == 0 || strchr(" \t\r\n", byte) == NULL)
            return false;
    }
    return digit;
}

/* Gives how many numbers there are; stores the first most of them. */
static size_t parse_text(const char *text, size_t *out, size_t most)
{
    size_t n = 0;
    for (;;) {
        char *end;
        unsigned long x = strtoul(text, &end, 10);
        if (end == text)
            return n;
        if (n < most)
            out[n] = (size_t)x;
        n++;
        text = end;
    }
}

static int read_labels(cli *c, const char *path, cli_confusion *t)
{
    size_t size, n;
    char *bytes = cli_read_file(c, path, &size);
    if (bytes == NULL)
        return TN_ERR_FILE;
    if (is_text(bytes, size)) {
        n = parse_text(bytes, t->truth, t->rows);
    } else {
        n = size;
        for (size_t i = 0; i < size && i < t->rows; i++)
            t->truth[i] = (unsigned char)bytes[i];
    }
    if (n != t->rows)
        return cli_fail(c, TN_ERR_RUN, "%s: holds %zu labels; the output has %zu rows", path, n, t->rows);
    for (size_t i = 0; i < t->rows; i++)
        if (t->truth[i] >= t->classes)
            return cli_fail(c, TN_ERR_RUN, "%s: label %zu is %zu; the output has %zu classes", path, i, t->truth[i],
                            t->classes);
    return TN_OK;
}

int cli_read_confusion(cli *c, const char *path, const tn_array *scores, cli_confusion *out)
{
    cli_scores shape = cli_scores_of(scores);
    *out = (cli_confusion){.rows = shape.rows, .classes = shape.classes};
    if (!cli_has_numbers(scores) || shape.classes > MOST_CLASSES)
        return cli_fail(c, TN_ERR_RUN, "true labels need a first output of numbers with at most %d classes",
                        MOST_CLASSES);
    out->truth = cli_alloc(c, out->rows, sizeof *out->truth);
    out->guess = cli_alloc(c, out->rows, sizeof *out->guess);
    out->count = cli_alloc(c, out->classes * out->classes, sizeof *out->count);
    if (out->truth == NULL || out->guess == NULL || out->count == NULL)
        return TN_ERR_MEMORY;
    int status = read_labels(c, path, out);
    for (size_t i = 0; i < out->rows && status == TN_OK; i++) {
        out->guess[i] = cli_largest(scores, i, out->classes);
        out->count[out->truth[i] * out->classes + out->guess[i]]++;
        out->right += out->truth[i] == out->guess[i];
    }
    return status;
}

static void print_matrix(const cli_confusion *t)
{
    puts("confusion (rows: true class, columns: predicted class)");
    fputs("      ", stdout);
    for (size_t k = 0; k < t->classes; k++)
        printf(" %5zu", k);
    putchar('\n');
    for (size_t i = 0; i < t->classes; i++) {
        printf("%6zu", i);
        for (size_t k = 0; k < t->classes; k++)
            printf(" %5zu", t->count[i * t->classes + k]);
        putchar('\n');
    }
}

/* The place of the most frequent mistake that comes after `last` in the order of falling counts, then rising places;
   classes * classes when there is none. last is that size at the start. */
static size_t next_mistake(const cli_confusion *t, size_t last)
{
    size_t n = t->classes * t->classes, best = n;
    for (size_t i = 0; i < n; i++) {
        bool after = last == n || t->count[i] < t->count[last] || (t->count[i] == t->count[last] && i > last);
        bool mistake = t->count[i] > 0 && i / t->classes != i % t->classes;
        if (mistake && after && (best == n || t->count[i] > t->count[best]))
            best = i;
    }
    return best;
}

static void print_mistakes(const cli_confusion *t)
{
    size_t n = t->classes * t->classes, at = n;
    puts("most frequent mistakes (true class -> predicted class)");
    for (int i = 0; i < MOST_PAIRS; i++) {
        at = next_mistake(t, at);
        if (at == n)
            return;
        printf("  %zu -> %zu: %zu\n", at / t->classes, at % t->classes, t->count[at]);
    }
}

void cli_print_confusion(const cli_confusion *t)
{
    double share = t->rows > 0 ? 100.0 * (double)t->right / (double)t->rows : 0;
    printf("accuracy: %zu of %zu (%.2f %%)\n", t->right, t->rows, share);
    if (t->classes <= MOST_IN_MATRIX)
        print_matrix(t);
    else
        print_mistakes(t);
}

void cli_print_confusion_json(const cli_confusion *t)
{
    printf("\"rows\": %zu, \"right\": %zu, \"confusion\": [", t->rows, t->right);
    bool first = true;
    for (size_t i = 0; i < t->classes * t->classes; i++) {
        if (t->count[i] == 0)
            continue;
        printf("%s{\"true\": %zu, \"predicted\": %zu, \"count\": %zu}", first ? "" : ", ", i / t->classes,
               i % t->classes, t->count[i]);
        first = false;
    }
    putchar(']');
}
