"""Certificates and lists of strangers end in ours or in our error; signatures of our kinds only."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.x509 import (
    MAX_BYTES,
    MAX_CRL_BYTES,
    common_name,
    extension,
    is_signed_by,
    issuer_of,
    key_of,
    load_certificate,
    load_crl,
    load_public_key,
    serial_number,
    signs_lists,
    subject_public_key_info,
    usable_certificates,
    usable_crls,
)

if TYPE_CHECKING:
    from tests.tee.chain.conftest import World

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
OID = x509.ObjectIdentifier("1.2.3.4")


def der(w: World, *extensions: x509.ExtensionType, serial: int = 5) -> bytes:
    """The root's certificate of the device."""
    given = tuple((value, False) for value in extensions)
    role = w.role(ca=None, issues=None, serial=serial, extensions=given)
    return w.root.issue(w.device, role).public_bytes(Encoding.DER)


def changed(data: bytes, before: str, after: str) -> bytes:
    """*data* with the one place of *before* changed; its signature does not fit any more."""
    assert data.count(bytes.fromhex(before)) == 1
    return data.replace(bytes.fromhex(before), bytes.fromhex(after))


def unique(w: World) -> bytes:
    """A certificate whose subject holds an X.500 unique identifier, which is a bit string."""
    part = x509.NameAttribute(x509.NameOID.X500_UNIQUE_IDENTIFIER, b"\0\1", _ASN1Type.BitString)
    w.device = NamedParty(w.device, x509.Name([part]))
    return changed(der(w), "060355042d", "0603550403")


class NamedParty:
    """A party with any subject."""

    def __init__(self, party: object, subject: x509.Name) -> None:
        self.key, self.name, self.subject = party.key, "it", subject  # type: ignore[attr-defined]


