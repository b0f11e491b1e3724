// Five-point stencil, f32. n = 60
#include "kernel.h"
#define W 512
#define H 300
static f32 grid[2][H][W];

u64 run(u32 n) {
  for (u32 y = 0; y < H; y++)
    for (u32 x = 0; x < W; x++) grid[0][y][x] = grid[1][y][x] = (f32)((x * y) % 17);
  for (u32 t = 0; t < n; t++) {
    f32(*in)[W] = grid[t & 1], (*out)[W] = grid[~t & 1];
    for (u32 y = 1; y < H - 1; y++)
      for (u32 x = 1; x < W - 1; x++)
        out[y][x] = 0.5f * in[y][x] +
                    0.125f * (in[y][x - 1] + in[y][x + 1] + in[y - 1][x] + in[y + 1][x]);
  }
  u64 sum = 0;
  for (u32 y = 0; y < H; y++) sum = mix(sum, bits_of(grid[n & 1][y][y]));
  return sum;
}
