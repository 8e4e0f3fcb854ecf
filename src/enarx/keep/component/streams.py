"""``wasi:io/streams`` and ``wasi:io/error``: bytes in and out, whatever is behind them.

Host functions are called one at a time and the guest waits meanwhile, so a blocking operation
simply blocks.  What is written has left the keep when the function returns, except on sockets.
"""

from __future__ import annotations

import os

from enarx.keep.component.interface import Interface, func
from enarx.keep.component.pollable import Pollable, Readiness, wait
from enarx.keep.component.resource import Resource
from enarx.keep.component.types import BYTES, STRING, U64, Borrow, ErrorType, Own, Result, Variant
from enarx.keep.engine.trap import Trap
from enarx.keep.wasi import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.files import Opened
    from enarx.keep.component.values import Values
    from enarx.keep.wasi.descriptors import Descriptor

# Most bytes of one read: 2 MiB of values.
CHUNK = 1 << 16
# A permit for files and standard streams.  Many programs take a short write for a full one there,
# as a blocking descriptor of a kernel never makes one; wasmtime permits as much.
_PERMIT = 1 << 20
# blocking-write-and-flush: "at most 4096 bytes" (wasi:io 0.2, streams.wit)
_BLOCKING_WRITE_MAX = 4096


class StreamClosedError(OSError):
    """The end of a stream: ``stream-error::closed``."""


class IoError(Resource):
    """``error``: why the last operation on a stream failed."""

    wit_name = "error"

    def __init__(self, error: OSError) -> None:
        self.error = error

    def to_debug_string(self) -> str:
        """The host's words, without paths of the host: only the number's own text."""
        return os.strerror(self.error.errno) if self.error.errno else "stream error"


class _StreamError(ErrorType):
    """``variant stream-error``."""

    def __init__(self) -> None:
        self._variant = Variant(last_operation_failed=Own(IoError), closed=None)

    def store(self, value: tuple[str, IoError | None], values: Values) -> bytes:
        return self._variant.store(value, values)

    def of(self, error: OSError) -> tuple[str, IoError | None]:
        """The end of input and a reader that left are ``closed``; the rest keeps its number."""
        if isinstance(error, (StreamClosedError, BrokenPipeError)):
            return "closed", None
        return "last-operation-failed", IoError(error)


STREAM_ERROR = _StreamError()


class InputStream(Resource):
    """``input-stream``.  Subclasses say how bytes come."""

    wit_name = "input-stream"

    def _take(self, size: int, *, blocking: bool) -> memoryview | None:
        """At most *size* bytes, empty at the end, None if one would have to wait."""
        raise NotImplementedError

    def read(self, size: int) -> memoryview | bytes:
        """What is there now; nothing is not the end."""
        return self._read(size, blocking=False)

    def blocking_read(self, size: int) -> memoryview | bytes:
        """At least one byte."""
        return self._read(size, blocking=True)

    def skip(self, size: int) -> int:
        """Read and forget."""
        return len(self._read(size, blocking=False))

    def blocking_skip(self, size: int) -> int:
        """Read and forget, at least one byte."""
        return len(self._read(size, blocking=True))

    def subscribe(self) -> Pollable:
        """Ready when ``read`` would return bytes or the end."""
        return Pollable()

    def _read(self, size: int, *, blocking: bool) -> memoryview | bytes:
        if not size:
            return b""
        taken = self._take(min(size, CHUNK), blocking=blocking)
        if taken is None:
            return b""
        if not taken:
            raise StreamClosedError
        return taken


class OutputStream(Resource):
    """``output-stream``.  Subclasses say where bytes go.

    ``check-write`` gives a permit, and writing more than the last permit is the guest's error.
    """

    wit_name = "output-stream"
    _permit = 0

    def _room(self) -> int:
        """Bytes that the next ``_put`` may bring; 0 asks to wait."""
        return _PERMIT

    def _put(self, data: bytes) -> None:
        """Take all of *data*."""
        raise NotImplementedError

    def _drain(self) -> None:
        """Return when all that was taken has left the keep."""

    def check_write(self) -> int:
        """How much the next ``write`` may bring."""
        self._permit = self._room()
        return self._permit

    def write(self, data: bytes) -> None:
        """Take *data*, within the permit."""
        if len(data) > self._permit:
            raise Trap(f"output-stream write: {len(data)} bytes, permitted {self._permit}")
        self._permit -= len(data)
        self._put(data)

    def blocking_write_and_flush(self, data: bytes) -> None:
        """Take at most 4096 bytes and wait until they have left."""
        if len(data) > _BLOCKING_WRITE_MAX:
            raise Trap(f"blocking-write-and-flush: {len(data)} bytes, at most 4096")
        self._put(data)
        self._drain()

    def flush(self) -> None:
        """Ask that what was taken leaves; nothing is held back here."""

    def blocking_flush(self) -> None:
        """Wait until what was taken has left."""
        self._drain()

    def subscribe(self) -> Pollable:
        """Ready when ``check-write`` would permit something."""
        return Pollable()

    def write_zeroes(self, size: int) -> None:
        """``write`` of *size* zero bytes."""
        if size > self._permit:
            raise Trap(f"output-stream write-zeroes: {size} bytes, permitted {self._permit}")
        self.write(bytes(size))

    def blocking_write_zeroes_and_flush(self, size: int) -> None:
        """``blocking-write-and-flush`` of *size* zero bytes."""
        if size > _BLOCKING_WRITE_MAX:
            raise Trap(f"blocking-write-zeroes-and-flush: {size} bytes, at most 4096")
        self.blocking_write_and_flush(bytes(size))

    def splice(self, source: InputStream, size: int) -> int:
        """Move what both sides can take now."""
        room = min(size, self._room())
        moved = bytes(source.read(room)) if room else b""
        self._put(moved)
        return len(moved)

    def blocking_splice(self, source: InputStream, size: int) -> int:
        """Move at least one byte."""
        moved = bytes(source.blocking_read(size))
        self._put(moved)
        self._drain()
        return len(moved)


