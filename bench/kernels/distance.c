// Edit distance: dynamic programming over two rows. n = 10
#include "kernel.h"
#define SIZE 1200
static u8 a[SIZE], b[SIZE];
static u32 row[2][SIZE + 1];

static u32 least(u32 x, u32 y) { return x < y ? x : y; }

u64 run(u32 n) {
  u32 seed = 55;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < SIZE; i++) a[i] = next_random(&seed) & 7, b[i] = next_random(&seed) & 7;
    for (u32 j = 0; j <= SIZE; j++) row[0][j] = j;
    for (u32 i = 1; i <= SIZE; i++) {
      const u32 *last = row[~i & 1];
      u32 *now = row[i & 1];
      now[0] = i;
      for (u32 j = 1; j <= SIZE; j++)
        now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
    }
    sum = mix(sum, row[SIZE & 1][SIZE]);
  }
  return sum;
}
