/* What MicroHs's runtime has on WASI preview 1; GHC does not use this folder. */
#define WANT_STDIO 1
#define WANT_FD 1
#define WANT_FLOAT32 1
#define WANT_FLOAT64 1
#define WANT_MATH 1
#define WANT_INT64 1
#define WANT_MD5 1
#define WANT_TICK 0
#define WANT_DIR 1
#define WANT_TIME 1
#define WANT_SIGINT 0 /* WASI has no signals, ... */
#define WANT_IO_POLL 0
#define WANT_SOCKET 0 /* ... and no call that makes a socket */
#define WANT_TAGNAMES 1
#define WANT_ERRNO 1
#define WANT_OVERFLOW 1
#define WANT_GMP 0
#define WANT_IMATH 1
#define WANT_KPERF 0

#define GCRED 1
#define INTTABLE 1
#define SANITY 1
#define STACKOVL 1

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
