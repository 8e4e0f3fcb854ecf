"""A program that plays QEMU and its guest, as the kernel's command line says: the lowest seam.

It takes QEMU's command line, speaks its monitor's protocol, and can be the keep's end of a tunnel.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

RUNNING = {"running": True, "singlestep": False, "status": "running"}
GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}


class Monitor:
    """QEMU's side of the monitor."""

    def __init__(self, fd: int) -> None:
        self.sock = socket.socket(fileno=fd)
        self.lines = self.sock.makefile("rb")

    def say(self, value: object) -> None:
        """One line."""
        self.sock.sendall(json.dumps(value).encode() + b"\r\n")

    def event(self, name: str, **data: object) -> None:
        """One event."""
        stamp = {"seconds": 1, "microseconds": 2}
        self.say({"event": name, "data": data, "timestamp": stamp})

    def commands(self) -> Iterator[str]:
        """Commands, as they come."""
        for line in self.lines:
            yield json.loads(line)["execute"]


def descriptor(name: str) -> int:
    """The descriptor of a character device on the command line."""
    for word in sys.argv:
        found = re.fullmatch(rf"socket,id={name},fd=(\d+)", word)
        if found:
            return int(found[1])
    raise AssertionError(name)


def option(name: str) -> str:
    """The value of an option."""
    return sys.argv[sys.argv.index(name) + 1]


def started() -> Monitor:
    """A monitor after "cont"."""
    monitor = Monitor(descriptor("qmp"))
    monitor.say(GREETING)
    for command in monitor.commands():
        monitor.say({"return": {}})
        if command == "cont":
            return monitor
    raise AssertionError("no cont")


def go_on(monitor: Monitor) -> None:
    """Answer for ever."""
    for _ in monitor.commands():
        monitor.say({"return": RUNNING})
    signal.pause()


def power_off() -> None:
    """A guest that ends."""
    started().event("SHUTDOWN", guest=True, reason="guest-shutdown")


def panic() -> None:
    """A guest that panics, with a device that tells so."""
    monitor = started()
    monitor.event("GUEST_PANICKED", action="pause", info={"type": "x"})
    go_on(monitor)


def triple_fault() -> None:
    """A guest whose processor gives up."""
    started().event("SHUTDOWN", guest=True, reason="guest-reset")


def internal_error() -> None:
    """An accelerator that cannot go on."""
    monitor = started()
    monitor.event("STOP")
    for _ in monitor.commands():
        monitor.say({"return": {"running": False, "status": "internal-error"}})


def boot() -> None:
    """A guest that opens its port, and waits."""
    monitor = started()
    monitor.event("VSERPORT_CHANGE", open=True, id="link")
    go_on(monitor)


def hang() -> None:
    """A QEMU that says nothing at all."""
    signal.pause()


def complain() -> None:
    """A QEMU that cannot start."""
    os.write(2, b"qemu: warning: never mind\nqemu: cannot set up guest memory\nmore\n")
    sys.exit(1)


def refuse() -> None:
    """A QEMU whose guest cannot be started."""
    monitor = Monitor(descriptor("qmp"))
    monitor.say(GREETING)
    for command in monitor.commands():
        if command == "cont":
            monitor.say({"error": {"class": "GenericError", "desc": "no memory"}})
        else:
            monitor.say({"return": {}})


def crash() -> None:
    """A QEMU that a bug ends."""
    started()
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    """A QEMU that ends without a word."""
    started()
    sys.exit(3)


def babble() -> None:
    """What is no QMP."""
    monitor = Monitor(descriptor("qmp"))
    monitor.sock.sendall(b"hello\n")
    signal.pause()


def flood() -> None:
    """Events without end, and one line without end."""
    monitor = started()
    for _ in range(10_000):
        monitor.event("RTC_CHANGE", offset=78)
    while True:
        monitor.sock.sendall(b"x" * 65536)


def shout() -> None:
    """An endless console."""
    monitor = started()
    path = next(w for w in sys.argv if w.startswith("file,id=console")).split(",")[2][5:]
    with Path(path).open("wb", buffering=0) as console:
        console.write(b"noise\n")
        monitor.event("VSERPORT_CHANGE", open=True, id="link")
        while True:
            console.write(b"\x1b[31mnoise\r\n" * 4096)


def violate() -> None:
    """A guest that does not speak the tunnel's language."""
    monitor = started()
    socket.socket(fileno=descriptor("link")).sendall(b"\xff" * 4096)
    go_on(monitor)


def agent() -> None:
    """A guest with an agent that answers one question, and ends when its link does."""
    from enarx import frames
    from enarx.protocol.agent_link import Reply, decode_from_host, encode_reply
    from enarx.tunnel.carrier import carry
    from enarx.tunnel.records import KEEP

    monitor = started()
    link, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    broker, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        link.close()
        broker.close()
        carry(descriptor("link"), [ours, theirs], KEEP)
        os._exit(0)
    ours.close()
    theirs.close()
    monitor.event("VSERPORT_CHANGE", open=True, id="link")
    while True:
        data, fds = frames.receive(link)
        if not data:
            break
        request = decode_from_host(data, len(fds))
        frames.send(link, encode_reply(Reply(request.id, state="offering"), "status"))
        if option("-append").endswith("once"):
            break
    link.close()
    broker.close()
    monitor.event("SHUTDOWN", guest=True, reason="guest-shutdown")
    os.wait()


BEHAVIOURS: dict[str, Callable[[], None]] = {
    name.replace("_", "-"): value
    for name, value in globals().copy().items()
    if callable(value) and getattr(value, "__module__", "") == __name__ and name.islower()
}

if __name__ == "__main__":
    BEHAVIOURS[option("-append").split()[0]]()
