/* app.c: what a firmware does with a compiled model. It includes one header, owns one static workspace, fills the
 * input, runs, reads the output. No heap, no files, no threads; printf stands for whatever the board talks through.
 *
 * The Makefile beside this file has tenon turn digits.onnx into digits.h and digits.c, and links them to this.
 */
#include <stdint.h>
#include <stdio.h>

#include "digits.h"

/* What a sensor would deliver: image 0 of ../digits/test_images.bin, 8 rows of 8 pixels, 0 (paper) to 16 (ink). */
static const uint8_t picture[DIGITS_INPUT_0_COUNT] = {
    0, 0, 0,  10, 13, 1, 0, 0, 0, 1, 11, 12, 7,  0,  0, 0, 0, 2, 16, 12, 0, 0,  0,  0, 0, 4, 16, 11, 0,  0,  0, 0,
    0, 4, 16, 15, 8,  4, 0, 0, 0, 4, 16, 16, 13, 16, 6, 0, 0, 0, 7,  16, 7, 13, 14, 0, 0, 0, 0,  7,  15, 15, 5, 0,
};
static const int label = 6; /* byte 0 of ../digits/test_labels.bin */

/* The model's scratch memory: in RAM, of the size that the header states, and room to align it. It may be shared with
 * anything that does not run at the same time. */
static unsigned char room[DIGITS_WORK_SIZE + DIGITS_WORK_ALIGN];

static float image[DIGITS_INPUT_0_COUNT];
static float logits[DIGITS_OUTPUT_0_COUNT];

static int find_largest(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

int main(void)
{
    unsigned char *work = room + (DIGITS_WORK_ALIGN - (uintptr_t)room % DIGITS_WORK_ALIGN) % DIGITS_WORK_ALIGN;
    digits_io io;
    digits_status status;
    int digit;

    for (int i = 0; i < DIGITS_INPUT_0_COUNT; i++)
        image[i] = (float)picture[i] / 16.0f; /* the network was trained on 0..1 */

    io.image = image;
    io.logits = logits;
    status = digits_run(&io, work, DIGITS_WORK_SIZE);
    if (status != DIGITS_OK) {
        printf("digits_run failed: status %d\n", (int)status);
        return 1;
    }

    digit = find_largest(logits, DIGITS_OUTPUT_0_COUNT);
    printf("this is a %d (%s)\n", digit, digit == label ? "right" : "wrong");
    return digit == label ? 0 : 1;
}
