// A register machine in a switch, running a nested loop. n = 700000
#include "kernel.h"
enum { ADD, SUB, MUL, XOR, SHIFT, LOAD, STORE, SET, LESS, JUMP_IF, MOVE, STOP };
typedef struct {
  u8 op, a, b, c;
  i32 value;
} Code;
static u32 memory[256];

static NOINLINE u32 execute(const Code *code, u32 limit) {
  u32 r[16] = {0};
  r[15] = limit;
  for (const Code *at = code;; at++) {
    switch (at->op) {
    case ADD: r[at->a] = r[at->b] + r[at->c]; break;
    case SUB: r[at->a] = r[at->b] - r[at->c]; break;
    case MUL: r[at->a] = r[at->b] * r[at->c]; break;
    case XOR: r[at->a] = r[at->b] ^ r[at->c]; break;
    case SHIFT: r[at->a] = r[at->b] >> at->value; break;
    case LOAD: r[at->a] = memory[r[at->b] & 255]; break;
    case STORE: memory[r[at->b] & 255] = r[at->a]; break;
    case SET: r[at->a] = at->value; break;
    case LESS: r[at->a] = r[at->b] < r[at->c]; break;
    case JUMP_IF:
      if (r[at->a]) at += at->value;
      break;
    case MOVE: r[at->a] = r[at->b]; break;
    default: return r[0];
    }
  }
}

u64 run(u32 n) {
  static const Code code[] = {
      {SET, 0, 0, 0, 12345}, {SET, 1, 0, 0, 0},   {SET, 2, 0, 0, 1},   {SET, 3, 0, 0, 1664525},
      {MUL, 0, 0, 3, 0},     {ADD, 0, 0, 2, 0},   {SHIFT, 4, 0, 0, 9}, {LOAD, 5, 4, 0, 0},
      {XOR, 5, 5, 0, 0},     {STORE, 5, 1, 0, 0}, {MOVE, 6, 5, 0, 0},  {SUB, 0, 0, 6, 0},
      {ADD, 1, 1, 2, 0},     {LESS, 7, 1, 15, 0}, {JUMP_IF, 7, 0, 0, -11}, {STOP, 0, 0, 0, 0},
  };
  return execute(code, n);
}
