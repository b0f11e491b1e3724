// A parser of JSON-like text that was generated first: recursive descent over bytes. n = 70
#include "kernel.h"
#define SIZE 120000
static char text[SIZE + 1];
static const char *at;
static u64 total;

static void space(void) {
  while (*at == ' ' || *at == '\n' || *at == '\t') at++;
}

static NOINLINE u32 value(u32 depth) {
  u32 count = 1;
  space();
  switch (*at) {
  case '{':
  case '[': {
    char end = *at++ == '{' ? '}' : ']';
    space();
    while (*at && *at != end) {
      count += value(depth + 1);
      space();
      if (*at == ':' || *at == ',') at++;
      space();
    }
    if (*at) at++;
    break;
  }
  case '"': {
    u32 hash = 5381;
    for (at++; *at && *at != '"'; at++) {
      if (*at == '\\') at++;
      hash = hash * 33 ^ (u8)*at;
    }
    at++;
    total += hash;
    break;
  }
  case 't':
    at += 4, total += 1;
    break;
  case 'f':
    at += 5, total += 2;
    break;
  default: {
    i64 x = 0;
    u32 minus = *at == '-';
    if (minus) at++;
    while (*at >= '0' && *at <= '9') x = x * 10 + (*at++ - '0');
    total += minus ? -x : x;
  }
  }
  return count + depth;
}

static u32 put(u32 k, const char *s) {
  while (*s) text[k++] = *s++;
  return k;
}

u64 run(u32 n) {
  u32 seed = 5, k = put(0, "[");
  while (k < SIZE - 200) {
    k = put(k, "{\"name\": \"crane ");
    for (u32 i = next_random(&seed) & 7; i > 0; i--) text[k++] = 'a' + (next_random(&seed) & 15);
    k = put(k, "\\\"\", \"length\": ");
    for (u32 i = next_random(&seed) & 7; i > 0; i--) text[k++] = '0' + (next_random(&seed) & 7);
    k = put(k, next_random(&seed) & 64 ? ", \"tags\": [1, [2, -33], true" : ", \"tags\": [false, []");
    k = put(k, "]}, ");
  }
  text[put(k, "7]")] = 0;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    at = text, total = 0;
    sum = mix(sum, value(0));
    sum = mix(sum, total);
  }
  return sum;
}
