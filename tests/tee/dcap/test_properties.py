"""What must hold for every platform, whatever its SVNs, and every list of levels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from enarx.tee.dcap.collateral import (
    PART_STATUSES,
    PLATFORM_STATUSES,
    QeIdentity,
    SvnLevel,
    TcbInfo,
    TcbLevel,
    parse_qe_identity,
    parse_tcb_info,
)
from enarx.tee.dcap.pck import PckIdentity
from enarx.tee.dcap.status import NOT_SUPPORTED, TcbVerdict, sgx_verdict, tdx_verdict
from enarx.tee.simulated import collateral as made
from enarx.tee.simulated.certificates import valid_for
from enarx.tee.simulated.keys import ec_key

T = TypeVar("T")

SMALL = st.integers(0, 3)
LOW, HIGH = st.sampled_from((0, 0, 1, 2)), st.sampled_from((0, 1, 2, 2, 3, 3))
"""SVNs of levels and of platforms, so that a platform often reaches some of the levels."""

SVNS, HIGH_SVNS = (st.tuples(*(one,) * 4).map(lambda some: some * 4) for one in (LOW, HIGH))
DATES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made aware
    lambda date: date.replace(microsecond=0, tzinfo=UTC)
)
ADVISORIES = st.lists(st.from_regex(r"INTEL-SA-[0-9]{5}", fullmatch=True), max_size=3).map(tuple)
PLATFORM_LEVELS = st.lists(
    st.builds(
        made.TcbLevel,
        status=st.sampled_from(sorted(PLATFORM_STATUSES)),
        sgx=SVNS,
        pce_svn=LOW,
        tdx=SVNS,
        date=DATES,
        advisories=ADVISORIES,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda level: (level.sgx, level.pce_svn),
)
SVN_LEVELS = st.lists(
    st.builds(
        made.SvnLevel,
        status=st.sampled_from(sorted(PART_STATUSES)),
        isv_svn=SMALL,
        date=DATES,
        advisories=ADVISORIES,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda level: level.isv_svn,
)
KEY = ec_key(bytes(32), "signer of collateral", ec.SECP256R1())
VALIDITY = valid_for(datetime(2026, 6, 1, tzinfo=UTC), 30)


@st.composite
def tcb_infos(draw: st.DrawFn, tee: made.Tee = "tdx") -> made.TcbInfo:
    """Any TCB info, as Intel's service could describe a platform."""
    modules = tuple(
        made.ModuleIdentity(name=f"TDX_{major:02X}", levels=tuple(draw(SVN_LEVELS)))
        for major in range(1, draw(SMALL) + 1)
    )
    return made.TcbInfo(
        tee=tee,
        fmspc=draw(st.binary(min_size=6, max_size=6)),
        pce_id=draw(st.binary(min_size=2, max_size=2)),
        levels=tuple(draw(PLATFORM_LEVELS)),
        modules=modules if tee == "tdx" else (),
        evaluation_number=draw(st.integers(0, 1 << 31)),
        validity=VALIDITY,
    )


@st.composite
def qe_identities(draw: st.DrawFn) -> made.QeIdentity:
    """Any QE identity."""
    return made.QeIdentity(
        tee=draw(st.sampled_from(("sgx", "tdx"))),
        mr_signer=draw(st.binary(min_size=32, max_size=32)),
        isv_prod_id=draw(st.integers(0, 0xFFFF)),
        levels=tuple(draw(SVN_LEVELS)),
        attributes=draw(st.binary(min_size=16, max_size=16)),
        attributes_mask=draw(st.binary(min_size=16, max_size=16)),
        validity=VALIDITY,
    )


PLATFORMS = st.builds(
    PckIdentity,
    ppid=st.just(bytes(16)),
    components=HIGH_SVNS,
    pce_svn=HIGH,
    cpu_svn=st.just(bytes(16)),
    pce_id=st.just(bytes(2)),
    fmspc=st.just(bytes(6)),
    sgx_type=st.just("standard"),
    instance_id=st.just(b""),
    configuration=st.none(),
)
TEE_SVNS = st.tuples(HIGH, SMALL, HIGH_SVNS).map(lambda it: bytes((*it[:2], *it[2][2:])))

# ── status ───────────────────────────────────────────────────────────────────────────────────────