def strange(w: World, kind: str) -> bytes:
    """A certificate that the library dislikes in a way of its own."""
    whole = der(w)
    two = [x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.{n}"), b"x") for n in (4, 5)]
    x400 = x509.UnrecognizedExtension(OID, bytes.fromhex("3004a3020500"))
    return {
        "nothing": lambda: b"",
        "junk": lambda: b"junk",
        "cut": lambda: whole[:-1],
        "trailing byte": lambda: whole + b"\0",
        "version 5": lambda: changed(whole, "a003020102", "a003020104"),
        "extension twice": lambda: changed(der(w, *two), "06032a0305", "06032a0304"),
        "alternative name of X.400": lambda: changed(der(w, x400), "06032a0304", "0603551d11"),
        "bit string as common name": lambda: unique(w),
        "serial number below zero": lambda: changed(whole, "020105", "0201ff"),
        "too large": lambda: whole.ljust(MAX_BYTES + 1, b"\0"),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    ["nothing", "junk", "cut", "trailing byte", "version 5", "extension twice",
     "alternative name of X.400", "bit string as common name", "serial number below zero",
     "too large"],
)  # fmt: skip
def test_what_is_no_certificate(w: World, kind: str) -> None:
    """Each of the library's own exceptions becomes ours, on one line."""
    data = strange(w, kind)
    with pytest.raises(MalformedError, match=r"^leaf: ") as caught:
        load_certificate(data, "leaf")
    assert "\n" not in str(caught.value)
    good = w.root.issue(w.middle)
    assert list(usable_certificates((data, good.public_bytes(Encoding.DER)))) == [good]


def test_a_signature_has_one_spelling(w: World) -> None:
    """A signature's last bits cannot be declared unused where they are zero anyway."""
    certificates = iter(lambda: w.root.issue(w.device), None)  # with another signature each time
    crls = iter(lambda: w.root.crl(5), None)
    for load, found in ((load_certificate, certificates), (load_crl, crls)):
        even = next(one for one in found if not one.signature[-1] & 1)
        data = even.public_bytes(Encoding.DER)
        at = len(data) - len(even.signature) - 1
        with pytest.raises(MalformedError, match="it: a signature that is no whole number of byt"):
            load(data[:at] + b"\1" + data[at + 1 :], "it")


def test_what_is_no_list(w: World) -> None:
    """Junk, a certificate, trailing bytes and eight megabytes are no revocation list."""
    whole = w.root.crl(1).public_bytes(Encoding.DER)
    for data in (b"", b"junk", der(w), whole + b"\0", whole.ljust(MAX_CRL_BYTES + 1, b"\0")):
        with pytest.raises(MalformedError, match=r"^list: "):
            load_crl(data, "list")
        assert list(usable_crls((data, whole))) == [load_crl(whole, "it")]
    assert issuer_of(load_crl(whole, "list")) == w.root.subject


@pytest.mark.parametrize("most", [MAX_BYTES, MAX_CRL_BYTES])
def test_more_than_the_largest_is_not_looked_at(most: int) -> None:
    """A byte more than the bound is refused for its size, before anybody reads it."""
    load = load_certificate if most == MAX_BYTES else load_crl
    with pytest.raises(MalformedError) as caught:
        load(bytes(most + 1), "it")
    assert str(caught.value) == f"it: got {most + 1} bytes, want at most {most}"


def test_the_librarys_reason_is_told(w: World) -> None:
    """What the library says about damage stands in the error, on one line."""
    with pytest.raises(MalformedError, match=r"^it: not a certificate \(error parsing asn1 value"):
        load_certificate(der(w)[:-1], "it")


@pytest.mark.parametrize("most", [MAX_BYTES, MAX_CRL_BYTES])
def test_the_largest_is_looked_at(most: int) -> None:
    """A size of exactly the bound is read, and found to be junk."""
    load = load_certificate if most == MAX_BYTES else load_crl
    with pytest.raises(MalformedError, match=r"^it: not a "):
        load(bytes(most), "it")


def test_what_the_library_warns_about_is_read(w: World) -> None:
    """AMD's serial number 0, and a country of seven letters: read in silence, errors or not."""
    # this suite makes errors of warnings, so these are the retries
    zero = load_certificate(changed(der(w), "020105", "020100"), "VCEK")
    assert serial_number(zero) == 0
    w.device = w.party("GERMANY")
    odd = changed(der(w), "0603550403 0c074745524d", "0603550406 0c074745524d")
    assert load_certificate(odd, "leaf").subject.rfc4514_string() == "C=GERMANY"
    crl = w.device.crl(1).public_bytes(Encoding.DER)
    odd = changed(crl, "0603550403", "0603550406")
    assert issuer_of(load_crl(odd, "list")).rfc4514_string() == "C=GERMANY"


@pytest.mark.parametrize("filters", ["default", "error", "always"])
def test_nothing_is_printed_about_it(w: World, filters: str) -> None:
    """In a process with any of Python's warning filters, a VCEK's serial number warns nobody."""
    data = changed(der(w), "020105", "020100")
    program = f"""
        import sys
        from enarx.tee.x509 import load_certificate, serial_number
        found = load_certificate(bytes.fromhex({data.hex()!r}), "VCEK")
        assert serial_number(found) == 0
    """
    run = subprocess.run(
        [sys.executable, "-W", filters, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_public_keys_of_three_kinds(w: World) -> None:
    """EC, RSA and Ed25519 keys are read from certificates and pinned bytes; others are not."""
    for key in (w.root.key.public_key(), RSA.public_key(), ED25519.public_key()):
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert load_public_key(spki, "key") == key
    other = x25519.X25519PrivateKey.generate().public_key()
    spki = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(MalformedError, match=r"^key: a public key of another kind \(X25519"):
        load_public_key(spki, "key")
    for junk in (b"", b"junk", spki + b"\0"):
        with pytest.raises(MalformedError, match=r"^key: not a public key"):
            load_public_key(junk, "key")


def test_the_key_of_a_certificate(w: World) -> None:
    """It is the subject's; a damaged one and one of another kind are our error."""
    whole = der(w)
    found = load_certificate(whole, "leaf")
    assert key_of(found, "leaf") == w.device.key.public_key()
    assert subject_public_key_info(found) == w.device.spki
    curve = "06082a8648ce3d030107"
    damaged = load_certificate(changed(whole, curve, "06082a8648ce3d03017f"), "leaf")
    with pytest.raises(MalformedError, match=r"^leaf: no usable public key"):
        key_of(damaged, "leaf")
    w.device = NamedParty(w.device, w.device.subject)
    w.device.key = x25519.X25519PrivateKey.generate()
    with pytest.raises(MalformedError, match=r"^leaf: a public key of another kind \(X25519"):
        key_of(load_certificate(der(w), "leaf"), "leaf")


def test_a_common_name_is_the_only_one() -> None:
    """None, or two of which nobody could say which counts, is an empty one."""
    one = x509.NameAttribute(x509.NameOID.COMMON_NAME, "one")
    two = x509.NameAttribute(x509.NameOID.COMMON_NAME, "two")
    assert common_name(x509.Name([one])) == "one"
    assert common_name(x509.Name([])) == ""
    assert common_name(x509.Name([one, two])) == ""


def test_an_extension_by_its_identifier(w: World) -> None:
    """The content of an extension that the library leaves alone, or None."""
    found = load_certificate(der(w, x509.UnrecognizedExtension(OID, b"content")), "leaf")
    assert extension(found, "1.2.3.4") == b"content"
    assert extension(found, "1.2.3.5") is None
    usage = w.root.issue(w.device)
    assert extension(usage, "2.5.29.15") is None


def test_who_may_sign_lists(w: World) -> None:
    """A key usage must have cRLSign; without a key usage everything is allowed."""
    assert signs_lists(w.root.issue(w.middle, w.role()))
    assert not signs_lists(w.root.issue(w.middle, w.role(revokes=False)))
    assert signs_lists(w.root.issue(w.middle, w.role(issues=None)))


def pss(**changes: object) -> padding.PSS:
    """AMD's padding, with changes."""
    usual = {"mgf": padding.MGF1(hashes.SHA384()), "salt_length": 48}
    return padding.PSS(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_signatures_of_our_kinds(w: World, algorithm: hashes.HashAlgorithm) -> None:
    """ECDSA and both paddings of RSA, each with each hash; not with another key."""
    usual = pss(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    authority = w.party("RSA", key=RSA)
    made = (
        w.root.issue(w.device, algorithm=algorithm),
        authority.issue(w.device, algorithm=algorithm),
        authority.issue(w.device, algorithm=algorithm, rsa_padding=usual),
    )
    signers = (w.root.key, RSA, RSA)
    for certificate, signer in zip(made, signers, strict=True):
        assert is_signed_by(certificate, signer.public_key())
        for other in (w.middle.key, ED25519, rsa.generate_private_key(65537, 2048)):
            assert not is_signed_by(certificate, other.public_key())
    assert is_signed_by(w.root.crl(1), w.root.key.public_key())
    assert not is_signed_by(w.root.crl(1), w.middle.key.public_key())


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"rsa_padding": pss(salt_length=0)}, id="no salt"),
        pytest.param({"rsa_padding": pss(salt_length=47)}, id="short salt"),
        pytest.param({"rsa_padding": pss(mgf=padding.MGF1(hashes.SHA256()))}, id="other mask"),
        pytest.param({"algorithm": hashes.SHA224()}, id="SHA-224"),
        pytest.param({"algorithm": hashes.SHA3_384()}, id="SHA-3"),
    ],
)
def test_odd_signatures_do_not_count(w: World, odd: dict[str, object]) -> None:
    """Attack: genuine signatures with parameters that the profiles do not have."""
    odd = {"algorithm": hashes.SHA384(), **odd}
    certificate = w.party("RSA", key=RSA).issue(w.device, **odd)
    assert not is_signed_by(certificate, RSA.public_key())


@pytest.mark.parametrize("oid", ["2a8648ce3d040301", "2a8648ce3d04037f"])
def test_other_algorithms_do_not_count(w: World, oid: str) -> None:
    """Attack: a genuine signature under the name of ECDSA with SHA-224, or of nothing known."""
    whole = der(w)
    assert is_signed_by(load_certificate(whole, "it"), w.root.key.public_key())
    for place in (1, 2):  # what is signed says the algorithm, too
        usual = bytes.fromhex("2a8648ce3d040302")
        data = whole.replace(usual, bytes.fromhex(oid), place)
        found = load_certificate(data, "it")
        assert is_signed_by(found, w.root.key.public_key()) is False


def test_signatures_without_a_hash_do_not_count(w: World) -> None:
    """Ed25519 keys sign tokens in this field, no certificates."""
    builder = (
        x509.CertificateBuilder().subject_name(w.device.subject).issuer_name(w.root.subject)
        .public_key(w.device.key.public_key()).serial_number(1)
        .not_valid_before(w.now).not_valid_after(w.now)
    )  # fmt: skip
    made = builder.sign(ED25519, None).public_bytes(Encoding.DER)
    assert not is_signed_by(load_certificate(made, "it"), ED25519.public_key())


def test_a_key_of_another_kind_than_the_signature(w: World) -> None:
    """ECDSA under an RSA key, and RSA under an EC key, are no signatures."""
    assert not is_signed_by(w.root.issue(w.device), RSA.public_key())
    assert not is_signed_by(w.party("RSA", key=RSA).issue(w.device), w.root.key.public_key())


def test_no_bit_of_a_certificate_matters_unsigned(w: World) -> None:
    """Every flipped bit: our error, no signature any more, or the same signed part."""
    certificate = w.root.issue(w.device)
    whole = certificate.public_bytes(Encoding.DER)
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with suppress(MalformedError):
            found = load_certificate(bytes(flipped), "it")
            if is_signed_by(found, w.root.key.public_key()):
                assert found.tbs_certificate_bytes == certificate.tbs_certificate_bytes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(junk=st.binary(max_size=8), place=st.integers(0, 400), cut=st.integers(0, 8))
def test_damaged_bytes_raise_only_our_error(w: World, junk: bytes, place: int, cut: int) -> None:
    """Whatever arrives as certificate, list or key: ours or MalformedError, and then usable."""
    for load, whole in (
        (load_certificate, der(w, x509.UnrecognizedExtension(OID, b"x"))),
        (load_crl, w.root.crl(1, 2).public_bytes(Encoding.DER)),
        (load_public_key, w.root.spki),
    ):
        with suppress(MalformedError):
            found = load(whole[:place] + junk + whole[place + cut :], "it")
            if load is not load_public_key:
                is_signed_by(found, w.root.key.public_key())
            if load is load_certificate:
                key_of(found, "it")


def test_ecdsa_of_other_curves(w: World) -> None:
    """Each of the field's curves signs."""
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        party = w.party("Root", key=ec.generate_private_key(curve))
        assert is_signed_by(party.issue(w.device), party.key.public_key())
