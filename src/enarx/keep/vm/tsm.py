"""Reports of the guest's TEE through Linux's configfs-tsm: one way for SEV-SNP and for TDX.

A report instance is a directory with a file for each attribute, and it belongs to whoever writes
to it last.  So the writes are counted (``generation``): what was read counts only if nobody else
wrote from before our first write until after our last read, and only if the report holds the very
bytes that were asked for.

Sources: Linux, Documentation/ABI/testing/configfs-tsm-report (6.7 to 6.18),
drivers/virt/coco/guest/report.c, fs/configfs/file.c.
"""

from __future__ import annotations

import errno
import os

from enarx.errors import MalformedError, UnavailableError
from enarx.keep.vm.report_data import report_data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Protocol

    class Attributes(Protocol):
        """The files of a report instance: the system calls, with names instead of paths."""

        def open(self, name: str, flags: int) -> int:
            """Open an attribute."""

        def read(self, fd: int, size: int) -> bytes:
            """Read on; nothing is the end."""

        def write(self, fd: int, data: bytes) -> int:
            """Write; what was written counts when the file is closed."""

        def close(self, fd: int) -> None:
            """Close."""


REPORT_DATA_BYTES = 64
"""Linux takes 1 to 64 bytes, TDX exactly 64; the rest of Enarx knows 64."""

MAX_BLOB_BYTES = 1 << 20
"""Of one attribute; Linux hands out 32 KiB at most, since 6.16 up to 16 MiB."""

MAX_PRIVLEVEL = 3
"""TSM_REPORT_PRIVLEVEL_MAX, the weakest VMPL."""

TRIES = 5
"""How often others may come between before that is an error."""

_MAX_LINE = 4096  # of an attribute that is text (SIMPLE_ATTR_SIZE)
_MAX_GENERATION_DIGITS = 20
_WHERE = "configfs-tsm"


class Directory:
    """A report instance that is open as a directory; nothing above it is touched."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def open(self, name: str, flags: int) -> int:
        """Open an attribute."""
        return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._fd)

    def read(self, fd: int, size: int) -> bytes:
        """Read on."""
        return os.read(fd, size)

    def write(self, fd: int, data: bytes) -> int:
        """Write."""
        return os.write(fd, data)

    def close(self, fd: int) -> None:
        """Close."""
        os.close(fd)


class Report:
    """What the TEE answered; authentic or not is for a verifier to find out.

    Attributes:
        provider: the driver's name, which tells the format ("sev_guest", "tdx_guest").
        outblob: the evidence, perhaps followed by zeros.
        auxblob: of "sev_guest" the certificate table that the host gave; empty if there is none.
    """

    __slots__ = ("auxblob", "outblob", "provider")

    def __init__(self, provider: str, outblob: bytes, auxblob: bytes) -> None:
        self.provider = provider
        self.outblob = outblob
        self.auxblob = auxblob


class Tsm:
    """One report instance, which others may write to, too."""

    __slots__ = ("_files",)

    def __init__(self, files: Attributes) -> None:
        self._files = files

    def privlevel_floor(self) -> int:
        """The strongest privilege level that this guest may name; 0 where there are no levels.

        Raises:
            UnavailableError: the kernel has no provider.
            MalformedError: it is not a number from 0 to 3.
        """
        try:
            text = self._line("privlevel_floor")
        except FileNotFoundError:
            return 0
        except OSError as error:
            _refuse("privlevel_floor", error)
        if text not in ("0", "1", "2", "3"):
            raise MalformedError(f"{_WHERE}: privlevel_floor", f"got {text[:40]!r}, want 0 to 3")
        return int(text)

    def quote(self, report_data: bytes, *, privlevel: int | None = None) -> Report:
        """A report that holds *report_data*, 64 bytes.

        Args:
            privlevel: the VMPL to be reported, 0 to 3; None leaves the kernel's choice.

        Raises:
            UnavailableError: the kernel, the firmware or the host cannot, or others came between
                ``TRIES`` times.
            MalformedError: the answer is no report of a known provider, or one for other data.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"{len(report_data)} bytes, not {REPORT_DATA_BYTES}")
        for _ in range(TRIES):
            found = self._try(report_data, privlevel)
            if found is not None:
                return _must_hold(found, report_data)
        raise UnavailableError(
            _WHERE,
            f"others wrote to the report instance during each of {TRIES} tries",
            hints=("use an instance that nobody else knows: a directory of another name",),
        )

    def _try(self, report_data: bytes, privlevel: int | None) -> Report | None:
        """One try; None if somebody came between."""
        step = "generation"
        try:
            expected = self._generation() + 1
            if privlevel is not None:
                step = "privlevel"
                self._write(step, b"%d" % privlevel)
                expected += 1
            step = "inblob"
            self._write(step, report_data)
            if self._generation() != expected:  # do not make the TEE sign for somebody else
                return None
            step = "provider"
            provider = self._line(step)
            step = "outblob"
            outblob = self._read(step, MAX_BLOB_BYTES)
            step = "auxblob"
            auxblob = self._optional(step)
            if self._generation() != expected:
                return None
        except BlockingIOError:  # EWOULDBLOCK: what was to be read became invalid
            return None
        except OSError as error:
            _refuse(step, error)
        return Report(provider, outblob, auxblob)

    def _generation(self) -> int:
        text = self._line("generation")
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_GENERATION_DIGITS):
            raise MalformedError(f"{_WHERE}: generation", f"got {text[:40]!r}, want a number")
        return int(text)

    def _line(self, name: str) -> str:
        return self._read(name, _MAX_LINE).decode("latin-1").removesuffix("\n")

    def _optional(self, name: str) -> bytes:
        try:
            return self._read(name, MAX_BLOB_BYTES)
        except FileNotFoundError:  # TDX shows none
            return b""

    def _read(self, name: str, most: int) -> bytes:
        """The whole content of one opening: the kernel fills it at the first read."""
        fd = self._files.open(name, os.O_RDONLY)
        try:
            found = bytearray()
            while part := self._files.read(fd, most + 1 - len(found)):
                found += part
                if len(found) > most:
                    raise MalformedError(f"{_WHERE}: {name}", f"got more than {most} bytes")
        finally:
            self._files.close(fd)
        return bytes(found)

    def _write(self, name: str, data: bytes) -> None:
        """Write at once.

        Whether the kernel took a binary attribute cannot be seen from here: closing is when it
        does, and that reports nothing.  The generation tells.
        """
        fd = self._files.open(name, os.O_WRONLY)
        try:
            written = self._files.write(fd, data)
        finally:
            self._files.close(fd)
        if written != len(data):
            problem = f"took {written} of {len(data)} bytes"
            raise UnavailableError(f"{_WHERE}: {name}", problem)


