"""Collateral as Intel's provisioning service serves it, signed by a simulated authority.

TCB infos (version 3) and QE identities (version 2): what levels a platform model, a TDX module and
a quoting enclave can have, and what each is worth.  Every value is the caller's; the defaults
describe one level of each, which is up to date.

Source: Intel, PCS API version 4, "Get TCB Info" and "Get Quoting Enclave Identity".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from enarx.tee.simulated.keys import sign
from enarx.wire import document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from enarx.tee.simulated.certificates import Validity

Tee = Literal["sgx", "tdx"]

TCB_DATE = datetime(2026, 1, 1, tzinfo=UTC)
EVALUATION_NUMBER = 20
COMPONENTS = 16

_P256_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbLevel:
    """What a platform has that reaches these security version numbers.

    Args:
        sgx: 16 numbers, one for each component of the CPU SVN.
        tdx: 16 numbers, of the TEE TCB SVN; ignored in a TCB info for SGX.
    """

    status: str = "UpToDate"
    sgx: tuple[int, ...]
    pce_svn: int
    tdx: tuple[int, ...] = (0,) * COMPONENTS
    date: datetime = TCB_DATE
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SvnLevel:
    """What a TDX module or a quoting enclave is worth from security version *isv_svn* on."""

    status: str = "UpToDate"
    isv_svn: int
    date: datetime = TCB_DATE
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleIdentity:
    """A line of TDX modules.

    Args:
        name: its identifier ("TDX_03": TEE TCB SVN 1 is 3).
        mr_signer: 48 bytes; zeros are Intel's.
        attributes: SEAM attributes, 8 bytes, all of which count.
    """

    name: str
    levels: tuple[SvnLevel, ...]
    mr_signer: bytes = bytes(48)
    attributes: bytes = bytes(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbInfo:
    """A TCB info.

    Args:
        fmspc: the platform model, 6 bytes.
        pce_id: 2 bytes.
        levels: highest first, as the verifier takes the first that is reached.
        module: of TDX modules before 1.5, whose levels are the platform's.
        modules: of later ones.
        validity: issue date and next update.
    """

    tee: Tee
    fmspc: bytes
    pce_id: bytes = bytes(2)
    levels: tuple[TcbLevel, ...]
    module: ModuleIdentity = ModuleIdentity(name="TDX_00", levels=())
    modules: tuple[ModuleIdentity, ...] = ()
    evaluation_number: int = EVALUATION_NUMBER
    validity: Validity

    def sign(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """The answer of the service."""
        body: dict[str, object] = {
            "id": self.tee.upper(),
            "version": 3,
            **_dated(self.validity),
            "fmspc": _hex(self.fmspc),
            "pceId": _hex(self.pce_id),
            "tcbType": 0,
            "tcbEvaluationDataNumber": self.evaluation_number,
        }
        if self.tee == "tdx":
            body["tdxModule"] = _module(self.module)
        if self.modules:
            body["tdxModuleIdentities"] = [
                {"id": one.name, **_module(one), "tcbLevels": [_svn_level(x) for x in one.levels]}
                for one in self.modules
            ]
        body["tcbLevels"] = [self._level(level) for level in self.levels]
        return _signed("tcbInfo", body, key)

    def _level(self, level: TcbLevel) -> dict[str, object]:
        tcb: dict[str, object] = {
            "sgxtcbcomponents": [{"svn": svn} for svn in level.sgx],
            "pcesvn": level.pce_svn,
        }
        if self.tee == "tdx":
            tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in level.tdx]
        return {"tcb": tcb, **_judgement(level)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QeIdentity:
    """An identity of a quoting enclave.

    Args:
        mr_signer: 32 bytes.
        attributes, attributes_mask: 16 bytes.
    """

    tee: Tee
    mr_signer: bytes
    isv_prod_id: int
    levels: tuple[SvnLevel, ...]
    misc_select: bytes = bytes(4)
    misc_select_mask: bytes = b"\xff" * 4
    attributes: bytes
    attributes_mask: bytes
    evaluation_number: int = EVALUATION_NUMBER
    validity: Validity

    def sign(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """The answer of the service."""
        body: dict[str, object] = {
            "id": "QE" if self.tee == "sgx" else "TD_QE",
            "version": 2,
            **_dated(self.validity),
            "tcbEvaluationDataNumber": self.evaluation_number,
            "miscselect": _hex(self.misc_select),
            "miscselectMask": _hex(self.misc_select_mask),
            "attributes": _hex(self.attributes),
            "attributesMask": _hex(self.attributes_mask),
            "mrsigner": _hex(self.mr_signer),
            "isvprodid": self.isv_prod_id,
            "tcbLevels": [_svn_level(level) for level in self.levels],
        }
        return _signed("enclaveIdentity", body, key)


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA P-256 with SHA-256 as Intel writes it: r and s, 32 bytes each, big-endian."""
    r, s = decode_dss_signature(sign(key, data, hashes.SHA256()))
    return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def _signed(name: str, body: object, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The answer, in which the signature is over the exact bytes of *body*."""
    text = document.dump(body)
    signature = raw_signature(key, text).hex().encode()
    return b'{"%s":%s,"signature":"%s"}' % (name.encode(), text, signature)


def _module(module: ModuleIdentity) -> dict[str, object]:
    return {
        "mrsigner": _hex(module.mr_signer),
        "attributes": _hex(module.attributes),
        "attributesMask": _hex(b"\xff" * len(module.attributes)),
    }


def _svn_level(level: SvnLevel) -> dict[str, object]:
    return {"tcb": {"isvsvn": level.isv_svn}, **_judgement(level)}


def _judgement(level: TcbLevel | SvnLevel) -> dict[str, object]:
    advisories = {"advisoryIDs": list(level.advisories)} if level.advisories else {}
    return {"tcbDate": _instant(level.date), "tcbStatus": level.status, **advisories}


def _dated(validity: Validity) -> dict[str, object]:
    return {
        "issueDate": _instant(validity.not_before),
        "nextUpdate": _instant(validity.not_after),
    }


def _instant(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"


def _hex(value: bytes) -> str:
    return value.hex().upper()
