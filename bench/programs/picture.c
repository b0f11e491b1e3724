/* Draws a picture, encodes it as PNG with lodepng, decodes that and compares; writes the PNG. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lodepng.h"

enum { SIZE = 96 };

int main(void) {
  static unsigned char pixels[SIZE * SIZE * 4];
  for (int y = 0; y < SIZE; y++)
    for (int x = 0; x < SIZE; x++) {
      unsigned char *p = pixels + 4 * (y * SIZE + x);
      double d = sqrt((x - 48.0) * (x - 48.0) + (y - 48.0) * (y - 48.0));
      p[0] = (unsigned char)(127 + 127 * sin(d / 5));
      p[1] = (unsigned char)(x * 2);
      p[2] = (unsigned char)(y * 2);
      p[3] = d < 47 ? 255 : 0;
    }
  unsigned char *png = NULL, *back = NULL;
  size_t size = 0;
  unsigned width, height;
  if (lodepng_encode32(&png, &size, pixels, SIZE, SIZE)) return 1;
  if (lodepng_decode32(&back, &width, &height, png, size)) return 2;
  if (width != SIZE || height != SIZE || memcmp(back, pixels, sizeof pixels)) return 3;
  fwrite(png, 1, size, stdout);
  return 0;
}
