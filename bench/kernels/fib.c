// Fibonacci numbers by double recursion. n = 34
#include "kernel.h"

static NOINLINE u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

u64 run(u32 n) { return fib(n); }
