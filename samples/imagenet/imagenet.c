/* imagenet.c: what is in this photo? Takes any image classifier (an ONNX model or a compiled package) and any photo.
 *
 *     imagenet MODEL PHOTO [options]        see usage() below
 *
 * The photo is scaled so that its shorter side has 256 pixels, the middle is cut out in the model's input size, each
 * channel becomes (pixel - mean) / std, and the five best classes are printed.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon.h"

#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>

enum { FLOAT = 1, UINT8 = 2, FLOAT16 = 10 }; /* element types, numbered as in tn_array */

typedef struct options {
    const char *model, *photo, *labels;
    float mean[3], std[3];          /* of red, green, blue, in pixel values 0..255 */
    int bgr, shorter, top, softmax; /* softmax: 1 yes, 0 no, -1 when the outputs are no probabilities yet */
} options;

/* The model's input: channels first (NCHW) or last (NHWC). */
typedef struct layout {
    int height, width, is_last;
} layout;

static void usage(FILE *to)
{
    fputs("usage: imagenet MODEL PHOTO [options]\n"
          "  --labels FILE     names of the classes, one a line\n"
          "  --top K           how many classes to print (5)\n"
          "  --mean R,G,B      subtracted, in pixel values (123.675,116.28,103.53)\n"
          "  --std R,G,B       divided by (58.395,57.12,57.375)\n"
          "  --bgr             blue comes first\n"
          "  --shorter N       pixels of the shorter side before the middle is cut out (256)\n"
          "  --softmax 0|1     whether to turn outputs into probabilities (when they are none)\n"
          "  --set NAME=VALUE  an option of tenon compile, such as input-shapes=\"x:[1,3,224,224]\"\n",
          to);
}

static int fail(const char *what, const char *name)
{
    fprintf(stderr, "imagenet: %s%s%s\n", what, name[0] != '\0' ? ": " : "", name);
    return 0;
}

/* --- the photo ---------------------------------------------------------------------------------------------------- */

/* The photo with its shorter side scaled, row by row, 3 bytes a pixel; the caller frees it. NULL after a message. */
static unsigned char *load_scaled(const options *o, int shorter, int *width, int *height)
{
    int w, h, channels;
    unsigned char *photo = stbi_load(o->photo, &w, &h, &channels, 3);
    if (photo == NULL) {
        fail(stbi_failure_reason(), o->photo);
        return NULL;
    }
    double scale = (double)shorter / (w < h ? w : h);
    *width = w < h ? shorter : (int)(w * scale + 0.5);
    *height = w < h ? (int)(h * scale + 0.5) : shorter;
    unsigned char *scaled = malloc((size_t)*width * (size_t)*height * 3);
    if (scaled == NULL
        || !stbir_resize_uint8_generic(photo, w, h, 0, scaled, *width, *height, 0, 3, STBIR_ALPHA_CHANNEL_NONE, 0,
                                       STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, NULL)) {
        fail("cannot be scaled", o->photo);
        free(scaled);
        scaled = NULL;
    }
    stbi_image_free(photo);
    return scaled;
}

/* The middle of the photo as the model's input, float[3,h,w] or float[h,w,3]; the caller frees it. */
static float *prepare(const options *o, const layout *l)
{
    int width, height, least = l->height > l->width ? l->height : l->width;
    unsigned char *photo = load_scaled(o, o->shorter > least ? o->shorter : least, &width, &height);
    float *input = photo != NULL ? malloc(sizeof *input * 3 * (size_t)l->height * (size_t)l->width) : NULL;
    for (int y = 0; input != NULL && y < l->height; y++)
        for (int x = 0; x < l->width; x++)
            for (int c = 0; c < 3; c++) {
                int from_y = (height - l->height) / 2 + y, from_x = (width - l->width) / 2 + x;
                float pixel = photo[((size_t)from_y * (size_t)width + (size_t)from_x) * 3 + (size_t)c];
                int to_c = o->bgr ? 2 - c : c;
                int to = l->is_last ? (y * l->width + x) * 3 + to_c : (to_c * l->height + y) * l->width + x;
                input[to] = (pixel - o->mean[c]) / o->std[c];
            }
    free(photo);
    return input;
}

/* --- 16-bit floats and bytes ---------------------------------------------------------------------------------------- */

