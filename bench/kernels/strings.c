// Copying, comparing, searching and reversing strings of bytes. n = 75
#include "kernel.h"
#define COUNT 3000
static char pool[COUNT * 32], *word[COUNT];

static NOINLINE u32 length(const char *s) {
  const char *p = s;
  while (*p) p++;
  return (u32)(p - s);
}
static NOINLINE i32 compare(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (u8)*a - (u8)*b;
}
static NOINLINE const char *find(const char *s, const char *part) {
  for (; *s; s++) {
    u32 k = 0;
    while (part[k] && s[k] == part[k]) k++;
    if (!part[k]) return s;
  }
  return 0;
}
static NOINLINE void reverse(char *s) {
  for (char *p = s, *q = s + length(s); p < q;) {
    char c = *p;
    *p++ = *--q, *q = c;
  }
}
static NOINLINE char *copy(char *to, const char *from) {
  while ((*to++ = *from++)) {
  }
  return to;
}

u64 run(u32 n) {
  u32 seed = 8;
  char *top = pool;
  for (u32 i = 0; i < COUNT; i++) {
    char s[32];
    u32 k = 0;
    for (u32 size = 3 + (next_random(&seed) >> 4) % 27; k < size; k++)
      s[k] = 'a' + (next_random(&seed) >> 7 & 3);
    s[k] = 0;
    word[i] = top;
    top = copy(top, s);
  }
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    for (u32 i = 0; i < COUNT; i++) {
      char *s = word[i];
      const char *found = find(s, "abca");
      sum += length(s) + (found ? found - s : 99);
      sum += (u64)(u32)compare(s, word[(i + t) % COUNT]) << 8;
      reverse(s);
    }
    sum = mix(sum, t);
  }
  return sum;
}
