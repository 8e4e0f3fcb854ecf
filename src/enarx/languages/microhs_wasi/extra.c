/* What the runtime of MicroHs asks of a platform, on WASI preview 1. */
#include <dirent.h>
#include <sys/stat.h>

#define FFS __builtin_ffs

#define CLOCK_INIT() do { } while (0)
#define CLOCK_T int64_t
#define CLOCK_GET clock_get
#define CLOCK_SLEEP usleep
CLOCK_T clock_get(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (CLOCK_T)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uintptr_t gettimemicro(void) { return (uintptr_t)clock_get(); }
#define GETTIMEMICRO gettimemicro

/* There are no permissions: what exists can be read. */
int get_permissions(const char *path) {
  struct stat found;
  return stat(path, &found) ? -1 : S_ISDIR(found.st_mode) ? 4 | 8 : 4 | 2;
}

int set_permissions(const char *path, int permissions) {
  errno = ENOTSUP;
  return -1;
}

/* There are no other programs. */
int system(const char *command) {
  errno = ENOTSUP;
  return -1;
}
