"""TCB statuses, as Intel's library derives them: rules, tables, and what must always hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.tee.dcap.collateral import (
    PART_STATUSES,
    QeIdentity,
    SvnLevel,
    TcbInfo,
    TcbLevel,
    TcbStatus,
    TdxModule,
)
from enarx.tee.dcap.pck import PckIdentity
from enarx.tee.dcap.status import (
    NOT_SUPPORTED,
    TcbVerdict,
    converged,
    module_of,
    relaunched,
    sgx_verdict,
    tdx_verdict,
)

STATUSES: tuple[TcbStatus, ...] = get_args(TcbStatus)
NOW = datetime(2026, 1, 1, tzinfo=UTC)

PCK = PckIdentity(
    ppid=bytes(16),
    components=(5,) * 16,
    pce_svn=10,
    cpu_svn=bytes(16),
    pce_id=bytes(2),
    fmspc=bytes(6),
    sgx_type="standard",
    instance_id=b"",
    configuration=None,
)
IDENTITY = QeIdentity(
    body=b"",
    signature=b"",
    name="QE",
    issued=NOW,
    next_update=NOW,
    evaluation_number=1,
    misc_select=bytes(4),
    misc_select_mask=bytes(4),
    attributes=bytes(16),
    attributes_mask=bytes(16),
    mr_signer=bytes(32),
    isv_prod_id=1,
    levels=(),
)


def day(number: int) -> datetime:
    """A date."""
    return datetime(2025, 1, number, tzinfo=UTC)


def level(
    sgx: int, pce: int = 10, tdx: tuple[int, ...] = (), status: TcbStatus = "UpToDate"
) -> TcbLevel:
    """A level whose components are all *sgx*."""
    return TcbLevel(
        sgx=(sgx,) * 16,
        pce_svn=pce,
        tdx=tdx + (0,) * (16 - len(tdx)) if tdx else (),
        status=status,
        date=day(20),
        advisories=(f"P-{status}",),
    )


def part(svn: int, status: TcbStatus = "UpToDate", date: int = 25) -> SvnLevel:
    """A level of a TDX module or a quoting enclave."""
    return SvnLevel(isv_svn=svn, status=status, date=day(date), advisories=(f"S-{svn}", "BOTH"))


def identity(*levels: SvnLevel) -> QeIdentity:
    """A quoting enclave with these levels."""
    return replace(IDENTITY, levels=levels)


def tcb_info(*levels: TcbLevel, modules: tuple[TdxModule, ...] = ()) -> TcbInfo:
    """A TCB info with these levels."""
    return TcbInfo(
        body=b"",
        signature=b"",
        tee="tdx" if modules or levels[0].tdx else "sgx",
        version=3,
        issued=NOW,
        next_update=NOW,
        fmspc=bytes(6),
        pce_id=bytes(2),
        evaluation_number=1,
        levels=levels,
        module=module(""),
        modules=modules,
    )


def module(name: str, *levels: SvnLevel) -> TdxModule:
    """A line of TDX modules."""
    return TdxModule(
        name=name,
        mr_signer=bytes(48),
        attributes=bytes(8),
        attributes_mask=bytes(8),
        levels=levels,
    )


def svn(*first: int) -> bytes:
    """A TEE TCB SVN."""
    return bytes(first).ljust(16, b"\0")


# ── the convergence table (4.1.2.5.1.3), restated ────────────────────────────────────────────────


def restated(platform: str, parts: tuple[str, ...]) -> str:
    """The rules in the words of the specification, one after the other."""
    result = platform
    if any(one == "OutOfDate" for one in parts):
        if platform in ("UpToDate", "SWHardeningNeeded"):
            result = "OutOfDate"
        if platform in ("ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"):
            result = "OutOfDateConfigurationNeeded"
    if any(one == "Revoked" for one in parts):
        result = "Revoked"
    return result


def test_convergence_is_the_specifications() -> None:
    """For every platform status and every one or two parts."""
    parts = sorted(PART_STATUSES)
    for platform in STATUSES:
        for one, other in product(parts, parts):
            want = restated(platform, (one, other))
            assert converged(platform, (one, other)) == want
            assert converged(platform, (one,)) == restated(platform, (one,))
    assert converged("OutOfDate", ()) == "OutOfDate"


RELAUNCH = {
    ("OutOfDate", "UpToDate"): "TDRelaunchAdvised",
    ("OutOfDate", "SWHardeningNeeded"): "TDRelaunchAdvised",
    ("OutOfDate", "ConfigurationNeeded"): "TDRelaunchAdvisedConfigurationNeeded",
    ("OutOfDate", "ConfigurationAndSWHardeningNeeded"): "TDRelaunchAdvisedConfigurationNeeded",
    ("OutOfDateConfigurationNeeded", "UpToDate"): "TDRelaunchAdvisedConfigurationNeeded",
    ("OutOfDateConfigurationNeeded", "SWHardeningNeeded"): "TDRelaunchAdvisedConfigurationNeeded",
    ("OutOfDateConfigurationNeeded", "ConfigurationNeeded"): "TDRelaunchAdvisedConfigurationNeeded",
    (
        "OutOfDateConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
    ): "TDRelaunchAdvisedConfigurationNeeded",
}


def test_relaunch_is_the_specifications() -> None:
    """Advised if the launch was out of date and what runs now is not; else the launch counts."""
    for launch, current in product(STATUSES, STATUSES):
        assert relaunched(launch, current) == RELAUNCH.get((launch, current), launch)


# ── SGX ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_level_that_is_reached_counts() -> None:
    """All sixteen components and the PCE must reach it."""
    levels = (level(6), level(5, 11), level(5, 10, status="OutOfDate"), level(1, status="Revoked"))
    verdict = sgx_verdict(PCK, 3, tcb_info(*levels), identity(part(3)))
    assert (verdict.status, verdict.platform, verdict.qe) == ("OutOfDate", "OutOfDate", "UpToDate")
    assert verdict.date == day(20)
    assert verdict.advisories == ("P-OutOfDate", "S-3", "BOTH")
    assert (verdict.module, verdict.module_name, verdict.current) == ("", "", "OutOfDate")


@pytest.mark.parametrize("component", range(16))
def test_each_component_counts(component: int) -> None:
    """One that is lower than a level's is enough to miss it."""
    lower = tuple(5 - (n == component) for n in range(16))
    pck = replace(PCK, components=lower)
    verdict = sgx_verdict(
        pck, 3, tcb_info(level(5), level(4, status="OutOfDate")), identity(part(3))
    )
    assert verdict.status == "OutOfDate"


