/* What the stubs of Hugs's base may use, and the calls of Unix that WASI has not: they fail. */
#pragma once
#include <errno.h>
#define HAVE_CTYPE_H 1
#define HAVE_DIRENT_H 1
#define HAVE_ERRNO_H 1
#define HAVE_FCNTL_H 1
#define HAVE_FTRUNCATE 1
#define HAVE_LIMITS_H 1
#define HAVE_SIGNAL_H 1
#define HAVE_STRING_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_TIME_H 1
#define HAVE_UNISTD_H 1
#define HTYPE_INT int
#define CONST_O_BINARY 0
#define READDIR_ERRNO_EOF 0

#ifdef ABSENT_CALLS
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#define ABSENT(name, parameters) \
    static int absent_##name parameters { errno = ENOSYS; return -1; }
ABSENT(dup, (int descriptor))
ABSENT(dup2, (int descriptor, int other))
ABSENT(fork, (void))
ABSENT(mkfifo, (const char *path, int mode))
ABSENT(pipe, (int *pair))
ABSENT(sigaddset, (void *set, int signal))
ABSENT(sigemptyset, (void *set))
ABSENT(sigprocmask, (int how, void *set, void *old))
ABSENT(tcgetattr, (int descriptor, void *attributes))
ABSENT(tcsetattr, (int descriptor, int when, void *attributes))
ABSENT(umask, (int mask))
ABSENT(waitpid, (int process, void *status, int options))
static void *absent_characters(void *attributes) { return 0; }
static int absent_flags(void *attributes) { return 0; }
static void absent_set_flags(void *attributes, int flags) {}
static int absent_size(void) { return 64; }
#define dup absent_dup
#define dup2 absent_dup2
#define fork absent_fork
#define mkfifo absent_mkfifo
#define pipe absent_pipe
#define sigaddset absent_sigaddset
#define sigemptyset absent_sigemptyset
#define sigprocmask absent_sigprocmask
#define tcgetattr absent_tcgetattr
#define tcsetattr absent_tcsetattr
#define umask absent_umask
#define waitpid absent_waitpid
#define __hscore_ptr_c_cc absent_characters
#define __hscore_lflag absent_flags
#define __hscore_poke_lflag absent_set_flags
#define __hscore_sizeof_termios absent_size
#endif
