// Times file operations in the folder /data by its own clock: prints "name nanoseconds" each.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 16, PAGE = 4096, LARGE = 1 << 20, MANY = 3000, FEW = 32 };

static const char *const PATH = "/data/measured";
static char buffer[LARGE];
static int file;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int good, const char *what) {
    if (good) return;
    perror(what);
    exit(1);
}

static void write_some(size_t size) { must(write(file, buffer, size) == (ssize_t)size, "write"); }
static void read_some(size_t size) { must(read(file, buffer, size) == (ssize_t)size, "read"); }

static void read_at(size_t size) {
    must(pread(file, buffer, size, PAGE) == (ssize_t)size, "pread");
}

static void open_close(size_t size) {
    (void)size;
    int fd = open(PATH, O_RDONLY);
    must(fd >= 0, "open");
    close(fd);
}

static void status(size_t size) {
    (void)size;
    struct stat about;
    must(stat(PATH, &about) == 0, "stat");
}

static void measure(const char *name, void (*act)(size_t), size_t size, int times) {
    lseek(file, 0, SEEK_SET);
    uint64_t start = now_ns();
    for (int i = 0; i < times; i++) act(size);
    printf("%s %llu\n", name, (unsigned long long)((now_ns() - start) / (unsigned)times));
}

int main(void) {
    file = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0666);
    must(file >= 0, "open");
    measure("write_1MiB", write_some, LARGE, FEW);
    measure("read_1MiB", read_some, LARGE, FEW);
    measure("write_4KiB", write_some, PAGE, MANY);
    measure("read_4KiB", read_some, PAGE, MANY);
    measure("write_16B", write_some, SMALL, MANY);
    measure("read_16B", read_some, SMALL, MANY);
    measure("pread_4KiB", read_at, PAGE, MANY);
    measure("open_close", open_close, 0, MANY);
    measure("stat", status, 0, MANY);
    return 0;
}