def numbered(levels: tuple[T, ...], name: str) -> tuple[T, ...]:
    """*levels*, each with its place, 0 for the highest, as its only advisory."""
    return tuple(
        replace(level, advisories=(f"{name} {place}",))  # type: ignore[type-var]
        for place, level in enumerate(levels)
    )


def numbered_info(info: TcbInfo) -> TcbInfo:
    """*info* with levels that verdicts name."""
    modules = tuple(
        replace(module, levels=numbered(module.levels, "module")) for module in info.modules
    )
    return replace(info, levels=numbered(info.levels, "platform"), modules=modules)


def numbered_identity(identity: QeIdentity) -> QeIdentity:
    """*identity* with levels that verdicts name."""
    return replace(identity, levels=numbered(identity.levels, "enclave"))


def places(verdict: TcbVerdict) -> dict[str, int]:
    """Which level of each part counted; empty if one has none."""
    pairs = (advisory.split() for advisory in verdict.advisories)
    return {name: int(place) for name, place in pairs}


def must_be_no_older(before: TcbVerdict, after: TcbVerdict) -> None:
    """Insist that every part that had a level has the same or a higher one."""
    if before.date is None:
        return
    assert after.date is not None
    assert places(after).keys() == places(before).keys()
    for name, place in places(before).items():
        assert places(after)[name] <= place


@given(platform=PLATFORMS, svn=TEE_SVNS, info=tcb_infos(), identity=qe_identities(), qe_svn=SMALL)
def test_the_highest_level_that_is_reached_counts(
    platform: PckIdentity,
    svn: bytes,
    info: made.TcbInfo,
    identity: made.QeIdentity,
    qe_svn: int,
) -> None:
    """Of platform, enclave and module alike; below the lowest of any there is no verdict."""
    levels = numbered_info(parse_tcb_info(info.sign(KEY)))
    enclave = numbered_identity(parse_qe_identity(identity.sign(KEY)))
    minor, line = svn[:2]
    reached = {
        "platform": [is_reached(platform, svn, level) for level in levels.levels],
        "enclave": [level.isv_svn <= qe_svn for level in enclave.levels],
    }
    if line:
        names = {module.name: module.levels for module in levels.modules}
        module = names.get(f"TDX_{line:02X}", ())
        reached["module"] = [level.isv_svn <= minor for level in module]
    verdict = tdx_verdict(platform, qe_svn, (svn, None), levels, enclave)
    if all(map(any, reached.values())):
        assert places(verdict) == {name: each.index(True) for name, each in reached.items()}
    else:
        assert (verdict.status, verdict.date) == (NOT_SUPPORTED, None)


def is_reached(platform: PckIdentity, svn: bytes, level: TcbLevel) -> bool:
    """Every number of the level, but of a module with levels of its own."""
    own = 2 if svn[1] else 0
    have = (*platform.components, platform.pce_svn, *svn[own:])
    want = (*level.sgx, level.pce_svn, *level.tdx[own:])
    return all(a >= b for a, b in zip(have, want, strict=True))


@given(platform=PLATFORMS, info=tcb_infos("sgx"), identity=qe_identities(), data=st.data())
def test_a_higher_sgx_platform_has_no_older_level(
    platform: PckIdentity, info: made.TcbInfo, identity: made.QeIdentity, data: st.DataObject
) -> None:
    """Whatever SVN is raised, of processor, PCE or quoting enclave."""
    levels = numbered_info(parse_tcb_info(info.sign(KEY)))
    enclave = numbered_identity(parse_qe_identity(identity.sign(KEY)))
    qe_svn = data.draw(SMALL)
    before = sgx_verdict(platform, qe_svn, levels, enclave)
    must_be_no_older(before, sgx_verdict(raised(platform, data), qe_svn, levels, enclave))
    must_be_no_older(before, sgx_verdict(platform, qe_svn + 1, levels, enclave))


