// Spectral norm of a matrix of 1 / ((i + j)(i + j + 1) / 2 + i + 1). n = 20
#include "kernel.h"
#define SIZE 400
static f64 u[SIZE], v[SIZE], t[SIZE];

static f64 element(u32 i, u32 j) { return 1.0 / (f64)((i + j) * (i + j + 1) / 2 + i + 1); }

static NOINLINE void times(const f64 *in, f64 *out) {
  for (u32 i = 0; i < SIZE; i++) {
    f64 s = 0;
    for (u32 j = 0; j < SIZE; j++) s += element(i, j) * in[j];
    out[i] = s;
  }
}

static NOINLINE void times_transposed(const f64 *in, f64 *out) {
  for (u32 i = 0; i < SIZE; i++) {
    f64 s = 0;
    for (u32 j = 0; j < SIZE; j++) s += element(j, i) * in[j];
    out[i] = s;
  }
}

u64 run(u32 n) {
  for (u32 i = 0; i < SIZE; i++) u[i] = 1;
  for (u32 i = 0; i < n; i++) {
    times(u, t), times_transposed(t, v);
    times(v, t), times_transposed(t, u);
  }
  f64 uv = 0, vv = 0;
  for (u32 i = 0; i < SIZE; i++) uv += u[i] * v[i], vv += v[i] * v[i];
  return bits_of(__builtin_sqrt(uv / vv));
}
