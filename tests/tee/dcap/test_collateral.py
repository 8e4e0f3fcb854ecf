"""TCB infos and QE identities: every key, type and range; order and duplicates of levels."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap.collateral import (
    MAX_ADVISORIES,
    MAX_LEVELS,
    QeIdentity,
    TcbInfo,
    parse_qe_identity,
    parse_tcb_info,
)

SIGNATURE = "ab" * 64


def components(*first: int) -> list[dict[str, object]]:
    """16 component SVNs, as version 3 writes them."""
    return [{"svn": svn} for svn in (*first, *(0,) * (16 - len(first)))]


LEVEL: dict[str, Any] = {
    "tcb": {"sgxtcbcomponents": components(7, 9), "pcesvn": 13, "tdxtcbcomponents": components(5)},
    "tcbDate": "2025-08-13T00:00:00Z",
    "tcbStatus": "UpToDate",
    "advisoryIDs": ["INTEL-SA-00001"],
}
SVN_LEVEL: dict[str, Any] = {
    "tcb": {"isvsvn": 4},
    "tcbDate": "2024-03-13T00:00:00Z",
    "tcbStatus": "UpToDate",
}
MODULE = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
DATED = {"issueDate": "2026-01-01T00:00:00Z", "nextUpdate": "2026-01-31T00:00:00Z"}
TDX: dict[str, Any] = {
    "id": "TDX",
    "version": 3,
    **DATED,
    "fmspc": "00806F05aBcD",
    "pceId": "0000",
    "tcbType": 0,
    "tcbEvaluationDataNumber": 18,
    "tdxModule": MODULE,
    "tdxModuleIdentities": [{"id": "TDX_03", **MODULE, "tcbLevels": [SVN_LEVEL]}],
    "tcbLevels": [LEVEL],
}
SGX: dict[str, Any] = {key: value for key, value in TDX.items() if not key.startswith("tdx")} | {
    "id": "SGX",
    "tcbLevels": [{**LEVEL, "tcb": {"sgxtcbcomponents": components(7, 9), "pcesvn": 13}}],
}
SGX_2: dict[str, Any] = {key: value for key, value in SGX.items() if key != "id"} | {
    "version": 2,
    "tcbLevels": [
        {**LEVEL, "tcb": {f"sgxtcbcomp{n:02}svn": n for n in range(1, 17)} | {"pcesvn": 13}}
    ],
}
IDENTITY: dict[str, Any] = {
    "id": "TD_QE",
    "version": 2,
    **DATED,
    "tcbEvaluationDataNumber": 17,
    "miscselect": "00000000",
    "miscselectMask": "FFFFFFFF",
    "attributes": "11000000000000000000000000000000",
    "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
    "mrsigner": "DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5",
    "isvprodid": 2,
    "tcbLevels": [SVN_LEVEL],
}


def info(body: object) -> TcbInfo:
    """*body*, parsed as a TCB info."""
    return parse_tcb_info(json.dumps({"tcbInfo": body, "signature": SIGNATURE}).encode())


def identity(body: object) -> QeIdentity:
    """*body*, parsed as a QE identity."""
    return parse_qe_identity(json.dumps({"enclaveIdentity": body, "signature": SIGNATURE}).encode())


def test_a_tcb_info_for_tdx() -> None:
    """Everything that it says, and the bytes that are signed; FMSPC in either case."""
    found = info(TDX)
    assert (found.tee, found.version, found.evaluation_number) == ("tdx", 3, 18)
    assert (found.fmspc.hex(), found.pce_id.hex()) == ("00806f05abcd", "0000")
    assert found.issued == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.next_update == datetime(2026, 1, 31, tzinfo=UTC)
    (level,) = found.levels
    assert level.sgx == (7, 9, *(0,) * 14)
    assert level.tdx == (5, *(0,) * 15)
    assert (level.pce_svn, level.status) == (13, "UpToDate")
    assert level.date == datetime(2025, 8, 13, tzinfo=UTC)
    assert level.advisories == ("INTEL-SA-00001",)
    assert found.module is not None
    assert (found.module.name, found.module.levels) == ("", ())
    (module,) = found.modules
    assert (module.name, module.levels[0].isv_svn) == ("TDX_03", 4)
    assert module.attributes_mask == b"\xff" * 8
    assert json.loads(found.body) == TDX
    assert found.signature == bytes.fromhex(SIGNATURE)


def test_tcb_infos_for_sgx_of_both_versions() -> None:
    """Version 3 lists components, version 2 names each; neither has TDX modules."""
    (level,) = info(SGX).levels
    assert (level.sgx, level.tdx) == ((7, 9, *(0,) * 14), ())
    found = info(SGX_2)
    assert (found.tee, found.version, found.module, found.modules) == ("sgx", 2, None, ())
    assert found.levels[0].sgx == tuple(range(1, 17))


def test_a_qe_identity() -> None:
    """Everything that it says, masks and values as bytes of a report."""
    found = identity(IDENTITY)
    assert (found.name, found.evaluation_number, found.isv_prod_id) == ("TD_QE", 17, 2)
    assert found.misc_select_mask == b"\xff" * 4
    assert found.attributes[0] == 0x11
    assert found.attributes_mask[:2] == b"\xfb\xff"
    assert found.mr_signer.hex() == IDENTITY["mrsigner"].lower()
    assert found.levels[0].advisories == ()


def test_older_tcb_infos_for_tdx_know_no_lines_of_modules() -> None:
    """TDX module identities may be missing; the module of TDX 1.0 may not."""
    body = {key: value for key, value in TDX.items() if key != "tdxModuleIdentities"}
    assert info(body).modules == ()
    with pytest.raises(MalformedError, match="'tdxModule' is missing"):
        info({key: value for key, value in TDX.items() if key != "tdxModule"})


def test_module_names_in_either_case() -> None:
    """Intel's library compares them in upper case."""
    body = copy.deepcopy(TDX)
    body["tdxModuleIdentities"][0]["id"] = "tdx_0a"
    assert info(body).modules[0].name == "TDX_0A"


