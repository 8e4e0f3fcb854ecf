"""Which system calls a keep may make once it runs, and what happens on any other.

An allow-list: what CPython, the engine's code and our WASI need after start-up.  For the rest:

* ``FATAL``: nothing in a keep ever tries these, not even to see whether they exist.  Whoever does
  has taken the process over; it is killed before the next instruction (SIGSYS).
* ``REFUSED``: EPERM, for what a library's probe or our own mistake is likely to try: the answer
  that describes it.  ``kill`` too, except of the one child that a keep may have.
* everything else, also calls that do not exist yet: ENOSYS, which every C library answers by
  falling back to an older call.  EPERM would be taken for a final no.

Names are Linux's; those that an architecture or libseccomp does not know are left out.
"""

from __future__ import annotations

ALWAYS = (
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "getsockopt",
    "setsockopt", "getsockname", "getpeername", "poll", "ppoll", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "lseek", "close",
    "close_range", "dup", "dup2", "dup3", "fstat", "fstatfs", "ftruncate", "fallocate", "fsync",
    "fdatasync", "fadvise64", "memfd_create", "eventfd2", "mmap", "munmap", "mprotect",
    "madvise", "mremap", "brk", "membarrier", "futex", "futex_waitv", "set_robust_list", "rseq",
    "sched_yield", "sched_getaffinity", "getcpu", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack", "restart_syscall", "setitimer", "getitimer", "clock_gettime",
    "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getpid", "gettid",
    "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "getrusage", "getrandom",
    "exit", "exit_group",
)  # fmt: skip
"""Allowed with any arguments; they reach only what the keep already holds."""

STAT = ("newfstatat",)
"""Allowed always: the C library's fstat.  It reveals metadata of paths, never content."""

MOUNTS_READ = ("openat", "readlinkat", "getdents64")
MOUNTS_WRITE = (
    "mkdirat", "symlinkat", "linkat", "unlinkat", "renameat", "renameat2", "utimensat",
)  # fmt: skip
"""Allowed only when host directories are mounted; which paths, Landlock decides."""

PAIRS = ("socketpair",)
"""Allowed only where connections arrive over a tunnel, and for local sockets only."""

REFUSED = (
    "socket", "connect", "bind", "listen", "accept", "accept4",
    "fork", "vfork", "tkill", "open", "access", "stat", "readlink", "getcwd", "prctl",
)  # fmt: skip

FATAL = (
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
    "pidfd_getfd", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "mount", "umount2", "pivot_root", "chroot", "setns", "unshare",
    "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "open_by_handle_at", "name_to_handle_at", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "add_key",
    "request_key", "keyctl", "iopl", "ioperm", "modify_ldt", "quotactl", "settimeofday",
    "clock_settime", "sethostname", "setdomainname",
)  # fmt: skip

# include/uapi/linux/sched.h
CLONE_THREAD = 0x0001_0000
CLONE_NAMESPACES = 0x7E02_0000

FCNTL = (0, 1, 2, 3, 4, 1030, 1033, 1034)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS."""

IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; never TIOCSTI."""
