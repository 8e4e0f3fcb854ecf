"""What a keep's machine is: technology, accelerator, memory, processors, and what it is bound to.

A value of these types is possible; whether what it measures can be computed depends on the
firmware too, and is ``measurable``'s to say.

Sources: AMD 56860 rev. 1.58, section 4.3 (guest policy) and tables "ID block", "ID auth";
Intel 348549 (TDX module), ``TD_PARAMS``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Technology: TypeAlias = Literal["none", "snp", "tdx"]
    Accelerator: TypeAlias = Literal["kvm", "tcg"]

TECHNOLOGIES: tuple[Technology, ...] = ("none", "snp", "tdx")
ACCELERATORS: tuple[Accelerator, ...] = ("kvm", "tcg")
MAX_COMMAND_LINE = 2047
"""Bytes that Linux reads of its command line on x86; it cuts off the rest."""
MAX_MEMORY_MIB = 1 << 20
MAX_PROCESSORS = 255
"""With more, q35 needs another interrupt controller."""
LEAST_MEMORY_MIB = 64
EMULATED_PROCESSOR = "max,cx16=off"
"""What TCG makes: its 16-byte exchanges of QEMU 7.2 now and then return wrong flags, and the
kernel's allocator ends in a panic; nothing needs them."""
QUOTE_GENERATION_SOCKET = "/var/run/tdx-qgs/qgs.socket"

_LARGE_PAGE_MIB = 2
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(,[+-]?[a-z0-9._-]{1,40}(=[a-z0-9]{1,20})?)*")
_WHAT = "virtual machine"
_READ_BY_QEMU = ("vga=", "mem=")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpLaunch:
    """How SNP_LAUNCH_START and SNP_LAUNCH_FINISH are called.

    Args:
        policy: the guest's; bit 17 is always set.
        cbitpos, reduced_phys_bits: the processor's, CPUID 0x8000001F, EBX; those of EPYC 7003 and
            later by default.
        host_data: 32 bytes that are in every report, or none.
        id_block, id_auth: 96 and 4096 bytes, or none.
        author_key_enabled: *id_auth* holds an author's key too.
    """

    policy: int = 0x30000
    cbitpos: int = 51
    reduced_phys_bits: int = 1
    host_data: bytes = b""
    id_block: bytes = b""
    id_auth: bytes = field(default=b"", repr=False)
    author_key_enabled: bool = False

    def __post_init__(self) -> None:
        _size("snp.host_data", self.host_data, 32)
        _size("snp.id_block", self.id_block, 96)
        _size("snp.id_auth", self.id_auth, 4096)
        if bool(self.id_block) != bool(self.id_auth):
            raise _wrong("snp.id_block", "needs an id_auth, and the other way round")
        if self.author_key_enabled and not self.id_auth:
            raise _wrong("snp.author_key_enabled", "needs an id_auth")
        _within("snp.policy", self.policy, 0, (1 << 64) - 1)
        _within("snp.cbitpos", self.cbitpos, 32, 63)
        _within("snp.reduced_phys_bits", self.reduced_phys_bits, 1, 63)
        if not self.policy >> _RESERVED_ONE & 1:
            raise _wrong("snp.policy", f"got {self.policy:#x}, want bit {_RESERVED_ONE} set")
        if self.policy >> _DEBUG & 1:
            raise _wrong("snp.policy", f"got {self.policy:#x}, which lets the host read the memory")


_RESERVED_ONE = 17
_DEBUG = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxLaunch:
    """How a trust domain is made.

    Args:
        mrconfigid, mrowner, mrownerconfig: 48 bytes each that are in every quote, or none.
        quote_generation_socket: path of the socket of the host's quote generation service.
    """

    mrconfigid: bytes = b""
    mrowner: bytes = b""
    mrownerconfig: bytes = b""
    quote_generation_socket: str = QUOTE_GENERATION_SOCKET

    def __post_init__(self) -> None:
        for name in ("mrconfigid", "mrowner", "mrownerconfig"):
            _size(f"tdx.{name}", getattr(self, name), 48)
        if not self.quote_generation_socket.startswith("/"):
            raise _wrong("tdx.quote_generation_socket", "want an absolute path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """One machine.

    Args:
        memory_mib: a multiple of 2: whole large pages, which QEMU does not round.
        processors: all there from the start; none can be added.
        cpu_model: QEMU's name, with changes behind commas where *technology* is "none".
        command_line: the kernel's, at most 2047 bytes.
        snp, tdx: given for that *technology* and for no other.

    Raises:
        MisconfiguredError: there is no such machine.
    """

    technology: Technology
    accelerator: Accelerator
    memory_mib: int
    processors: int = 1
    cpu_model: str
    command_line: str = ""
    snp: SnpLaunch | None = None
    tdx: TdxLaunch | None = None

    def __post_init__(self) -> None:
        if self.technology not in TECHNOLOGIES or self.accelerator not in ACCELERATORS:
            raise _wrong("technology", f"got {self.technology} on {self.accelerator}")
        if self.technology != "none" and self.accelerator != "kvm":
            raise _wrong("accelerator", f"got {self.accelerator}, want kvm for {self.technology}")
        if (self.snp is not None, self.tdx is not None) != (
            self.technology == "snp",
            self.technology == "tdx",
        ):
            raise _wrong("technology", f"got {self.technology} and the launch of another")
        _within("memory_mib", self.memory_mib, LEAST_MEMORY_MIB, MAX_MEMORY_MIB)
        if self.memory_mib % _LARGE_PAGE_MIB:
            raise _wrong("memory_mib", f"got {self.memory_mib}, want whole pages of 2 MiB")
        _within("processors", self.processors, 1, MAX_PROCESSORS)
        if not _MODEL.fullmatch(self.cpu_model):
            raise _wrong("cpu_model", f"got {self.cpu_model[:80]!r}, want a name of QEMU's")
        _check_command_line(self.command_line)


def _check_command_line(line: str) -> None:
    if len(line.encode()) > MAX_COMMAND_LINE:
        problem = f"got {len(line.encode())} bytes, want at most {MAX_COMMAND_LINE}"
        raise _wrong("command_line", problem)
    if not line.isascii() or not line.isprintable():
        raise _wrong("command_line", "want printable ASCII")
    for word in line.split(" "):
        if word.startswith(_READ_BY_QEMU):
            raise _wrong("command_line", f"got {word[:40]}, which QEMU acts on, unmeasured")


def _size(name: str, value: bytes, wanted: int) -> None:
    if value and len(value) != wanted:
        raise _wrong(name, f"got {len(value)} bytes, want {wanted}")


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise _wrong(name, f"got {value}, want {least} to {most}")


def _wrong(path: str, problem: str) -> MisconfiguredError:
    return MisconfiguredError(_WHAT, problem, path=path)
