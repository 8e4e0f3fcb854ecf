"""Bodies as they are on the wire: taken out of what was received, and framed for sending.

Source: RFC 9112, sections 6.3 and 7.1 (chunked).
"""

from __future__ import annotations

import errno
import re

from enarx.keep.http.fields import MAX_HEAD, HttpError, parse_fields, write_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.http.fields import Fields

_MAX_SIZE_LINE = 256
# a size, then extensions, which nobody uses and nothing here understands
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_CRLF = b"\r\n"


class Decoder:
    """Takes a body out of a buffer that fills up.

    Attributes:
        done: nothing more of the body comes.
        trailers: fields after a chunked body; empty until it is done.
    """

    done = False
    trailers: Fields = ()

    def take(self, received: bytearray, most: int) -> bytes:
        """Cut up to *most* bytes of the body off *received*; none if more must come first."""
        raise NotImplementedError

    def end(self) -> None:
        """The connection ended.

        Raises:
            ConnectionResetError: in the middle of the body.
        """
        raise ConnectionResetError(errno.ECONNRESET, "the body ends too early")


class Sized(Decoder):
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = not length

    def take(self, received: bytearray, most: int) -> bytes:
        """What is there, within the length."""
        data = bytes(received[: min(most, self._left)])
        del received[: len(data)]
        self._left -= len(data)
        self.done = not self._left
        return data


class UntilClose(Decoder):
    """A response's body without any framing: it ends with the connection."""

    def take(self, received: bytearray, most: int) -> bytes:
        """What is there."""
        data = bytes(received[:most])
        del received[: len(data)]
        return data

    def end(self) -> None:
        """The regular end."""
        self.done = True


class Chunked(Decoder):
    """A chunked body of at most *most_bytes*."""

    def __init__(self, most_bytes: int) -> None:
        self._budget = most_bytes
        self._left = 0  # of the chunk
        self._step = self._size
        self._lines: list[bytes] = []
        self._trailer_bytes = 0

    def take(self, received: bytearray, most: int) -> bytes:
        """What is there, without its framing."""
        parts, taken = [], 0
        while not self.done:
            if self._left and taken < most:
                data = bytes(received[: min(most - taken, self._left)])
                if not data:
                    break
                del received[: len(data)]
                parts.append(data)
                taken += len(data)
                self._left -= len(data)
            elif self._left or not self._step(received):
                break
        return b"".join(parts)

    def _size(self, received: bytearray) -> bool:
        line = _take_line(received, _MAX_SIZE_LINE)
        if line is None:
            return False
        size = _SIZE.fullmatch(line)
        if size is None:
            raise HttpError(400, "a chunk's size is malformed")
        self._left = int(size[1], 16)
        self._budget -= self._left
        if self._budget < 0:
            raise HttpError(413, "the chunked body is too long")
        self._step = self._end_of_chunk if self._left else self._trailer
        return True

    def _end_of_chunk(self, received: bytearray) -> bool:
        if len(received) < len(_CRLF):
            return False
        if not received.startswith(_CRLF):
            raise HttpError(400, "a chunk does not end where its size says")
        del received[: len(_CRLF)]
        self._step = self._size
        return True

    def _trailer(self, received: bytearray) -> bool:
        line = _take_line(received, MAX_HEAD - self._trailer_bytes)
        if line is None:
            return False
        if line:
            self._trailer_bytes += len(line) + len(_CRLF)
            self._lines.append(line)
            return True
        self.trailers = parse_fields(self._lines)
        self.done = True
        return True


def _take_line(received: bytearray, most: int) -> bytes | None:
    end = received.find(_CRLF, 0, most + len(_CRLF))
    if end < 0:
        if len(received) >= most + len(_CRLF):
            raise HttpError(400, f"a line of a chunked body has more than {most} bytes")
        if b"\n" in received:
            raise HttpError(400, "a line of a chunked body does not end in CR LF")
        return None
    line = bytes(received[:end])
    if b"\n" in line:
        raise HttpError(400, "a line of a chunked body does not end in CR LF")
    del received[: end + len(_CRLF)]
    return line


class Encoder:
    """Frames a body for sending.

    Args:
        length: bytes that the head announced; None for chunks, or for the connection's end.
        chunked: whether there are chunks.
        silent: the message has no body, whatever is written (HEAD, 204, 304).
    """

    def __init__(self, length: int | None, *, chunked: bool = False, silent: bool = False) -> None:
        self.length = length
        self.written = 0
        self._chunked = chunked
        self._silent = silent

    def frame(self, data: bytes) -> bytes:
        """*data* as it is sent.

        Raises:
            OSError: EMSGSIZE for more than was announced.
        """
        self.written += len(data)
        if self._silent or not data:
            return b""
        if self.length is not None and self.written > self.length:
            raise OSError(errno.EMSGSIZE, "more bytes than Content-Length says")
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def end(self, trailers: Fields) -> bytes:
        """What ends the body; trailers need chunks.

        Raises:
            OSError: EMSGSIZE for less than was announced.
        """
        if self._silent:
            return b""
        if self.length is not None and self.written < self.length:
            raise OSError(errno.EMSGSIZE, "fewer bytes than Content-Length says")
        return b"0\r\n" + write_fields(trailers) + _CRLF if self._chunked else b""
