/* Turns files into one C file that holds them as an array (compiler/base/embedded.h). Runs while Tenon is built.

       embed embedded.c tn_embedded_files templates/model.h runtime_min/tn_port.h ...

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

/* A name stands before those that it begins: a dot counts as less than any letter. */
static int compare(const void *x, const void *y)
{
    const char *a = last_two(*(char *const *)x), *b = last_two(*(char *const *)y);
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (*a == '.' ? 1 : (unsigned char)*a) - (*b == '.' ? 1 : (unsigned char)*b);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: embed OUTPUT ARRAY FILE...\n");
        return 2;
    }
    FILE *out = fopen(argv[1], "w");
    long *size = calloc((size_t)argc, sizeof *size);
    if (out == NULL || size == NULL)
        fail("write", argv[1]);
    qsort(argv + 3, (size_t)argc - 3, sizeof *argv, compare);
    fprintf(out, "#include \"base/embedded.h\"\n\n");
    for (int i = 3; i < argc; i++)
        size[i] = embed_file(out, argv[i], i);
    fprintf(out, "const tn_embedded %s[] = {\n", argv[2]);
    for (int i = 3; i < argc; i++)
        fprintf(out, "    {\"%s\", file_%d, %ld},\n", last_two(argv[i]), i, size[i]);
    fprintf(out, "    {NULL, NULL, 0},\n};\n");
    free(size);
    if (ferror(out) || fclose(out) != 0)
        fail("write", argv[1]);
    return 0;
}
