/* Floating point and long integers as text, in which a wrong bit shows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    uint64_t seed = 88172645463325252ull;
    double sum = 0;
    for (int i = 0; i < 2000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double x = (double)(int64_t)seed / 1e12, y = (float)x / (1 + i);
        sum += sin(x) * exp(-fabs(y) / 1e6) + sqrt(fabs(x)) + fmod(x, 1.75) + floor(y) - ceil(y);
        if (i % 200 == 0) {
            char text[60];
            snprintf(text, sizeof text, "%.17g", x);
            printf("%s %a %.3f %e %g %d\n", text, y, y, x, pow(fabs(x), 0.3), strtod(text, NULL) == x);
            printf("%" PRIu64 " %" PRId64 " %" PRIx64 "\n", seed / (i + 3), (int64_t)seed % 1000003, seed * seed);
        }
    }
    long double wide = (long double)sum * 3 / 7;
    printf("%.17g %.17g %.17g\n", sum, log(fabs(sum)), (double)(wide * wide));
    return 0;
}