/* IEEE binary16, ties to even; values here are small, but infinities come out right too. */
static uint16_t to_half(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x};
    uint32_t sign = v.u >> 16 & 0x8000u, magnitude = v.u & 0x7fffffffu;
    if (magnitude >= 0x47800000u) /* 65536 and more, infinity, NaN */
        return (uint16_t)(sign | (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u));
    if (magnitude < 0x38800000u) { /* below 2^-14: the spacing is 2^-24 */
        v.u = magnitude;
        return (uint16_t)(sign | (uint32_t)rintf(v.f * 16777216.0f));
    }
    uint32_t round = 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((magnitude + round - 0x38000000u) >> 13));
}

static float from_half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    float x = exponent == 31 ? (mantissa != 0 ? NAN : INFINITY)
            : exponent == 0  ? ldexpf((float)mantissa, -24)
                             : ldexpf((float)(mantissa + 1024), exponent - 25);
    return h >> 15 ? -x : x;
}

/* Converts in place: no element grows. */
static void convert_input(int dtype, float *x, size_t n)
{
    uint16_t *half = (void *)x;
    uint8_t *byte = (void *)x;
    for (size_t i = 0; i < n && dtype != FLOAT; i++) {
        float value;
        memcpy(&value, x + i, sizeof value);
        if (dtype == FLOAT16) {
            uint16_t h = to_half(value);
            memcpy(half + i, &h, sizeof h);
        } else {
            byte[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
        }
    }
}

static float get_output(const tn_array *a, size_t i)
{
    switch (a->dtype) {
    case FLOAT: return ((const float *)a->data)[i];
    case FLOAT16: return from_half(((const uint16_t *)a->data)[i]);
    default: return ((const uint8_t *)a->data)[i];
    }
}

/* --- the answer ----------------------------------------------------------------------------------------------------- */

typedef struct score {
    int class;
    float p;
} score;

static int by_falling_p(const void *a, const void *b)
{
    const score *x = a, *y = b;
    return x->p != y->p ? (x->p < y->p ? 1 : -1) : x->class - y->class;
}

static int are_probabilities(const score *s, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(s[i].p >= 0))
            return 0;
        sum += s[i].p;
    }
    return fabsf(sum - 1) < 0.01f;
}

static void softmax(score *s, size_t n)
{
    float max = s[0].p, sum = 0;
    for (size_t i = 1; i < n; i++)
        max = s[i].p > max ? s[i].p : max;
    for (size_t i = 0; i < n; i++)
        sum += s[i].p = expf(s[i].p - max);
    for (size_t i = 0; i < n; i++)
        s[i].p /= sum;
}

