// Heap sort of 64-bit numbers. n = 3
#include "kernel.h"
#define SIZE 100000
static u64 data[SIZE];

static void sift(u64 *a, u32 at, u32 size) {
  u64 x = a[at];
  for (;;) {
    u32 child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && a[child + 1] > a[child]) child++;
    if (a[child] <= x) break;
    a[at] = a[child];
    at = child;
  }
  a[at] = x;
}

u64 run(u32 n) {
  u32 seed = 7;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < SIZE; i++) data[i] = (u64)next_random(&seed) << 20 ^ i;
    for (u32 i = SIZE / 2; i-- > 0;) sift(data, i, SIZE);
    for (u32 end = SIZE - 1; end > 0; end--) {
      u64 top = data[0];
      data[0] = data[end];
      data[end] = top;
      sift(data, 0, end);
    }
    for (u32 i = 0; i < SIZE; i += 991) sum = mix(sum, data[i]);
  }
  return sum;
}
