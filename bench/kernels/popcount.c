// Bit counting: ones, leading and trailing zeros, by hand and by instruction. n = 8000000
#include "kernel.h"

u64 run(u32 n) {
  u64 sum = 0, x = 0x123456789ABCDEFull;
  for (u32 i = 0; i < n; i++) {
    x = x * 6364136223846793005ull + 1442695040888963407ull;
    u64 y = x;
    y = y - (y >> 1 & 0x5555555555555555ull);
    y = (y & 0x3333333333333333ull) + (y >> 2 & 0x3333333333333333ull);
    y = (y + (y >> 4)) & 0x0F0F0F0F0F0F0F0Full;
    sum += y * 0x0101010101010101ull >> 56;
    sum ^= (u64)__builtin_clzll(x | 1) << 8 | (u64)__builtin_ctzll(x | 1ull << 63) << 16;
    u32 k = (u32)x & 0xFFF;
    for (; k; k &= k - 1) sum++;
  }
  return sum;
}
