"""TCB infos and QE identities: what Intel says about platform models, modules and quoting enclaves.

Shape only; who signed is checked by ``trust``.  Levels are put into the order in which Intel's
library looks through them, highest first; its levels compare by CPU SVN, then PCE SVN, then TDX
components, and two of the same rank are refused, as it refuses them.

Sources: Intel, Provisioning Certification Service API version 3 ("Get TCB Info" with TCB info
version 2) and 4 (with version 3; "Get Enclave Identity"); Intel's quote verification library,
commit d12717e, TcbInfo.cpp, TcbLevel.cpp, TdxModuleIdentity.cpp, EnclaveIdentity.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

from enarx.errors import MalformedError
from enarx.tee.dcap.pck import COMPONENTS
from enarx.tee.dcap.signed_json import split
from enarx.wire.document import Fields, load
from enarx.wire.text import hexadecimal, instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from enarx.tee.dcap.quote import Tee
    from enarx.tee.dcap.signed_json import SignedJson

    T = TypeVar("T")

TcbStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
]
PLATFORM_STATUSES = frozenset(get_args(TcbStatus))
PART_STATUSES = frozenset({"UpToDate", "OutOfDate", "Revoked"})
"""Of TDX modules and quoting enclaves, which have no configuration."""

EnclaveId = Literal["QAE", "QE", "QVE", "TD_QE"]
_ENCLAVES = frozenset(get_args(EnclaveId))
_TEES: dict[str, Tee] = {"SGX": "sgx", "TDX": "tdx"}

MAX_LEVELS = 256
"""Levels of one list; the longest recorded one has 21."""

MAX_ADVISORIES = 256
"""Of one level; the longest recorded list has 28."""

MAX_MODULES = 32

_V2, _V3 = 2, 3
_MAX_U32 = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbLevel:
    """A platform that has at least these security version numbers.

    Args:
        sgx: 16 numbers.
        tdx: 16 numbers; empty in a TCB info for SGX.
    """

    sgx: tuple[int, ...]
    pce_svn: int
    tdx: tuple[int, ...]
    status: TcbStatus
    date: datetime
    advisories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SvnLevel:
    """A TDX module or a quoting enclave that has at least this security version number."""

    isv_svn: int
    status: TcbStatus
    date: datetime
    advisories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxModule:
    """Who signs a line of TDX modules, and with which attributes they run.

    Args:
        name: "TDX_03" and the like; empty for modules of TDX 1.0.
        mr_signer: 48 bytes.
        attributes, attributes_mask: 8 bytes each.
        levels: highest first; empty for modules of TDX 1.0.
    """

    name: str
    mr_signer: bytes
    attributes: bytes
    attributes_mask: bytes
    levels: tuple[SvnLevel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbInfo:
    """What Intel says about a platform model.

    Args:
        body: the bytes that are signed.
        signature: ``r || s``.
        fmspc: 6 bytes.
        pce_id: 2 bytes.
        levels: highest first.
        module: of TDX 1.0; None in a TCB info for SGX.
        modules: of later ones.
    """

    body: bytes
    signature: bytes
    tee: Tee
    version: int
    issued: datetime
    next_update: datetime
    fmspc: bytes
    pce_id: bytes
    evaluation_number: int
    levels: tuple[TcbLevel, ...]
    module: TdxModule | None = None
    modules: tuple[TdxModule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QeIdentity:
    """What Intel says about a quoting enclave.

    Args:
        body: the bytes that are signed.
        signature: ``r || s``.
        misc_select, misc_select_mask: 4 bytes each, as in a report.
        attributes, attributes_mask: 16 bytes each, as in a report.
        mr_signer: 32 bytes.
        levels: highest first.
    """

    body: bytes
    signature: bytes
    name: EnclaveId
    issued: datetime
    next_update: datetime
    evaluation_number: int
    misc_select: bytes
    misc_select_mask: bytes
    attributes: bytes
    attributes_mask: bytes
    mr_signer: bytes
    isv_prod_id: int
    levels: tuple[SvnLevel, ...]


def parse_tcb_info(data: bytes) -> TcbInfo:
    """An answer of the provisioning service to "Get TCB Info".

    Raises:
        MalformedError: it is not one of a known version, or has anything beside it.
    """
    signed = split(data, "tcbInfo", "TCB info")
    fields = load(signed.body, "TCB info")
    version = fields.integer("version", _V2, _V3)
    tee = _TEES[fields.one_of("id", _TEES)] if version == _V3 else "sgx"
    fields.integer("tcbType", 0, 0)  # the one composition of a CPU SVN that is defined
    found = _tcb_info(signed, fields, version, tee)
    fields.done()
    return found


def parse_qe_identity(data: bytes) -> QeIdentity:
    """An answer of the provisioning service to "Get Enclave Identity".

    Raises:
        MalformedError: it is not one of version 2, or has anything beside it.
    """
    signed = split(data, "enclaveIdentity", "QE identity")
    fields = load(signed.body, "QE identity")
    fields.integer("version", 2, 2)
    found = QeIdentity(
        body=signed.body,
        signature=signed.signature,
        name=cast("EnclaveId", fields.one_of("id", _ENCLAVES)),
        issued=_instant(fields, "issueDate"),
        next_update=_instant(fields, "nextUpdate"),
        evaluation_number=fields.integer("tcbEvaluationDataNumber", 0, _MAX_U32),
        misc_select=_octets(fields, "miscselect", 4),
        misc_select_mask=_octets(fields, "miscselectMask", 4),
        attributes=_octets(fields, "attributes", 16),
        attributes_mask=_octets(fields, "attributesMask", 16),
        mr_signer=_octets(fields, "mrsigner", 32),
        isv_prod_id=fields.integer("isvprodid", 0, 0xFFFF),
        levels=_svn_levels(fields),
    )
    fields.done()
    return found


def _tcb_info(signed: SignedJson, fields: Fields, version: int, tee: Tee) -> TcbInfo:
    is_tdx = tee == "tdx"
    has_modules = is_tdx and "tdxModuleIdentities" in fields
    return TcbInfo(
        body=signed.body,
        signature=signed.signature,
        tee=tee,
        version=version,
        issued=_instant(fields, "issueDate"),
        next_update=_instant(fields, "nextUpdate"),
        fmspc=_octets(fields, "fmspc", 6),
        pce_id=_octets(fields, "pceId", 2),
        evaluation_number=fields.integer("tcbEvaluationDataNumber", 0, _MAX_U32),
        levels=_tcb_levels(fields, version, tee),
        module=_module(fields.object("tdxModule")) if is_tdx else None,
        modules=_modules(fields) if has_modules else (),
    )


def _tcb_levels(fields: Fields, version: int, tee: Tee) -> tuple[TcbLevel, ...]:
    levels = [_tcb_level(level, version, tee) for level in _levels(fields)]
    return _ranked(levels, lambda level: (level.sgx, level.pce_svn, level.tdx), fields.where)


def _tcb_level(level: Fields, version: int, tee: Tee) -> TcbLevel:
    tcb = level.object("tcb")
    found = TcbLevel(
        sgx=_components(tcb, "sgxtcbcomponents") if version == _V3 else _named_components(tcb),
        pce_svn=tcb.integer("pcesvn", 0, 0xFFFF),
        tdx=_components(tcb, "tdxtcbcomponents") if tee == "tdx" else (),
        status=_status(level, PLATFORM_STATUSES),
        date=_instant(level, "tcbDate"),
        advisories=_advisories(level),
    )
    tcb.done()
    level.done()
    return found


def _components(tcb: Fields, key: str) -> tuple[int, ...]:
    items = tcb.objects(key, COMPONENTS)
    if len(items) != COMPONENTS:
        tcb.refuse(key, f"got {len(items)} components, want {COMPONENTS}")
    return tuple(_component(item) for item in items)


def _component(item: Fields) -> int:
    svn = item.integer("svn", 0, 0xFF)
    for described in ("category", "type"):
        if described in item:
            item.text(described, most=200)
    item.done()
    return svn


def _named_components(tcb: Fields) -> tuple[int, ...]:
    """Version 2 names each component."""
    names = (f"sgxtcbcomp{number:02}svn" for number in range(1, COMPONENTS + 1))
    return tuple(tcb.integer(name, 0, 0xFF) for name in names)


def _modules(fields: Fields) -> tuple[TdxModule, ...]:
    items = fields.objects("tdxModuleIdentities", MAX_MODULES)
    modules = tuple(_named_module(item) for item in items)
    names = [module.name for module in modules]
    if not names or len(set(names)) != len(names):
        fields.refuse("tdxModuleIdentities", f"got {', '.join(names) or 'none'}, want each once")
    return modules


def _named_module(item: Fields) -> TdxModule:
    # Upper case, as Intel's library compares it.
    name = item.text("id", least=1, most=32).upper()
    return _module(item, name=name, levels=_svn_levels(item))


def _module(item: Fields, *, name: str = "", levels: tuple[SvnLevel, ...] = ()) -> TdxModule:
    found = TdxModule(
        name=name,
        mr_signer=_octets(item, "mrsigner", 48),
        attributes=_octets(item, "attributes", 8),
        attributes_mask=_octets(item, "attributesMask", 8),
        levels=levels,
    )
    item.done()
    return found


def _svn_levels(fields: Fields) -> tuple[SvnLevel, ...]:
    levels = [_svn_level(level) for level in _levels(fields)]
    return _ranked(levels, lambda level: level.isv_svn, fields.where)


def _svn_level(level: Fields) -> SvnLevel:
    tcb = level.object("tcb")
    found = SvnLevel(
        isv_svn=tcb.integer("isvsvn", 0, 0xFFFF),
        status=_status(level, PART_STATUSES),
        date=_instant(level, "tcbDate"),
        advisories=_advisories(level),
    )
    tcb.done()
    level.done()
    return found


def _levels(fields: Fields) -> tuple[Fields, ...]:
    found = fields.objects("tcbLevels", MAX_LEVELS)
    if not found:
        fields.refuse("tcbLevels", "is empty")
    return found


def _ranked(levels: list[T], rank: Callable[[T], Any], where: str) -> tuple[T, ...]:
    """*levels*, highest first; raises MalformedError if two have the same rank."""
    if len({rank(level) for level in levels}) != len(levels):
        raise MalformedError(f"{where}: tcbLevels", "two levels have the same numbers")
    return tuple(sorted(levels, key=rank, reverse=True))


def _status(level: Fields, known: frozenset[str]) -> TcbStatus:
    return cast("TcbStatus", level.one_of("tcbStatus", known))


def _advisories(level: Fields) -> tuple[str, ...]:
    if "advisoryIDs" not in level:
        return ()
    return level.texts("advisoryIDs", most=MAX_ADVISORIES, longest=64)


def _instant(fields: Fields, key: str) -> datetime:
    return instant(fields.text(key, most=40), f"{fields.where}: {key}")


def _octets(fields: Fields, key: str, size: int) -> bytes:
    return hexadecimal(fields.text(key, most=2 * size), f"{fields.where}: {key}", size=size)
