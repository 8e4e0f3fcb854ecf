"""The SGX extension of PCK certificates: which platform, and at which TCB, a key stands for.

Entries that the profile does not name are refused: Intel's own library takes exactly five (of the
processor CA) or seven (of the platform CA), and so do we.

Source: Intel, "SGX PCK Certificate and Certificate Revocation List Profile Specification", the
tables of the SGX extensions, of "TCB" and of "Configuration".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import MalformedError
from enarx.tee.x509 import extension
from enarx.wire import der
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.asn1 import TLV

    from enarx.tee.x509 import Certificate

SGX_EXTENSION = "1.2.840.113741.1.13.1"

COMPONENTS = 16
"""Security version numbers of which a CPU SVN consists."""

SGX_TYPES = ("standard", "scalable", "scalable with integrity")

_PROCESSOR = tuple(f"{SGX_EXTENSION}.{entry}" for entry in range(1, 6))
_PLATFORM = tuple(f"{SGX_EXTENSION}.{entry}" for entry in range(1, 8))
_PPID, _TCB, _PCE_ID, _FMSPC, _SGX_TYPE, _INSTANCE, _CONFIGURATION = _PLATFORM
_SVNS = tuple(f"{_TCB}.{entry}" for entry in range(1, COMPONENTS + 1))
_PCE_SVN, _CPU_SVN = f"{_TCB}.17", f"{_TCB}.18"
_DYNAMIC, _CACHED_KEYS, _SMT = (f"{_CONFIGURATION}.{entry}" for entry in (1, 2, 3))

_OCTETS, _ENUMERATED = b"\x04", b"\x0a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """How a multi-package platform is set up.

    Args:
        dynamic_platform: packages can be added.
        cached_keys: the registration service keeps the platform's root keys.
        smt: simultaneous multithreading is on.
    """

    dynamic_platform: bool
    cached_keys: bool
    smt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PckIdentity:
    """What a PCK certificate says about its platform.

    Args:
        ppid: 16 bytes.
        components: 16 security version numbers.
        cpu_svn: 16 bytes, the raw value of which *components* are the meaning.
        pce_id: 2 bytes.
        fmspc: 6 bytes: the platform model.
        sgx_type: one of ``SGX_TYPES``.
        instance_id: 16 bytes; empty on single-package platforms.
        configuration: None on single-package platforms.
    """

    ppid: bytes
    components: tuple[int, ...]
    pce_svn: int
    cpu_svn: bytes
    pce_id: bytes
    fmspc: bytes
    sgx_type: str
    instance_id: bytes
    configuration: Configuration | None


def is_pck(certificate: Certificate) -> bool:
    """Whether it has the SGX extension; ``pck_identity`` reads it."""
    return extension(certificate, SGX_EXTENSION) is not None


def pck_identity(certificate: Certificate, where: str) -> PckIdentity:
    """Read the SGX extension of a PCK certificate.

    Raises:
        MalformedError: it is not there, or not exactly as the profile has it.
    """
    content = extension(certificate, SGX_EXTENSION)
    if content is None:
        raise MalformedError(where, f"no SGX extension ({SGX_EXTENSION})")
    found = der.attributes(content, where)
    _must_be(found, (_PLATFORM, _PROCESSOR), where)
    tcb = _tcb(found[_TCB], f"{where}: TCB")
    multi_package = _INSTANCE in found
    return PckIdentity(
        ppid=_octets(found[_PPID], 16, f"{where}: PPID"),
        components=tuple(_svn(tcb[svn], 0xFF, where) for svn in _SVNS),
        pce_svn=_svn(tcb[_PCE_SVN], 0xFFFF, where),
        cpu_svn=_cpu_svn(tcb[_CPU_SVN], where),
        pce_id=_octets(found[_PCE_ID], 2, f"{where}: PCE-ID"),
        fmspc=_octets(found[_FMSPC], 6, f"{where}: FMSPC"),
        sgx_type=_sgx_type(found[_SGX_TYPE], f"{where}: SGX type"),
        instance_id=_octets(found[_INSTANCE], 16, f"{where}: instance id")
        if multi_package
        else b"",
        configuration=_configuration(found[_CONFIGURATION], where) if multi_package else None,
    )


@asn1.sequence
class _TcbEntry:
    oid: ObjectIdentifier
    value: int | bytes


@asn1.sequence
class _TcbEntries:
    items: list[_TcbEntry]


def _tcb(value: TLV, where: str) -> dict[str, int | bytes]:
    """The entries of "TCB", all in one call of the decoder: there are 18, in every quote."""
    items = der.decode(_TcbEntries, der.sequence(der.element(value)), where).items
    found = {item.oid.dotted_string: item.value for item in items}
    if len(found) != len(items):
        raise MalformedError(where, "an object identifier occurs twice")
    _must_be(found, ((*_SVNS, _PCE_SVN, _CPU_SVN),), where)
    return found


def _configuration(value: TLV, where: str) -> Configuration:
    where = f"{where}: configuration"
    found = der.inner_attributes(value, where)
    _must_be(found, ((_DYNAMIC, _CACHED_KEYS, _SMT),), where)
    return Configuration(
        dynamic_platform=der.inner(bool, found[_DYNAMIC], where),
        cached_keys=der.inner(bool, found[_CACHED_KEYS], where),
        smt=der.inner(bool, found[_SMT], where),
    )


def _must_be(found: Mapping[str, object], sets: tuple[tuple[str, ...], ...], where: str) -> None:
    if any(found.keys() == set(known) for known in sets):
        return
    unknown = sorted(found.keys() - set(sets[0]))
    missing = [entry for entry in sets[-1] if entry not in found]
    wrong = [*(f"unknown {oid}" for oid in unknown), *(f"no {oid}" for oid in missing)]
    raise MalformedError(where, ", ".join(wrong) or "entries of one kind of platform only")


def _octets(value: TLV, size: int, where: str) -> bytes:
    found = bytes(value.data)
    if bytes(value.tag_bytes) != _OCTETS or len(found) != size:
        raise MalformedError(where, f"got {len(found)} bytes, want an octet string of {size}")
    return found


def _svn(found: int | bytes, most: int, where: str) -> int:
    if isinstance(found, bytes) or not 0 <= found <= most:
        raise MalformedError(f"{where}: TCB", f"got {found!r}, want an SVN of 0 to {most}")
    return found


def _cpu_svn(found: int | bytes, where: str) -> bytes:
    if isinstance(found, int) or len(found) != COMPONENTS:
        raise MalformedError(f"{where}: TCB", f"got {found!r}, want a CPUSVN of {COMPONENTS} bytes")
    return found


def _sgx_type(value: TLV, where: str) -> str:
    content = bytes(value.data)
    if bytes(value.tag_bytes) != _ENUMERATED or len(content) != 1:
        raise MalformedError(where, "not an enumerated value of one byte")
    found = Reader(content, where).uint(1, "value")
    if found >= len(SGX_TYPES):
        raise MalformedError(where, f"got {found}, want 0, 1 or 2")
    return SGX_TYPES[found]
