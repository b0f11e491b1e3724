// Sieve of Eratosthenes over bytes. n = 20
#include "kernel.h"
#define SIZE 400000
static u8 composite[SIZE];

u64 run(u32 n) {
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < SIZE; i++) composite[i] = 0;
    u32 count = 0, limit = SIZE - round;
    for (u32 i = 2; i < limit; i++) {
      if (composite[i]) continue;
      count++;
      for (u32 k = i + i; k < limit; k += i) composite[k] = 1;
    }
    sum = mix(sum, count);
  }
  return sum;
}
