// Longest Collatz chain, 64-bit. n = 150000
#include "kernel.h"

u64 run(u32 n) {
  u32 best = 0, at = 0;
  for (u32 i = 1; i < n; i++) {
    u32 steps = 0;
    for (u64 x = i; x != 1; steps++) x = x & 1 ? x * 3 + 1 : x >> 1;
    if (steps > best) best = steps, at = i;
  }
  return (u64)best << 32 | at;
}
