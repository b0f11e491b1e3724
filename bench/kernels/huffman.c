// Huffman codes from frequencies by a heap, and packing of bits. n = 50
#include "kernel.h"
#define SIZE 100000
static u8 text[SIZE];
static u32 weight[512], parent[512], heap[512], code_of[256], length_of[256];
static u32 packed[SIZE];

static void sink(u32 at, u32 size) {
  for (u32 child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && weight[heap[child + 1]] < weight[heap[child]]) child++;
    if (weight[heap[at]] <= weight[heap[child]]) break;
    u32 t = heap[at];
    heap[at] = heap[child], heap[child] = t;
  }
}

static NOINLINE u32 codes(void) {
  u32 size = 0, next = 256;
  for (u32 i = 0; i < 256; i++) weight[i] = 0;
  for (u32 i = 0; i < SIZE; i++) weight[text[i]]++;
  for (u32 i = 0; i < 256; i++)
    if (weight[i]) heap[size++] = i;
  for (u32 i = size / 2; i-- > 0;) sink(i, size);
  while (size > 1) {
    u32 a = heap[0];
    heap[0] = heap[--size];
    sink(0, size);
    u32 b = heap[0];
    weight[next] = weight[a] + weight[b];
    parent[a] = next * 2, parent[b] = next * 2 + 1;
    heap[0] = next++;
    sink(0, size);
  }
  return next - 1;
}

u64 run(u32 n) {
  u32 seed = 3;
  for (u32 i = 0; i < SIZE; i++) text[i] = next_random(&seed) & next_random(&seed);
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    text[t] = t;
    u32 root = codes();
    for (u32 i = 0; i < 256; i++) {
      code_of[i] = length_of[i] = 0;
      if (weight[i])
        for (u32 at = i; at != root; at = parent[at] / 2)
          code_of[i] |= (parent[at] & 1) << length_of[i]++;
    }
    u64 buffer = 0;
    u32 used = 0, out = 0;
    for (u32 i = 0; i < SIZE; i++) {
      buffer |= (u64)code_of[text[i]] << used;
      used += length_of[text[i]];
      if (used >= 32) packed[out++] = (u32)buffer, buffer >>= 32, used -= 32;
    }
    sum = mix(sum, out + packed[out / 2]);
  }
  return sum;
}
