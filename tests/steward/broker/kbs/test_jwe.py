"""A sealed resource is opened by its guest's key, with a library that shares no code with ours."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from enarx.errors import MalformedError
from enarx.steward.broker.kbs import jwe
from enarx.wire.document import Fields

jwcrypto_jwe = pytest.importorskip("jwcrypto.jwe", reason="not installed: jwcrypto")
jwk = pytest.importorskip("jwcrypto.jwk", reason="not installed: jwcrypto")

CONTENT = b"a key of a disk"
KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}


def private(name: str) -> jwk.JWK:
    """The guest's key, in the other library."""
    pem = KEYS[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return jwk.JWK.from_pem(pem)


def public(name: str, **changes: str) -> dict[str, str]:
    """What the guest says of it, and *changes* to that."""
    shown = json.loads(private(name).export_public())
    del shown["kid"]
    algorithm = jwe.RSA_OAEP_256 if name == "RSA" else jwe.ECDH_ES_A256KW
    return {**shown, "alg": algorithm, **changes}


def read(value: object) -> jwe.TeeKey:
    """What we read of that."""
    return jwe.read_key(Fields(value, "tee-pubkey"))


@pytest.mark.parametrize("name", KEYS)
def test_only_its_key_opens_a_resource(name: str) -> None:
    """Each kind of key that guests have; never twice the same bytes."""
    sealed = jwe.seal(read(public(name)), CONTENT)
    assert sealed != jwe.seal(read(public(name)), CONTENT)
    opened = jwcrypto_jwe.JWE()
    opened.deserialize(sealed.decode(), private(name))
    assert opened.payload == CONTENT
    fields = json.loads(sealed)
    fields["tag"] = ("A" if fields["tag"][0] != "A" else "B") + fields["tag"][1:]
    changed = jwcrypto_jwe.JWE()
    with pytest.raises(jwcrypto_jwe.InvalidJWEData):
        changed.deserialize(json.dumps(fields), private(name))


@pytest.mark.parametrize("name", KEYS)
def test_the_protected_header_is_spelled_as_guests_spell_it(name: str) -> None:
    """They compute it anew from what they read: alg, enc, then epk with its keys sorted."""
    protected = json.loads(jwe.seal(read(public(name)), CONTENT))["protected"]
    raw = base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4))
    header = json.loads(raw)
    again = {"alg": header.pop("alg"), "enc": header.pop("enc")}
    again |= {key: dict(sorted(value.items())) for key, value in header.items()}
    assert raw == json.dumps(again, separators=(",", ":")).encode()
    assert set(header) == (set() if name == "RSA" else {"epk"})


@pytest.mark.parametrize(
    "key",
    [
        public("RSA", alg="RSA1_5"),
        public("RSA", n="AQAB"),
        public("RSA", e="!"),
        public("P-256", crv="P-384"),
        public("P-256", crv="P-521"),
        public("P-256", alg="ECDH-ES"),
        public("P-256", x="AAAA"),
        public("P-256", y=public("P-256")["x"]),
        public("P-256", d="AAAA"),
        {"kty": "oct", "k": "AAAA", "alg": "A256KW"},
        "key",
    ],
)
def test_other_keys_are_refused(key: object) -> None:
    """Old padding, small or broken numbers, other curves, private parts."""
    with pytest.raises(MalformedError):
        read(key)
