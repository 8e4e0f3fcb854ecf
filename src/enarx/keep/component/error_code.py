"""``OSError`` as the error codes of ``wasi:filesystem`` and ``wasi:sockets``.

Inside the keep everything fails with ``OSError``; only this boundary knows the interfaces' names.

Source: wasi:filesystem 0.2.12, types.wit; wasi:sockets 0.2.12, network.wit.
"""

from __future__ import annotations

import errno

from enarx.keep.component.types import Enum, ErrorType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.values import Values

_FILESYSTEM = {
    errno.EACCES: "access",
    errno.EAGAIN: "would-block",
    errno.EALREADY: "already",
    errno.EBADF: "bad-descriptor",
    errno.EBUSY: "busy",
    errno.EDEADLK: "deadlock",
    errno.EDQUOT: "quota",
    errno.EEXIST: "exist",
    errno.EFBIG: "file-too-large",
    errno.EILSEQ: "illegal-byte-sequence",
    errno.EINPROGRESS: "in-progress",
    errno.EINTR: "interrupted",
    errno.EINVAL: "invalid",
    errno.EIO: "io",
    errno.EISDIR: "is-directory",
    errno.ELOOP: "loop",
    errno.EMLINK: "too-many-links",
    errno.EMSGSIZE: "message-size",
    errno.ENAMETOOLONG: "name-too-long",
    errno.ENODEV: "no-device",
    errno.ENOENT: "no-entry",
    errno.ENOLCK: "no-lock",
    errno.ENOMEM: "insufficient-memory",
    errno.ENOSPC: "insufficient-space",
    errno.ENOTDIR: "not-directory",
    errno.ENOTEMPTY: "not-empty",
    errno.ENOTRECOVERABLE: "not-recoverable",
    errno.ENOTSUP: "unsupported",
    errno.ENOSYS: "unsupported",
    errno.ENOTTY: "no-tty",
    errno.ENXIO: "no-such-device",
    errno.EOVERFLOW: "overflow",
    errno.EPERM: "not-permitted",
    errno.EPIPE: "pipe",
    errno.EROFS: "read-only",
    errno.ESPIPE: "invalid-seek",
    errno.ETXTBSY: "text-file-busy",
    errno.EXDEV: "cross-device",
}

_NETWORK = {
    errno.EACCES: "access-denied",
    errno.EPERM: "access-denied",
    errno.ENOTSUP: "not-supported",
    errno.EAFNOSUPPORT: "not-supported",
    errno.ENOSYS: "not-supported",
    errno.EINVAL: "invalid-argument",
    errno.ENOMEM: "out-of-memory",
    errno.ENOBUFS: "out-of-memory",
    errno.ETIMEDOUT: "timeout",
    errno.EALREADY: "concurrency-conflict",
    errno.EAGAIN: "would-block",
    errno.EISCONN: "invalid-state",
    errno.ENOTCONN: "invalid-state",
    errno.EBADF: "invalid-state",
    errno.EMFILE: "new-socket-limit",
    errno.ENFILE: "new-socket-limit",
    errno.EADDRNOTAVAIL: "address-not-bindable",
    errno.EADDRINUSE: "address-in-use",
    errno.EHOSTUNREACH: "remote-unreachable",
    errno.EHOSTDOWN: "remote-unreachable",
    errno.ENETUNREACH: "remote-unreachable",
    errno.ENETDOWN: "remote-unreachable",
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-reset",
    errno.EPIPE: "connection-aborted",
    errno.ECONNABORTED: "connection-aborted",
    errno.EMSGSIZE: "datagram-too-large",
}


class SocketStateError(OSError):
    """A failure that only ``wasi:sockets`` has a name for, such as "not-in-progress"."""

    def __init__(self, code: str) -> None:
        super().__init__(errno.EINVAL, code)
        self.code = code


class _ErrorCode(ErrorType):
    """``enum error-code``."""

    def __init__(self, codes: dict[int, str], other: str, unreached: str = "") -> None:
        self._codes = codes
        self._other = other
        self._enum = Enum(f"{' '.join(codes.values())} {other} {unreached}")
        self.cases = self._enum.cases

    def load(self, raw: bytes, at: int, values: Values) -> str:
        return self._enum.load(raw, at, values)

    def store(self, value: str, values: Values) -> bytes:
        return self._enum.store(value, values)

    def of(self, error: OSError) -> str:
        """The interface's name for *error*, or its most general one."""
        if isinstance(error, SocketStateError):
            return error.code
        return self._codes.get(error.errno or 0, self._other)


FILESYSTEM = _ErrorCode(_FILESYSTEM, "io")
NETWORK = _ErrorCode(
    _NETWORK,
    "unknown",
    "not-in-progress name-unresolvable temporary-resolver-failure permanent-resolver-failure",
)
