"""The development root: what simulated evidence stands on, in place of the vendors' roots.

It is a seed and two RSA keys.  One key is every ARK, the other every ASK and ASVK: AMD has one for
each product, but RSA-4096 keys take seconds to make, and names keep the products apart.  All other
keys are derived from the seed.

Whoever holds a root can make any evidence under it, so such evidence proves nothing, and every
anchor of it says ``simulated``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from enarx.errors import MalformedError
from enarx.tee.anchors import TrustAnchor, Vendor
from enarx.tee.simulated.certificates import Party, Validity, authority, certify, pem, signer
from enarx.tee.simulated.keys import RSA_BITS, SEED_BYTES, ec_key, rsa_key
from enarx.tee.snp.products import PRODUCTS, Product
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from enarx.tee.snp.vek import Signer

PckCa = Literal["platform", "processor"]

ALWAYS = Validity(
    not_before=datetime(2000, 1, 1, tzinfo=UTC), not_after=datetime(2049, 12, 31, tzinfo=UTC)
)
"""Of the authorities' certificates: a laptop with a wrong clock still has a root."""

_WHERE = "development root"
_TCB_SIGNING = "Intel SGX TCB Signing"
_SEED_LABEL = "ENARX SIMULATED ROOT"
_KEY_LABEL = "PRIVATE KEY"
_SERIALS = {"ark": 0x02_0000, "vcek": 0x02_0002, "vlek": 0x02_0101}  # as AMD's


@dataclass(frozen=True, slots=True)
class SimulatedRoot:
    """Authorities of both vendors, of our own making.

    Args:
        seed: 32 bytes from which every key but the two is derived; secret as far as the
            development machine has secrets.
        ark: RSA-4096, of AMD's roots.
        ask: RSA-4096, of what is below them.
    """

    seed: bytes = field(repr=False)
    ark_key: rsa.RSAPrivateKey = field(repr=False)
    ask_key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SimulatedRoot:
        """The root of *seed*, 32 bytes: the same keys on every machine; takes seconds.

        Raises:
            ValueError: the seed has another size.
        """
        return cls(seed, rsa_key(seed, "ark"), rsa_key(seed, "ask"))

    @classmethod
    def from_bytes(cls, data: bytes) -> SimulatedRoot:
        """The root that ``to_bytes`` wrote.

        Raises:
            MalformedError: it is not that, or damaged.
        """
        blocks = pem_blocks(data, _WHERE, most=3)
        if tuple(label for label, _ in blocks) != (_SEED_LABEL, _KEY_LABEL, _KEY_LABEL):
            raise MalformedError(_WHERE, "not a seed and two private keys in PEM")
        head, *keys = (content for _, content in blocks)
        seed, checksum = head[:SEED_BYTES], head[SEED_BYTES:]
        if checksum != _checksum(seed, *keys):
            raise MalformedError(_WHERE, "the checksum is wrong: the file is damaged")
        return cls(seed, *(_rsa_from(key) for key in keys))

    def to_bytes(self) -> bytes:
        """Everything of it, private keys included, as PEM."""
        keys = tuple(
            key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            for key in (self.ark_key, self.ask_key)
        )
        head = self.seed + _checksum(self.seed, *keys)
        return b"".join((pem(_SEED_LABEL, head), *(pem(_KEY_LABEL, key) for key in keys)))

    def anchors(self) -> tuple[TrustAnchor, ...]:
        """What a verifier must be given to believe evidence under this root, at its own risk."""
        amd = (_anchor("amd", self.ark(product)) for product in PRODUCTS)
        return (*amd, _anchor("intel", self.intel_root))

    def ark(self, product: Product) -> Party:
        """AMD's root of *product*."""
        return Party(title=f"ARK-{product}", key=self.ark_key, serial=_SERIALS["ark"])

    def ask(self, product: Product, signer: Signer) -> Party:
        """The ASK of *product*, which signs VCEKs, or its ASVK, which signs VLEKs."""
        title = f"SEV-{product}" if signer == "vcek" else f"SEV-VLEK-{product}"
        return Party(title=title, key=self.ask_key, serial=_SERIALS[signer])

    @property
    def intel_root(self) -> Party:
        """Intel's root."""
        return self._intel("Intel SGX Root CA")

    @property
    def tcb_signing_key(self) -> ec.EllipticCurvePrivateKey:
        """What signs TCB infos and QE identities."""
        return ec_key(self.seed, _TCB_SIGNING, ec.SECP256R1())

    @property
    def tcb_signing(self) -> Party:
        """Whose key that is."""
        return self._intel(_TCB_SIGNING)

    def pck_ca(self, ca: PckCa) -> Party:
        """Who signs PCK certificates."""
        return self._intel(f"Intel SGX PCK {ca.capitalize()} CA")

    def amd_certificates(self, product: Product, signer: Signer) -> tuple[bytes, bytes]:
        """ASK (or ASVK) and ARK, DER."""
        ark, ask = self.ark(product), self.ask(product, signer)
        return (
            certify(ask, ark, ALWAYS, roles=authority(0)),
            certify(ark, ark, ALWAYS, roles=authority(1)),
        )

    def intel_certificates(self, ca: PckCa) -> tuple[bytes, bytes]:
        """The authority *ca* and the root, DER."""
        root, below = self.intel_root, self.pck_ca(ca)
        return (
            certify(below, root, ALWAYS, roles=authority(0)),
            certify(root, root, ALWAYS, roles=authority(1)),
        )

    def tcb_signing_certificate(self) -> bytes:
        """Of who signs the collateral, DER."""
        return certify(self.tcb_signing, self.intel_root, ALWAYS, roles=signer())

    def _intel(self, title: str) -> Party:
        return Party(title=title, key=ec_key(self.seed, title, ec.SECP256R1()))


def _anchor(vendor: Vendor, party: Party) -> TrustAnchor:
    return TrustAnchor(
        vendor=vendor,
        name=party.common_name,
        spki=party.spki,
        subject=party.name.rfc4514_string(),
        simulated=True,
    )


def _rsa_from(pkcs8: bytes) -> rsa.RSAPrivateKey:
    try:
        # proving the primes once more takes 0.4 s of every start; the checksum is over proven ones
        key = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise MalformedError(_WHERE, "not a private key") from e
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != RSA_BITS:
        raise MalformedError(_WHERE, f"not a private RSA key of {RSA_BITS} bits")
    return key


def _checksum(*parts: bytes) -> bytes:
    """Finds damage, not malice."""
    return hashlib.sha256(b"".join(parts)).digest()
