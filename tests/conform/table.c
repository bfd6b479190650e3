/* The table of `conform --markdown`. A vector counts for each operator that stands in its model's graph. */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "onnx/onnx.pb-c.h"

typedef struct row {
    const char *name;
    int vectors, passed;
} row;

typedef struct rows {
    row *items;
    size_t n, room;
} rows;

static void count(tn_arena *a, rows *r, const char *name, bool passed)
{
    size_t i = 0;
    while (i < r->n && strcmp(r->items[i].name, name) != 0)
        i++;
    if (i == r->n)
        *TN_PUSH(a, *r) = (row){tn_strdup(a, name), 0, 0};
    r->items[i].vectors++;
    r->items[i].passed += passed;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const row *)x)->name, ((const row *)y)->name);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ai.onnx.ml.Binarizer; of ONNX's own domain without it */
static const char *operator_of(tn_arena *a, const TnOnnx__NodeProto *n)
{
    bool own = n->domain == NULL || *n->domain == '\0' || strcmp(n->domain, "ai.onnx") == 0;
    return own ? n->op_type : tn_strfmt(a, "%s.%s", n->domain, n->op_type);
}

static bool count_operators(tn_arena *a, const vector *v, rows *out)
{
    size_t size = 0;
    tn_diag d = {0};
    const char *bytes = tn_read_file(a, &d, tn_strfmt(a, "%s/%s/model.onnx", v->folder, v->name), &size);
    TnOnnx__ModelProto *m = bytes != NULL ? tn_onnx__model_proto__unpack(NULL, size, (const uint8_t *)bytes) : NULL;
    rows seen = {0};
    for (size_t i = 0; m != NULL && m->graph != NULL && i < m->graph->n_node; i++)
        count(a, &seen, operator_of(a, m->graph->node[i]), v->passed);
    for (size_t i = 0; i < seen.n; i++)
        count(a, out, seen.items[i].name, v->passed);
    if (m != NULL)
        tn_onnx__model_proto__free_unpacked(m, NULL);
    return m != NULL;
}

static void print_rows(const char *head, const rows *r)
{
    printf("| %s | vectors | pass |\n|---|---|---|\n", head);
    for (size_t i = 0; i < r->n; i++)
        printf("| %s | %d | %d |\n", r->items[i].name, r->items[i].vectors, r->items[i].passed);
    printf("\n");
}

static void print_denied(const vector *v, int n)
{
    printf("| denied | reason |\n|---|---|\n");
    for (int i = 0; i < n; i++)
        if (v[i].denied)
            printf("| %s | %s |\n", v[i].name, v[i].reason);
    printf("\n");
}

static bool print_table(tn_arena *a, const vector *v, int n)
{
    rows sets = {0}, operators = {0};
    bool ok = true;
    for (int i = 0; i < n; i++) {
        count(a, &sets, last_part(v[i].folder), v[i].passed);
        ok = count_operators(a, &v[i], &operators) && ok;
    }
    qsort(operators.items, operators.n, sizeof *operators.items, by_name);
    print_rows("set", &sets);
    print_denied(v, n);
    print_rows("operator", &operators);
    return ok;
}

bool tn_table_print(const vector *v, int n)
{
    jmp_buf guard;
    tn_memory memory = {.guard = &guard};
    tn_arena arena = {.memory = &memory};
    if (setjmp(guard) != 0)
        return false;
    bool ok = print_table(&arena, v, n);
    tn_arena_free(&arena);
    return ok;
}
