"""Opens whatever evidence comes in: bare, as text, padded, wrapped, in a certificate or request.

Decides by content, never by file name.  Nesting and sizes are bounded, and what is not understood
is refused with what it looked like.  Nothing is verified, except that a certification request, and
a certificate that names itself as issuer, is signed by its own key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.evidence import cmw, dice, extensions, identity, messages, padding, pkix, spelling, tsm
from enarx.evidence.opened import Content, Opened, Piece
from enarx.wire import cbor, document, text

if TYPE_CHECKING:
    from enarx.tee.technology import Technology

MAX_BYTES = 16 * 1024 * 1024
"""Of a container: evidence of 32 KiB, with revocation lists that may have megabytes, in hex."""

MAX_DEPTH = 4
"""Spellings inside each other: PEM in base64 in hexadecimal has three."""

_JSON = (b"[", b"{")
_BLANK = b" \t\r\n"


def open_container(data: bytes, where: str, technologies: tuple[Technology, ...]) -> Opened:
    """The evidence in *data*, taken out of every container around it.

    The caller must still parse, authenticate and ``check_binding`` it.

    Args:
        where: what to call *data* in errors.
        technologies: those whose evidence is recognised.

    Raises:
        MalformedError: nothing that is understood, something damaged or nested too deeply, no
            evidence, or more than one piece of it.
        UnauthenticError: a request, or a certificate that names itself as issuer, that its own key
            did not sign.
    """
    if not data:
        raise MalformedError(where, "is empty")
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    return take_evidence(_open(data, where, technologies, MAX_DEPTH), where, technologies)


def take_evidence(content: Content, where: str, technologies: tuple[Technology, ...]) -> Opened:
    """The one piece of evidence in *content*, without padding, and whose it is.

    Raises:
        MalformedError: there is none or more than one, or no technology recognises it.
    """
    if len(content.evidence) != 1:
        problem = f"{len(content.evidence)} pieces of evidence, want one"
        raise MalformedError(where, problem, hints=("verify each piece by itself",))
    (piece,) = content.evidence
    technology = _technology_of(piece, where, technologies)
    trimmed = padding.trim(piece.data, technology.name, where)
    padded = ("padded buffer",) if len(trimmed) != len(piece.data) else ()
    return Opened(
        evidence=trimmed,
        technology=technology,
        endorsements=content.endorsements,
        containers=(*content.containers, *padded),
        binding=content.binding,
        claims=content.claims,
    )


def _technology_of(piece: Piece, where: str, technologies: tuple[Technology, ...]) -> Technology:
    known = [t for t in technologies if piece.technology in ("", t.name)]
    found = next((t for t in known if t.recognises(piece.data)), None)
    if found is not None:
        return found
    if not piece.technology:
        raise _unknown(piece.data, where, technologies)
    if not known:
        raise MalformedError(where, f"evidence of {piece.technology!r}, which is not known here")
    problem = f"said to be {known[0].title}, and does not begin like one"
    raise MalformedError(where, problem)


def _open(data: bytes, where: str, technologies: tuple[Technology, ...], depth: int) -> Content:
    if any(technology.recognises(data) for technology in technologies):
        return Content(evidence=(Piece(data=data),))
    if text.is_pem(data):
        return _pem(data, where)
    spelled = spelling.read(data, where)
    if spelled is not None:
        if not depth:
            raise MalformedError(where, f"text in text, deeper than {MAX_DEPTH}")
        name, inner = spelled
        content = _open(inner, where, technologies, depth - 1)
        return replace(content, containers=(name, *content.containers))
    if pkix.is_der(data):
        return extensions.open_carrier(pkix.read(data, where), where)
    if data.lstrip(_BLANK)[:1] in _JSON:
        return _json(data.strip(_BLANK), where)
    if dice.is_tagged_evidence(data):
        return dice.tagged_evidence(data, where)
    if cmw.is_wrapper(data):
        return _cbor(data, where)
    raise _unknown(data, where, technologies)


def _pem(data: bytes, where: str) -> Content:
    """The first block: what follows a certificate with evidence is its issuer's chain."""
    label, der = text.pem_blocks(data, where)[0]
    if label not in _PEM_LABELS:
        raise MalformedError(where, f"got PEM of {label!r}, want one of {', '.join(_PEM_LABELS)}")
    content = extensions.open_carrier(pkix.read(der, where), where)
    return replace(content, containers=("PEM", *content.containers))


_PEM_LABELS = ("CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


def _json(data: bytes, where: str) -> Content:
    if tsm.is_report(document.load_any(data, where)):
        return tsm.from_json(data, where)
    return _wrapper(data, where)


def _cbor(data: bytes, where: str) -> Content:
    if tsm.is_report(cbor.decode(data, where)):
        return tsm.from_cbor(data, where)
    return _wrapper(data, where)


def _wrapper(data: bytes, where: str) -> Content:
    try:
        found = messages.unwrap(data, where)
        if found.claims:
            return replace(found, binding=identity.claims_only(found.claims))
        return found
    except MalformedError as e:
        hint = "it was read as a conceptual message wrapper (CMW), because it begins like one"
        raise MalformedError(e.where, e.problem, offset=e.offset, hints=e.hints or (hint,)) from e


def _unknown(data: bytes, where: str, technologies: tuple[Technology, ...]) -> MalformedError:
    names = ", ".join(technology.name for technology in technologies) or "no technology"
    hint = (
        f"understood is evidence of {names}; bare, in hexadecimal or base64, padded with zeros,"
        " in a CMW, a TSM report, or an extension of a certificate or request"
    )
    problem = f"no evidence that is known here begins with {data[:8].hex()}"
    return MalformedError(where, problem, hints=(hint,))
