"""Resources on their way: flattened JWE for a guest's own key, spelled as the guests read it.

A guest computes the additional authenticated data anew, from the protected header as *its* JSON
library writes it: ``alg``, ``enc``, ``epk``, and in ``epk`` the keys sorted.  Another order, or
``epk`` in the unprotected header, is a valid JWE that no guest opens; therefore these few lines
instead of a library's serialisation.

Source: RFC 7516 (JWE), section 7.2.2; RFC 7518, sections 4.3 (RSA-OAEP-256), 4.6 (ECDH-ES+A256KW)
and 5.3 (A256GCM); kbs-types, ProtectedHeader and Response; trustee, kbs/src/jwe/mod.rs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from enarx.errors import MalformedError
from enarx.wire import document
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.wire.document import Fields

RSA_OAEP_256 = "RSA-OAEP-256"
ECDH_ES_A256KW = "ECDH-ES+A256KW"
A256GCM = "A256GCM"

CURVES: Mapping[str, int] = {"P-256": 32, "P-521": 66}
"""Name, and bytes of a coordinate."""

_KEY_BYTES = 32
_IV_BYTES = 12
_RSA_BITS = range(2048, 8192 + 1)
_MAX_TEXT = 1400  # of base64url of an RSA modulus
_ALGORITHM = ECDH_ES_A256KW.encode("ascii")
_OTHER_INFO = len(_ALGORITHM).to_bytes(4) + _ALGORITHM + bytes(8) + (_KEY_BYTES * 8).to_bytes(4)
"""AlgorithmID, no PartyUInfo, no PartyVInfo, SuppPubInfo (RFC 7518, section 4.6.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeeKey:
    """The public key of a guest: *jwk* as it came, and what it is."""

    jwk: Mapping[str, str]
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey

    @property
    def algorithm(self) -> str:
        """How a key is wrapped for it."""
        return self.jwk["alg"]

    @property
    def spki(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        return self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_key(fields: Fields) -> TeeKey:
    """The key that *fields*, a JWK, describe; RSA with PKCS #1 v1.5 padding is none here.

    Raises:
        MalformedError: another kind, curve, algorithm or size, a member more or less, or no point.
    """
    kind = fields.one_of("kty", ("EC", "RSA"))
    jwk = {"kty": kind}
    if kind == "EC":
        jwk["crv"] = fields.one_of("crv", tuple(CURVES))
        jwk["alg"] = fields.one_of("alg", (ECDH_ES_A256KW,))
        numbers = ("x", "y")
    else:
        jwk["alg"] = fields.one_of("alg", (RSA_OAEP_256,))
        numbers = ("n", "e")
    jwk |= {name: fields.text(name, most=_MAX_TEXT, least=1) for name in numbers}
    fields.done()
    return TeeKey(jwk=jwk, public=_public(jwk, fields.where))


def seal(key: TeeKey, content: bytes) -> bytes:
    """*content* for *key*, as JSON; encrypted anew each time."""
    cek, iv = os.urandom(_KEY_BYTES), os.urandom(_IV_BYTES)
    header: dict[str, object] = {"alg": key.algorithm, "enc": A256GCM}
    if isinstance(key.public, rsa.RSAPublicKey):
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
        wrapped = key.public.encrypt(cek, oaep)
    else:
        header["epk"], wrapped = _agree(key.jwk["crv"], key.public, cek)
    protected = to_base64url(document.dump(header))
    sealed = AESGCM(cek).encrypt(iv, content, protected.encode("ascii"))
    parts = {"encrypted_key": wrapped, "iv": iv, "ciphertext": sealed[:-16], "tag": sealed[-16:]}
    texts = {name: to_base64url(value) for name, value in parts.items()}
    return document.dump({"protected": protected, **texts})


def _agree(
    curve: str, public: ec.EllipticCurvePublicKey, cek: bytes
) -> tuple[dict[str, str], bytes]:
    """A key of one use, its keys sorted, and *cek* wrapped with what it and *public* agree on."""
    ephemeral = ec.generate_private_key(public.curve)
    secret = ephemeral.exchange(ec.ECDH(), public)
    kek = ConcatKDFHash(hashes.SHA256(), _KEY_BYTES, _OTHER_INFO).derive(secret)
    point = ephemeral.public_key().public_numbers()
    x, y = (to_base64url(number.to_bytes(CURVES[curve])) for number in (point.x, point.y))
    return {"crv": curve, "kty": "EC", "x": x, "y": y}, aes_key_wrap(kek, cek)


def _public(jwk: Mapping[str, str], where: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    importer = ECKey if jwk["kty"] == "EC" else RSAKey
    try:
        public = importer.import_key({k: v for k, v in jwk.items() if k != "alg"}).public_key
    except (ValueError, TypeError, JoseError) as error:
        raise MalformedError(where, "no such key") from error
    if isinstance(public, rsa.RSAPublicKey) and public.key_size not in _RSA_BITS:
        raise MalformedError(where, f"got {public.key_size} bits, want 2048 to 8192")
    return public
