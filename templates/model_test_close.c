
/* Two NaN are alike, and so are two equal infinities. */
static int @NAME@_test_close(float g, float w, float rtol)
{
    const float d = g > w ? g - w : w - g, size = w < 0 ? -w : w;
    return g == w || (g != g && w != w) || (d <= @LEAST@ + rtol * size && d - d == 0);
}
