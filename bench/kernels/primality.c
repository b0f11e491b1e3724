// Fermat tests: powers modulo numbers below 2**32, by 64-bit remainders. n = 120000
#include "kernel.h"

static NOINLINE u32 power(u64 base, u32 exponent, u32 modulus) {
  u64 x = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) x = x * base % modulus;
    base = base * base % modulus;
  }
  return (u32)x;
}

u64 run(u32 n) {
  u32 count = 0, last = 0;
  for (u32 i = 0; i < n; i++) {
    u32 m = 4000000001u + 2 * i;
    if (power(2, m - 1, m) == 1) count++, last = m;
  }
  return (u64)count << 32 | last;
}
