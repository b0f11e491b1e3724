// Binary search tree: insertions and look-ups through pointers. n = 4
#include "kernel.h"
#define SIZE 30000
typedef struct Node {
  struct Node *left, *right;
  u32 key, count;
} Node;
static Node nodes[SIZE];

static u32 depth_sum(const Node *node, u32 depth) {
  return node ? depth + depth_sum(node->left, depth + 1) + depth_sum(node->right, depth + 1) : 0;
}

u64 run(u32 n) {
  u32 seed = 4242;
  u64 sum = 0;
  for (u32 t = 0; t < n; t++) {
    u32 used = 0;
    Node *root = 0;
    for (u32 i = 0; i < SIZE * 2; i++) {
      u32 key = next_random(&seed) & 0x7FFF;
      Node **at = &root;
      while (*at && (*at)->key != key) at = key < (*at)->key ? &(*at)->left : &(*at)->right;
      if (*at) {
        (*at)->count++;
      } else if (used < SIZE) {
        Node *node = &nodes[used++];
        node->left = node->right = 0, node->key = key, node->count = 1;
        *at = node;
      }
    }
    sum = mix(sum, depth_sum(root, 0) + used);
  }
  return sum;
}
