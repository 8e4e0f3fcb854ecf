"""Media types of evidence and endorsements: which we write, and which we understand.

Sources: RFC 9193, section 4 (Content-Type); RFC 9277, appendix B (content formats as CBOR tags);
RFC 9782 (EAT media types); RFC 2585 and RFC 8555 (certificates); draft-ietf-rats-msg-wrap-23,
section 10 (CMW); draft-deeglaze-amd-sev-snp-corim-profile (AMD's report); IANA's registry of media
types (veraison's TSM reports); docs/design/adr/0019-containers.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "application/vnd.enarx.evidence."
"""What we write: this and the technology's name ("application/vnd.enarx.evidence.snp")."""

EVIDENCE: Mapping[str, str] = {
    "application/vnd.amd.sev-snp.attestation-report": "snp",
    "application/vnd.confidential-ai.sev-snp-report": "snp",
    "application/vnd.confidential-ai.tdx-quote": "tdx",
    'application/eat-collection; profile="http://arm.com/CCA-SSD/1.0.0"': "cca",
}
"""Evidence of which the type tells the technology."""

GENERIC = frozenset(
    {
        "application/cbor",
        "application/cose",
        "application/eat+cwt",
        "application/eat-collection",
        "application/eat-cwt",
        "application/octet-stream",
    }
)
"""Types that tell only the encoding: evidence if it looks like some."""

TSM_REPORT_CBOR = "application/vnd.veraison.tsm-report+cbor"
TSM_REPORT_JSON = "application/vnd.veraison.tsm-report+json"

CERTIFICATE = "application/pkix-cert"
CERTIFICATES_PEM = "application/pem-certificate-chain"
CRL = "application/pkix-crl"
TCB_INFO = "application/vnd.enarx.tcb-info+json"
QE_IDENTITY = "application/vnd.enarx.qe-identity+json"

CLAIMS = "application/vnd.enarx.claims.v1+json"
"""What the evidence beside it is bound to, by SHA-512."""

CMW_CBOR = "application/cmw+cbor"
CMW_JSON = "application/cmw+json"
SIGNED = frozenset({"application/cmw+cose", "application/cmw+jws"})
"""Signed wrappers: whose signature that would be is not ours to say."""

CONTENT_FORMATS: Mapping[int, str] = {
    10572: "application/vnd.amd.sev-snp.attestation-report",
    263: "application/eat+cwt",
    273: CMW_CBOR,
    60: "application/cbor",
    42: "application/octet-stream",
}
"""CoAP content formats of the types above, as registered or requested."""

_MOST = 255
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f-\U0010ffff]|\\[\x20-\x7e])*"'
_TYPE = re.compile(rf"({_NAME}/{_NAME})((?: *; *{_WORD}=(?:{_WORD}|{_QUOTED}))*)")
_PARAMETER = re.compile(rf" *; *({_WORD})=({_WORD}|{_QUOTED})")
_PROFILES = ("eat_profile", "profile")
_TAG_BASE = 0x63740101
_TAGS_PER_ROW = 255
_ROW = 256
_LAST_FORMAT = 65024


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """A content type.

    Args:
        name: type and subtype, lower case.
        profile: of its parameters, the one that tells formats apart; empty without.
    """

    name: str
    profile: str = ""

    def __str__(self) -> str:
        return f'{self.name}; profile="{self.profile}"' if self.profile else self.name


def parse(text: str, where: str) -> MediaType:
    """A content type from its text.

    Raises:
        MalformedError: it is not one, a parameter occurs twice, or it is longer than 255.
    """
    found = _TYPE.fullmatch(text) if len(text) <= _MOST else None
    if found is None:
        raise MalformedError(where, f"not a media type: {text[:80]!r}")
    pairs = [(p[1].lower(), _unquoted(p[2])) for p in _PARAMETER.finditer(found[2])]
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise MalformedError(where, f"a parameter occurs twice: {text[:80]!r}")
    profile = next((parameters[name] for name in _PROFILES if name in parameters), "")
    return MediaType(name=found[1].lower(), profile=profile)


def of_format(number: int, where: str) -> MediaType:
    """The content type of a CoAP content format.

    Raises:
        MalformedError: it is none of those that are understood.
    """
    if number not in CONTENT_FORMATS:
        known = ", ".join(str(n) for n in sorted(CONTENT_FORMATS))
        raise MalformedError(where, f"got content format {number}, want one of {known}")
    return MediaType(name=CONTENT_FORMATS[number])


def of_tag(number: int, where: str) -> MediaType:
    """The content type that a CBOR tag stands for (RFC 9277, appendix B, reversed).

    Raises:
        MalformedError: it stands for none, or for none that is understood.
    """
    row, column = divmod(number - _TAG_BASE, _ROW)
    content_format = row * _TAGS_PER_ROW + column
    if row < 0 or column == _TAGS_PER_ROW or content_format > _LAST_FORMAT:
        raise MalformedError(where, f"tag {number} stands for no content format")
    return of_format(content_format, where)


def tag_of(content_format: int) -> int:
    """The CBOR tag of a content format: TN() of RFC 9277, appendix B."""
    row, column = divmod(content_format, _TAGS_PER_ROW)
    return _TAG_BASE + row * _ROW + column


def technology_of(media: MediaType) -> str:
    """The technology whose evidence *media* names; empty if it names none."""
    if media.name.startswith(OURS):
        return media.name.removeprefix(OURS)
    return EVIDENCE.get(str(media), "")


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
