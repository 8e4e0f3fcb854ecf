"""Evidence as the attesters of Confidential Containers send it, turned into evidence again.

    snp   {"attestation_report": {every field of it}, "cert_chain": [{"cert_type", "data"}] | null}
    tdx   {"quote": base64, "cc_eventlog": base64 | null}
    sgx   {"quote": base64}

An SNP report arrives taken apart, as virtee/sev's serde writes the structure; the bytes that the
firmware signed are put together from it.  What the structure leaves out is reserved and zero; had
it been anything else, the signature would not hold.  Shape only; nothing is believed here.

Source: guest-components, attestation-agent/attester/src/{snp,tdx,sgx_dcap}/mod.rs; virtee/sev 6.3
and 7.1, src/firmware/guest/types/snp.rs and src/firmware/host/types/snp.rs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enarx.errors import MalformedError
from enarx.evidence import cmw
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp import certificate_table
from enarx.tee.snp.certificate_table import CertificateTable, Entry, endorsements_in
from enarx.tee.snp.report import (
    TCB_FIELDS,
    AttestationReport,
    GuestPolicy,
    PlatformInfo,
    Signature,
    SignerInfo,
)
from enarx.tee.snp.tcb import compose
from enarx.wire.document import Fields
from enarx.wire.record import pack
from enarx.wire.text import base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.tee.claims import Claims

MAX_EVENT_LOG = 1 << 19
MAX_QUOTE = 1 << 17
MAX_CERTIFICATES = 16
MAX_CERTIFICATE = 1 << 14

_U8, _U32, _U64 = 0xFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF
_NUMBER_BYTES = 72  # of each of a signature's numbers, the last 24 of them zero
_P384_BYTES = 48
_GUIDS = {name: getattr(certificate_table, name) for name in ("ARK", "ASK", "VCEK", "VLEK", "CRL")}


def read(tee: str, fields: Fields) -> bytes:
    """The evidence in *fields* of an attester for *tee*, one of ``TEES``, in a wrapper.

    `enarx.attestation.parse` reads it, and as evidence of no other technology.

    Raises:
        MalformedError: it is not what such an attester sends.
    """
    evidence, endorsements = _READERS[tee](fields)
    fields.done()
    return cmw.wrap(evidence, tee, endorsements, "cbor")


def host_data(claims: Claims) -> bytes:
    """What the launcher had put into authentic evidence; empty where there is no such place.

    HOSTDATA of SNP (32 bytes), MRCONFIGID of TDX (48), CONFIGID of SGX (64, only with KSS).
    """
    fields = claims.fields
    if claims.platform == "sgx" and not fields.get("sgx.attributes.kss"):
        return b""
    found = fields.get(_HOST_DATA.get(claims.platform, ""), b"")
    return found if isinstance(found, bytes) else b""


_HOST_DATA = {
    "snp": "snp.host_data",
    "tdx": "tdx.quote.body.mr_config_id",
    "sgx": "sgx.body.config_id",
}


def _snp(fields: Fields) -> tuple[bytes, Endorsements]:
    inner = fields.object("attestation_report")
    report = _report(inner)
    signature = _signature(inner.object("signature"))
    inner.done()
    chain = fields.take("cert_chain")
    table = _table(chain, f"{fields.where}: cert_chain") if chain is not None else ()
    certificates = endorsements_in(CertificateTable(entries=table), fields.where)
    return pack(report) + pack(signature), certificates


def _tdx(fields: Fields) -> tuple[bytes, Endorsements]:
    log = fields.take("cc_eventlog") if "cc_eventlog" in fields else None
    if log is not None and (not isinstance(log, str) or len(log) > MAX_EVENT_LOG):
        fields.refuse("cc_eventlog", "want base64, not too long, or null")
    return _quote(fields)


def _quote(fields: Fields) -> tuple[bytes, Endorsements]:
    return base64(fields.text("quote", most=MAX_QUOTE), f"{fields.where}: quote"), Endorsements()


_READERS: Mapping[str, Callable[[Fields], tuple[bytes, Endorsements]]] = {
    "snp": _snp,
    "tdx": _tdx,
    "sgx": _quote,
}
TEES = tuple(_READERS)


def _report(fields: Fields) -> AttestationReport:
    """The structure again; its optional fields are null where its version has none."""
    made: dict[str, Any] = {
        "signature_algo": fields.integer("sig_algo", 0, _U32),
        "policy": _bits(fields, "policy", _U64, GuestPolicy),
        "platform_info": _bits(fields, "plat_info", _U64, PlatformInfo),
        "signer_info": _bits(fields, "key_info", _U32, SignerInfo),
    }
    made |= {name: fields.integer(name, 0, _U32) for name in ("version", "guest_svn", "vmpl")}
    made |= {name: _raw(fields, name, size) for name, size in _RAW.items()}
    made |= {name: _optional(fields, name, most) for name, most in _OPTIONAL.items()}
    made |= {name: _tcb(fields.object(name)) for name in TCB_FIELDS}
    for name in ("current", "committed"):
        made |= _version(fields.object(name), name)
    return AttestationReport(**made | dict.fromkeys(_RESERVED, b""))


_RAW = {
    "family_id": 16, "image_id": 16, "report_data": 64, "measurement": 48, "host_data": 32,
    "id_key_digest": 48, "author_key_digest": 48, "report_id": 32, "report_id_ma": 32,
    "chip_id": 64,
}  # fmt: skip
_OPTIONAL = {
    "cpuid_fam_id": _U8, "cpuid_mod_id": _U8, "cpuid_step": _U8, "launch_mit_vector": _U64,
    "current_mit_vector": _U64,
}  # fmt: skip
_RESERVED = ("reserved_04c", "reserved_18b", "reserved_1eb", "reserved_1ef", "reserved_208")


def _tcb(fields: Fields) -> bytes:
    """The 8 bytes; those of products with an FMC have another order."""
    names = ("bootloader", "tee", "snp", "microcode")
    fmc = fields.take("fmc") if "fmc" in fields else None
    numbers = {name: fields.integer(name, 0, _U8) for name in names}
    fields.done()
    if fmc is None:
        return compose("Genoa", numbers, fields.where)
    if not isinstance(fmc, int) or isinstance(fmc, bool) or not 0 <= fmc <= _U8:
        fields.refuse("fmc", "want 0 to 255, or null")
    return compose("Turin", {"fmc": fmc, **numbers}, fields.where)


def _version(fields: Fields, prefix: str) -> dict[str, int]:
    numbers = {f"{prefix}_{n}": fields.integer(n, 0, _U8) for n in ("major", "minor", "build")}
    fields.done()
    return numbers


def _signature(fields: Fields) -> Signature:
    numbers = {}
    for name in ("r", "s"):
        number = _raw(fields, name, _NUMBER_BYTES)
        if any(number[_P384_BYTES:]):
            fields.refuse(name, "want zeros after 48 bytes")
        numbers[name] = number[:_P384_BYTES]
    fields.done()
    return Signature(**numbers, reserved_r=b"", reserved_s=b"", reserved=b"")


def _bits(fields: Fields, name: str, most: int, kind: Callable[[int], object]) -> object:
    value = fields.integer(name, 0, most)
    try:
        return kind(value)
    except ValueError as error:
        fields.refuse(name, str(error))


def _optional(fields: Fields, name: str, most: int) -> int:
    if name not in fields:
        return 0
    value = fields.take(name)
    if value is None:
        return 0
    return Fields({name: value}, fields.where).integer(name, 0, most)


def _raw(fields: Fields, name: str, size: int) -> bytes:
    found = _octets(fields.array(name, size), f"{fields.where}: {name}")
    if len(found) != size:
        fields.refuse(name, f"got {len(found)} bytes, want {size}")
    return found


def _octets(values: object, where: str) -> bytes:
    """Bytes that are written as an array of numbers."""
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise MalformedError(where, "want an array of numbers")
    try:
        return bytes(values)
    except ValueError as error:
        raise MalformedError(where, "want numbers of 0 to 255") from error


def _table(chain: object, where: str) -> tuple[Entry, ...]:
    """The known entries of a certificate table; what hosts have beside them is passed over."""
    if not isinstance(chain, list) or len(chain) > MAX_CERTIFICATES:
        raise MalformedError(where, f"want an array of at most {MAX_CERTIFICATES}, or null")
    found = []
    for number, item in enumerate(chain):
        fields = Fields(item, f"{where}[{number}]")
        kind = fields.take("cert_type")
        data = _octets(fields.array("data", MAX_CERTIFICATE), f"{fields.where}: data")
        fields.done()
        if isinstance(kind, str) and kind in _GUIDS:
            found.append(Entry(guid=_GUIDS[kind], data=data))
    return tuple(found)
