"""WASI preview 1 error numbers, and the kernel's as WASI's.

Inside the keep everything fails with ``OSError``; only the boundary to the guest knows these
numbers.  Source: WASI preview 1 witx, ``errno``.
"""

from __future__ import annotations

import errno as _errno

# in the order of the specification: a name's place is its number
# fmt: off
_NAMES = (
    "SUCCESS", "2BIG", "ACCES", "ADDRINUSE", "ADDRNOTAVAIL", "AFNOSUPPORT", "AGAIN",
    "ALREADY", "BADF", "BADMSG", "BUSY", "CANCELED", "CHILD", "CONNABORTED", "CONNREFUSED",
    "CONNRESET", "DEADLK", "DESTADDRREQ", "DOM", "DQUOT", "EXIST", "FAULT", "FBIG",
    "HOSTUNREACH", "IDRM", "ILSEQ", "INPROGRESS", "INTR", "INVAL", "IO", "ISCONN", "ISDIR",
    "LOOP", "MFILE", "MLINK", "MSGSIZE", "MULTIHOP", "NAMETOOLONG", "NETDOWN", "NETRESET",
    "NETUNREACH", "NFILE", "NOBUFS", "NODEV", "NOENT", "NOEXEC", "NOLCK", "NOLINK", "NOMEM",
    "NOMSG", "NOPROTOOPT", "NOSPC", "NOSYS", "NOTCONN", "NOTDIR", "NOTEMPTY",
    "NOTRECOVERABLE", "NOTSOCK", "NOTSUP", "NOTTY", "NXIO", "OVERFLOW", "OWNERDEAD", "PERM",
    "PIPE", "PROTO", "PROTONOSUPPORT", "PROTOTYPE", "RANGE", "ROFS", "SPIPE", "SRCH", "STALE",
    "TIMEDOUT", "TXTBSY", "XDEV", "NOTCAPABLE",
)
# fmt: on
_NUMBERS = {name: number for number, name in enumerate(_NAMES)}

AGAIN = _NUMBERS["AGAIN"]
BADF = _NUMBERS["BADF"]
FAULT = _NUMBERS["FAULT"]
INVAL = _NUMBERS["INVAL"]
IO = _NUMBERS["IO"]
MFILE = _NUMBERS["MFILE"]
NAMETOOLONG = _NUMBERS["NAMETOOLONG"]
NOTCAPABLE = _NUMBERS["NOTCAPABLE"]
NOTDIR = _NUMBERS["NOTDIR"]
NOTSOCK = _NUMBERS["NOTSOCK"]
NOTSUP = _NUMBERS["NOTSUP"]
OVERFLOW = _NUMBERS["OVERFLOW"]
PIPE = _NUMBERS["PIPE"]
SPIPE = _NUMBERS["SPIPE"]

# Linux's names are WASI's with an E in front; the few that differ are the second row.
_FROM_LINUX = {
    number: _NUMBERS[name[1:]] for number, name in _errno.errorcode.items() if name[1:] in _NUMBERS
} | {_errno.EOPNOTSUPP: _NUMBERS["NOTSUP"], _errno.ENOTSUP: _NUMBERS["NOTSUP"]}


class WasiError(Exception):
    """A failure that only WASI has a number for, such as a missing right (NOTCAPABLE)."""

    def __init__(self, code: int) -> None:
        super().__init__(_NAMES[code])
        self.code = code


def from_os_error(error: OSError) -> int:
    """The WASI number for *error*; IO for one without a number of its own."""
    return _FROM_LINUX.get(error.errno or 0, IO)
