/* Asks for a name on a terminal. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
    char name[100];
    fprintf(stderr, "%d%d%d\n", isatty(0), isatty(1), isatty(2));
    printf("name? ");
    fflush(stdout);
    if (scanf("%99s", name) == 1)
        printf("Hello, %s\n", name);
}
