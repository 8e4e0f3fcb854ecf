"""The published vectors: what was once sealed, signed and framed is still read.

HPKE is done a second time here, after the words of RFC 9180 and with nothing but HMAC, the bare
key agreement and AES-GCM, because the library hides encapsulated key, key schedule and ``info``
behind one call (and takes no additional data, which RFC 9180's own vectors have).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.protocol import channel, claims
from enarx.seal import envelope, offer, receipt
from enarx.seal.suite import CLASSICAL, HYBRID, KEMS, OneTimeKey

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "launch.json").read_bytes()
)
X25519 = X25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["x25519_secret"]))
MLKEM = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(VECTORS["mlkem768_seed"]))
CHANNEL = ec.derive_private_key(int(VECTORS["channel_secret"], 16), ec.SECP256R1())
SPKI = CHANNEL.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
OFFER = offer.parse(VECTORS["offer"].encode())
WORKLOAD = "sha256:" + "5a" * 32


def test_the_offer_names_the_fixed_keys() -> None:
    """The hybrid public key is ML-KEM's followed by X25519's; an offer is named by its claims."""
    classical = X25519.public_key().public_bytes_raw()
    lattice = MLKEM.public_key().public_bytes_raw()
    assert OFFER.content.suites == {HYBRID: lattice + classical, CLASSICAL: classical}
    assert OFFER.content.channel_spki == SPKI
    assert OFFER.sha256.hex() == VECTORS["offer_sha256"]
    assert OFFER.encode() == VECTORS["offer"].encode()


@pytest.mark.parametrize("name", VECTORS["claims"])
def test_claims_are_spelled_and_hashed_as_published(name: str) -> None:
    """Parsed and written again they are the same bytes, with the published report data."""
    vector = VECTORS["claims"][name]
    data = vector["bytes"].encode()
    readers: dict[str, Callable[[bytes], Any]] = {
        "offer": claims.parse_offer,
        "channel": claims.parse_channel,
        "identity": claims.parse_identity,
    }
    assert readers[name.partition(",")[0]](data).encode() == data
    assert claims.report_data(data).hex() == vector["report_data"]


@pytest.mark.parametrize("kem", KEMS)
def test_the_envelope_opens_with_the_fixed_key(kem: str) -> None:
    """Its content is the published one, written in its one encoding."""
    key = OneTimeKey(kem)
    key._private = X25519 if kem == CLASSICAL else MLKEM768X25519PrivateKey(MLKEM, X25519)
    parsed = envelope.parse(bytes.fromhex(VECTORS["envelopes"][kem]))
    content = envelope.open_envelope(parsed, {kem: key}, OFFER.claims)
    assert content.encode().hex() == VECTORS["content"]
    assert content.secrets == {"token": b"hunter2"}


@pytest.mark.parametrize("kem", KEMS)
def test_the_envelope_is_hpke_to_the_letter(kem: str) -> None:
    """Opened by RFC 9180's own words: encapsulated key first, ``info`` in the key schedule."""
    parsed = envelope.parse(bytes.fromhex(VECTORS["envelopes"][kem]))
    info = b"enarx envelope 1\0" + kem.encode() + b"\0" + bytes.fromhex(VECTORS["offer_sha256"])
    if kem == CLASSICAL:
        size, number, secret = 32, 0x0020, dhkem(parsed.sealed[:32])
    else:
        size, number, secret = 1120, 0x647A, hybrid(parsed.sealed[:1120])
    key, nonce = schedule(secret, b"HPKE" + number.to_bytes(2, "big") + b"\0\1\0\2", info)
    plaintext = AESGCM(key).decrypt(nonce, parsed.sealed[size:], b"")
    assert plaintext.hex() == VECTORS["content"]


def test_the_receipt_is_signed_by_the_fixed_key() -> None:
    """For the hybrid envelope."""
    found = receipt.verify(
        VECTORS["receipt"].encode(),
        SPKI,
        workload_digest=WORKLOAD,
        claims_sha256=OFFER.sha256,
        envelope_sha256=envelope.digest(bytes.fromhex(VECTORS["envelopes"][HYBRID])),
    )
    assert found.time == 1_800_000_000


def test_frames_are_written_as_published() -> None:
    """What a client and a keep write, and how it is split again."""
    frames = VECTORS["frames"]
    assert channel.attest(1, bytes(range(32))).hex() == frames["attest"]
    assert channel.attach(2, stdin=True, stdout=0, stderr=7).hex() == frames["attach"]
    stream = b"".join(bytes.fromhex(data) for data in frames.values())
    found = list(channel.Splitter().feed(stream))
    assert [channel.frame(one.kind, one.body).hex() for one in found] == list(frames.values())
    assert channel.decode_command(found[1].body).positions == {"stdout": 0, "stderr": 7}
    assert found[2].body == b"hello\n"


def dhkem(encapsulated: bytes) -> bytes:
    """Decap of DHKEM(X25519, HKDF-SHA256): RFC 9180, section 4.1."""
    suite = b"KEM\0\x20"
    shared = X25519.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + X25519.public_key().public_bytes_raw()
    secret = extract(suite, b"", b"eae_prk", shared)
    return expand(suite, secret, b"shared_secret", context, 32)


def hybrid(encapsulated: bytes) -> bytes:
    """Decapsulation of ML-KEM-768 with X25519 (X-Wing): draft-connolly-cfrg-xwing-kem, 5.3."""
    lattice = MLKEM.decapsulate(encapsulated[:1088])
    point = encapsulated[1088:]
    shared = X25519.exchange(X25519PublicKey.from_public_bytes(point))
    public = X25519.public_key().public_bytes_raw()
    return hashlib.sha3_256(lattice + shared + point + public + rb"\.//^\ "[:6]).digest()


def schedule(shared: bytes, suite: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of the base mode: RFC 9180, section 5.1."""
    names = extract(suite, b"", b"psk_id_hash", b""), extract(suite, b"", b"info_hash", info)
    context = b"\0" + b"".join(names)
    secret = extract(suite, shared, b"secret", b"")
    key = expand(suite, secret, b"key", context, 32)
    return key, expand(suite, secret, b"base_nonce", context, 12)


def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """LabeledExtract: RFC 9180, section 4."""
    labeled = b"HPKE-v1" + suite + label + material
    return hmac.digest(salt or bytes(32), labeled, "sha256")


def expand(suite: bytes, secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand: RFC 9180, section 4; of at most one block."""
    labeled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labeled + b"\1", "sha256")[:size]