def test_levels_are_ranked_highest_first() -> None:
    """By CPU SVN, then PCE SVN, then TDX components, whatever order they came in."""

    def level(sgx: int, pce: int, tdx: int) -> dict[str, Any]:
        tcb = {"sgxtcbcomponents": components(sgx), "tdxtcbcomponents": components(tdx)}
        return {**LEVEL, "tcb": {**tcb, "pcesvn": pce}}

    ranks = [(3, 1, 1), (2, 9, 1), (2, 5, 7), (2, 5, 6), (1, 99, 99)]
    for order in (ranks, ranks[::-1], ranks[2:] + ranks[:2]):
        found = info({**TDX, "tcbLevels": [level(*rank) for rank in order]})
        assert [(it.sgx[0], it.pce_svn, it.tdx[0]) for it in found.levels] == ranks


def test_levels_of_enclaves_are_ranked_too() -> None:
    """By their security version number."""
    levels = [{**SVN_LEVEL, "tcb": {"isvsvn": svn}} for svn in (2, 8, 5)]
    assert [it.isv_svn for it in identity({**IDENTITY, "tcbLevels": levels}).levels] == [8, 5, 2]


@pytest.mark.parametrize("read", [info, identity])
def test_two_levels_of_one_rank_are_refused(read: Callable[[object], object]) -> None:
    """Which of them counted would depend on who reads."""
    body = TDX if read is info else IDENTITY
    with pytest.raises(MalformedError, match="two levels have the same numbers"):
        read({**body, "tcbLevels": body["tcbLevels"] * 2})


PATHS = {
    "info": (info, TDX),
    "sgx": (info, SGX),
    "version 2": (info, SGX_2),
    "identity": (identity, IDENTITY),
}


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Where each member and element of a document is."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return []
    return [p for key, inner in pairs for p in ((*path, key), *places(inner, (*path, key)))]


def at(body: Any, path: tuple[Any, ...]) -> Any:  # noqa: ANN401 - JSON
    """The container that holds what is at *path*."""
    for key in path[:-1]:
        body = body[key]
    return body


OPTIONAL = {"advisoryIDs", "tdxModuleIdentities"}


@pytest.mark.parametrize("kind", PATHS)
def test_every_key_is_needed(kind: str) -> None:
    """Whatever is left out is missed, but for advisories and lines of modules."""
    read, whole = PATHS[kind]
    count = 0
    for path in places(whole):
        if not isinstance(path[-1], str) or path[-1] in OPTIONAL:
            continue
        body = copy.deepcopy(whole)
        del at(body, path)[path[-1]]
        with pytest.raises(MalformedError):
            read(body)
        count += 1
    assert count >= 13


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("wrong", [None, 1.5, -1, True, "", "zz", [], {}, 1 << 40, "x" * 300])
def test_every_value_has_its_type_and_range(kind: str, wrong: object) -> None:
    """A value of another type or beyond its range is refused wherever it stands."""
    read, whole = PATHS[kind]
    for path in places(whole):
        if path[-1] == "advisoryIDs" and wrong == []:
            continue
        if isinstance(path[-1], int) and path[-2] == "advisoryIDs" and isinstance(wrong, str):
            continue
        if path[-3:] == ("tdxModuleIdentities", 0, "id") and wrong == "zz":
            continue  # a line of modules that is unknown here, and harmless
        body = copy.deepcopy(whole)
        at(body, path)[path[-1]] = wrong
        with pytest.raises(MalformedError):
            read(body)


