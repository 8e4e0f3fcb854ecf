/* Declarations that Mono expects of a Unix, for what wasi.c has. */
#pragma once
#include <stddef.h>
typedef struct { int si_signo, si_code, si_errno; void *si_addr; } siginfo_t;
#include <sys/types.h>
#include <sys/wait.h>
#include <signal.h>
#include <sched.h>
#include <fcntl.h>
#include <pthread.h>
#ifndef WNOHANG
#define WNOHANG 1
#endif
#ifndef WIFSIGNALED
#define WIFSIGNALED(s) 0
#define WTERMSIG(s) 0
#define WEXITSTATUS(s) (((s) >> 8) & 255)
#define WIFEXITED(s) 1
#endif
#ifndef SCHED_OTHER
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#endif
#define MAP_32BIT 0
#ifndef F_SETLK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_SETLK 6
#endif
#define pthread_cond_wait wasi_cond_wait
int wasi_cond_wait (pthread_cond_t *, pthread_mutex_t *);
char *mktemp (char *);
int mkstemp (char *), mkstemps (char *, int);
int pthread_getschedparam (pthread_t, int *, struct sched_param *);
int pthread_setschedparam (pthread_t, int, const struct sched_param *);
int pthread_sigmask (int, const sigset_t *, sigset_t *);
uid_t geteuid (void), getuid (void);
gid_t getegid (void), getgid (void);
int pipe (int *), dup (int), dup2 (int, int);
pid_t fork (void), waitpid (pid_t, int *, int), getppid (void), setsid (void);
int kill (pid_t, int), execve (const char *, char *const *, char *const *);
mode_t umask (mode_t);
