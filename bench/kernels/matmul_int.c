// Matrix product, i32, the inner loop along rows. n = 4
#include "kernel.h"
#define SIZE 200
static u32 a[SIZE * SIZE], b[SIZE * SIZE], c[SIZE * SIZE];

u64 run(u32 n) {
  for (u32 i = 0; i < SIZE * SIZE; i++) a[i] = i * 2654435761u >> 7, b[i] = i * 40503u + 5;
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < SIZE * SIZE; i++) c[i] = 0;
    for (u32 i = 0; i < SIZE; i++)
      for (u32 k = 0; k < SIZE; k++) {
        u32 x = a[i * SIZE + k];
        for (u32 j = 0; j < SIZE; j++) c[i * SIZE + j] += x * b[k * SIZE + j];
      }
    for (u32 i = 0; i < SIZE; i++) sum = mix(sum, c[i * SIZE + i]);
    a[round] ^= (u32)sum;
  }
  return sum;
}
