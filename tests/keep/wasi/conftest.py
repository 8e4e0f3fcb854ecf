"""A guest that calls any WASI function with any arguments, through the engine itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
import wasmtime

from enarx import frames
from enarx.keep.engine.engine import Engine, Module, Settings
from enarx.keep.engine.instance import Guest, Linker
from enarx.keep.engine.trap import EngineError, Trap
from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.listener import Listener
from enarx.keep.net.plain import PlainStream
from enarx.keep.system import System
from enarx.keep.vfs.memory import scratch
from enarx.keep.wasi.descriptors import DescriptorTable
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.memory import GuestMemory
from enarx.keep.wasi.preview1 import FUNCTIONS, bind
from enarx.keep.wasi.sockets import ListenerDescriptor, StreamDescriptor
from enarx.keep.wasi.stdio import Null, Stdio
from enarx.protocol.link import encode_peer

PAGES = 2
SIZE = PAGES * 65536
ARGUMENTS = SIZE - 256
"""Where the guest takes its arguments from, 8 bytes each; its result is before them."""
RESULT = ARGUMENTS - 8
ROOM = 4096
"""From here on a test may put what it likes."""

_KINDS = {"i": "i32", "I": "i64"}


def caller_of(name: str, params: str) -> str:
    """A function of WebAssembly that calls *name* with what lies at ``ARGUMENTS``."""
    result = "" if name == "proc_exit" else f"(i32.store (i32.const {RESULT}) "
    loads = " ".join(
        f"({_KINDS[kind]}.load (i32.const {ARGUMENTS + 8 * k}))" for k, kind in enumerate(params)
    )
    end = ")" if result else ""
    return f'(func (export "{name}") {result}(call ${name} {loads}){end})'


def guest_text() -> str:
    """A module that imports every function and exports one to call each."""
    imports = "".join(
        f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param'
        f" {' '.join(_KINDS[kind] for kind in params)})"
        f"{'' if name == 'proc_exit' else ' (result i32)'}))"
        for name, (params, _) in FUNCTIONS.items()
    )
    calls = "".join(caller_of(name, params) for name, (params, _) in FUNCTIONS.items())
    grow = '(func (export "grow") (drop (memory.grow (i32.const 1))))'
    return f'(module {imports} (memory (export "memory") {PAGES}) {calls} {grow})'


class Probe:
    """One guest in a world of its own; ``call`` answers what the function answered."""

    def __init__(self, engine: Engine, module: Module) -> None:
        self.table = DescriptorTable(64)
        self.system = System(
            args=(b"main.wasm", b"one"),
            env=((b"A", b"1"), (b"B", b"")),
            descriptors=self.table,
            stdio=(Null(), Null(), Null()),
        )
        linker = Linker(engine)
        self._escape = bind(linker, self.system)
        self._guest: Guest = linker.instantiate(module, where="probe")
        found = self._guest.memory()
        assert found is not None
        self.system.memory = GuestMemory(
            linker.memory_base(found), lambda: linker.memory_size(found)
        )

    def call(self, name: str, *arguments: int) -> int:
        """Call *name*; the errno.  What it threw past the guest is raised."""
        for k, argument in enumerate(arguments):
            self.put(ARGUMENTS + 8 * k, (argument % (1 << 64)).to_bytes(8, "little"))
        self.put(RESULT, b"\xee\xee\xee\xee")
        try:
            self._guest.run(self._guest._export(name).of.func)
        except (Trap, EngineError):
            escaped = self._escape.take()
            if escaped is not None:
                raise escaped from None
            raise
        return self.u32(RESULT)

    def put(self, at: int, data: bytes) -> int:
        """Store bytes; where they are."""
        self.system.memory.span(at, len(data))[:] = data
        return at

    def get(self, at: int, size: int) -> bytes:
        """Load bytes."""
        return bytes(self.system.memory.span(at, size))

    def u32(self, at: int) -> int:
        """Load four bytes."""
        return int.from_bytes(self.get(at, 4), "little")

    def u64(self, at: int) -> int:
        """Load eight bytes."""
        return int.from_bytes(self.get(at, 8), "little")

    def iovecs(self, *buffers: tuple[int, int]) -> tuple[int, int]:
        """Put a table of (address, size) at 1024: its address and count, as WASI wants them."""
        data = b"".join(
            at.to_bytes(4, "little") + size.to_bytes(4, "little") for at, size in buffers
        )
        return self.put(1024, data), len(buffers)

    def open(self, path: bytes, oflags: int = 0, fdflags: int = 0, *, fd: int = 3) -> int:
        """``path_open`` with all rights: the new descriptor."""
        rights = (1 << 29) - 1
        at = self.put(ROOM, path)
        errno = self.call(
            "path_open", fd, 1, at, len(path), oflags, rights & _FILE, rights, fdflags, RESULT - 8
        )
        assert errno == 0, errno
        return self.u32(RESULT - 8)

    def write(self, fd: int, data: bytes) -> tuple[int, int]:
        """``fd_write`` of one buffer: errno and count."""
        self.put(ROOM, data)
        return self.call("fd_write", fd, *self.iovecs((ROOM, len(data))), 8), self.u32(8)

    def read(self, fd: int, size: int) -> tuple[int, bytes]:
        """``fd_read`` into one buffer: errno and bytes."""
        self.put(8, bytes(4))
        errno = self.call("fd_read", fd, *self.iovecs((ROOM, size)), 8)
        return errno, self.get(ROOM, self.u32(8))


_FILE = 0b1110_0000_0000_0000_0001_1111_1111  # what a file can: no path_* rights


@pytest.fixture(scope="session")
def engine() -> Engine:
    """An engine as the zygote makes it."""
    return Engine(Settings())


@pytest.fixture(scope="session")
def module(engine: Engine) -> Module:
    """The compiled guest."""
    return engine.compile(bytes(wasmtime.wat2wasm(guest_text())), where="probe")


@pytest.fixture
def bare(engine: Engine, module: Module) -> Iterator[Probe]:
    """A guest without any descriptor."""
    probe = Probe(engine, module)
    yield probe
    probe.table.close_all()


@pytest.fixture
def probe(bare: Probe) -> Probe:
    """A guest with nothing on 0 to 2 and an empty scratch folder, "/", on 3."""
    for fd in range(3):
        bare.table.place(fd, Null())
    bare.table.place(3, DirectoryDescriptor.preopened(scratch(1 << 20, device=1), b"/"))
    return bare


@pytest.fixture
def pair(bare: Probe) -> Iterator[tuple[int, socket.socket]]:
    """A connected stream: the guest's descriptor, and the other end."""
    ours, theirs = socket.socketpair()
    fd = bare.table.insert(StreamDescriptor(PlainStream(ours.detach(), ("::1", 1))))
    with theirs:
        theirs.settimeout(5)
        yield fd, theirs


