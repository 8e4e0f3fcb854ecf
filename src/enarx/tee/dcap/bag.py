"""Endorsements of Intel's kind, loaded and still unverified; whatever is none is someone else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from enarx.errors import MalformedError
from enarx.tee.dcap.collateral import QeIdentity, TcbInfo, parse_qe_identity, parse_tcb_info
from enarx.tee.x509 import Certificate, Crl, usable_certificates, usable_crls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from enarx.tee.dcap.pck import PckIdentity
    from enarx.tee.dcap.quote import Tee
    from enarx.tee.endorsements import Endorsements

    T = TypeVar("T")

QE_NAMES = {"sgx": "QE", "tdx": "TD_QE"}
"""The quoting enclave of each technology, as QE identities name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """Loaded endorsements.

    Args:
        damaged: why items that should be collateral are none.
    """

    certificates: tuple[Certificate, ...]
    crls: tuple[Crl, ...]
    infos: tuple[TcbInfo, ...]
    identities: tuple[QeIdentity, ...]
    damaged: tuple[str, ...]

    def infos_of(self, platform: PckIdentity, tee: Tee) -> tuple[TcbInfo, ...]:
        """The TCB infos about the model of *platform* as one of *tee*."""
        return tuple(
            info
            for info in self.infos
            if (info.tee, info.fmspc, info.pce_id) == (tee, platform.fmspc, platform.pce_id)
        )

    def identities_of(self, tee: Tee) -> tuple[QeIdentity, ...]:
        """The identities of the quoting enclave of *tee*."""
        return tuple(one for one in self.identities if one.name == QE_NAMES[tee])


def open_bag(endorsements: Endorsements) -> Bag:
    """Load *endorsements*."""
    damaged: list[str] = []
    return Bag(
        certificates=tuple(usable_certificates(endorsements.certificates)),
        crls=tuple(usable_crls(endorsements.crls)),
        infos=_parsed(parse_tcb_info, endorsements.tcb_infos, damaged),
        identities=_parsed(parse_qe_identity, endorsements.qe_identities, damaged),
        damaged=tuple(damaged),
    )


def _parsed(
    parse: Callable[[bytes], T], items: Iterable[bytes], damaged: list[str]
) -> tuple[T, ...]:
    found: list[T] = []
    for item in items:
        try:
            found.append(parse(item))
        except MalformedError as e:
            damaged.append(str(e))
    return tuple(found)
