// What every kernel includes: fixed-width types, a random number generator, a mixing step.
// A kernel exports `u64 run(u32 n)`; its result is the checksum. No C library.
typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
typedef double f64;
typedef float f32;

#define NOINLINE __attribute__((noinline))

static inline u32 next_random(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static inline u64 mix(u64 sum, u64 x) {
  sum = (sum ^ x) * 0x9E3779B97F4A7C15ull;
  return sum ^ (sum >> 29);
}

static inline u64 bits_of(f64 x) {
  union {
    f64 f;
    u64 u;
  } both = {x};
  return both.u;
}

__attribute__((visibility("default"))) u64 run(u32 n);
