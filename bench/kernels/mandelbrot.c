// Escape times, f64, a loop of multiplications. n = 420
#include "kernel.h"

u64 run(u32 n) {
  u64 sum = 0;
  for (u32 py = 0; py < n; py++) {
    for (u32 px = 0; px < n; px++) {
      f64 cr = 3.0 * px / n - 2.25, ci = 3.0 * py / n - 1.5, zr = 0, zi = 0;
      u32 k = 0;
      while (k < 200 && zr * zr + zi * zi < 4.0) {
        f64 next = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = next;
        k++;
      }
      sum += k * (px + 3);
    }
  }
  return sum;
}
