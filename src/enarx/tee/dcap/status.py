"""How current a platform is, derived step by step as Intel's quote verification library does it.

The numbers in comments are the library's own.  ``TcbNotSupported`` is a status of its own: no level
matches, so that Intel says nothing about the platform; it is not the same as out of date.

Source: Intel's quote verification library, commit d12717e (2026-07-13): EvaluateTcb.cpp,
TcbLevelCheck.cpp, TDRelaunchCheck.cpp, TdxModuleCheck.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from enarx.tee.dcap.collateral import QeIdentity, SvnLevel, TcbInfo, TcbLevel, TdxModule
    from enarx.tee.dcap.pck import PckIdentity

NOT_SUPPORTED = "TcbNotSupported"

_OUTDATED = {
    "UpToDate": "OutOfDate",
    "SWHardeningNeeded": "OutOfDate",
    "ConfigurationNeeded": "OutOfDateConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded": "OutOfDateConfigurationNeeded",
}
"""What a platform's status becomes when another part is out of date; others stay."""

_CONFIGURATION = frozenset(
    {
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDateConfigurationNeeded",
    }
)
_RELAUNCHABLE = frozenset({"OutOfDate", "OutOfDateConfigurationNeeded"})
_CURRENT = frozenset(_OUTDATED)

_MODULE_MINOR, _MODULE_MAJOR = 0, 1  # in TEE TCB SVN


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbVerdict:
    """The status of the whole and of its parts.

    Args:
        status: what the parts converge to, or ``TcbNotSupported``.
        date: the earliest of the parts' dates; None if not supported.
        advisories: of the platform, the quoting enclave and the TDX module, each once.
        platform, qe, module: of each part; *module* is empty where none is looked at.
        module_name: "TDX_03" and the like; empty where none is looked at.
        current: of a TD report 1.5, the status with the module that runs now; else *status*.
    """

    status: str
    date: datetime | None
    advisories: tuple[str, ...]
    platform: str
    qe: str
    module: str = ""
    module_name: str = ""
    current: str = ""


def sgx_verdict(pck: PckIdentity, qe_svn: int, info: TcbInfo, identity: QeIdentity) -> TcbVerdict:
    """Evaluate the TCB of an SGX platform (4.1.2.5.1)."""
    level = _platform_level(pck, info, ())
    return _converged(level, _svn_level(identity.levels, qe_svn))


def tdx_verdict(
    pck: PckIdentity,
    qe_svn: int,
    svns: tuple[bytes, bytes | None],
    info: TcbInfo,
    identity: QeIdentity,
) -> TcbVerdict:
    """Evaluate the TCB of a TDX platform (4.1.2.5.2), and whether a relaunch would help.

    Args:
        svns: TEE TCB SVN of the launch, and of now if the report has it (1.5).
    """
    launch = _tdx_evaluated(pck, qe_svn, svns[0], info, identity)
    if svns[1] is None:
        return launch
    now = _tdx_evaluated(pck, qe_svn, svns[1], info, identity)
    both = {launch.status, now.status}
    # 4.1.2.5.1.20.1: the same evaluation with what runs now must give a status too
    status = NOT_SUPPORTED if NOT_SUPPORTED in both else relaunched(launch.status, now.status)
    supported = status != NOT_SUPPORTED
    return TcbVerdict(
        status=status,
        date=launch.date if supported else None,
        advisories=launch.advisories if supported else (),
        platform=launch.platform,
        qe=launch.qe,
        module=launch.module,
        module_name=launch.module_name,
        current=now.status,
    )


def module_of(info: TcbInfo, tee_tcb_svn: bytes) -> TdxModule | None:
    """What must be true of the TDX module that runs at *tee_tcb_svn* (4.1.2.5.12).

    None: the module is of a line that the TCB info does not know.
    """
    major = tee_tcb_svn[_MODULE_MAJOR]
    if not major:
        return info.module
    name = f"TDX_{major:02X}"
    return next((module for module in info.modules if module.name == name), None)


def converged(platform: str, parts: Iterable[str]) -> str:
    """The status of a platform whose other parts have the statuses *parts* (4.1.2.5.1.3)."""
    others = set(parts)
    if "Revoked" in others:
        return "Revoked"
    if "OutOfDate" in others:
        return _OUTDATED.get(platform, platform)
    return platform


def relaunched(launch: str, current: str) -> str:
    """The status of a trust domain that was launched at one TCB and runs at another (20.2)."""
    if launch not in _RELAUNCHABLE or current not in _CURRENT:
        return launch
    if {launch, current} & _CONFIGURATION:
        return "TDRelaunchAdvisedConfigurationNeeded"
    return "TDRelaunchAdvised"


def _tdx_evaluated(
    pck: PckIdentity, qe_svn: int, svn: bytes, info: TcbInfo, identity: QeIdentity
) -> TcbVerdict:
    level = _platform_level(pck, info, svn)
    qe = _svn_level(identity.levels, qe_svn)
    if not svn[_MODULE_MAJOR]:
        return _converged(level, qe)
    module = module_of(info, svn)  # 4.1.2.5.2.2
    found = None if module is None else _svn_level(module.levels, svn[_MODULE_MINOR])
    return _converged(level, qe, module=found, name=module.name if module else "")


def _platform_level(pck: PckIdentity, info: TcbInfo, svn: Sequence[int]) -> TcbLevel | None:
    """The first level that the platform reaches (4.1.2.5.1.1, 4.1.2.5.2.1)."""
    # A module from 1.5 on has levels of its own, so that its two SVNs do not count here.
    begin = 2 if svn and svn[_MODULE_MAJOR] else 0
    for level in info.levels:
        if (
            _reaches(pck.components, level.sgx)
            and pck.pce_svn >= level.pce_svn
            and _reaches(svn[begin:], level.tdx[begin:])
        ):
            return level
    return None


def _reaches(have: Sequence[int], want: Sequence[int]) -> bool:
    return all(mine >= its for mine, its in zip(have, want, strict=True))


def _svn_level(levels: Iterable[SvnLevel], svn: int) -> SvnLevel | None:
    return next((level for level in levels if level.isv_svn <= svn), None)


def _converged(
    platform: TcbLevel | None,
    qe: SvnLevel | None,
    *,
    module: SvnLevel | None = None,
    name: str | None = None,
) -> TcbVerdict:
    """One verdict of the parts; *name* is None where no module is looked at."""
    parts = (platform, qe) if name is None else (platform, qe, module)
    found = [part for part in parts if part is not None]
    supported = len(found) == len(parts)
    platform_status = platform.status if platform else NOT_SUPPORTED
    status = NOT_SUPPORTED
    if supported:
        status = converged(platform_status, (part.status for part in found[1:]))
    advisories = (advisory for part in found for advisory in part.advisories)
    return TcbVerdict(
        status=status,
        date=min(part.date for part in found) if supported else None,
        advisories=tuple(dict.fromkeys(advisories)) if supported else (),
        platform=platform_status,
        qe=qe.status if qe else NOT_SUPPORTED,
        module="" if name is None else module.status if module else NOT_SUPPORTED,
        module_name=name or "",
        current=status,
    )
