// Calls through a table of functions. n = 5000000
#include "kernel.h"
static NOINLINE u32 add(u32 x, u32 y) { return x + y; }
static NOINLINE u32 sub(u32 x, u32 y) { return x - y * 3; }
static NOINLINE u32 both(u32 x, u32 y) { return (x & y) + 77; }
static NOINLINE u32 turn(u32 x, u32 y) { return (x << 5 | x >> 27) ^ y; }
static u32 (*volatile table[4])(u32, u32) = {add, sub, both, turn};

u64 run(u32 n) {
  u32 x = 1;
  for (u32 i = 0; i < n; i++) x = table[(x ^ i) & 3](x, i);
  return x;
}
