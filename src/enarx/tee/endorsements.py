"""What evidence needs beside itself to be believed, and how the missing part is asked for.

Endorsements are a bag: certificates, revocation lists and collateral from whatever source (stapled
to the evidence, a directory, a cache, a vendor), none of it trusted.  Each technology takes out
what fits and verifies it; what does not fit is ignored, as someone else's.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsements:
    """Unverified endorsements, each item the exact bytes of its source.

    Args:
        certificates: X.509, DER.
        crls: certificate revocation lists, DER.
        tcb_infos: answers of Intel's PCS, ``{"tcbInfo":…,"signature":…}``, JSON.
        qe_identities: answers of Intel's PCS, ``{"enclaveIdentity":…,"signature":…}``, JSON.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    tcb_infos: tuple[bytes, ...] = ()
    qe_identities: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: Endorsements) -> Endorsements:
        """Both bags in one, each item once."""
        return Endorsements(
            certificates=_union(self.certificates, other.certificates),
            crls=_union(self.crls, other.crls),
            tcb_infos=_union(self.tcb_infos, other.tcb_infos),
            qe_identities=_union(self.qe_identities, other.qe_identities),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VekNeed:
    """The certificate of the key that signed an SNP report.

    Args:
        products: AMD's names ("Milan", "Genoa", "Turin"), the likeliest first; more than one
            where the report does not tell (version 2).
        signer: "vcek" (of a chip) or "vlek" (of a cloud provider; no vendor hands it out).
        hwid: the chip, 64 bytes, or 8 for Turin; empty for a VLEK, and where the report masks it
            (then nobody can be asked: the host has to hand the certificate over).
        tcb: AMD's parameter names ("blSPL", "teeSPL", "snpSPL", "ucodeSPL", "fmcSPL") and values,
            one sequence for each of *products*.
    """

    products: tuple[str, ...]
    signer: Literal["vcek", "vlek"]
    hwid: bytes
    tcb: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmdChainNeed:
    """ASK (or ASVK) and ARK of a product."""

    products: tuple[str, ...]
    signer: Literal["vcek", "vlek"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmdCrlNeed:
    """The ARK's revocation list of a product."""

    products: tuple[str, ...]
    signer: Literal["vcek", "vlek"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbInfoNeed:
    """Intel's TCB info of a platform model.

    Args:
        tee: "sgx" or "tdx".
        fmspc: 6 bytes.
    """

    tee: Literal["sgx", "tdx"]
    fmspc: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QeIdentityNeed:
    """Intel's identity of the quoting enclave for *tee*."""

    tee: Literal["sgx", "tdx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PckCrlNeed:
    """Intel's revocation list of PCK certificates.

    Args:
        ca: "processor" or "platform", the authority that issued the PCK certificate.
    """

    ca: Literal["processor", "platform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelRootCrlNeed:
    """The revocation list of Intel's SGX root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PckNeed:
    """A PCK certificate that the quote only names (certification data types 1 to 3).

    Args:
        encrypted_ppid: as in the quote, 384 bytes (RSA-3072) or 256 (RSA-2048); empty if *ppid*
            is given in the clear.
        cpu_svn: 16 bytes.
        pce_svn: a number below 2**16.
        pce_id: 2 bytes, little-endian as in the quote.
        qe_id: 16 bytes, from the quote header's user data.
    """

    encrypted_ppid: bytes
    cpu_svn: bytes
    pce_svn: int
    pce_id: bytes
    qe_id: bytes


Need = (
    VekNeed
    | AmdChainNeed
    | AmdCrlNeed
    | TcbInfoNeed
    | QeIdentityNeed
    | PckCrlNeed
    | IntelRootCrlNeed
    | PckNeed
)
"""Something that would complete the verification of evidence; adapters know where it is served."""


def _union(ours: tuple[bytes, ...], theirs: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((*ours, *theirs)))
