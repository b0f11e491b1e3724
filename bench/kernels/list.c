// Linked list in shuffled order: pointer chasing, and reversal in place. n = 150
#include "kernel.h"
#define SIZE 16384
typedef struct Node {
  struct Node *next;
  u32 value;
} Node;
static Node nodes[SIZE];
static u32 order[SIZE];

u64 run(u32 n) {
  u32 seed = 31;
  for (u32 i = 0; i < SIZE; i++) order[i] = i;
  for (u32 i = SIZE - 1; i > 0; i--) {
    u32 k = next_random(&seed) % (i + 1), x = order[i];
    order[i] = order[k], order[k] = x;
  }
  for (u32 i = 0; i < SIZE; i++) {
    nodes[order[i]].value = i;
    nodes[order[i]].next = i + 1 < SIZE ? &nodes[order[i + 1]] : 0;
  }
  Node *head = &nodes[order[0]];
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    Node *last = 0;
    for (Node *p = head; p;) {
      sum = sum * 3 + p->value;
      Node *next = p->next;
      p->next = last, last = p, p = next;
    }
    head = last;
    for (Node *p = head; p; p = p->next) sum += p->value ^ (u32)sum;
  }
  return sum;
}