class DescriptorInput(InputStream):
    """Input from one of the keep's descriptors: a standard stream or a connection."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    def _take(self, size: int, *, blocking: bool) -> memoryview | None:
        view = memoryview(bytearray(size))
        self._descriptor.fdflags = 0 if blocking else abi.NONBLOCK
        try:
            return view[: self._descriptor.read([view])]
        except BlockingIOError:
            return None

    def subscribe(self) -> Pollable:
        """Ready when the descriptor is."""
        return Readiness(self._descriptor, write=False)


class DescriptorOutput(OutputStream):
    """Output to a standard stream, which blocks while its reader is slow."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._descriptor.write([view]) :]

    def subscribe(self) -> Pollable:
        """Ready when the descriptor is."""
        return Readiness(self._descriptor, write=True)


class SocketOutput(OutputStream):
    """Output to a connection; what the kernel does not take at once waits here, one chunk."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._waiting = memoryview(b"")

    def _room(self) -> int:
        self._send()
        return 0 if self._waiting or not self.subscribe().ready() else CHUNK

    def _put(self, data: bytes) -> None:
        self._drain()
        self._waiting = memoryview(data)
        self._send()

    def _send(self) -> None:
        self._descriptor.fdflags = abi.NONBLOCK
        try:
            while self._waiting:
                self._waiting = self._waiting[self._descriptor.write([self._waiting]) :]
        except BlockingIOError:
            return

    def _drain(self) -> None:
        self._send()
        while self._waiting:
            wait((self.subscribe(),))
            self._send()

    def subscribe(self) -> Pollable:
        """Ready when the connection takes bytes."""
        return Readiness(self._descriptor, write=True)


class FileInput(InputStream):
    """A file from an offset on; its position is the stream's own."""

    def __init__(self, opened: Opened, offset: int) -> None:
        self._opened = opened
        self._offset = offset

    def _take(self, size: int, *, blocking: bool) -> memoryview:
        view = memoryview(bytearray(size))
        taken = self._opened.descriptor.pread([view], self._offset)
        self._offset += taken
        return view[:taken]

    def close(self) -> None:
        """One user of the file less."""
        self._opened.release()


class FileOutput(OutputStream):
    """A file from an offset on, or, without one, its end."""

    def __init__(self, opened: Opened, offset: int | None) -> None:
        self._opened = opened
        self._offset = offset

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._write(view) :]

    def _write(self, view: memoryview) -> int:
        descriptor = self._opened.descriptor
        if self._offset is not None:
            written = descriptor.pwrite([view], self._offset)
            self._offset += written
            return written
        flags = descriptor.fdflags
        descriptor.fdflags = flags | abi.APPEND
        try:
            return descriptor.write([view])
        finally:
            descriptor.fdflags = flags

    def close(self) -> None:
        """One user of the file less."""
        self._opened.release()


_NOTHING = Result(None, STREAM_ERROR)
_COUNT = Result(U64, STREAM_ERROR)
_READ = Result(BYTES, STREAM_ERROR)

ERROR = Interface("wasi:io/error", methods={IoError: {"to-debug-string": func(returns=STRING)}})

STREAMS = Interface(
    "wasi:io/streams",
    methods={
        InputStream: {
            "read": func(U64, returns=_READ),
            "blocking-read": func(U64, returns=_READ),
            "skip": func(U64, returns=_COUNT),
            "blocking-skip": func(U64, returns=_COUNT),
            "subscribe": func(returns=Own(Pollable)),
        },
        OutputStream: {
            "check-write": func(returns=_COUNT),
            "write": func(BYTES, returns=_NOTHING),
            "blocking-write-and-flush": func(BYTES, returns=_NOTHING),
            "flush": func(returns=_NOTHING),
            "blocking-flush": func(returns=_NOTHING),
            "subscribe": func(returns=Own(Pollable)),
            "write-zeroes": func(U64, returns=_NOTHING),
            "blocking-write-zeroes-and-flush": func(U64, returns=_NOTHING),
            "splice": func(Borrow(InputStream), U64, returns=_COUNT),
            "blocking-splice": func(Borrow(InputStream), U64, returns=_COUNT),
        },
    },
)
