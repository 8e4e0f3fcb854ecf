"""Makes vectors/launch.json: one launch with fixed keys, which other implementations can check.

    python -m tests.seal.make_vectors > tests/seal/vectors/launch.json

Sealing and signing use random numbers, so that another run makes another file.
"""

from __future__ import annotations

import json
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.protocol import channel
from enarx.protocol.claims import ChannelClaims, IdentityClaims, OfferClaims, report_data
from enarx.protocol.outcome import exited
from enarx.seal import envelope, suite
from enarx.seal.envelope import Content, Envelope
from enarx.seal.offer import Offer
from enarx.seal.receipt import Receipt

NONCE = bytes(range(32))
X25519_SECRET = bytes(range(32, 64))
MLKEM_SEED = bytes(range(64, 128))
CHANNEL_SECRET = int.from_bytes(bytes(range(1, 33)), "big")
WORKLOAD = "sha256:" + "5a" * 32


def main() -> None:
    """Print the file."""
    json.dump(vectors(), sys.stdout, indent=1)
    sys.stdout.write("\n")


def vectors() -> dict[str, object]:
    """Everything in the order of a launch."""
    lattice = MLKEM768PrivateKey.from_seed_bytes(MLKEM_SEED).public_key().public_bytes_raw()
    classical = X25519PrivateKey.from_private_bytes(X25519_SECRET).public_key().public_bytes_raw()
    key = ec.derive_private_key(CHANNEL_SECRET, ec.SECP256R1())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    publics = {suite.HYBRID: lattice + classical, suite.CLASSICAL: classical}
    offer = Offer(OfferClaims(NONCE, publics, spki).encode(), b"evidence")
    inside = content(spki)
    sealed = {kem: seal(offer, kem, inside) for kem in suite.KEMS}
    receipt = Receipt(
        workload_digest=WORKLOAD,
        claims_sha256=offer.sha256,
        envelope_sha256=envelope.digest(sealed[suite.HYBRID]),
        time=1_800_000_000,
    )
    return {
        "about": "keys for tests only: everybody knows them",
        "x25519_secret": X25519_SECRET.hex(),
        "mlkem768_seed": MLKEM_SEED.hex(),
        "channel_secret": f"{CHANNEL_SECRET:064x}",
        "claims": {
            name: {"bytes": data.decode(), "report_data": report_data(data).hex()}
            for name, data in bound(offer, spki).items()
        },
        "offer": offer.encode().decode(),
        "offer_sha256": offer.sha256.hex(),
        "content": inside.hex(),
        "envelopes": {kem: data.hex() for kem, data in sealed.items()},
        "receipt": receipt.sign(key).decode(),
        "frames": {name: data.hex() for name, data in frames().items()},
    }


def bound(offer: Offer, spki: bytes) -> dict[str, bytes]:
    """Claims for each purpose."""
    return {
        "offer": offer.claims,
        "channel": ChannelClaims(NONCE, spki, bytes(reversed(NONCE)), WORKLOAD).encode(),
        "channel, without an application": ChannelClaims(NONCE, spki, NONCE, "").encode(),
        "identity": IdentityClaims(NONCE, spki, WORKLOAD).encode(),
    }


def content(spki: bytes) -> bytes:
    """Of everything something."""
    return Content(
        manifest=b"{}",
        blobs=(b"config", b"\0asm"),
        owner_spki=spki,
        secrets={"token": b"hunter2"},
        arguments=("--verbose", "\u00e9"),
        environment={"HOME": "/"},
        options={"logs_bytes": 65536},
    ).encode()


def frames() -> dict[str, bytes]:
    """Of each kind one, in an order in which they can be sent."""
    return {
        "attest": channel.attest(1, NONCE),
        "attach": channel.attach(2, stdin=True, stdout=0, stderr=7),
        "stdout": channel.frame(channel.STDOUT, b"hello\n"),
        "end of stdin": channel.frame(channel.STDIN_END),
        "exit": channel.control(exit=exited(3).encode()),
    }


def seal(offer: Offer, kem: str, content: bytes) -> bytes:
    """The envelope for *offer*, without asking whether its evidence is any."""
    info = envelope.info_of(kem, offer.sha256)
    sealed = suite.seal(kem, offer.content.suites[kem], content, info)
    return Envelope(kem=kem, claims_sha256=offer.sha256, sealed=sealed).encode()


if __name__ == "__main__":
    main()
