
/* To the bit, but for those of NaN: 0 is not -0. */
static int @NAME@_test_same(float g, float w)
{
    return (g != g && w != w) || (g == w && (g < 0 || g > 0 || 1.0f / g == 1.0f / w));
}