/* Line number `index` of the labels without its line end, "" when there is none. */
static void find_label(const char *path, int index, char *out, int room)
{
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    out[0] = '\0';
    for (int i = 0; f != NULL && i <= index; i++)
        if (fgets(out, room, f) == NULL)
            out[0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    if (f != NULL)
        fclose(f);
}

static int print_top(const options *o, const tn_array *a)
{
    size_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= (size_t)a->dim[i];
    score *s = malloc(sizeof *s * n);
    if (s == NULL || n == 0) {
        free(s);
        return fail("out of memory, or a model without classes", o->model);
    }
    for (size_t i = 0; i < n; i++)
        s[i] = (score){(int)i, get_output(a, i)};
    if (o->softmax == 1 || (o->softmax == -1 && !are_probabilities(s, n)))
        softmax(s, n);
    qsort(s, n, sizeof *s, by_falling_p);
    for (size_t i = 0; i < n && i < (size_t)o->top; i++) {
        char label[256];
        find_label(o->labels, s[i].class, label, (int)sizeof label);
        if (label[0] == '\0')
            snprintf(label, sizeof label, "%d", s[i].class);
        printf("class='%s' with probability=%f\n", label, (double)s[i].p);
    }
    free(s);
    return 1;
}

/* --- the model ------------------------------------------------------------------------------------------------------ */

/* Symbolic dims (-N: at most N) are taken as 1, a batch. */
static int read_layout(const tn_array *input, layout *l, tn_array *fed)
{
    *fed = *input;
    for (int i = 0; i < fed->rank; i++)
        if (fed->dim[i] < 0)
            fed->dim[i] = 1;
    if (fed->rank != 4 || fed->dim[0] != 1 || (fed->dim[1] != 3 && fed->dim[3] != 3))
        return fail("the model's first input is no single colour image", input->name);
    if (fed->dtype != FLOAT && fed->dtype != FLOAT16 && fed->dtype != UINT8)
        return fail("the model's first input is neither float, float16 nor uint8", input->name);
    l->is_last = fed->dim[1] != 3;
    l->height = (int)fed->dim[l->is_last ? 1 : 2];
    l->width = (int)fed->dim[l->is_last ? 2 : 3];
    return 1;
}

static int classify(const options *o, tn_runner *r)
{
    const tn_array *inputs, *outputs;
    tn_array fed;
    layout l;
    size_t n_out, n_in = tn_runner_inputs(r, &inputs);
    if (n_in != 1)
        return fail("the model does not have exactly one input", o->model);
    if (!read_layout(&inputs[0], &l, &fed))
        return 0;
    float *image = prepare(o, &l);
    if (image == NULL)
        return 0;
    size_t count = 3 * (size_t)l.height * (size_t)l.width;
    convert_input(fed.dtype, image, count);
    fed.data = image;
    fed.bytes = count * (fed.dtype == FLOAT ? 4u : fed.dtype == FLOAT16 ? 2u : 1u);
    int ok = tn_runner_set_inputs(r, &fed, 1) == TN_OK && tn_runner_run(r) == TN_OK;
    free(image);
    if (!ok)
        return 0; /* tenon has said why */
    outputs = tn_runner_result(r, &n_out);
    if (n_out == 0 || (outputs[0].dtype != FLOAT && outputs[0].dtype != FLOAT16 && outputs[0].dtype != UINT8))
        return fail("the model's first output is neither float, float16 nor uint8", o->model);
    return print_top(o, &outputs[0]);
}

/* --- the command line ----------------------------------------------------------------------------------------------- */

static int read_three(const char *text, float *out)
{
    return sscanf(text, "%f,%f,%f", &out[0], &out[1], &out[2]) == 3;
}

static int set_option(tn_ctx *ctx, const char *text)
{
    char name[64];
    size_t n = strcspn(text, "=");
    if (text[n] != '=' || n >= sizeof name)
        return 0;
    memcpy(name, text, n);
    name[n] = '\0';
    return tn_ctx_set(ctx, name, text + n + 1) == TN_OK;
}

static int read_option(options *o, tn_ctx *ctx, const char *name, const char *value)
{
    if (strcmp(name, "--labels") == 0)
        return (o->labels = value) != NULL;
    if (strcmp(name, "--top") == 0)
        return (o->top = atoi(value)) > 0;
    if (strcmp(name, "--mean") == 0)
        return read_three(value, o->mean);
    if (strcmp(name, "--std") == 0)
        return read_three(value, o->std) && o->std[0] != 0 && o->std[1] != 0 && o->std[2] != 0;
    if (strcmp(name, "--shorter") == 0)
        return (o->shorter = atoi(value)) > 0;
    if (strcmp(name, "--softmax") == 0)
        return (o->softmax = atoi(value)) == 0 || o->softmax == 1;
    return strcmp(name, "--set") == 0 && set_option(ctx, value);
}

static int read_options(options *o, tn_ctx *ctx, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bgr") == 0)
            o->bgr = 1;
        else if (argv[i][0] == '-' && (i + 1 == argc || !read_option(o, ctx, argv[i], argv[i + 1])))
            return fail("wrong option or value", argv[i]);
        else if (argv[i][0] == '-')
            i++;
        else if (o->model == NULL)
            o->model = argv[i];
        else if (o->photo == NULL)
            o->photo = argv[i];
        else
            return fail("unexpected argument", argv[i]);
    }
    return o->photo != NULL;
}

int main(int argc, char **argv)
{
    options o = {.mean = {123.675f, 116.28f, 103.53f}, .std = {58.395f, 57.12f, 57.375f}};
    tn_ctx *ctx = tn_ctx_open(NULL);
    int ok = 0;
    o.shorter = 256;
    o.top = 5;
    o.softmax = -1;
    if (ctx == NULL || !read_options(&o, ctx, argc, argv)) {
        usage(stderr);
        tn_ctx_close(ctx);
        return TN_ERR_USAGE;
    }
    tn_runner *r = tn_runner_open(ctx, o.model); /* compiles and builds a model file for this machine */
    if (r != NULL)
        ok = classify(&o, r);
    tn_ctx_close(ctx);
    return ok ? 0 : 1;
}
