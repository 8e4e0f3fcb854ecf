"""``enarx endorsements`` against servers that speak the vendors' interfaces, TLS included."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.endorsement_directory import load
from enarx.cli.main import main
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.snp.technology import SNP

if TYPE_CHECKING:
    from tests.adapters.conftest import Authority, Web

RECENTLY = timedelta(hours=1)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    """A cache of the test's own, and the tests' authority trusted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ENARX_CA_FILE", authority.ca_file)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def machine(snp: SimulatedSnp) -> SimulatedSnp:
    """A Genoa whose list is of today: the command uses the clock."""
    return replace(snp, issued=datetime.now(UTC) - RECENTLY)


@pytest.fixture
def report(machine: SimulatedSnp, tmp_path: Path) -> str:
    """A bare report of the machine, in a file."""
    path = tmp_path / "report.bin"
    path.write_bytes(machine.report(SnpGuest(measurement=b"m" * 48), report_data=bytes(64)))
    return str(path)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["endorsements", *arguments])
    return status, out.getvalue(), err.getvalue()


def test_a_report_is_verified_with_what_was_fetched(
    report: str,
    machine: SimulatedSnp,
    web: Web,
    tmp_path: Path,
    as_kds: Callable[..., Endorsements],
) -> None:
    """What the command writes is all that the verifier needs; a second run asks nobody."""
    as_kds(web, machine)
    status, out, err = run("fetch", report, "-o", "new/folder", "--kds", web.url)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 4
    assert all(Path(line).exists() for line in out.splitlines())
    found = load("new/folder").endorsements
    now = datetime.now(UTC)
    evidence = SNP.parse(Path(report).read_bytes())
    authentic = SNP.authenticate(evidence, found, machine.root.anchors(), now)
    assert authentic.claims.revocation.unchecked == ()
    assert len(web.asked) == 3
    status, out, _ = run("fetch", report, "-o", "new/folder", "--kds", web.url, "--json")
    assert status == 0
    assert [step["cached"] for step in json.loads(out)["steps"]] == [True] * 3
    assert len(web.asked) == 3
    assert not list(tmp_path.rglob("*.partial"))


