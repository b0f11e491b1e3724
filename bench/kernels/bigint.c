// Product of long numbers, 32-bit limbs. n = 60
#include "kernel.h"
#define LIMBS 600
static u32 a[LIMBS], b[LIMBS], c[2 * LIMBS];

u64 run(u32 n) {
  u32 seed = 77;
  for (u32 i = 0; i < LIMBS; i++) a[i] = next_random(&seed), b[i] = next_random(&seed);
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < 2 * LIMBS; i++) c[i] = 0;
    for (u32 i = 0; i < LIMBS; i++) {
      u64 carry = 0;
      for (u32 j = 0; j < LIMBS; j++) {
        carry += (u64)a[i] * b[j] + c[i + j];
        c[i + j] = (u32)carry;
        carry >>= 32;
      }
      c[i + LIMBS] = (u32)carry;
    }
    sum = mix(sum, c[LIMBS]);
    a[t] ^= c[t];
  }
  return sum;
}
