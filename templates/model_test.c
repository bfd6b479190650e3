/* @NAME@_test.c: runs the model on a fixed input and compares with what the compiler's reference computed.
 *
@BANNER_C@
 *
 * On its own it is a program. In firmware define @UPPER@_TEST_NO_MAIN, which leaves out main and stdio, and call
 * @NAME@_selftest; @UPPER@_TEST_MISMATCH may be defined to see what differs.
 * Floats may differ by 1e-4 + 1e-3 of the value (16-bit floats by more), 8-bit integers by 1, others not at all.
 */
#include "@NAME@.h"
@NEED_CODECS@
#include "tn_port.h"

#ifndef @UPPER@_TEST_NO_MAIN
#include <stdio.h>
#ifndef @UPPER@_TEST_MISMATCH
#define @UPPER@_TEST_MISMATCH(output, i, got, want) \
    ((void)printf("@NAME@: output %s: element %lu is %.9g, expected %.9g\n", output, i, got, want))
#endif
#endif
#ifndef @UPPER@_TEST_MISMATCH
#define @UPPER@_TEST_MISMATCH(output, i, got, want) ((void)(output), (void)(i), (void)(got), (void)(want))
#endif

@BUFFERS@
@GOLDEN@
@CLOSE@
@CHECKS@

@NAME@_status @NAME@_selftest(@WEIGHTS_PARAM@void *work, size_t work_size@THREADS_PARAM@)
{
    @NAME@_status status;
    @NAME@_io io;
@FILL@
    status = @NAME@_run(&io, @WEIGHTS_ARG@work, work_size@THREADS_ARG@);
@CHECK@
    return status;
}

@MAIN@