@pytest.mark.parametrize("kind", PATHS)
def test_unknown_keys_are_refused(kind: str) -> None:
    """In every object: what we do not know could change what the rest means."""
    read, whole = PATHS[kind]
    objects = {(), *(p for p in places(whole) if isinstance(at(whole, p)[p[-1]], dict))}
    for path in objects:
        body = copy.deepcopy(whole)
        inner = at(body, path)[path[-1]] if path else body
        inner["news"] = 1
        with pytest.raises(MalformedError, match="unknown key 'news'"):
            read(body)


@pytest.mark.parametrize("key", ["tdxModule", "tdxModuleIdentities"])
def test_tcb_infos_for_sgx_have_no_modules(key: str) -> None:
    """What belongs to TDX is unknown there."""
    with pytest.raises(MalformedError, match=f"unknown key '{key}'"):
        info({**SGX, key: TDX[key]})


@pytest.mark.parametrize("status", ["SWHardeningNeeded", "Unknown", "uptodate", "TcbNotSupported"])
def test_statuses_are_intels(status: str) -> None:
    """Modules and enclaves have three; none has one that is ours."""
    level = {**SVN_LEVEL, "tcbStatus": status}
    with pytest.raises(MalformedError, match="tcbStatus"):
        identity({**IDENTITY, "tcbLevels": [level]})
    if status != "SWHardeningNeeded":
        with pytest.raises(MalformedError, match="tcbStatus"):
            info({**TDX, "tcbLevels": [{**LEVEL, "tcbStatus": status}]})


def test_what_components_are_about_may_be_said() -> None:
    """Category and type are read over."""
    body = copy.deepcopy(TDX)
    described = {"svn": 7, "category": "BIOS", "type": "Early Microcode Update"}
    body["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][0] = described
    assert info(body).levels == info(TDX).levels


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 1}, "got 1, want 2 to 3"),
        ({"version": 4}, "got 4, want 2 to 3"),
        ({"id": "SEV"}, "one of SGX, TDX"),
        ({"tcbType": 1}, "tcbType"),
        ({"tcbLevels": []}, "tcbLevels: is empty"),
        ({"tcbLevels": [LEVEL] * (MAX_LEVELS + 1)}, "want at most"),
        ({"tcbLevels": [{**LEVEL, "advisoryIDs": ["x"] * (MAX_ADVISORIES + 1)}]}, "want at most"),
        ({"tdxModuleIdentities": []}, "got none, want each once"),
        ({"tdxModuleIdentities": TDX["tdxModuleIdentities"] * 2}, "TDX_03, TDX_03"),
        ({"fmspc": "00806F05"}, "got 4 bytes, want 6"),
        ({"issueDate": "2026-02-30T00:00:00Z"}, "no such time"),
        ({"issueDate": "2026-01-01"}, "want a time like"),
    ],
)
def test_tcb_infos_are_bounded(change: dict[str, Any], problem: str) -> None:
    """Versions, kinds, counts, sizes and dates, by name."""
    with pytest.raises(MalformedError, match=problem):
        info({**TDX, **change})


def test_fifteen_components_are_not_enough() -> None:
    """There are sixteen, no more and no fewer."""
    for count in (15, 17):
        tcb = {**LEVEL["tcb"], "sgxtcbcomponents": [{"svn": 0}] * count}
        with pytest.raises(MalformedError, match=r"15 components|17 elements"):
            info({**TDX, "tcbLevels": [{**LEVEL, "tcb": tcb}]})


@pytest.mark.parametrize("version", [1, 3])
def test_qe_identities_are_of_version_2(version: int) -> None:
    """Version 1 is of an interface that Intel switched off, others are to come."""
    with pytest.raises(MalformedError, match="version"):
        identity({**IDENTITY, "version": version})


@given(key=st.sampled_from(sorted(TDX)), junk=st.binary(max_size=60))
def test_edited_documents_are_parsed_or_malformed(key: str, junk: bytes) -> None:
    """Junk in place of any value ends in a value or in the one error."""
    whole = json.dumps({"tcbInfo": TDX, "signature": SIGNATURE}).encode()
    value = json.dumps(TDX[key]).encode()
    data = whole.replace(value, junk, 1)
    try:
        found = parse_tcb_info(data)
    except MalformedError:
        return
    assert found.body in data


def test_keys_occur_once_in_the_signed_value() -> None:
    """A second status, or a second date, is refused before anybody chooses."""
    data = json.dumps({"tcbInfo": TDX, "signature": SIGNATURE})
    for key in ("tcbStatus", "issueDate", "svn"):
        doubled = data.replace(f'"{key}":', f'"{key}": 0, "{key}":', 1)
        with pytest.raises(MalformedError, match="occurs twice"):
            parse_tcb_info(doubled.encode())
