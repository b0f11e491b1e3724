// Matrix product, f64, the inner loop along a column. n = 3
#include "kernel.h"
#define SIZE 200
static f64 a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

u64 run(u32 n) {
  for (u32 i = 0; i < SIZE; i++)
    for (u32 j = 0; j < SIZE; j++) a[i][j] = (i * 7 + j) % 13, b[i][j] = (i + j * 5) % 11 - 3.5;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < SIZE; i++)
      for (u32 j = 0; j < SIZE; j++) {
        f64 s = 0;
        for (u32 k = 0; k < SIZE; k++) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    a[round % SIZE][3] = c[5][round % SIZE] * 0.001;
  }
  u64 sum = 0;
  for (u32 i = 0; i < SIZE; i++) sum = mix(sum, bits_of(c[i][i]));
  return sum;
}
