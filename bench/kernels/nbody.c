// Five bodies, f64, square roots and divisions. n = 400000
#include "kernel.h"
typedef struct {
  f64 x, y, z, vx, vy, vz, mass;
} Body;
static Body bodies[5];

u64 run(u32 n) {
  for (u32 i = 0; i < 5; i++) {
    Body *b = &bodies[i];
    b->x = i * 1.5, b->y = 4.0 - i, b->z = i * 0.25 - 0.5;
    b->vx = 0.01 * i, b->vy = 0.3 - 0.05 * i, b->vz = 0.02;
    b->mass = i ? 0.01 * i : 39.0;
  }
  for (u32 step = 0; step < n; step++) {
    for (u32 i = 0; i < 5; i++) {
      Body *a = &bodies[i];
      for (u32 j = i + 1; j < 5; j++) {
        Body *b = &bodies[j];
        f64 dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
        f64 d2 = dx * dx + dy * dy + dz * dz + 0.01;
        f64 mag = 0.001 / (d2 * __builtin_sqrt(d2));
        a->vx -= dx * b->mass * mag, a->vy -= dy * b->mass * mag, a->vz -= dz * b->mass * mag;
        b->vx += dx * a->mass * mag, b->vy += dy * a->mass * mag, b->vz += dz * a->mass * mag;
      }
    }
    for (u32 i = 0; i < 5; i++) {
      Body *b = &bodies[i];
      b->x += 0.001 * b->vx, b->y += 0.001 * b->vy, b->z += 0.001 * b->vz;
    }
  }
  u64 sum = 0;
  for (u32 i = 0; i < 5; i++) sum = mix(sum, bits_of(bodies[i].x + bodies[i].vy));
  return sum;
}