def test_no_matching_level_is_a_status_of_its_own() -> None:
    """Trap: not out of date, and nothing that has a date or advisories."""
    verdict = sgx_verdict(PCK, 3, tcb_info(level(9)), identity(part(3)))
    assert verdict == TcbVerdict(
        status=NOT_SUPPORTED,
        date=None,
        advisories=(),
        platform=NOT_SUPPORTED,
        qe="UpToDate",
        current=NOT_SUPPORTED,
    )


def test_a_quoting_enclave_below_every_level_is_not_supported() -> None:
    """The whole has no status then, though the platform has."""
    verdict = sgx_verdict(PCK, 3, tcb_info(level(5)), identity(part(4)))
    assert (verdict.status, verdict.platform, verdict.qe) == (
        NOT_SUPPORTED,
        "UpToDate",
        NOT_SUPPORTED,
    )


def test_the_earliest_date_counts() -> None:
    """Of platform and quoting enclave, whichever is older."""
    info = tcb_info(level(5))
    assert sgx_verdict(PCK, 3, info, identity(part(3, date=1))).date == day(1)
    assert sgx_verdict(PCK, 3, info, identity(part(3, date=28))).date == day(20)


# ── TDX ──────────────────────────────────────────────────────────────────────────────────────────


def test_modules_of_tdx_1_0_are_judged_by_the_platforms_levels() -> None:
    """Trap: with TEE TCB SVN 1 of zero all sixteen SVNs count, and no module is looked up."""
    info = tcb_info(level(5, tdx=(4,)), level(5, 9, tdx=(3,), status="OutOfDate"))
    for first, want in ((4, "UpToDate"), (3, "OutOfDate"), (2, NOT_SUPPORTED)):
        verdict = tdx_verdict(PCK, 3, (svn(first), None), info, identity(part(3)))
        assert (verdict.status, verdict.module, verdict.module_name) == (want, "", "")


def test_later_modules_have_levels_of_their_own() -> None:
    """Trap: with TEE TCB SVN 1 above zero, the first two SVNs count for the module only."""
    line = module("TDX_03", part(7), part(2, "OutOfDate", date=3))
    info = tcb_info(level(5, tdx=(99, 99, 6)), modules=(module("TDX_01", part(0)), line))
    for minor, want, date in ((7, "UpToDate", 20), (6, "OutOfDate", 3)):
        verdict = tdx_verdict(PCK, 3, (svn(minor, 3, 6), None), info, identity(part(3)))
        assert (verdict.status, verdict.module, verdict.module_name) == (want, want, "TDX_03")
        assert verdict.date == day(date)
        assert verdict.platform == "UpToDate"
    assert verdict.advisories == ("P-UpToDate", "S-3", "BOTH", "S-2")
    below = tdx_verdict(PCK, 3, (svn(7, 3, 5), None), info, identity(part(3)))
    assert (below.status, below.platform, below.module) == (
        NOT_SUPPORTED,
        NOT_SUPPORTED,
        "UpToDate",
    )


def test_a_module_below_every_level_is_not_supported() -> None:
    """As with the other parts."""
    info = tcb_info(level(5, tdx=(0,)), modules=(module("TDX_03", part(7)),))
    verdict = tdx_verdict(PCK, 3, (svn(6, 3), None), info, identity(part(3)))
    assert (verdict.status, verdict.module) == (NOT_SUPPORTED, NOT_SUPPORTED)


