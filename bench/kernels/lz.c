// Lempel-Ziv compression with a hash table, and decompression. n = 20
#include "kernel.h"
#define SIZE 200000
#define BITS 13
static u8 text[SIZE], packed[SIZE * 2], back[SIZE];
static u32 table[1 << BITS];

static NOINLINE u32 compress(u8 *out, const u8 *in, u32 size) {
  u32 at = 0, literal = 0, k = 0;
  for (u32 i = 0; i < 1 << BITS; i++) table[i] = 0;
  while (at + 4 < size) {
    u32 word = in[at] | in[at + 1] << 8 | in[at + 2] << 16 | (u32)in[at + 3] << 24;
    u32 hash = word * 2654435761u >> (32 - BITS), from = table[hash];
    table[hash] = at + 1;
    if (from == 0 || at - --from > 65535 || in[from] != in[at] || in[from + 1] != in[at + 1] ||
        in[from + 2] != in[at + 2]) {
      at++;
      if (at - literal < 255) continue;
      from = at;
    }
    u32 length = 0;
    while (from < at && at + length < size && length < 255 && in[from + length] == in[at + length])
      length++;
    out[k++] = at - literal;
    while (literal < at) out[k++] = in[literal++];
    out[k++] = length, out[k++] = at - from, out[k++] = (at - from) >> 8;
    at += length, literal = at;
  }
  return k;
}

static NOINLINE u32 decompress(u8 *out, const u8 *in, u32 size) {
  u32 k = 0;
  for (u32 at = 0; at < size;) {
    for (u32 literals = in[at++]; literals > 0; literals--) out[k++] = in[at++];
    u32 length = in[at], distance = in[at + 1] | in[at + 2] << 8;
    for (at += 3; length > 0; length--, k++) out[k] = out[k - distance];
  }
  return k;
}

u64 run(u32 n) {
  static const char words[8][8] = {"crane ", "wing ", "marsh ", "of the ",
                                   "flight ", "and ", "north ", "a "};
  u32 seed = 17, used = 0;
  while (used < SIZE - 8)
    for (const char *w = words[next_random(&seed) >> 3 & 7]; *w; w++) text[used++] = *w;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    text[t * 777] ^= t;
    u32 size = compress(packed, text, used), out = decompress(back, packed, size);
    u32 bad = 0;
    for (u32 i = 0; i < out; i++) bad += back[i] != text[i];
    sum = mix(sum, size + out * 7 + bad);
  }
  return sum;
}
