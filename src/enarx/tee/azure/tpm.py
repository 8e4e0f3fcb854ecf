"""TPM 2.0 quotes: what a vTPM signs about its registers.

Reads the one form that Azure's guests send: TPMS_ATTEST of a quote, with one selection of SHA-256
registers, signed by RSASSA with SHA-256.

Source: TCG, "Trusted Platform Module Library", Part 2: Structures, family 2.0, revision 1.59,
sections 10.5 (PCR), 10.11 (clock), 10.12 (attestation).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric import rsa

    from enarx.tee.claims import ClaimValue

PCR_BYTES = 32
MAX_PCRS = 32

_GENERATED, _ST_ATTEST_QUOTE, _SHA256 = 0xFF54_4347, 0x8018, 0x000B
_MAX_NAME, _MAX_DATA = 68, 66
"""TPM2B_NAME (a hash of 64 bytes with its algorithm and one more) and TPM2B_DATA (TPMT_HA)."""
_MAX_SELECT = 4
_MAX_MESSAGE, _MAX_SIGNATURE = 1024, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TpmQuote:
    """A quote in shape.

    Args:
        message: TPMS_ATTEST, as it was signed.
        extra_data: the nonce of whoever asked.
        pcrs: registers by index, as they came beside the quote; the quote has only their digest.
    """

    message: bytes
    signature: bytes
    qualified_signer: bytes
    extra_data: bytes
    clock: int
    reset_count: int
    restart_count: int
    is_safe: bool
    firmware_version: int
    pcrs: Mapping[int, bytes]
    pcr_digest: bytes

    def is_signed_by(self, key: rsa.RSAPublicKey) -> bool:
        """Whether *key* made the signature over the message that arrived."""
        try:
            key.verify(self.signature, self.message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def digest_of_pcrs(self) -> bytes:
        """What the digest in the quote must be for these registers."""
        return hashlib.sha256(b"".join(self.pcrs.values())).digest()

    def fields(self) -> Iterator[tuple[str, ClaimValue]]:
        """Every field by name."""
        yield "qualified_signer", self.qualified_signer
        yield "nonce", self.extra_data
        yield "clock", self.clock
        yield "reset_count", self.reset_count
        yield "restart_count", self.restart_count
        yield "safe", self.is_safe
        yield "firmware_version", self.firmware_version
        yield "pcr_digest", self.pcr_digest
        for index, value in self.pcrs.items():
            yield f"pcr{index:02}", value


def parse(message: bytes, signature: bytes, values: Sequence[bytes], where: str) -> TpmQuote:
    """A quote with the *values* of the registers that it selects, in ascending order.

    Raises:
        MalformedError: the message is no quote of SHA-256 registers, or selects another number of
            them than there are values.
    """
    for what, data, most in (
        ("message", message, _MAX_MESSAGE),
        ("signature", signature, _MAX_SIGNATURE),
    ):
        if len(data) > most:
            raise MalformedError(f"{where}: {what}", f"got {len(data)} bytes, want at most {most}")
    reader = Reader(message, where, "big")
    _expect(reader, 4, "magic", _GENERATED)
    _expect(reader, 2, "type", _ST_ATTEST_QUOTE)
    found = TpmQuote(
        message=message,
        signature=signature,
        qualified_signer=reader.sized(2, "qualifiedSigner", most=_MAX_NAME),
        extra_data=reader.sized(2, "extraData", most=_MAX_DATA),
        clock=reader.uint(8, "clock"),
        reset_count=reader.uint(4, "resetCount"),
        restart_count=reader.uint(4, "restartCount"),
        is_safe=_yes_no(reader),
        firmware_version=reader.uint(8, "firmwareVersion"),
        pcrs=_named(_selection(reader), values, where),
        pcr_digest=reader.sized(2, "pcrDigest", most=PCR_BYTES),
    )
    reader.end()
    return found


def _expect(reader: Reader, size: int, what: str, wanted: int) -> None:
    begin = reader.offset
    if (got := reader.uint(size, what)) != wanted:
        problem = f"got 0x{got:x}, want 0x{wanted:x}"
        raise MalformedError(f"{reader.where}.{what}", problem, offset=begin)


def _yes_no(reader: Reader) -> bool:
    begin = reader.offset
    if (value := reader.uint(1, "safe")) > 1:
        raise MalformedError(f"{reader.where}.safe", f"got {value}, want 0 or 1", offset=begin)
    return bool(value)


def _selection(reader: Reader) -> tuple[int, ...]:
    """Indices of TPML_PCR_SELECTION, which must be one selection of the SHA-256 bank."""
    _expect(reader, 4, "pcrSelect.count", 1)
    _expect(reader, 2, "pcrSelect.hash", _SHA256)
    bits = reader.sized(1, "pcrSelect.pcrSelect", most=_MAX_SELECT)
    return tuple(i for i in range(8 * len(bits)) if bits[i // 8] >> i % 8 & 1)


def _named(indices: Sequence[int], values: Sequence[bytes], where: str) -> Mapping[int, bytes]:
    if len(indices) != len(values) or not indices:
        problem = f"got {len(values)} values for {len(indices)} selected registers"
        raise MalformedError(f"{where}: pcrs", problem)
    for index, value in zip(indices, values, strict=True):
        if len(value) != PCR_BYTES:
            problem = f"got {len(value)} bytes, want {PCR_BYTES}"
            raise MalformedError(f"{where}: pcrs[{index}]", problem)
    return dict(zip(indices, values, strict=True))
