"""What the messages of a wrapper are: evidence, endorsements, or nothing that is read here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.evidence import cmw, media, tsm
from enarx.evidence.opened import Content, Piece
from enarx.tee.endorsements import Endorsements
from enarx.wire import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.evidence.cmw import Message


def unwrap(data: bytes, where: str) -> Content:
    """The content of a conceptual message wrapper.

    Raises:
        MalformedError: it is none, or a message in it is of a kind that is not understood.
    """
    found = cmw.read(data, where)
    pieces: list[Piece] = []
    endorsements = Endorsements()
    containers = ["CMW in JSON" if data[:1] in (b"[", b"{") else "CMW in CBOR"]
    claims = b""
    for message in found:
        content = _content(message, f"{where}: {message.label}" if message.label else where)
        pieces += content.evidence
        endorsements += content.endorsements
        containers += content.containers
        if claims and content.claims:
            raise MalformedError(where, "claims twice")
        claims = claims or content.claims
    return Content(
        evidence=tuple(pieces),
        endorsements=endorsements,
        containers=tuple(containers),
        claims=claims,
    )


def _content(message: Message, where: str) -> Content:
    kind = message.media.name
    if kind in media.SIGNED:
        hint = "take the wrapper out of its signature, and verify the evidence in it"
        raise MalformedError(where, f"a signed wrapper ({kind})", hints=(hint,))
    if kind == media.CLAIMS:
        if not message.value:
            raise MalformedError(where, "claims without a byte")
        return Content(evidence=(), claims=message.value)
    if kind in _ENDORSEMENTS:
        _must_indicate(message, cmw.ENDORSEMENTS, where)
        return Content(evidence=(), endorsements=_ENDORSEMENTS[kind](message.value, where))
    technology = media.technology_of(message.media)
    if technology or kind in media.GENERIC:
        _must_indicate(message, cmw.EVIDENCE, where)
        return Content(evidence=(Piece(data=message.value, technology=technology),))
    if kind in _TSM:
        _must_indicate(message, cmw.EVIDENCE, where)
        opened = _TSM[kind](message.value, where)
        return replace(opened, containers=("TSM report",))
    known = (media.OURS + "…", *media.EVIDENCE, *sorted(_TSM), *sorted(_ENDORSEMENTS), media.CLAIMS)
    hint = f"understood are {', '.join(known)}"
    raise MalformedError(where, f"a message of type {message.media}", hints=(hint,))


def _must_indicate(message: Message, bit: int, where: str) -> None:
    if message.indicator and not message.indicator & bit:
        problem = f"the indicator {message.indicator} contradicts the type {message.media}"
        raise MalformedError(where, problem)


def _certificates(data: bytes, where: str) -> Endorsements:
    blocks = text.pem_blocks(data, where)
    for label, _ in blocks:
        if label != "CERTIFICATE":
            raise MalformedError(where, f"got PEM of {label!r}, want CERTIFICATE")
    return Endorsements(certificates=tuple(der for _, der in blocks))


_ENDORSEMENTS: dict[str, Callable[[bytes, str], Endorsements]] = {
    media.CERTIFICATE: lambda data, _: Endorsements(certificates=(data,)),
    media.CERTIFICATES_PEM: _certificates,
    media.CRL: lambda data, _: Endorsements(crls=(data,)),
    media.QE_IDENTITY: lambda data, _: Endorsements(qe_identities=(data,)),
    media.TCB_INFO: lambda data, _: Endorsements(tcb_infos=(data,)),
}
_TSM: dict[str, Callable[[bytes, str], Content]] = {
    media.TSM_REPORT_CBOR: tsm.from_cbor,
    media.TSM_REPORT_JSON: tsm.from_json,
}