def test_the_cache_is_listed_with_where_it_is_from(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """Each item with its source, its age and how long it is good for."""
    as_kds(web, machine)
    run("fetch", report, "-o", "d", "--kds", web.url)
    status, out, err = run("list")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 4
    crl = next(line for line in out.splitlines() if line.startswith("crl"))
    assert " s ago from " in crl
    assert crl.endswith(f"{web.url}/vcek/v1/Genoa/crl")
    items = json.loads(run("list", "--json")[1])
    assert {item["need"] for item in items} >= {"ASK and ARK of Genoa"}
    assert all(item["source"].startswith(web.url) for item in items)


def test_a_quote_s_collateral_comes_from_a_caching_service(
    web: Web,
    tdx: SimulatedTdx,
    as_pcs: Callable[..., Endorsements],
    serve: Callable[[str | None], Web],
) -> None:
    """Or from Intel's, of which each host has a mirror; both write the same files."""
    machine = replace(tdx.machine, issued=datetime.now(UTC) - RECENTLY)
    today = replace(tdx, machine=machine)
    quote = today.quote(TdGuest(mr_td=b"m" * 48), report_data=bytes(64))
    Path("quote.bin").write_bytes(quote)
    as_pcs(web, today)
    status, out, err = run("fetch", "quote.bin", "-o", "a", "--pccs", web.url)
    assert (status, err) == (0, "")
    first = {Path(line).name for line in out.splitlines()}
    assert any(name.startswith("tcb-info-tdx-00806f050000-20-") for name in first)
    assert "/sgx/certification/v4/rootcacrl" in web.paths()
    root = ("--root-crl", f"{web.url}/IntelSGXRootCA.der")
    status, out, err = run("fetch", "quote.bin", "-o", "b", "--pcs", web.url, *root, "--no-cache")
    assert (status, err) == (0, "")
    assert {Path(line).name for line in out.splitlines()} == first
    # a caching service that lacks everything stands before Intel's
    empty = serve("127.0.0.1")
    both = ("--pccs", empty.url, "--pcs", web.url, *root, "--no-cache")
    assert run("fetch", "quote.bin", "-o", "c", *both)[0] == 0
    assert len(empty.asked) == 4


def test_what_is_missing_is_named_and_nothing_is_written(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """A service without the list: exit status 3, and no directory; what was fetched is kept."""
    as_kds(web, machine)
    web.on("/vcek/v1/Genoa/crl", (404, {}, b""))
    status, out, err = run("fetch", report, "-o", "d", "--kds", web.url)
    assert (status, out) == (3, "")
    assert f"enarx: error: {web.host}: has no revocation list of Genoa (status 404)\n" in err
    assert not Path("d").exists()
    web.on("/vcek/v1/Genoa/crl", (200, {}, machine.crl()))
    assert run("fetch", report, "-o", "d", "--kds", web.url)[0] == 0
    assert len(web.asked) == 4


def test_a_service_that_is_away_is_survived_with_a_note(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """--refresh asks although the cache is fresh; what is cached is used then, with a note."""
    as_kds(web, machine)
    run("fetch", report, "-o", "a", "--kds", web.url)
    web.on("/vcek/v1/Genoa/crl", (302, {"Location": "https://elsewhere.example/"}, b""))
    status, _, err = run("fetch", report, "-o", "b", "--kds", web.url, "--refresh")
    assert status == 0
    assert "enarx: note: VCEK revocation list of Genoa: from the cache, fetched " in err
    assert "answers 302 and points to https://elsewhere.example/" in err


def test_what_is_given_is_not_fetched(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """A bundle from elsewhere serves as well as the service, offline."""
    as_kds(web, machine)
    run("fetch", report, "-o", "a", "--kds", web.url)
    assert run("bundle", "a", "-o", "bundle.json")[0] == 0
    web.asked.clear()
    given = ("--endorsements", "bundle.json", "--offline", "--no-cache")
    status, out, _ = run("fetch", report, "-o", "b", *given, "--json")
    assert status == 0
    assert json.loads(out)["steps"] == []
    assert web.asked == []


class Terminal(io.StringIO):
    """Someone watches."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_who_watches_is_told_what_takes_long(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """On a terminal each fetch is a line, before it begins; in a file there is none."""
    as_kds(web, machine)
    err = Terminal()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        assert main(["endorsements", "fetch", report, "-o", "a", "--kds", web.url]) == 0
    lines = err.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1] == "enarx: fetching ASK and ARK of Genoa …"


def test_the_key_for_intel_s_service_is_shown_nowhere(
    web: Web, monkeypatch: pytest.MonkeyPatch, report: str
) -> None:
    """Not even one that is no key; it comes from the environment, never from an option."""
    monkeypatch.setenv("ENARX_INTEL_API_KEY", "two words")
    status, out, err = run("fetch", report, "-o", "d", "--kds", web.url)
    assert status == 4
    assert "ENARX_INTEL_API_KEY: is not a key" in err
    assert "two words" not in out + err


def test_a_list_says_how_current_each_is(snp: SimulatedSnp, tmp_path: Path) -> None:
    """Also what has ended, has not begun or is damaged; notes beyond ten are counted."""
    folder = tmp_path / "some"
    folder.mkdir()
    now = datetime.now(UTC)
    for name, shift in (("old", -1000), ("new", 1000)):
        machine = replace(snp, issued=now + timedelta(days=shift, hours=1))
        (folder / name).write_bytes(machine.crl())
    (folder / "damaged").write_bytes(b'{"tcbInfo":{},"signature":""}')
    for number in range(13):
        (folder / f"note-{number:02}").write_text("text")
    status, out, err = run("list", "some")
    assert status == 0
    assert "  begins in 1000 d\n" in out
    assert " d ago\n" in out
    assert "  damaged: TCB info: " in out
    assert err.splitlines()[0] == (
        "enarx: note: left out note-00: not an endorsement (no certificate, CRL or collateral)"
    )
    assert err.splitlines()[10:] == ["enarx: note: left out 3 more"]


def test_other_levels_are_cached_apart_and_any_age_may_be_allowed(
    web: Web, tdx: SimulatedTdx, as_pcs: Callable[..., Endorsements]
) -> None:
    """An answer for one evaluation number is none for the default one."""
    machine = replace(tdx.machine, issued=datetime.now(UTC) - RECENTLY)
    today = replace(tdx, machine=machine)
    Path("quote.bin").write_bytes(today.quote(TdGuest(mr_td=b"m" * 48), report_data=bytes(64)))
    as_pcs(web, today)
    path = "/tdx/certification/v4/tcb?fmspc=00806F050000"
    for number in ("", "&tcbEvaluationDataNumber=20", "&update=early"):
        web.on(path + number, web.next(path, {}))
        query = number.replace("&tcb", "?tcb").replace("&update", "?update")
        identity = "/tdx/certification/v4/qe/identity"
        web.on(identity + query, web.next(identity, {}))
    ages = ("--max-age", "999999999d")
    for options in ((), ("--evaluation-number", "20"), ("--update", "early")):
        web.asked.clear()
        for _ in range(2):
            assert run("fetch", "quote.bin", "-o", "d", "--pccs", web.url, *ages, *options)[0] == 0
        assert len(web.asked) == 4
