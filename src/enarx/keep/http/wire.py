"""A connection with what has come and what has not gone yet; nothing here waits."""

from __future__ import annotations

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.wasi.sockets import Stream

_BLOCK = 64 * 1024
_block = memoryview(bytearray(_BLOCK))  # a keep has one thread: all connections share it
_RECEIVED = 256 * 1024  # more is left in the kernel, and the peer waits


class Wire:
    """One connection, plain or TLS.

    Attributes:
        stream: the connection itself.
        received: what came and nobody has taken.
        ended: nothing more will come.
        failure: why nothing can be sent or received any more.
    """

    __slots__ = ("_sending", "ended", "failure", "received", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.received = bytearray()
        self.ended = False
        self.failure: OSError | None = None
        self._sending = bytearray()

    def receive(self) -> bool:
        """Take in what is there; whether anything came, or the end."""
        came = False
        while not self.ended and len(self.received) < _RECEIVED:
            try:
                count = self.stream.recv_into(_block)
            except BlockingIOError:
                return came
            except OSError as error:
                self._fail(error)
                return True
            came = True
            if not count:
                self.ended = True
            self.received += _block[:count]
        return came

    def queue(self, data: bytes) -> None:
        """Send *data* when there is room."""
        if self.failure is None:
            self._sending += data

    def send(self) -> int:
        """Send what fits; how many bytes did."""
        sent = 0
        while self._sending and self.failure is None:
            try:
                with memoryview(self._sending) as view:
                    count = self.stream.send(view)
            except BlockingIOError:
                break
            except OSError as error:
                self._fail(error)
                break
            del self._sending[:count]
            sent += count
        return sent

    def waiting(self) -> int:
        """Bytes that have not gone yet."""
        return len(self._sending)

    def interest(self, *, read: bool, write: bool) -> tuple[tuple[int, int], ...]:
        """What to wait for, after ``receive`` and ``send`` have done what they could."""
        found = self.stream.poll_interest(write=False) if read and not self.ended else ()
        if write and self._sending:
            return (*found, *self.stream.poll_interest(write=True))
        return found

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes; it may be gone already."""
        try:
            self.stream.shutdown(2)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Give the connection up."""
        try:
            self.stream.close()
        except OSError as error:
            self._fail(error)

    def check(self) -> None:
        """Raise why nothing can be sent.

        Raises:
            BrokenPipeError: the peer is gone.
        """
        if self.failure is not None:
            raise BrokenPipeError(errno.EPIPE, "the peer is gone") from self.failure

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or error
        self.ended = True
        self._sending.clear()
