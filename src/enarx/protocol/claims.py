"""What evidence of a keep is bound to: claims, and the digest of them that hardware signs.

``report_data = SHA-512(claims)``, 64 bytes, the same on every platform.  Claims are canonical JSON
with a profile and a purpose, so that evidence made for one purpose is useless for another; the
bytes that arrived are hashed, never a spelling of our own.

    offer     nonce, suites (one-time keys), channel_spki
    channel   nonce, channel_spki, exporter, workload_digest
    identity  nonce, spki, workload_digest
    secrets   nonce, suites (one-time keys), spki, workload_digest, names

Bytes are base64url without padding.  A nonce is the verifier's, 32 bytes.

Source: DESIGN section 6; docs/design/formats/claims.md.
"""

from __future__ import annotations

import hashlib

from enarx.errors import MalformedError
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enarx.wire.document import Fields

PROFILE = "tag:github.com,2026:enarx/claims/1"
MEDIA_TYPE = "application/vnd.enarx.claims.v1+json"
IDENTITY_COLLECTION = "tag:enarx.dev,2026:identity"
"""Of wrappers with evidence for a key and the claims that name the key."""
UNASKED = bytes(32)
"""The nonce of identity claims that nobody asked for: they show no freshness."""
NONCE_BYTES = 32
EXPORTER_BYTES = 32
MAX_BYTES = 16 * 1024
MAX_SPKI_BYTES = 2048

MAX_SECRETS = 64
"""Secrets that one request names."""

_MAX_SECRET_NAME = 128
_MAX_SUITES = 4
_MAX_NAME = 64
_MAX_KEY_BYTES = 4096
_DIGEST = "sha256:"
_DIGEST_DIGITS = 64


class OfferClaims:
    """Of a keep that waits for its application.

    *suites* are its one-time public keys by the name of the mechanism, the preferred one first;
    *channel_spki* is the DER of the key that ends its channel.
    """

    __slots__ = ("channel_spki", "nonce", "suites")

    def __init__(self, nonce: bytes, suites: Mapping[str, bytes], channel_spki: bytes) -> None:
        self.nonce, self.suites, self.channel_spki = nonce, suites, channel_spki

    def encode(self) -> bytes:
        """The claims' bytes."""
        spki = to_base64url(self.channel_spki)
        return _encode("offer", self.nonce, suites=_keys(self.suites), channel_spki=spki)


class ChannelClaims:
    """Of a keep at one end of a connection, whose TLS exporter value *exporter* is.

    *workload_digest* is "sha256:…" of the application's manifest, empty before there is one.
    """

    __slots__ = ("channel_spki", "exporter", "nonce", "workload_digest")

    def __init__(
        self, nonce: bytes, channel_spki: bytes, exporter: bytes, workload_digest: str
    ) -> None:
        self.nonce, self.channel_spki = nonce, channel_spki
        self.exporter, self.workload_digest = exporter, workload_digest

    def encode(self) -> bytes:
        """The claims' bytes."""
        return _encode(
            "channel",
            self.nonce,
            channel_spki=to_base64url(self.channel_spki),
            exporter=to_base64url(self.exporter),
            workload_digest=self.workload_digest or None,
        )


class IdentityClaims:
    """Of a keep that asks for a certificate for the key *spki*, DER."""

    __slots__ = ("nonce", "spki", "workload_digest")

    def __init__(self, nonce: bytes, spki: bytes, workload_digest: str) -> None:
        self.nonce, self.spki, self.workload_digest = nonce, spki, workload_digest

    def encode(self) -> bytes:
        """The claims' bytes."""
        return _encode(
            "identity",
            self.nonce,
            spki=to_base64url(self.spki),
            workload_digest=self.workload_digest or None,
        )


class SecretsClaims:
    """Of a keep that asks for the secrets *names*, sealed to one of its one-time *suites*.

    *spki*, DER, is the key that signs the receipt; *workload_digest* is never empty.
    """

    __slots__ = ("names", "nonce", "spki", "suites", "workload_digest")

    def __init__(
        self,
        nonce: bytes,
        suites: Mapping[str, bytes],
        spki: bytes,
        *,
        workload_digest: str,
        names: Sequence[str],
    ) -> None:
        self.nonce, self.suites, self.spki = nonce, suites, spki
        self.workload_digest, self.names = workload_digest, tuple(names)

    def encode(self) -> bytes:
        """The claims' bytes."""
        return _encode(
            "secrets",
            self.nonce,
            suites=_keys(self.suites),
            spki=to_base64url(self.spki),
            workload_digest=self.workload_digest,
            names=list(self.names),
        )


def beside(claims: bytes, evidence: bytes) -> bytes:
    """A wrapper, in CBOR, of *evidence*, itself a wrapper, and the *claims* it is bound to.

    Source: draft-ietf-rats-msg-wrap-23, section 3.3.
    """
    from enarx.wire import cbor

    kind = "application/cmw+json" if evidence[:1] in (b"[", b"{") else "application/cmw+cbor"
    return cbor.encode(
        {
            "__cmwc_t": IDENTITY_COLLECTION,
            "claims": (MEDIA_TYPE, claims),
            "evidence": (kind, evidence),
        }
    )


