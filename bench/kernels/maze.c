// Breadth-first search in a maze, with a queue. n = 25
#include "kernel.h"
#define SIDE 256
static u8 wall[SIDE * SIDE];
static u32 distance[SIDE * SIDE];
static u16 queue[SIDE * SIDE];

u64 run(u32 n) {
  static const i32 step[4] = {1, SIDE, -1, -SIDE};
  u32 seed = 2024;
  u64 sum = 0;
  for (u32 i = 0; i < SIDE * SIDE; i++) {
    u32 x = i % SIDE, y = i / SIDE;
    wall[i] = x == 0 || y == 0 || x == SIDE - 1 || y == SIDE - 1 || (next_random(&seed) & 3) == 0;
  }
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < SIDE * SIDE; i++) distance[i] = ~0u;
    u32 head = 0, tail = 0, start = SIDE * (100 + t) + 128;
    distance[start] = 0, queue[tail++] = start;
    while (head < tail) {
      u32 at = queue[head++];
      for (u32 k = 0; k < 4; k++) {
        u32 next = (u32)((i32)at + step[k]) & (SIDE * SIDE - 1);
        if (wall[next] || distance[next] != ~0u) continue;
        distance[next] = distance[at] + 1;
        queue[tail++] = next;
      }
    }
    sum = mix(sum, tail * 1000 + distance[queue[tail - 1]]);
  }
  return sum;
}
