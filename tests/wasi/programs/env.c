/* Arguments, environment, clocks, chance, sleeping, and an exit from deep within. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void last(void) { puts("atexit"); }

static void deep(int n) {
    if (n == 0)
        exit(77);
    deep(n - 1);
    puts("not reached");
}

int main(int argc, char **argv) {
    struct timespec before, after, pause = {0, 20000000};
    unsigned char chance[300] = {0};
    int zeros = 0;
    for (int i = 0; i < argc; i++)
        printf("[%s]\n", argv[i]);
    for (char **variable = environ; *variable; variable++)
        printf("%s\n", *variable);
    printf("%s %d\n", getenv("HOME"), getenv("NONE") == NULL);
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long slept = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    printf("slept %d, after 2020 %d\n", slept >= 20000000 && slept < 2000000000, time(NULL) > 1577836800);
    getentropy(chance, 250);
    for (int i = 0; i < 250; i++)
        zeros += chance[i] == 0;
    printf("random %d\n", zeros < 20);
    atexit(last);
    deep(1000);
}
