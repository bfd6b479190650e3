#ifndef @UPPER@_TEST_NO_MAIN
int main(void)
{
    static unsigned char room[@UPPER@_WORK_SIZE + @UPPER@_WORK_ALIGN];
    const size_t skip = (size_t)((@UPPER@_WORK_ALIGN - (uintptr_t)room % @UPPER@_WORK_ALIGN) % @UPPER@_WORK_ALIGN);
@OPEN_POOL@
    const @NAME@_status status = @NAME@_selftest(room + skip, @UPPER@_WORK_SIZE@THREADS_ARG@);
@CLOSE_POOL@
    if (status == @UPPER@_OK)
        (void)printf("@NAME@: self-test passed\n");
    else
        (void)printf("@NAME@: self-test failed: status %d\n", (int)status);
    return status == @UPPER@_OK ? 0 : 1;
}
#endif
