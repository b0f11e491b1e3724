// Game of life over bytes, wrapping at the edges. n = 40
#include "kernel.h"
#define SIDE 256
static u8 cells[2][SIDE * SIDE];

u64 run(u32 n) {
  u32 seed = 12345;
  for (u32 i = 0; i < SIDE * SIDE; i++) cells[0][i] = next_random(&seed) % 3 == 0;
  for (u32 t = 0; t < n; t++) {
    const u8 *in = cells[t & 1];
    u8 *out = cells[~t & 1];
    for (u32 y = 0; y < SIDE; y++) {
      const u8 *up = in + (y - 1) % SIDE * SIDE, *at = in + y * SIDE,
               *down = in + (y + 1) % SIDE * SIDE;
      for (u32 x = 0; x < SIDE; x++) {
        u32 l = (x - 1) % SIDE, r = (x + 1) % SIDE;
        u32 k = up[l] + up[x] + up[r] + at[l] + at[r] + down[l] + down[x] + down[r];
        out[y * SIDE + x] = k == 3 || (k == 2 && at[x]);
      }
    }
  }
  u64 sum = 0;
  for (u32 i = 0; i < SIDE * SIDE; i++) sum = mix(sum, cells[n & 1][i]);
  return sum;
}