class Door:
    """A listening socket of the guest, and the broker's end of its accept channel."""

    def __init__(self, fd: int, channel: socket.socket) -> None:
        self.fd = fd
        self.channel = channel

    def knock(self) -> socket.socket:
        """A new connection of a client."""
        ours, theirs = socket.socketpair()
        with theirs:
            frames.send(self.channel, encode_peer("127.0.0.1", 4711), (theirs.fileno(),))
        ours.settimeout(5)
        return ours


@pytest.fixture
def door(bare: Probe) -> Iterator[Door]:
    """A listening socket without clients."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = bare.table.insert(ListenerDescriptor(Listener(AcceptChannel(theirs.detach()))))
    with ours:
        yield Door(fd, ours)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's ends; the test may close them."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


@pytest.fixture
def stdin(bare: Probe, pipe: tuple[int, int]) -> tuple[int, int]:
    """Standard input that is a pipe: the guest's descriptor, and the end to write to."""
    return bare.table.insert(Stdio(pipe[0], writable=False)), pipe[1]


@pytest.fixture
def stdout(bare: Probe, pipe: tuple[int, int]) -> tuple[int, int]:
    """Standard output that is a pipe: the guest's descriptor, and the end to read from."""
    return bare.table.insert(Stdio(pipe[1], writable=True)), pipe[0]
