"""The runtime data of an HCL report: the vTPM's key, and how the machine is configured.

Sources: Microsoft, "Azure confidential VM guest attestation design", runtime data; RFC 7518,
section 6.3 (RSA keys as JWK).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from enarx.errors import MalformedError
from enarx.wire import document, text
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.claims import ClaimValue

ATTESTATION_KEY = "HCLAkPub"

_WHERE = "runtime data"
_USER_DATA_BYTES = 64
_MOST_KEYS = 8
_MOST_SETTINGS = 64
_MODULUS_BYTES = range(256, 513)
_EXPONENT = 65_537


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeData:
    """What the paravisor had hashed into the hardware's report.

    Args:
        key: of the vTPM, with which it signs quotes.
        configuration: of the machine, by Microsoft's names.
        user_data: 64 bytes that the guest asked for, zeros if it did not; empty in old reports.
    """

    key: rsa.RSAPublicKey
    configuration: Mapping[str, ClaimValue]
    user_data: bytes


def parse(data: bytes) -> RuntimeData:
    """*data* as runtime data.

    Raises:
        MalformedError: a part is missing, unknown or not of its form; there is not exactly one
            attestation key.
    """
    fields = document.load(data, _WHERE)
    keys = [_key(key) for key in fields.objects("keys", _MOST_KEYS)]
    found = [key for name, key in keys if name == ATTESTATION_KEY]
    if len(found) != 1:
        problem = f"got {len(found)} keys {ATTESTATION_KEY!r}, want 1"
        raise MalformedError(f"{_WHERE}: keys", problem)
    configuration = _configuration(fields.take("vm-configuration"))
    user_data = b""
    if "user-data" in fields:
        where = f"{_WHERE}: user-data"
        told = fields.text("user-data", most=2 * _USER_DATA_BYTES)
        user_data = text.hexadecimal(told, where, size=_USER_DATA_BYTES)
    fields.done()
    return RuntimeData(key=found[0], configuration=configuration, user_data=user_data)


def _key(fields: document.Fields) -> tuple[str, rsa.RSAPublicKey]:
    name = fields.text("kid", most=100)
    fields.texts("key_ops", most=8, longest=100)
    fields.one_of("kty", ("RSA",))
    modulus = text.base64url(fields.text("n", most=1024), f"{fields.where}: n")
    exponent = text.base64url(fields.text("e", most=16), f"{fields.where}: e")
    fields.done()
    if len(modulus) not in _MODULUS_BYTES:
        problem = f"a modulus of {len(modulus)} bytes, want 256 to 512"
        raise MalformedError(f"{fields.where}: n", problem)
    e, n = _number(exponent, "e"), _number(modulus, "n")
    if e != _EXPONENT:
        raise MalformedError(f"{fields.where}: e", f"got {e}, want {_EXPONENT}")
    if not n & 1:
        raise MalformedError(f"{fields.where}: n", "an even modulus")
    try:
        return name, rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError as error:
        raise MalformedError(f"{fields.where}: n", f"not a public key ({error})") from error


def _configuration(value: object) -> Mapping[str, ClaimValue]:
    where = f"{_WHERE}: vm-configuration"
    if not isinstance(value, dict) or len(value) > _MOST_SETTINGS:
        raise MalformedError(where, f"want an object of at most {_MOST_SETTINGS} settings")
    return {
        document.check_text(name, where, most=100): _setting(setting, f"{where}.{name}")
        for name, setting in value.items()
    }


def _setting(value: object, where: str) -> ClaimValue:
    if isinstance(value, bool | int):
        return value
    return document.check_text(value, where, most=1024)


def _number(data: bytes, what: str) -> int:
    return Reader(data, _WHERE, "big").uint(len(data), what)
