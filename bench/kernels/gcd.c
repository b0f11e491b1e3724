// Greatest common divisors by 32-bit remainders, signed and unsigned. n = 1500
#include "kernel.h"

static u32 gcd(u32 a, u32 b) {
  while (b) {
    u32 r = a % b;
    a = b;
    b = r;
  }
  return a;
}

u64 run(u32 n) {
  u64 sum = 0;
  i32 spread = 1;
  for (u32 i = 1; i <= n; i++)
    for (u32 j = i; j <= n; j += 3) {
      sum += gcd(i * 48271, j * 16807);
      spread = (i32)(spread * 31 + j) / (i32)i + (spread / 10) % 7;
    }
  return sum + (u32)spread;
}
