// Base64, encoding and decoding. n = 24
#include "kernel.h"
#define SIZE 300000
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static u8 value[256], data[SIZE], text[SIZE / 3 * 4];

static NOINLINE u32 encode(u8 *out, const u8 *in, u32 size) {
  u32 k = 0;
  for (u32 i = 0; i + 2 < size; i += 3) {
    u32 x = in[i] << 16 | in[i + 1] << 8 | in[i + 2];
    out[k++] = digits[x >> 18], out[k++] = digits[x >> 12 & 63];
    out[k++] = digits[x >> 6 & 63], out[k++] = digits[x & 63];
  }
  return k;
}

static NOINLINE u32 decode(u8 *out, const u8 *in, u32 size) {
  u32 k = 0;
  for (u32 i = 0; i < size; i += 4) {
    u32 x = value[in[i]] << 18 | value[in[i + 1]] << 12 | value[in[i + 2]] << 6 | value[in[i + 3]];
    out[k++] = x >> 16, out[k++] = x >> 8, out[k++] = x;
  }
  return k;
}

u64 run(u32 n) {
  for (u32 i = 0; i < 64; i++) value[(u8)digits[i]] = i;
  for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * 7 ^ i >> 5);
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    u32 size = encode(text, data, SIZE);
    sum = mix(sum, size + text[t * 1001]);
    sum = mix(sum, decode(data, text, size) + data[t * 999]);
    data[t]++;
  }
  return sum;
}
