// Takeuchi's function: recursion with three arguments. n = 60
#include "kernel.h"

static NOINLINE i32 tak(i32 x, i32 y, i32 z) {
  return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

u64 run(u32 n) {
  u64 sum = 0;
  for (u32 i = 0; i < n; i++) sum = sum * 5 + (u32)tak(20 + (i32)(i & 3), 14, 8);
  return sum;
}
