// CRC-32 by a table, a byte at a time. n = 60
#include "kernel.h"
#define SIZE 200000
static u32 table[256];
static u8 data[SIZE];

u64 run(u32 n) {
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (u32 k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
    table[i] = c;
  }
  for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * i >> 3);
  u32 crc = ~0u;
  for (u32 t = 0; t < n; t++)
    for (u32 i = 0; i < SIZE; i++) crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
  return ~crc;
}
