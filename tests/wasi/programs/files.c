/* Copies, lists, renames, links and removes files, and says what went wrong where it must. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(const char *from, const char *to) {
    char buffer[1000];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (!in || !out) {
        printf("copy %s %s: %s\n", from, to, strerror(errno));
        return;
    }
    while ((size = fread(buffer, 1, sizeof buffer, in)) > 0)
        fwrite(buffer, 1, size, out);
    fclose(in);
    fclose(out);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path) {
    struct dirent **found;
    int count = scandir(path, &found, NULL, by_name);
    if (count < 0) {
        printf("list %s: %s\n", path, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        struct stat status;
        char name[300];
        if (found[i]->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, found[i]->d_name);
        lstat(name, &status);
        printf("%s %d %lld\n", name, found[i]->d_type, S_ISDIR(status.st_mode) ? 0 : (long long)status.st_size);
    }
}

#define TRY(call) \
    do { \
        errno = 0; \
        long result = (long)(call); \
        printf("%s: %ld %s\n", #call, result, result < 0 ? strerror(errno) : "ok"); \
    } while (0)

int main(int argc, char **argv) {
    char name[100], text[100] = "";
    for (int i = 1; i < argc; i++) {
        TRY(mkdir(argv[i], 0777));
        for (int j = 0; j < 40; j++) {
            snprintf(name, sizeof name, "%s/file%02d", argv[i], j);
            if (j % 10 == 0)
                copy("data", name);
            else
                copy("/dev/null", name);
        }
    }
    copy("nothing", "x");
    list("one");
    list("nothing");
    TRY(mkdir("one", 0777));
    TRY(rename("two/file00", "renamed"));
    TRY(rename("two/file00", "renamed"));
    TRY(symlink("renamed", "link"));
    TRY(symlink("/etc", "absolute"));
    TRY(readlink("link", text, sizeof text));
    TRY(link("renamed", "hard"));
    TRY(unlink("renamed"));
    TRY(unlink("one"));
    TRY(rmdir("one"));
    TRY(rmdir("link"));
    TRY(open("link", O_RDONLY));
    TRY(open("../outside", O_RDONLY));
    TRY(open("/etc/passwd", O_RDONLY));
    TRY(open("hard", O_RDONLY | O_DIRECTORY));
    TRY(open("one", O_RDWR));
    TRY(open("hard", O_CREAT | O_EXCL | O_RDWR, 0666));
    int fd = open("hard", O_RDWR | O_APPEND);
    TRY(write(fd, "end", 3));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(pread(fd, text, 3, 25600));
    TRY(ftruncate(fd, 5));
    TRY(lseek(fd, -1, SEEK_SET));
    TRY(fcntl(fd, F_GETFL) == (O_RDWR | O_APPEND));
    TRY(close(fd));
    TRY(close(fd));
    TRY(read(fd, text, 1));
    TRY(truncate("one/file10", 7));
    TRY(access("one/file10", R_OK));
    TRY(chdir("one"));
    TRY(access("file10", R_OK));
    printf("%s\n", getcwd(text, sizeof text));
    DIR *dir = opendir("/two");
    struct dirent *entry;
    int count = 0, removed = 0;
    while ((entry = readdir(dir)) != NULL) {
        count++;
        snprintf(name, sizeof name, "/two/%s", entry->d_name);
        removed += unlink(name) == 0;
    }
    closedir(dir);
    printf("%d entries, %d removed\n", count, removed);
    TRY(rmdir("/two"));
    list("/");
    return 3;
}
