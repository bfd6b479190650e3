/* TVM's Model Library Format (its documentation, version 7): the package's files in its folders, and metadata.json.

       metadata.json  codegen/host/{src,include}/  parameters/  src/NAME.tg  and our report beside metadata.json

   TVM's date of export is left out, so that the archive is the same from run to run; what its metadata lacks (shapes,
   types, the plan) stands in NAME_report.json. */
#include "emit/frame.h"
#include "emit/names.h"
#include "include/tenon.h"

static const char *folder_of(const char *name)
{
    if (tn_ends_with(name, ".c"))
        return "codegen/host/src/";
    if (tn_ends_with(name, ".h"))
        return "codegen/host/include/";
    if (tn_ends_with(name, ".bin"))
        return "parameters/";
    return "";
}

static void print_io(const tn_unit *u, tn_str *s, const char *key, const tn_buf **bufs, size_t n)
{
    tn_str_add(s, "        \"%s\": {", key);
    for (size_t i = 0; i < n; i++)
        tn_str_add(s, "%s\n          %s: {\"dtype\": \"%s\", \"size\": %lld}", i > 0 ? "," : "",
                   tn_quote_json(u->arena, tn_io_model_name(bufs[i])), tn_dtype_get((int)bufs[i]->dtype)->name,
                   (long long)tn_io_bytes(bufs[i]));
    tn_str_add(s, "\n        }");
}

static const char *metadata(const tn_unit *u, size_t *size)
{
    tn_str s = {.arena = u->arena};
    int64_t io = 0;
    for (size_t i = 0; i < u->n_in + u->n_out; i++)
        io += tn_io_bytes(i < u->n_in ? u->input[i] : u->output[i - u->n_in]);
    tn_str_add(&s, "{\n  \"version\": 7,\n  \"modules\": {\n    \"%s\": {\n", u->name);
    tn_str_add(&s, "      \"model_name\": \"%s\",\n      \"generator\": \"tenon " TN_VERSION "\",\n", u->name);
    tn_str_add(&s, "      \"target\": [\"c -model=%s\"],\n      \"executors\": [\"aot\"],\n", u->target->name);
    tn_str_add(&s, "      \"style\": \"full-model\",\n      \"memory\": {\n        \"functions\": {\n");
    tn_str_add(&s,
               "          \"main\": [{\"device\": 1, \"workspace_size_bytes\": %lld, \"constants_size_bytes\": %lld, "
               "\"io_size_bytes\": %lld,\n",
               (long long)u->work_size, (long long)u->weights_size, (long long)io);
    print_io(u, &s, "inputs", u->input, u->n_in);
    tn_str_add(&s, ",\n");
    print_io(u, &s, "outputs", u->output, u->n_out);
    tn_str_add(&s, "}],\n          \"operator_functions\": [");
    for (size_t i = 0; i < u->n_layers; i++)
        tn_str_add(&s, "%s\n            {\"function_name\": \"%s\", \"label\": %s}", i > 0 ? "," : "",
                   u->layer[i].function, tn_quote_json(u->arena, u->layer[i].label));
    tn_str_add(&s, "\n          ]\n        }\n      },\n      \"report\": \"%s_report.json\"\n    }\n  }\n}\n",
               u->name);
    *size = s.len;
    return s.text;
}

void tn_emit_mlf(const tn_unit *u, const char *graph_text, tn_file_vec *files)
{
    size_t kept = 0; /* the build files speak of one folder */
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->items[i].name, "Makefile.inc") != 0 && strcmp(files->items[i].name, "CMakeLists.txt") != 0)
            files->items[kept++] = files->items[i];
    files->n = kept;
    for (size_t i = 0; i < files->n; i++)
        files->items[i].name = tn_strfmt(u->arena, "%s%s", folder_of(files->items[i].name), files->items[i].name);
    size_t size = 0;
    const char *text = metadata(u, &size);
    *TN_PUSH(u->arena, *files) = tn_file_of("metadata.json", text, size);
    *TN_PUSH(u->arena, *files) = tn_file_of(tn_strfmt(u->arena, "src/%s.tg", u->name), graph_text, strlen(graph_text));
}
