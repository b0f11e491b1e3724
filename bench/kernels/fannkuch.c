// Pancake flips over all permutations of 9. n = 2
#include "kernel.h"

static NOINLINE u32 fannkuch(u32 size) {
  u32 perm[16], first[16], count[16], flips_max = 0, sum = 0, r = size, parity = 0;
  for (u32 i = 0; i < size; i++) first[i] = i;
  for (;;) {
    for (; r != 1; r--) count[r - 1] = r;
    for (u32 i = 0; i < size; i++) perm[i] = first[i];
    u32 flips = 0, k;
    while ((k = perm[0]) != 0) {
      for (u32 i = 0, j = k; i < j; i++, j--) {
        u32 t = perm[i];
        perm[i] = perm[j];
        perm[j] = t;
      }
      flips++;
    }
    if (flips > flips_max) flips_max = flips;
    sum += parity ? -flips : flips;
    parity ^= 1;
    for (;; r++) {
      if (r == size) return sum * 64 + flips_max;
      u32 head = first[0];
      for (u32 i = 0; i < r; i++) first[i] = first[i + 1];
      first[r] = head;
      if (--count[r] > 0) break;
    }
  }
}

u64 run(u32 n) {
  u64 sum = 0;
  for (u32 i = 0; i < n; i++) sum = mix(sum, fannkuch(9 - (i & 1)));
  return sum;
}
