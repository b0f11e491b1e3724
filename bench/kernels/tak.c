// Takeuchi's function: recursion with three arguments. n = 24
#include "kernel.h"

static NOINLINE i32 tak(i32 x, i32 y, i32 z) {
  return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

u64 run(u32 n) { return (u32)tak((i32)n, 15, 8); }
