"""A development root is its seed: the same keys every time, others for another seed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.anchors import MARK, TrustAnchor
from enarx.tee.simulated.certificates import NOTICE, pem
from enarx.tee.simulated.keys import ec_key, octets
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.x509 import common_name, load_certificate, load_crl

SEED = bytes(range(32))
KEPT = Path(__file__).parent.parent / "development-root.pem"


def private_bytes(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """A key in one spelling."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.slow
def test_a_seed_gives_the_same_root_every_time() -> None:
    """The kept root of the tests is byte for byte what its seed gives, RSA keys included."""
    assert SimulatedRoot.from_seed(SEED).to_bytes() == KEPT.read_bytes()


def test_a_root_survives_being_kept() -> None:
    """What was written is read back, and writes the same bytes."""
    data = KEPT.read_bytes()
    root = SimulatedRoot.from_bytes(data)
    assert root.seed == SEED
    assert root.to_bytes() == data


def test_a_root_shows_no_secret() -> None:
    """Neither the seed nor a key is in what a log would show."""
    shown = repr(SimulatedRoot.from_bytes(KEPT.read_bytes()))
    assert shown == "SimulatedRoot()"


def test_keys_depend_on_seed_label_and_curve() -> None:
    """The same three give the same key; another seed, label or curve gives another."""
    keys = [
        ec_key(seed, label, curve)
        for seed in (SEED, bytes(32))
        for label in ("one", "two")
        for curve in (ec.SECP256R1(), ec.SECP384R1())
    ]
    assert len({private_bytes(key) for key in keys}) == len(keys)
    assert private_bytes(keys[0]) == private_bytes(ec_key(SEED, "one", ec.SECP256R1()))


def test_a_seed_has_32_bytes() -> None:
    """A seed that is too short to be secret is a bug of the caller's."""
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        octets(bytes(31), "label", 1)


def test_anchors_are_marked(simulated_anchors: tuple[TrustAnchor, ...]) -> None:
    """Every anchor says that it is simulated, in its flag and at the front of its name."""
    vendors = [anchor.vendor for anchor in simulated_anchors]
    assert vendors == ["amd", "amd", "amd", "intel"]
    assert all(a.simulated and a.name.startswith(MARK) for a in simulated_anchors)
    assert all(f"CN={a.name}" in a.subject for a in simulated_anchors)


def test_no_anchor_is_a_vendors(simulated_anchors: tuple[TrustAnchor, ...]) -> None:
    """Neither a name nor a key is shared with AMD's roots."""
    for ours in simulated_anchors:
        for theirs in AMD_ROOTS:
            assert ours.subject != theirs.subject
            assert ours.spki != theirs.spki


def test_every_certificate_is_marked(
    simulated_snp: SimulatedSnp, simulated_intel: IntelMachine, simulated_root: SimulatedRoot
) -> None:
    """Subjects and issuers begin with SIMULATED, and say in words what that means."""
    made = (
        *simulated_snp.certificates(),
        *simulated_root.amd_certificates("Turin", "vlek"),
        *simulated_intel.certificates(),
        simulated_root.tcb_signing_certificate(),
    )
    for data in made:
        certificate = load_certificate(data, "made")
        for name in (certificate.subject, certificate.issuer):
            assert common_name(name).startswith(MARK)
            units = name.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
            assert [unit.value for unit in units] == [NOTICE]
    for data in (simulated_snp.crl(), *simulated_intel.crls()):
        assert common_name(load_crl(data, "made").issuer).startswith(MARK)


DAMAGE = {
    "empty": b"",
    "not PEM": b"root",
    "one block less": KEPT.read_bytes().rpartition(b"-----BEGIN")[0],
    "blocks in another order": b"".join(
        b"-----BEGIN" + part for part in reversed(KEPT.read_bytes().split(b"-----BEGIN")[1:])
    ),
    "another seed": KEPT.read_bytes().replace(b"AAECAwQF", b"AAECAwQG"),
    "half": KEPT.read_bytes()[:3000],
}


@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_root_is_malformed(data: bytes) -> None:
    """Whatever happened to a kept root, it is an error of ours, never another root."""
    with pytest.raises(MalformedError):
        SimulatedRoot.from_bytes(data)


def resealed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None) -> bytes:
    """A root whose checksum is right over keys that no root has."""
    root = SimulatedRoot.from_bytes(KEPT.read_bytes())
    return SimulatedRoot(root.seed, key or root.ark_key, root.ask_key).to_bytes()  # type: ignore[arg-type]


def test_a_root_has_rsa_keys_of_4096_bits() -> None:
    """A key of another kind or size is refused, as AMD's verifier would refuse what it signs."""
    for key in (ec_key(SEED, "ark", ec.SECP256R1()), rsa.generate_private_key(0x1_0001, 2048)):
        with pytest.raises(MalformedError, match="RSA key of 4096 bits"):
            SimulatedRoot.from_bytes(resealed(key))


def test_a_root_has_private_keys() -> None:
    """What is no key at all is malformed, even below the right checksum."""
    junk = (b"no key", b"no key")
    head = SEED + sha256(SEED + b"".join(junk)).digest()
    data = pem("ENARX SIMULATED ROOT", head) + b"".join(pem("PRIVATE KEY", key) for key in junk)
    with pytest.raises(MalformedError, match="not a private key"):
        SimulatedRoot.from_bytes(data)


@given(st.integers(0, len(KEPT.read_bytes()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_malformed_or_means_nothing(offset: int, change: int) -> None:
    """One damaged byte of a kept root never makes another root of it."""
    data = bytearray(KEPT.read_bytes())
    data[offset] ^= change
    try:
        found = SimulatedRoot.from_bytes(bytes(data))
    except MalformedError:
        return
    assert found.to_bytes() == KEPT.read_bytes()
