/* Compresses standard input with zopfli and writes a gzip file. */
#include <stdio.h>
#include <stdlib.h>

#include "zopfli.h"

int main(void) {
  size_t room = 1 << 20, size = 0, made = 0;
  unsigned char *data = malloc(room), *out = NULL;
  size_t got;
  while ((got = fread(data + size, 1, room - size, stdin)) > 0) size += got;
  ZopfliOptions options;
  ZopfliInitOptions(&options);
  options.numiterations = 2;
  ZopfliCompress(&options, ZOPFLI_FORMAT_GZIP, data, size, &out, &made);
  fwrite(out, 1, made, stdout);
  return 0;
}
