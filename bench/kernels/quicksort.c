// Quicksort, recursive, of 32-bit numbers. n = 4
#include "kernel.h"
#define SIZE 100000
static u32 data[SIZE];

static NOINLINE void sort(u32 *a, i32 low, i32 high) {
  while (low < high) {
    u32 pivot = a[low + ((high - low) >> 1)];
    i32 i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        u32 t = a[i];
        a[i] = a[j];
        a[j] = t;
        i++, j--;
      }
    }
    sort(a, low, j);
    low = i;
  }
}

u64 run(u32 n) {
  u32 seed = 99;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < SIZE; i++) data[i] = next_random(&seed);
    sort(data, 0, SIZE - 1);
    for (u32 i = 0; i < SIZE; i += 997) sum = mix(sum, data[i]);
  }
  return sum;
}