def test_an_unknown_line_of_modules_has_no_status() -> None:
    """Where it is the module that runs now (the launch's must be known: ``tdx.verify``)."""
    info = tcb_info(level(5, tdx=(0,)), modules=(module("TDX_03", part(1)),))
    verdict = tdx_verdict(PCK, 3, (svn(1, 3), svn(1, 4)), info, identity(part(3)))
    assert (verdict.status, verdict.current, verdict.module) == (
        NOT_SUPPORTED,
        NOT_SUPPORTED,
        "UpToDate",
    )
    assert (verdict.date, verdict.advisories) == (None, ())


def test_lines_of_modules_are_found_by_hexadecimal_names() -> None:
    """Version 16 is TDX_10; zero is the module without a line."""
    info = tcb_info(level(5, tdx=(0,)), modules=(module("TDX_10", part(1)), module("TDX_16")))
    found = module_of(info, svn(0, 16))
    assert found is not None
    assert found.name == "TDX_10"
    assert module_of(info, svn(9, 0)) is info.module
    assert module_of(info, svn(9, 1)) is None


def test_a_relaunch_is_advised() -> None:
    """Trap: a domain of TDX 1.5 that was launched by an old module which was replaced since."""
    line = module("TDX_03", part(7), part(2, "OutOfDate"))
    info = tcb_info(level(5, tdx=(0,)), modules=(line,))
    verdict = tdx_verdict(PCK, 3, (svn(2, 3), svn(7, 3)), info, identity(part(3)))
    assert (verdict.status, verdict.current) == ("TDRelaunchAdvised", "UpToDate")
    assert verdict.module == "OutOfDate"
    assert "S-2" in verdict.advisories
    same = tdx_verdict(PCK, 3, (svn(7, 3), svn(7, 3)), info, identity(part(3)))
    assert (same.status, same.current) == ("UpToDate", "UpToDate")
    old = tdx_verdict(PCK, 3, (svn(2, 3), svn(2, 3)), info, identity(part(3)))
    assert (old.status, old.current) == ("OutOfDate", "OutOfDate")


# ── what always holds ────────────────────────────────────────────────────────────────────────────

WORSE = ("UpToDate", "SWHardeningNeeded", "OutOfDate", "Revoked")
SMALL = st.integers(0, 3)
SVNS = st.lists(SMALL, min_size=16, max_size=16).map(tuple)


@st.composite
def ordered_infos(draw: st.DrawFn) -> TcbInfo:
    """A TCB info whose levels descend in every number, and get worse on the way down."""
    count = draw(st.integers(1, 4))
    numbers = sorted(draw(st.lists(SMALL, min_size=count, max_size=count, unique=True)))[::-1]
    statuses = sorted(
        draw(st.lists(st.sampled_from(WORSE), min_size=count, max_size=count)), key=WORSE.index
    )
    return tcb_info(
        *(
            level(number, number, (number,) * 16, status)  # type: ignore[arg-type]
            for number, status in zip(numbers, statuses, strict=True)
        ),
        modules=(module("TDX_01", part(0)), module("TDX_02", part(0)), module("TDX_03", part(0))),
    )


@given(
    info=ordered_infos(),
    have=SVNS,
    pce=SMALL,
    tdx=SVNS,
    raised=st.integers(0, 17),
    amount=st.integers(1, 3),
)
def test_a_higher_svn_is_never_worse(
    *,
    info: TcbInfo,
    have: tuple[int, ...],
    pce: int,
    tdx: tuple[int, ...],
    raised: int,
    amount: int,
) -> None:
    """Raising any number of the platform never makes its status worse, under ordered levels."""
    pck = replace(PCK, components=have, pce_svn=pce)
    higher = replace(
        pck,
        components=tuple(n + amount * (i == raised) for i, n in enumerate(have)),
        pce_svn=pce + amount * (raised == 16),
    )
    before = tdx_verdict(pck, 9, (bytes(tdx), None), info, identity(part(1)))
    after = tdx_verdict(higher, 9, (bytes(tdx), None), info, identity(part(1)))
    order = (*WORSE, NOT_SUPPORTED)
    assert order.index(after.platform) <= order.index(before.platform)


@given(info=ordered_infos(), have=SVNS, pce=SMALL, tdx=SVNS, qe=SMALL)
def test_the_whole_is_never_better_than_its_parts(
    *, info: TcbInfo, have: tuple[int, ...], pce: int, tdx: tuple[int, ...], qe: int
) -> None:
    """If any part is revoked, out of date or unknown, the whole is not up to date."""
    pck = replace(PCK, components=have, pce_svn=pce)
    levels = identity(part(2), part(1, "OutOfDate"))
    verdict = tdx_verdict(pck, qe, (bytes(tdx), None), info, levels)
    parts = {verdict.platform, verdict.qe, verdict.module or "UpToDate"}
    if verdict.status in ("UpToDate", "SWHardeningNeeded"):
        assert parts <= {"UpToDate", "SWHardeningNeeded"}
    assert (verdict.date is None) == (verdict.status == NOT_SUPPORTED) == (NOT_SUPPORTED in parts)
