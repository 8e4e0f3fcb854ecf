"""Signed results: only the given key, the accepted algorithm, the bytes as signed, and in time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey
from joserfc.jwt import decode

from enarx.appraisal import ear_token
from enarx.appraisal.appraise import judge
from enarx.appraisal.ear import claims_set, to_json
from enarx.errors import MalformedError, MisconfiguredError, RejectedError, UnauthenticError

Make = Callable[..., Any]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOTH: tuple[ear_token.Algorithm, ...] = ("ES384", "EdDSA")

P384 = ec.derive_private_key(0x1234567, ec.SECP384R1())
OTHER_P384 = ec.derive_private_key(0x7654321, ec.SECP384R1())
P256 = ec.derive_private_key(0x1234567, ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {"ES384": P384, "EdDSA": ED25519}


@pytest.fixture(scope="module")
def claims(authentic_of: Make, policy_of: Make) -> dict[str, Any]:
    """The claims set of an appraisal, which expires."""
    authentic = authentic_of()
    verdict = judge(authentic, policy_of(), now=NOW)
    return claims_set(
        authentic, verdict, build="enarx 0", nonce="n" * 43, expires=NOW + 10 * MINUTE
    )


def pem(key: ear_token.PrivateKey) -> bytes:
    """A public key as PEM."""
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def with_header(token: str, **header: Any) -> str:  # noqa: ANN401
    """*token* with another header, and the signature that it had."""
    _, payload, signature = token.split(".")
    return f"{b64(json.dumps(header).encode())}.{payload}.{signature}"


def signed(header: dict[str, Any], payload: bytes) -> str:
    """A token with any header and payload, rightly signed by the Ed25519 key."""
    text = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    return f"{text}.{b64(ED25519.sign(text.encode()))}"


HEADER = {"alg": "EdDSA", "typ": "eat+jwt"}


@pytest.mark.parametrize("algorithm", BOTH)
def test_what_is_signed_is_verified(algorithm: ear_token.Algorithm, claims: dict[str, Any]) -> None:
    """The result in a token is the result that was signed."""
    key = KEYS[algorithm]
    token = ear_token.sign(claims, key)
    found = ear_token.verify(token, key.public_key(), algorithms=(algorithm,), now=NOW)
    assert to_json(found) == claims
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": algorithm, "typ": "eat+jwt"}


@pytest.mark.parametrize("algorithm", BOTH)
def test_pyjwt_verifies_it(algorithm: ear_token.Algorithm, claims: dict[str, Any]) -> None:
    """Another implementation accepts the signature and reads the same claims."""
    token = ear_token.sign(claims, KEYS[algorithm])
    options: Any = {"verify_exp": False, "verify_iat": False}
    found = jwt.decode(token, pem(KEYS[algorithm]), algorithms=[algorithm], options=options)
    assert found == claims


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_joserfc_verifies_it(algorithm: ear_token.Algorithm, claims: dict[str, Any]) -> None:
    """The library that signs accepts it by its public functions as well."""
    kind = ECKey if algorithm == "ES384" else OKPKey
    key = kind.import_key(pem(KEYS[algorithm]))
    token = ear_token.sign(claims, KEYS[algorithm])
    assert decode(token, key, algorithms=[algorithm]).claims == claims


@pytest.mark.parametrize(
    ("signer", "key"), [(P384, OTHER_P384), (ED25519, OTHER_ED25519)], ids=["ES384", "EdDSA"]
)
def test_another_key_is_refused(
    signer: ear_token.PrivateKey, key: ear_token.PrivateKey, claims: dict[str, Any]
) -> None:
    """A token counts only under the key that the caller relies on."""
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(ear_token.sign(claims, signer), key.public_key(), algorithms=BOTH, now=NOW)
    assert caught.value.step == "attestation result's signature"
    (failure,) = caught.value.failures
    assert (failure.claim, failure.want, failure.got) == (
        "signature",
        "made by the given key",
        "another",
    )


@pytest.mark.parametrize(
    ("signer", "key", "algorithms", "got"),
    [
        (P384, ED25519, BOTH, "ES384"),
        (ED25519, P384, BOTH, "EdDSA"),
        (P384, P384, ("EdDSA",), "ES384"),
        (ED25519, ED25519, ("ES384",), "EdDSA"),
        (P384, P384, (), "ES384"),
    ],
)
def test_the_algorithm_is_the_callers_and_the_keys(
    signer: ear_token.PrivateKey,
    key: ear_token.PrivateKey,
    algorithms: tuple[ear_token.Algorithm, ...],
    *,
    got: str,
    claims: dict[str, Any],
) -> None:
    """What a token names is compared with what the caller accepts and the key can make."""
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(
            ear_token.sign(claims, signer), key.public_key(), algorithms=algorithms, now=NOW
        )
    (failure,) = caught.value.failures
    assert caught.value.step == "attestation result's header"
    assert (failure.claim, failure.got) == ("alg", got)
    assert failure.want.startswith(ear_token.algorithm_of(key))


@pytest.mark.parametrize(
    ("header", "failed"),
    [
        ({"alg": "none", "typ": "eat+jwt"}, ["alg"]),
        ({"alg": "HS384", "typ": "eat+jwt"}, ["alg"]),
        ({"alg": "eddsa", "typ": "eat+jwt"}, ["alg"]),
        ({"alg": "Ed25519", "typ": "eat+jwt"}, ["alg"]),
        ({"alg": "EdDSA", "typ": "at+jwt"}, ["typ"]),
        ({"alg": "EdDSA"}, ["typ"]),
        ({"alg": "none"}, ["alg", "typ"]),
    ],
)
def test_other_headers_are_refused(
    header: dict[str, str], failed: list[str], claims: dict[str, Any]
) -> None:
    """No algorithm, a symmetric one, another spelling, or a token of another kind."""
    token = signed(header, json.dumps(claims).encode())
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(token, ED25519.public_key(), algorithms=BOTH, now=NOW)
    assert [failure.claim for failure in caught.value.failures] == failed
    got = {failure.claim: (failure.want, failure.got) for failure in caught.value.failures}
    if "typ" in failed:
        assert got["typ"] == ("eat+jwt", header.get("typ", "none"))


@pytest.mark.parametrize("kind", ["eat+jwt", "EAT+JWT", "application/eat+jwt", "JWT"])
def test_kinds_of_results_are_read(kind: str, claims: dict[str, Any]) -> None:
    """As the media type may be written (RFC 7515, section 4.1.9), and as older verifiers do."""
    token = signed({**HEADER, "typ": kind, "kid": "x"}, json.dumps(claims).encode())
    assert ear_token.verify(token, ED25519.public_key(), algorithms=BOTH, now=NOW)


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"]},
        {"jwk": {"kty": "OKP"}},
        {"jku": "https://example.com"},
        {"x5c": []},
        {"b64": False},
        {"kid": 3},
        {"alg": 3},
        {"typ": None},
        {"kid": "x" * 1001},
    ],
)
def test_headers_that_ask_for_more_are_malformed(
    more: dict[str, Any], claims: dict[str, Any]
) -> None:
    """Nothing in a header chooses a key, or changes what is signed."""
    token = signed({**HEADER, **more}, json.dumps(claims).encode())
    with pytest.raises(MalformedError):
        ear_token.verify(token, ED25519.public_key(), algorithms=BOTH, now=NOW)


@pytest.mark.parametrize("algorithm", BOTH)
def test_every_changed_character_is_refused(
    algorithm: ear_token.Algorithm, claims: dict[str, Any]
) -> None:
    """Whichever character of a token is changed, it is not accepted."""
    small = {**claims, "submods": {"cpu0": {"ear.status": "none"}}}
    token = ear_token.sign(small, KEYS[algorithm])
    key = KEYS[algorithm].public_key()
    assert ear_token.verify(token, key, algorithms=BOTH, now=NOW)
    for at, character in enumerate(token):
        for other in {"A", "_", "."} - {character}:
            changed = token[:at] + other + token[at + 1 :]
            with pytest.raises(RejectedError):
                ear_token.verify(changed, key, algorithms=BOTH, now=NOW)


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize("signature", [b"", b"\0", bytes(95), bytes(96), bytes(97), bytes(64)])
def test_signatures_of_other_sizes_are_refused(
    algorithm: ear_token.Algorithm, signature: bytes, claims: dict[str, Any]
) -> None:
    """Nothing, zeros, one byte less, one byte more."""
    head = ear_token.sign(claims, KEYS[algorithm]).rpartition(".")[0]
    with pytest.raises(UnauthenticError):
        ear_token.verify(
            f"{head}.{b64(signature)}", KEYS[algorithm].public_key(), algorithms=BOTH, now=NOW
        )


def test_a_signed_result_must_still_be_one(claims: dict[str, Any]) -> None:
    """A right signature does not make a duplicate key or another document a result."""
    doubled = json.dumps(claims).replace('"iat":', '"iat": 1, "iat":').encode()
    for payload in (doubled, b"[]", b"", b"{}", b"\xff"):
        with pytest.raises(MalformedError):
            ear_token.verify(
                signed(HEADER, payload), ED25519.public_key(), algorithms=BOTH, now=NOW
            )


@pytest.mark.parametrize(
    ("change", "offset", "failed"),
    [
        ({}, timedelta(), []),
        ({}, 10 * MINUTE - timedelta(seconds=1), []),
        ({}, 10 * MINUTE, ["exp"]),
        ({}, -timedelta(seconds=1), ["iat"]),
        ({"nbf": 1772366460}, timedelta(), ["nbf"]),
        ({"nbf": 1772366460}, MINUTE, []),
        ({"exp": 1772366300, "nbf": 1772366460}, -MINUTE, ["exp", "iat", "nbf"]),
    ],
)
def test_a_result_has_its_time(
    change: dict[str, int], offset: timedelta, failed: list[str], claims: dict[str, Any]
) -> None:
    """Not before it was issued or may be used, and not from its expiry on."""
    token = ear_token.sign({**claims, **change}, P384)
    if not failed:
        assert ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW + offset)
        return
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW + offset)
    assert caught.value.step == "attestation result's time"
    assert caught.value.hints == ("ask the verifier for a new result, and compare the clocks",)
    assert [failure.claim for failure in caught.value.failures] == failed


def test_a_result_may_have_no_end(claims: dict[str, Any]) -> None:
    """Without an expiry it is the caller who decides how old a result may be."""
    token = ear_token.sign({k: v for k, v in claims.items() if k != "exp"}, P384)
    found = ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW + 10**6 * MINUTE)
    assert found.expires is None


def test_a_result_from_the_future_is_told(claims: dict[str, Any]) -> None:
    """A clock that is behind is named by both instants."""
    token = ear_token.sign(claims, P384)
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW - MINUTE)
    (failure,) = caught.value.failures
    assert failure.want == "a time at or after 2026-03-01T12:00:00Z"
    assert failure.got == "2026-03-01T11:59:00Z"


def test_a_refused_time_is_told(claims: dict[str, Any]) -> None:
    """Want and got are instants."""
    token = ear_token.sign({**claims, "nbf": 1772370000}, P384)
    with pytest.raises(UnauthenticError) as caught:
        ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW + 10 * MINUTE)
    assert [(f.claim, f.want, f.got) for f in caught.value.failures] == [
        ("exp", "a time before 2026-03-01T12:10:00Z", "2026-03-01T12:10:00Z"),
        ("nbf", "a time at or after 2026-03-01T13:00:00Z", "2026-03-01T12:10:00Z"),
    ]


def test_a_nonce_must_be_the_callers(claims: dict[str, Any]) -> None:
    """A caller who gave a nonce gets no other result; one who gave none takes any."""
    key = P384.public_key()
    token = ear_token.sign(claims, P384)
    assert ear_token.verify(token, key, algorithms=BOTH, now=NOW, nonce="n" * 43)
    bare = ear_token.sign({k: v for k, v in claims.items() if k != "eat_nonce"}, P384)
    assert ear_token.verify(bare, key, algorithms=BOTH, now=NOW).nonce == ""
    for text, got in ((token, "n" * 43), (bare, "none")):
        with pytest.raises(UnauthenticError) as caught:
            ear_token.verify(text, key, algorithms=BOTH, now=NOW, nonce="other-nonce")
        (failure,) = caught.value.failures
        assert caught.value.step == "attestation result's nonce"
        assert (failure.claim, failure.want, failure.got) == ("eat_nonce", "other-nonce", got)


@pytest.mark.parametrize("key", [P256, P256.public_key()])
def test_other_keys_are_a_mistake_of_the_operator(key: Any, claims: dict[str, Any]) -> None:  # noqa: ANN401
    """Only P-384 and Ed25519 sign results."""
    with pytest.raises(MisconfiguredError) as caught:
        ear_token.algorithm_of(key)
    assert caught.value.problem == "want a key of P-384 or Ed25519"
    with pytest.raises(MisconfiguredError):
        ear_token.sign(claims, P256)
    with pytest.raises(MisconfiguredError):
        ear_token.verify(ear_token.sign(claims, P384), P256.public_key(), algorithms=BOTH, now=NOW)


@pytest.mark.parametrize(
    ("token", "where", "problem"),
    [
        ("", "token", "got 1 parts, want 3"),
        ("a.b", "token", "got 2 parts, want 3"),
        ("a.b.c.d", "token", "got 4 parts, want 3"),
        ("." * ((1 << 20) + 1), "token", "got 1048577 characters, want at most 1048576"),
        ("." * (1 << 20), "token", "got 1048577 parts, want 3"),
        (f"{'A' * 1001}.e30.e30", "token: header", "want at most 1000 characters"),
        (
            f"{'A' * 1000}.e30.e30",
            "token: header",
            "is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
        ("e30=.e30.e30", "token: header", "not canonical base64"),
        ("e30.e3.e30", "token: payload", "not canonical base64"),
        ("e30.e30.!", "token: signature", "not base64"),
        ("e30.e30.e30", "token: header", "key 'alg' is missing"),
        ("W10.e30.e30", "token: header", "got an array, want an object"),
    ],
)
def test_what_is_no_token_is_malformed(token: str, where: str, problem: str) -> None:
    """Three parts of canonical base64url, the first an object, and not too long."""
    with pytest.raises(MalformedError) as caught:
        ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW)
    assert (caught.value.where, caught.value.problem) == (where, problem)


@given(st.text(max_size=60))
def test_whatever_arrives_is_refused_in_our_words(token: str) -> None:
    """Nobody hits a valid signature by chance; every other error would be a bug."""
    with pytest.raises(RejectedError):
        ear_token.verify(token, P384.public_key(), algorithms=BOTH, now=NOW)
