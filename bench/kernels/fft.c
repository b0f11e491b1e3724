// Fast Fourier transform, f64, in place. n = 200
#include "kernel.h"
#define BITS 12
#define SIZE (1u << BITS)
static f64 re[SIZE], im[SIZE], wr[SIZE / 2], wi[SIZE / 2];

static NOINLINE void transform(void) {
  for (u32 i = 0, j = 0; i < SIZE; i++) {
    if (i < j) {
      f64 t = re[i];
      re[i] = re[j], re[j] = t;
      t = im[i], im[i] = im[j], im[j] = t;
    }
    u32 bit = SIZE >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
  }
  for (u32 half = 1, stride = SIZE / 2; half < SIZE; half *= 2, stride /= 2)
    for (u32 base = 0; base < SIZE; base += 2 * half)
      for (u32 k = 0; k < half; k++) {
        u32 p = base + k, q = p + half;
        f64 c = wr[k * stride], s = wi[k * stride];
        f64 x = re[q] * c - im[q] * s, y = re[q] * s + im[q] * c;
        re[q] = re[p] - x, im[q] = im[p] - y;
        re[p] += x, im[p] += y;
      }
}

u64 run(u32 n) {
  f64 c = 1, s = 0, dc = 0.99999882345170188, ds = -0.0015339801862847655;  // of 2 pi / 4096
  for (u32 i = 0; i < SIZE / 2; i++) {
    wr[i] = c, wi[i] = s;
    f64 next = c * dc - s * ds;
    s = c * ds + s * dc, c = next;
  }
  for (u32 i = 0; i < SIZE; i++) re[i] = (f64)(i * 37 % 101), im[i] = 0;
  for (u32 t = 0; t < n; t++) {
    transform();
    for (u32 i = 0; i < SIZE; i++) re[i] *= 0.015625, im[i] *= 0.015625;
  }
  u64 sum = 0;
  for (u32 i = 0; i < SIZE; i += 31) sum = mix(sum, bits_of(re[i] + im[i]));
  return sum;
}
