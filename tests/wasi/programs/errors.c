/* Calls that fail, as a program of C sees them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY(call) \
    do { \
        errno = 0; \
        long result = (long)(call); \
        printf("%s: %s\n", #call, result < 0 ? strerror(errno) : "ok"); \
    } while (0)

int main(void) {
    static char b[8192];
    struct stat status;
    struct timespec times[2] = {{1, 2}, {3, 4}};
    int f = open("f", O_CREAT | O_RDWR, 0666), r = open("f", O_RDONLY), w = open("f", O_WRONLY);
    int d = open(".", O_RDONLY | O_DIRECTORY);
    memset(b, 'a', sizeof b - 1);
    TRY(write(r, b, 1));
    TRY(read(w, b, 1));
    TRY(read(d, b, 1));
    TRY(write(d, b, 1));
    TRY(pread(w, b, 1, 0));
    TRY(pwrite(r, b, 1, 0));
    TRY(pread(d, b, 1, 0));
    TRY(lseek(d, 0, SEEK_SET));
    TRY(ftruncate(r, 1));
    TRY(ftruncate(d, 1));
    TRY(write(0, b, 1));
    TRY(read(1, b, 1));
    TRY(lseek(0, 0, SEEK_CUR));
    TRY(fstat(1, &status));
    TRY(open(b, O_RDONLY));
    b[300] = 0;
    TRY(open(b, O_RDONLY));
    TRY(open("", O_RDONLY));
    TRY(stat("", &status));
    TRY(mkdir("", 0777));
    TRY(open("x/", O_CREAT | O_RDWR, 0666));
    TRY(open("dir", O_CREAT | O_DIRECTORY, 0777));
    TRY(mkdir("dir", 0777));
    TRY(mkdir("dir/", 0777));
    TRY(open("dir", O_RDONLY | O_CREAT, 0666));
    TRY(open("dir", O_WRONLY));
    TRY(rename("dir", "dir/sub"));
    TRY(rename("f", "dir"));
    TRY(rename("dir", "f"));
    TRY(rename(".", "q"));
    TRY(rmdir("."));
    TRY(rmdir(".."));
    TRY(unlink("."));
    TRY(unlink(""));
    TRY(link("f", "dir"));
    TRY(link("dir", "k"));
    TRY(symlink("x", "f"));
    TRY(readlink("f", b, 10));
    TRY(readlink("none", b, 10));
    TRY(symlink("loop", "loop"));
    TRY(open("loop", O_RDONLY));
    TRY(stat("loop", &status));
    TRY(lstat("loop", &status));
    TRY(open("loop/x", O_RDONLY));
    TRY(open("loop", O_RDONLY | O_NOFOLLOW));
    TRY(symlink("dir", "to-dir"));
    TRY(open("to-dir", O_DIRECTORY | O_NOFOLLOW));
    TRY(rmdir("to-dir"));
    TRY(symlink("../..", "out"));
    TRY(open("out", O_RDONLY));
    TRY(stat("out", &status));
    TRY(mkdir("out/new", 0777));
    TRY(opendir("f") ? 1 : -1);
    TRY(opendir("to-dir") ? 1 : -1);
    TRY(fcntl(f, F_SETFL, O_APPEND | O_NONBLOCK));
    TRY(fcntl(f, F_SETFL, O_SYNC));
    TRY(shutdown(f, SHUT_RD));
    TRY(recv(f, b, 1, 0));
    TRY(send(1, b, 1, 0));
    TRY(close(99));
    TRY(close(-1));
    TRY(fstat(-1, &status));
    TRY(futimens(f, times));
    TRY(utimensat(AT_FDCWD, "loop", times, AT_SYMLINK_NOFOLLOW));
    TRY(utimensat(AT_FDCWD, "none", times, 0));
    fstat(f, &status);
    printf("%lld.%09ld\n", (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}
