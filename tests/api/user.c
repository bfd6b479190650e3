/* A program outside of Tenon's tree, built against what is installed (install.sh): compiles a model, runs it, and says
   how many numbers came out.

       user MODEL OUTPUT-FOLDER */
#include <stdio.h>
#include <string.h>
#include <tenon.h>

static int run_package(tn_ctx *ctx, const char *path)
{
    size_t n = 0;
    tn_runner *r = tn_runner_open(ctx, path);
    if (r == NULL || tn_runner_fill_inputs(r, "random", 1) != TN_OK || tn_runner_run(r) != TN_OK)
        return 1;
    const tn_array *result = tn_runner_result(r, &n);
    for (size_t i = 0; i < n; i++)
        printf("%s: %s, %lu bytes\n", result[i].name, tn_dtype_name(result[i].dtype), (unsigned long)result[i].bytes);
    return n == 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    tn_ctx *ctx = tn_ctx_open(NULL);
    tn_model *m = ctx != NULL && tn_ctx_set(ctx, "target", "generic") == TN_OK ? tn_model_load(ctx, argv[1]) : NULL;
    int status = m == NULL || tn_model_compile(m, argv[2]) != TN_OK || run_package(ctx, argv[2]) != 0;
    tn_ctx_close(ctx);
    return status;
}