@given(platform=PLATFORMS, svn=TEE_SVNS, info=tcb_infos(), identity=qe_identities(), data=st.data())
def test_a_higher_tdx_platform_has_no_older_level(
    platform: PckIdentity,
    svn: bytes,
    info: made.TcbInfo,
    identity: made.QeIdentity,
    data: st.DataObject,
) -> None:
    """The same of TDX, and of the module's SVNs within its line."""
    levels = numbered_info(parse_tcb_info(info.sign(KEY)))
    enclave = numbered_identity(parse_qe_identity(identity.sign(KEY)))
    qe_svn = data.draw(SMALL)
    before = tdx_verdict(platform, qe_svn, (svn, None), levels, enclave)
    higher = raised(platform, data)
    must_be_no_older(before, tdx_verdict(higher, qe_svn, (svn, None), levels, enclave))
    place = data.draw(st.sampled_from([0, *range(2, 16)]))  # 1 is the line
    newer = bytes((*svn[:place], svn[place] + 1, *svn[place + 1 :]))
    must_be_no_older(before, tdx_verdict(platform, qe_svn, (newer, None), levels, enclave))


def raised(platform: PckIdentity, data: st.DataObject) -> PckIdentity:
    """*platform* with one SVN higher."""
    place = data.draw(st.integers(0, 16))
    if place == 16:
        return replace(platform, pce_svn=platform.pce_svn + 1)
    components = platform.components
    more = (*components[:place], components[place] + 1, *components[place + 1 :])
    return replace(platform, components=more)


@given(platform=PLATFORMS, svn=TEE_SVNS, info=tcb_infos(), identity=qe_identities())
def test_a_module_that_runs_since_the_launch_changes_nothing(
    platform: PckIdentity, svn: bytes, info: made.TcbInfo, identity: made.QeIdentity
) -> None:
    """The same TEE TCB SVN twice is the verdict of having it once."""
    levels, enclave = parse_tcb_info(info.sign(KEY)), parse_qe_identity(identity.sign(KEY))
    once = tdx_verdict(platform, 3, (svn, None), levels, enclave)
    assert tdx_verdict(platform, 3, (svn, svn), levels, enclave) == once


# ── collateral ───────────────────────────────────────────────────────────────────────────────────


@given(info=tcb_infos(), data=st.data())
def test_tcb_infos_are_read_as_they_were_written(info: made.TcbInfo, data: st.DataObject) -> None:
    """Every level and module comes back, highest first, in whatever order they stand."""
    found = parse_tcb_info(info.sign(KEY))
    ranked = sorted(info.levels, key=lambda one: (one.sgx, one.pce_svn, one.tdx), reverse=True)
    assert [as_made(level) for level in found.levels] == ranked
    for module, want in zip(found.modules, info.modules, strict=True):
        assert (module.name, module.mr_signer) == (want.name, want.mr_signer)
        assert [as_made_part(level) for level in module.levels] == by_svn(want.levels)
    assert (found.fmspc, found.pce_id) == (info.fmspc, info.pce_id)
    assert found.evaluation_number == info.evaluation_number
    assert (found.issued, found.next_update) == (VALIDITY.not_before, VALIDITY.not_after)
    shuffled = replace(info, levels=tuple(data.draw(st.permutations(info.levels))))
    assert parse_tcb_info(shuffled.sign(KEY)).levels == found.levels


@given(identity=qe_identities())
def test_qe_identities_are_read_as_they_were_written(identity: made.QeIdentity) -> None:
    """Every field comes back, levels highest first."""
    found = parse_qe_identity(identity.sign(KEY))
    assert [as_made_part(level) for level in found.levels] == by_svn(identity.levels)
    assert found.name == {"sgx": "QE", "tdx": "TD_QE"}[identity.tee]
    for name in ("mr_signer", "isv_prod_id", "attributes", "attributes_mask", "misc_select_mask"):
        assert getattr(found, name) == getattr(identity, name)


def as_made(level: TcbLevel) -> made.TcbLevel:
    """A level that was read, as one that is written."""
    names = ("status", "sgx", "pce_svn", "tdx", "date", "advisories")
    return made.TcbLevel(**{name: getattr(level, name) for name in names})


def as_made_part(level: SvnLevel) -> made.SvnLevel:
    """The same of a module's or an enclave's."""
    names = ("status", "isv_svn", "date", "advisories")
    return made.SvnLevel(**{name: getattr(level, name) for name in names})


def by_svn(levels: tuple[made.SvnLevel, ...]) -> list[made.SvnLevel]:
    """Highest first."""
    return sorted(levels, key=lambda level: level.isv_svn, reverse=True)
