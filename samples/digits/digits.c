/*
 * digits.c - classify the held-out handwritten digits with the network that
 * tenon compiled from digits.onnx (or digits_int8.onnx: the API is the same).
 *
 * usage: digits test_images.bin test_labels.bin
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "digits.h"

#define SIDE 8
#define PIXELS (SIDE * SIDE)
#define CLASSES 10
#define SHOWN 6

/* C99 has no alignas, so over-allocate and align by hand: this also holds
 * for alignments larger than any basic type asks for. */
static unsigned char work_store[DIGITS_WORK_SIZE + DIGITS_WORK_ALIGN];

static void *aligned_work(void)
{
    size_t offset = (size_t)work_store % (size_t)DIGITS_WORK_ALIGN;
    return work_store + (offset == 0 ? 0 : (size_t)DIGITS_WORK_ALIGN - offset);
}

/* Read a whole file; the caller frees the result. NULL on failure. */
static unsigned char *read_file(const char *path, size_t *size)
{
    unsigned char *data = NULL;
    long length = -1;
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        fprintf(stderr, "digits: cannot open %s\n", path);
        return NULL;
    }
    if (fseek(f, 0, SEEK_END) == 0) {
        length = ftell(f);
    }
    if (length > 0 && fseek(f, 0, SEEK_SET) == 0) {
        data = malloc((size_t)length);
        if (data != NULL && fread(data, 1, (size_t)length, f) != (size_t)length) {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    if (data == NULL) {
        fprintf(stderr, "digits: cannot read %s\n", path);
        return NULL;
    }
    *size = (size_t)length;
    return data;
}

/* Classify one image; -1 if the network refuses to run. */
static int classify(const unsigned char *pixels, void *work)
{
    float image[PIXELS];
    float logits[CLASSES];
    digits_io io;
    int i;
    int best = 0;

    /* The network was trained on 0..1, the data set counts 0..16. */
    for (i = 0; i < PIXELS; i++) {
        image[i] = (float)pixels[i] / 16.0f;
    }
    io.image = image;
    io.logits = logits;
    if (digits_run(&io, work, DIGITS_WORK_SIZE) != 0) {
        return -1;
    }
    for (i = 1; i < CLASSES; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return best;
}

/* Draw the images side by side, the answer beneath each. */
static void show(const unsigned char *images, const unsigned char *labels, const int *answers, size_t count)
{
    static const char shades[] = " .:-=+*#@";
    size_t n;
    int row;
    int col;

    for (row = 0; row < SIDE; row++) {
        for (n = 0; n < count; n++) {
            for (col = 0; col < SIDE; col++) {
                unsigned v = images[n * PIXELS + (size_t)(row * SIDE + col)];
                char c = shades[v > 16u ? 8u : v / 2u];
                /* Twice, as a terminal cell is about twice as tall as wide. */
                putchar(c);
                putchar(c);
            }
            fputs("  ", stdout);
        }
        putchar('\n');
    }
    for (n = 0; n < count; n++) {
        printf("       %d%-10s", answers[n], answers[n] == (int)labels[n] ? "" : " (wrong)");
    }
    fputs("\n\n", stdout);
}

int main(int argc, char **argv)
{
    unsigned char *images = NULL;
    unsigned char *labels = NULL;
    size_t image_bytes = 0;
    size_t count = 0;
    size_t right = 0;
    size_t i;
    int shown_answers[SHOWN] = {0};
    int status = EXIT_FAILURE;
    void *work = aligned_work();
    clock_t begin;
    double seconds;

    if (argc != 3) {
        fprintf(stderr, "usage: %s test_images.bin test_labels.bin\n", argc > 0 ? argv[0] : "digits");
        return EXIT_FAILURE;
    }
    images = read_file(argv[1], &image_bytes);
    labels = read_file(argv[2], &count);
    if (images == NULL || labels == NULL) {
        goto done;
    }
    if (image_bytes % PIXELS != 0 || image_bytes / PIXELS != count) {
        fprintf(stderr, "digits: the two files do not belong together\n");
        goto done;
    }

    begin = clock();
    for (i = 0; i < count; i++) {
        int answer = classify(images + i * PIXELS, work);
        if (answer < 0) {
            fprintf(stderr, "digits: digits_run failed on image %lu\n", (unsigned long)i);
            goto done;
        }
        if (i < SHOWN) {
            shown_answers[i] = answer;
        }
        if (answer == (int)labels[i]) {
            right++;
        }
    }
    seconds = (double)(clock() - begin) / (double)CLOCKS_PER_SEC;

    show(images, labels, shown_answers, count < SHOWN ? count : (size_t)SHOWN);
    printf("accuracy: %.1f %% (%lu of %lu)\n", 100.0 * (double)right / (double)count, (unsigned long)right,
           (unsigned long)count);
    printf("time:     %.2f us per image\n", seconds * 1e6 / (double)count);
    printf("RAM:      %lu bytes of workspace\n", (unsigned long)DIGITS_WORK_SIZE);
    printf("flash:    %lu bytes of weights\n", (unsigned long)DIGITS_WEIGHTS_SIZE);
    status = EXIT_SUCCESS;

done:
    free(images);
    free(labels);
    return status;
}
