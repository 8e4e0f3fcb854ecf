"""A receipt: the keep's word that it has the package, and what it will run.

    {"receipt": "<base64url of the body>", "signature": "<base64url>"}

    body = {"profile", "workload_digest", "claims_sha256", "envelope_sha256", "time"}

The signature is ECDSA with SHA-256 (DER) over the body's bytes, by the channel's key (P-256), which
the offer's claims name and its evidence vouches for.  *time* is seconds since 1970 by the keep's
clock, which the host sets: it orders, it proves nothing.

Source: DESIGN section 7; docs/design/formats/receipt.md.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.protocol.claims import check_digest
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

PROFILE = "tag:github.com,2026:enarx/receipt/1"
MAX_BYTES = 8 * 1024

_MAX_TIME = 253_402_300_799  # the end of the year 9999
_DIGEST_BYTES = 32
_WHERE = "receipt"
_STEP = "receipt"
_HASH = ec.ECDSA(hashes.SHA256())


class Receipt:
    """What a keep confirms: digests of 32 bytes, but for the workload's "sha256:…"."""

    __slots__ = ("claims_sha256", "envelope_sha256", "time", "workload_digest")

    def __init__(
        self, *, workload_digest: str, claims_sha256: bytes, envelope_sha256: bytes, time: int
    ) -> None:
        self.workload_digest = workload_digest
        self.claims_sha256 = claims_sha256
        self.envelope_sha256 = envelope_sha256
        self.time = time

    def sign(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """The receipt's bytes, signed by *key*, the channel's."""
        body = canonical.encode(
            {
                "profile": PROFILE,
                "workload_digest": self.workload_digest,
                "claims_sha256": to_base64url(self.claims_sha256),
                "envelope_sha256": to_base64url(self.envelope_sha256),
                "time": self.time,
            }
        )
        signature = key.sign(body, _HASH)
        return canonical.encode(
            {"receipt": to_base64url(body), "signature": to_base64url(signature)}
        )


def verify(
    data: bytes,
    channel_spki: bytes,
    *,
    workload_digest: str,
    claims_sha256: bytes,
    envelope_sha256: bytes,
) -> Receipt:
    """The receipt in *data*: of the key *channel_spki*, and about what the caller sent.

    Raises:
        MalformedError: it is none.
        UnauthenticError: another key signed it, or it is about something else.
    """
    body, signature = _take_apart(data)
    key = _key(channel_spki)
    try:
        key.verify(signature, body, _HASH)
    except InvalidSignature as e:
        failure = Failure("signature", want="made by the keep's channel key", got="another")
        raise UnauthenticError(_STEP, failure) from e
    found = _parse(body)
    wanted = {
        "workload_digest": (workload_digest, found.workload_digest),
        "claims_sha256": (claims_sha256.hex(), found.claims_sha256.hex()),
        "envelope_sha256": (envelope_sha256.hex(), found.envelope_sha256.hex()),
    }
    failures = [Failure(name, want=w, got=g) for name, (w, g) in wanted.items() if w != g]
    if failures:
        raise UnauthenticError(_STEP, *failures)
    return found


def _key(spki: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise MalformedError("channel key", "is not a public key") from e
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise MalformedError("channel key", "want a key of P-256")
    return key


def _take_apart(data: bytes) -> tuple[bytes, bytes]:
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, _WHERE)
    body, signature = (
        base64url(fields.text(key), f"{_WHERE}: {key}") for key in ("receipt", "signature")
    )
    fields.done()
    return body, signature


def _parse(body: bytes) -> Receipt:
    fields = canonical.decode(body, _WHERE)
    fields.one_of("profile", (PROFILE,))
    digests = {}
    for key in ("claims_sha256", "envelope_sha256"):
        digests[key] = base64url(fields.text(key), f"{_WHERE}: {key}")
        if len(digests[key]) != _DIGEST_BYTES:
            fields.refuse(key, f"got {len(digests[key])} bytes, want {_DIGEST_BYTES}")
    found = Receipt(
        workload_digest=check_digest(fields.text("workload_digest"), f"{_WHERE}: workload_digest"),
        time=fields.integer("time", 0, _MAX_TIME),
        **digests,
    )
    fields.done()
    return found
