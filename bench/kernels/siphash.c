// SipHash-2-4 of short messages: 64-bit additions, rotations, exclusive ors. n = 900000
#include "kernel.h"
#define ROTATE(x, k) ((x) << (k) | (x) >> (64 - (k)))
#define ROUND                                                                      \
  v0 += v1, v1 = ROTATE(v1, 13) ^ v0, v0 = ROTATE(v0, 32), v2 += v3, v3 = ROTATE(v3, 16) ^ v2, \
  v0 += v3, v3 = ROTATE(v3, 21) ^ v0, v2 += v1, v1 = ROTATE(v1, 17) ^ v2, v2 = ROTATE(v2, 32)

static NOINLINE u64 siphash(const u64 *words, u32 count, u64 k0, u64 k1) {
  u64 v0 = k0 ^ 0x736f6d6570736575ull, v1 = k1 ^ 0x646f72616e646f6dull;
  u64 v2 = k0 ^ 0x6c7967656e657261ull, v3 = k1 ^ 0x7465646279746573ull;
  for (u32 i = 0; i < count; i++) {
    v3 ^= words[i];
    ROUND;
    ROUND;
    v0 ^= words[i];
  }
  v3 ^= (u64)count << 59;
  ROUND;
  ROUND;
  v0 ^= (u64)count << 59;
  v2 ^= 255;
  ROUND;
  ROUND;
  ROUND;
  ROUND;
  return v0 ^ v1 ^ v2 ^ v3;
}

u64 run(u32 n) {
  u64 words[8] = {1, 2, 3, 4, 5, 6, 7, 8}, sum = 0;
  for (u32 i = 0; i < n; i++) {
    sum ^= siphash(words, i & 7, sum, i);
    words[i & 7] = sum;
  }
  return sum;
}
