
static @NAME@_status @NAME@_check_@DTYPE@(const char *output, const @CTYPE@ *got, const @CTYPE@ *want, size_t n,
    size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        const @AS@ g = @LOAD@(got[i * stride]);
        const @AS@ w = @LOAD@(want[i]);
        if (!(@SAME@)) {
            @UPPER@_TEST_MISMATCH(output, (unsigned long)(i * stride), (double)g, (double)w);
            return @UPPER@_ERR_SELFTEST;
        }
    }
    return @UPPER@_OK;
}
