/* Sorts the lines of standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void) {
    char **lines = NULL, *line = NULL;
    size_t count = 0, room = 0;
    while (getline(&line, &room, stdin) >= 0) {
        lines = realloc(lines, (count + 1) * sizeof *lines);
        lines[count++] = strdup(line);
    }
    qsort(lines, count, sizeof *lines, compare);
    for (size_t i = 0; i < count; i += 25)
        printf("%zu %s", i, lines[i]);
    fprintf(stderr, "%zu lines\n", count);
}
