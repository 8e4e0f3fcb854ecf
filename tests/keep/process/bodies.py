"""What the keeps of these tests run instead of ``boot.main``; imported by a zygote, not by pytest.

A body is named by the launch's first argument and answers through standard output.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import random
import signal
import socket
import sys
import threading
import time

from enarx.keep.link import Link
from enarx.keep.sandbox import lockdown
from enarx.protocol import outcome
from enarx.protocol.launch import Launch
from enarx.protocol.link import Request


def run(fd: int) -> int:
    """Take the launch and run the body that it names."""
    link = Link(fd)
    launch = link.launch()
    return int(globals()[launch.args[0]](link, launch, *launch.args[1:]) or 0)


def say(launch: Launch, value: object) -> None:
    """Answer one line."""
    os.write(launch.stdio[1], json.dumps(value).encode() + b"\n")


def end(link: Link, code: int = 0) -> None:
    """Report a good end."""
    link.event("ended", outcome=outcome.exited(code).encode())


def exits(link: Link, _launch: Launch, code: str) -> None:
    """End at once."""
    end(link, int(code))


def silent(_link: Link, _launch: Launch, status: str) -> int:
    """Leave without a report."""
    return int(status)


def waits(link: Link, launch: Launch) -> None:
    """Say who one is and wait for ever."""
    say(launch, os.getpid())
    link.event("running", wall_time_s=1.5)
    while True:
        signal.pause()


def dies(_link: Link, _launch: Launch, number: str) -> None:
    """Die of a signal."""
    os.kill(os.getpid(), int(number))


def alarm(link: Link, _launch: Launch) -> None:
    """Run into a wall-time limit."""
    link.event("running", wall_time_s=0.01)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True:
        pass


def raises(_link: Link, _launch: Launch) -> None:
    """Meet a bug."""
    raise KeyError


def lost(link: Link, _launch: Launch) -> None:
    """Wait for a host that goes away."""
    link.resolve("localhost")


def shows(link: Link, launch: Launch) -> None:
    """Say what this process is made of."""
    say(
        launch,
        {
            "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1],  # noqa: PTH208 - as text
            "environment": dict(os.environ),
            "path": sys.path,
            "random": random.random(),  # noqa: S311 - that it differs is the point
            "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
            "stdin": os.readlink("/proc/self/fd/0"),  # noqa: PTH115 - as text
            "group": os.getpgrp(),
        },
    )
    end(link)


def counts_arguments(link: Link, launch: Launch, *_arguments: str) -> None:
    """Say how long the arguments are."""
    say(launch, sum(map(len, launch.args)))
    end(link)


def chatters(link: Link, _launch: Launch, junk: str) -> None:
    """Break the rules of the link."""
    socket.socket(fileno=os.dup(link.fileno())).send(junk.encode())
    signal.pause()


def leaves_pending(link: Link, _launch: Launch) -> None:
    """End with as many requests unanswered as there may be."""
    for _ in range(64):
        link.submit(Request("connect", host="192.0.2.1", port=9, timeout_s=60.0))
    end(link, 3)


def locked(link: Link, launch: Launch, attempt: str, threads: str) -> None:
    """Close the sandbox, attempt something, say how it went."""
    mounts = [(mount.fd, mount.writable) for mount in launch.mounts]
    applied = lockdown.lock_down(mounts, allow_threads=threads == "threads")
    try:
        result = repr(ATTEMPTS[attempt](launch))
    except (OSError, RuntimeError) as error:
        result = type(error).__name__
    say(launch, {"applied": applied.applied, "missing": applied.missing, "result": result})
    end(link)


def _syscall(number: int, *arguments: int) -> int:
    result: int = ctypes.CDLL(None).syscall(number, *arguments)
    return result


def _thread(_launch: Launch) -> list[int]:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(1))
    thread.start()
    thread.join()
    return found


def _jit(_launch: Launch) -> int:
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE) as page:
        page.write(b"\xc3")
    return len(bytes(mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ)))


def _read_mount(launch: Launch) -> bytes:
    fd = os.open("file", os.O_RDONLY, dir_fd=launch.mounts[0].fd)
    return os.read(fd, 100)


def _write_mount(launch: Launch) -> int:
    mount = launch.mounts[0].fd
    fd = os.open("new", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, dir_fd=mount)
    count = os.write(fd, b"new")
    os.mkdir("folder", dir_fd=mount)
    os.symlink("new", "link", dir_fd=mount)
    os.rename("new", "newer", src_dir_fd=mount, dst_dir_fd=mount)
    os.link("newer", "again", src_dir_fd=mount, dst_dir_fd=mount)
    os.utime("newer", dir_fd=mount)
    os.truncate(fd, 1)
    os.rmdir("folder", dir_fd=mount)
    for name in ("link", "newer", "again"):
        os.unlink(name, dir_fd=mount)
    return count + len(os.listdir(mount))  # noqa: PTH208 - a descriptor


def _everyday(_launch: Launch) -> int:
    """What a keep does all day."""
    read, write = os.dup(0), os.memfd_create("x")
    os.write(write, b"abc")
    os.pread(write, 3, 0)
    os.fstat(read)
    os.isatty(read)
    os.get_blocking(read)
    os.urandom(8)
    time.sleep(0.001)
    time.time_ns()
    signal.setitimer(signal.ITIMER_REAL, 100)
    return len(bytearray(1 << 24))


ATTEMPTS = {
    "abort": lambda _: os.abort(),
    "bind": lambda _: socket.socket(),
    "everyday": _everyday,
    "execve": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606 - must fail
    "fork": lambda _: os.fork(),
    "io_uring": lambda _: _syscall(425, 1, 0),
    "jit": _jit,
    "kill": lambda _: os.kill(os.getppid(), 0),
    "list": lambda _: os.listdir("/"),  # noqa: PTH208 - the call itself
    "mount": lambda launch: os.mkdir("x", dir_fd=launch.mounts[0].fd),
    "open": lambda _: os.open("/etc/passwd", os.O_RDONLY),
    "out": lambda launch: os.open("../outside", os.O_RDONLY, dir_fd=launch.mounts[0].fd),
    "pair": lambda _: socket.socketpair(),
    "pipe": lambda _: os.pipe(),
    "proc": lambda _: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY),
    "ptrace": lambda _: ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0),
    "read": _read_mount,
    "socket": lambda _: socket.socket(),
    "system": lambda _: os.posix_spawn("/bin/true", ["true"], {}),
    "thread": _thread,
    "tiocsti": lambda _: fcntl.ioctl(0, 0x5412, b"x"),
    "unknown": lambda _: _syscall(9999),
    "write": _write_mount,
}