def report_data(claims: bytes) -> bytes:
    """What evidence is bound to for *claims*: 64 bytes."""
    return hashlib.sha512(claims).digest()


def parse_offer(data: bytes, where: str = "offer claims") -> OfferClaims:
    """Claims with the purpose ``offer``.

    Raises:
        MalformedError: they are not such claims in their one spelling.
    """
    fields, nonce = _decode(data, "offer", where)
    suites = _suites(fields)
    spki = _bytes(fields, "channel_spki", 1, MAX_SPKI_BYTES)
    fields.done()
    return OfferClaims(nonce, suites, spki)


def parse_channel(data: bytes, where: str = "channel claims") -> ChannelClaims:
    """Claims with the purpose ``channel``.

    Raises:
        MalformedError: they are not such claims in their one spelling.
    """
    fields, nonce = _decode(data, "channel", where)
    spki = _bytes(fields, "channel_spki", 1, MAX_SPKI_BYTES)
    exporter = _bytes(fields, "exporter", EXPORTER_BYTES, EXPORTER_BYTES)
    digest = _digest(fields)
    fields.done()
    return ChannelClaims(nonce, spki, exporter, digest)


def parse_identity(data: bytes, where: str = "identity claims") -> IdentityClaims:
    """Claims with the purpose ``identity``.

    Raises:
        MalformedError: they are not such claims in their one spelling.
    """
    fields, nonce = _decode(data, "identity", where)
    spki = _bytes(fields, "spki", 1, MAX_SPKI_BYTES)
    digest = _digest(fields)
    fields.done()
    return IdentityClaims(nonce, spki, digest)


def parse_secrets(data: bytes, where: str = "secrets claims") -> SecretsClaims:
    """Claims with the purpose ``secrets``.

    Raises:
        MalformedError: they are not such claims in their one spelling.
    """
    fields, nonce = _decode(data, "secrets", where)
    suites = _suites(fields)
    spki = _bytes(fields, "spki", 1, MAX_SPKI_BYTES)
    digest = check_digest(fields.text("workload_digest"), f"{where}: workload_digest")
    names = fields.texts("names", most=MAX_SECRETS, longest=_MAX_SECRET_NAME)
    if not names or len(set(names)) != len(names):
        fields.refuse("names", "want at least one name, and none twice")
    fields.done()
    return SecretsClaims(nonce, suites, spki, workload_digest=digest, names=names)


def check_digest(text: str, where: str) -> str:
    """*text*, which must be a workload digest: "sha256:" and 64 digits, lower case.

    Raises:
        MalformedError: it is not.
    """
    digits = text.removeprefix(_DIGEST)
    if (
        not text.startswith(_DIGEST)
        or len(digits) != _DIGEST_DIGITS
        or set(digits) - set("0123456789abcdef")
    ):
        raise MalformedError(where, f"got {text[:80]!r}, want sha256: and 64 digits")
    return text


def _keys(suites: Mapping[str, bytes]) -> list[dict[str, str]]:
    return [{"kem": kem, "public_key": to_base64url(key)} for kem, key in suites.items()]


def _suites(fields: Fields) -> dict[str, bytes]:
    suites: dict[str, bytes] = {}
    for one in fields.objects("suites", _MAX_SUITES):
        kem = one.text("kem", least=1, most=_MAX_NAME)
        key = _bytes(one, "public_key", 1, _MAX_KEY_BYTES)
        one.done()
        if kem in suites:
            fields.refuse("suites", f"{kem} twice")
        suites[kem] = key
    if not suites:
        fields.refuse("suites", "no key")
    return suites


def _encode(purpose: str, nonce: bytes, **fields: object) -> bytes:
    common = {"profile": PROFILE, "purpose": purpose, "nonce": to_base64url(nonce)}
    return canonical.encode({**common, **fields})


def _decode(data: bytes, purpose: str, where: str) -> tuple[Fields, bytes]:
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, where)
    fields.one_of("profile", (PROFILE,))
    fields.one_of("purpose", (purpose,))
    return fields, _bytes(fields, "nonce", NONCE_BYTES, NONCE_BYTES)


def _bytes(fields: Fields, key: str, least: int, most: int) -> bytes:
    found = base64url(fields.text(key), f"{fields.where}: {key}")
    if not least <= len(found) <= most:
        fields.refuse(key, f"got {len(found)} bytes, want {least} to {most}")
    return found


def _digest(fields: Fields) -> str:
    value = fields.take("workload_digest")
    if value is None:
        return ""
    where = f"{fields.where}: workload_digest"
    if not isinstance(value, str):
        raise MalformedError(where, "want a text or null")
    return check_digest(value, where)
