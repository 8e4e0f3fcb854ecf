"""Attestation results as signed tokens (JWT): who says that an appraisal found what it found.

The verifier's key and the algorithm are arguments; nothing that a token says chooses either.

Source: draft-ietf-rats-ear-04, section 5; RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (best current
practices), RFC 9782 (``eat+jwt``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc.jwk import ECKey, OKPKey
from joserfc.jws import JWSRegistry

from enarx.appraisal import ear
from enarx.errors import Failure, MalformedError, MisconfiguredError, UnauthenticError
from enarx.wire import document, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from enarx.appraisal.ear import AttestationResult

Algorithm = Literal["ES384", "EdDSA"]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

MEDIA_TYPE = "eat+jwt"
MAX_TOKEN = 1 << 20
"""Characters; the evidence of a machine with its vTPM takes some ten thousand."""

_PARTS = 3
_MAX_HEADER = 1000


def sign(claims: Mapping[str, object], key: PrivateKey) -> str:
    """A token with *claims*, signed by *key*: ES384 with P-384, EdDSA with Ed25519.

    Raises:
        MisconfiguredError: *key* is of another kind.
    """
    algorithm = algorithm_of(key)
    header = document.dump({"alg": algorithm, "typ": MEDIA_TYPE})
    signed = f"{text.to_base64url(header)}.{text.to_base64url(document.dump(claims))}"
    signer = JWSRegistry.algorithms[algorithm]
    signature = signer.sign(signed.encode("ascii"), _jwk(key))
    return f"{signed}.{text.to_base64url(signature)}"


def verify(
    token: str,
    key: PublicKey,
    *,
    algorithms: Collection[Algorithm],
    now: datetime,
    nonce: str = "",
) -> AttestationResult:
    """The result in *token*, proven to be signed by *key*.

    The caller must still look at the status, at the policy's identifier, and at which sub-module
    it is about.

    Args:
        key: of a verifier that the caller relies on.
        algorithms: those that are accepted; what *key* cannot make is refused.
        now: aware; a token that expired before, or was made after it, is refused.
        nonce: what the token must carry; empty where the caller gave none.

    Raises:
        MalformedError: *token* is not a result in JWT.
        UnauthenticError: another key signed it, another algorithm, or it is not of this time.
        MisconfiguredError: *key* is neither P-384 nor Ed25519.
    """
    header, payload, signature, signed = _parts(token)
    wanted = algorithm_of(key)
    _must_be_named(header, wanted, algorithms)
    verifier = JWSRegistry.algorithms[wanted]
    if not verifier.verify(signed, signature, _jwk(key)):
        failure = Failure("signature", want="made by the given key", got="another")
        raise UnauthenticError("attestation result's signature", failure)
    result = ear.parse(payload)
    _must_be_current(result, now)
    if nonce and result.nonce != nonce:
        failure = Failure("eat_nonce", want=nonce, got=result.nonce or "none")
        raise UnauthenticError("attestation result's nonce", failure)
    return result


def algorithm_of(key: PrivateKey | PublicKey) -> Algorithm:
    """What *key* signs with.

    Raises:
        MisconfiguredError: it is neither P-384 nor Ed25519.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key.curve, ec.SECP384R1):
        return "ES384"
    raise MisconfiguredError("signing key", "want a key of P-384 or Ed25519")


def _jwk(key: PrivateKey | PublicKey) -> ECKey | OKPKey:
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return ECKey(key, key)
    return OKPKey(key, key)


def _parts(token: str) -> tuple[document.Fields, bytes, bytes, bytes]:
    """Header, payload, signature and the bytes that are signed."""
    if len(token) > MAX_TOKEN:
        raise MalformedError("token", f"got {len(token)} characters, want at most {MAX_TOKEN}")
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise MalformedError("token", f"got {len(parts)} parts, want {_PARTS}")
    if len(parts[0]) > _MAX_HEADER:
        raise MalformedError("token: header", f"want at most {_MAX_HEADER} characters")
    names = ("header", "payload", "signature")
    header, payload, signature = (
        text.base64url(part, f"token: {name}") for name, part in zip(names, parts, strict=True)
    )
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    return document.load(header, "token: header"), payload, signature, signed


def _must_be_named(
    header: document.Fields, wanted: Algorithm, algorithms: Collection[Algorithm]
) -> None:
    """Insist on the key's own algorithm, that it is accepted, and on a header with nothing else.

    A ``crit``, a ``jwk`` or a ``b64`` would ask for things that are not done here.
    """
    algorithm = header.text("alg", most=_MAX_HEADER)
    kind = header.text("typ", most=_MAX_HEADER) if "typ" in header else ""
    if "kid" in header:
        header.text("kid", most=_MAX_HEADER)
    header.done()
    failures = []
    if algorithm != wanted or algorithm not in algorithms:
        accepted = " or ".join(sorted(algorithms))
        want = f"{wanted}, which the given key signs with, of the accepted {accepted}"
        failures.append(Failure("alg", want=want, got=algorithm))
    if kind.lower().removeprefix("application/") not in (MEDIA_TYPE, "jwt"):
        failures.append(Failure("typ", want=MEDIA_TYPE, got=kind or "none"))
    if failures:
        raise UnauthenticError("attestation result's header", *failures)


def _must_be_current(result: AttestationResult, now: datetime) -> None:
    failures = []
    if result.expires is not None and now >= result.expires:
        failures.append(_not_current("exp", "before", result.expires, now))
    for name, instant in (("iat", result.issued_at), ("nbf", result.not_before)):
        if instant is not None and now < instant:
            failures.append(_not_current(name, "at or after", instant, now))
    if failures:
        raise UnauthenticError("attestation result's time", *failures)


def _not_current(name: str, side: str, instant: datetime, now: datetime) -> Failure:
    hint = "ask the verifier for a new result, and compare the clocks"
    want = f"a time {side} {instant:%Y-%m-%dT%H:%M:%SZ}"
    return Failure(name, want=want, got=f"{now:%Y-%m-%dT%H:%M:%SZ}", hint=hint)
