/* Does what the lines of standard input say, and prints what each call gave. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int files[8] = {-1, -1, -1, -1, -1, -1, -1, -1};

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Prints the names in a directory in order. */
static long list(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    char *names[200];
    int count = 0;
    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL && count < 200)
        names[count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, count, sizeof *names, compare);
    for (int i = 0; i < count; i++)
        printf("%s ", names[i]);
    return count;
}

static long status(int result, const struct stat *it) {
    if (result == 0)
        printf("%o %d %lld %d ", it->st_mode & S_IFMT, (int)it->st_nlink,
               S_ISDIR(it->st_mode) ? 0 : (long long)it->st_size, (int)it->st_mtim.tv_sec < 1000);
    return result;
}

int main(void) {
    char line[600], op[20], a[260], b[260], data[100];
    while (fgets(line, sizeof line, stdin)) {
        struct stat it;
        long n = 0, result;
        a[0] = b[0] = 0;
        /* '~' stands for the empty path */
        if (sscanf(line, "%19s %ld %259s %259s", op, &n, a, b) < 1)
            continue;
        if (a[0] == '~')
            a[0] = 0;
        if (b[0] == '~')
            b[0] = 0;
        int fd = files[n & 7];
        struct timespec times[2] = {{n, 0}, {n + 1, 0}};
        errno = 0;
        if (!strcmp(op, "open")) {
            if (fd >= 0)
                close(fd);
            errno = 0;
            files[n & 7] = open(a, n >> 3, 0666);
            result = files[n & 7] < 0 ? -1 : 0;
        } else if (!strcmp(op, "close")) {
            result = close(fd);
            files[n & 7] = -1;
        } else if (!strcmp(op, "write")) {
            result = write(fd, a, strlen(a));
        } else if (!strcmp(op, "read")) {
            result = read(fd, data, n >> 3);
            fwrite(data, 1, result > 0 ? result : 0, stdout);
        } else if (!strcmp(op, "pread")) {
            result = pread(fd, data, 5, n >> 3);
        } else if (!strcmp(op, "pwrite")) {
            result = pwrite(fd, a, strlen(a), n >> 3);
        } else if (!strcmp(op, "seek")) {
            result = lseek(fd, (n >> 5) - 10, n >> 3 & 3);
        } else if (!strcmp(op, "size")) {
            result = ftruncate(fd, n >> 3);
        } else if (!strcmp(op, "fstat")) {
            result = status(fstat(fd, &it), &it);
        } else if (!strcmp(op, "futimens")) {
            result = futimens(fd, times);
        } else if (!strcmp(op, "stat")) {
            result = status(stat(a, &it), &it);
        } else if (!strcmp(op, "lstat")) {
            result = status(lstat(a, &it), &it);
        } else if (!strcmp(op, "utimens")) {
            result = utimensat(AT_FDCWD, a, times, n & 1 ? AT_SYMLINK_NOFOLLOW : 0);
        } else if (!strcmp(op, "mkdir")) {
            result = mkdir(a, 0777);
        } else if (!strcmp(op, "rmdir")) {
            result = rmdir(a);
        } else if (!strcmp(op, "unlink")) {
            result = unlink(a);
        } else if (!strcmp(op, "rename")) {
            result = rename(a, b);
        } else if (!strcmp(op, "link")) {
            result = link(a, b);
        } else if (!strcmp(op, "symlink")) {
            result = symlink(a, b);
        } else if (!strcmp(op, "readlink")) {
            result = readlink(a, data, sizeof data);
            fwrite(data, 1, result > 0 ? result : 0, stdout);
        } else if (!strcmp(op, "list")) {
            result = list(a);
        } else {
            return 2;
        }
        printf(" %s: %ld %s\n", op, result, result < 0 ? strerror(errno) : "");
    }
    return 0;
}
