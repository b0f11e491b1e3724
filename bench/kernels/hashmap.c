// Hash map with linear probing, 64-bit keys: insertions, look-ups, deletions. n = 8
#include "kernel.h"
#define BITS 16
#define SIZE (1u << BITS)
static u64 key[SIZE];
static u32 value[SIZE];

static u32 slot(u64 k) {
  u32 i = (u32)(k * 0x9E3779B97F4A7C15ull >> (64 - BITS));
  while (key[i] && key[i] != k) i = (i + 1) & (SIZE - 1);
  return i;
}

u64 run(u32 n) {
  u64 sum = 0;
  u32 seed = 321;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < SIZE; i++) key[i] = 0;
    for (u32 i = 0; i < SIZE * 3 / 4; i++) {
      u64 k = (next_random(&seed) & 0xFFFF) * 0x100000001ull + 1;
      u32 at = slot(k);
      if (!key[at]) key[at] = k, value[at] = 0;
      value[at] += i;
    }
    for (u32 i = 0; i < SIZE; i++) {
      u32 at = slot(i * 0x100000001ull + 1);
      if (key[at]) sum = mix(sum, value[at]);
    }
  }
  return sum;
}
