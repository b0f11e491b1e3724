// Queens on a board, by recursion over bit masks. n = 13
#include "kernel.h"

static NOINLINE u32 place(u32 all, u32 columns, u32 left, u32 right) {
  u32 count = 0, free = all & ~(columns | left | right);
  if (columns == all) return 1;
  while (free) {
    u32 bit = free & -free;
    free ^= bit;
    count += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return count;
}

u64 run(u32 n) { return place((1u << n) - 1, 0, 0, 0); }
