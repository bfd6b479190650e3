
static int @NAME@_test_close_double(double g, double w)
{
    const double d = g > w ? g - w : w - g, size = w < 0 ? -w : w;
    return g == w || (g != g && w != w) || (d <= 1e-4 + 1e-3 * size && d - d == 0);
}
