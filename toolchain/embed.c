/* Turns files into one C file that holds them as arrays (compiler/emit/embedded.h). Runs while Tenon is built.

       embed embedded.c templates/model.h runtime_min/tn_port.h ...

   A file is known by its folder and name, the last two parts of its path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "embed: cannot %s %s\n", what, path);
    exit(1);
}

static const char *last_two(const char *path)
{
    const char *s = path + strlen(path);
    for (int slashes = 0; s > path; s--) {
        slashes += s[-1] == '/';
        if (slashes == 2)
            break;
    }
    return s;
}

static long embed_file(FILE *out, const char *path, int i)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        fail("read", path);
    long size = 0;
    fprintf(out, "static const char file_%d[] = {", i);
    for (int c; (c = fgetc(in)) != EOF; size++)
        fprintf(out, "%s'\\x%02x',", size % 16 == 0 ? "\n    " : " ", (unsigned)c);
    fprintf(out, "\n    '\\0',\n};\n\n");
    if (ferror(in))
        fail("read", path);
    fclose(in);
    return size;
}

static int compare(const void *x, const void *y)
{
    return strcmp(last_two(*(char *const *)x), last_two(*(char *const *)y));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: embed OUTPUT FILE...\n");
        return 2;
    }
    FILE *out = fopen(argv[1], "w");
    long *size = calloc((size_t)argc, sizeof *size);
    if (out == NULL || size == NULL)
        fail("write", argv[1]);
    qsort(argv + 2, (size_t)argc - 2, sizeof *argv, compare);
    fprintf(out, "#include \"emit/embedded.h\"\n\n");
    for (int i = 2; i < argc; i++)
        size[i] = embed_file(out, argv[i], i);
    fprintf(out, "const tn_embedded tn_embedded_files[] = {\n");
    for (int i = 2; i < argc; i++)
        fprintf(out, "    {\"%s\", file_%d, %ld},\n", last_two(argv[i]), i, size[i]);
    fprintf(out, "    {NULL, NULL, 0},\n};\n");
    free(size);
    if (ferror(out) || fclose(out) != 0)
        fail("write", argv[1]);
    return 0;
}