def _must_hold(report: Report, report_data: bytes) -> Report:
    """Insist that *report* was made for *report_data*, whatever the generation says."""
    found = report_data_of(report.provider, report.outblob)
    if found != report_data:
        problem = f"REPORT_DATA: got {found.hex()}, want {report_data.hex()}"
        raise MalformedError(f"{_WHERE}: outblob", problem)
    return report


def _refuse(step: str, error: OSError) -> NoReturn:
    """Say what an error number means here.

    Raises:
        UnavailableError: always.
    """
    code = error.errno or 0
    problem, hint = _MEANINGS.get(code, (os.strerror(code).lower(), ""))
    name = errno.errorcode.get(code, str(code))
    hints = (hint,) if hint else ()
    raise UnavailableError(f"{_WHERE}: {step}", f"{problem} ({name})", hints=hints) from error


_MEANINGS = {
    errno.EACCES: ("may not be opened", "the quoter needs to own the report instance"),
    errno.EBADMSG: ("the firmware's answer could not be decrypted", "start the VM anew"),
    errno.EBUSY: (
        "an earlier request is still with the host, or too many were never read",
        "TDX: see that the host's quote generation service runs, then start the VM anew",
    ),
    errno.EFBIG: ("the report is longer than the kernel takes", "use a newer kernel"),
    errno.EINTR: ("the wait for the host was interrupted", ""),
    errno.EINVAL: ("the provider does not take this request", ""),
    errno.EIO: (
        "the host or its firmware failed",
        "SNP: is the host's certificate table above 16 KiB?  TDX: does its quote service run?",
    ),
    errno.ENOENT: ("does not exist", "Linux 6.7 or later with CONFIG_TSM_REPORTS has it"),
    errno.ENOTTY: ("the key to the firmware was given up after an error", "start the VM anew"),
    errno.ENXIO: ("no TEE has registered", "is sev-guest or tdx-guest loaded, in such a guest?"),
    errno.ETIMEDOUT: (
        "the host did not answer in time",
        "TDX: see that the host's quote generation service runs and is reached",
    ),
}
