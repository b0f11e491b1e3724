/* Greets who is named in the arguments, and counts the lines of standard input.
 *
 *     clang --target=wasm32-wasi -Os -s -o examples/hello.wasm examples/hello.c
 *     printf 'one\ntwo\n' | python3 -m grus run examples/hello.wasm world
 */
#include <stdio.h>

int main(int argc, char **argv) {
    int lines = 0, c;
    for (int i = 1; i < argc; i++)
        printf("Hello, %s!\n", argv[i]);
    while ((c = getchar()) != EOF)
        lines += c == '\n';
    printf("%d lines\n", lines);
    return lines > 99;
}
