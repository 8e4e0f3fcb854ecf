"""``enarx verify --fetch`` against servers that speak the vendors' interfaces, TLS included."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from enarx.cli.main import main
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.x509 import common_name, load_certificate

if TYPE_CHECKING:
    from tests.adapters.conftest import Authority, Web

INSECURE = "--insecure-accept-simulated"
RECENTLY = timedelta(hours=1)
ROOT_KEYS = Path(__file__).parent.parent / "tee" / "development-root.pem"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    """A cache and a home of the test's own, and the tests' authority trusted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "data" / "enarx" / "simulated"
    home.mkdir(parents=True, mode=0o700)
    (home / "root.pem").touch(mode=0o600)
    (home / "root.pem").write_bytes(ROOT_KEYS.read_bytes())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("ENARX_CA_FILE", authority.ca_file)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def machine(snp: SimulatedSnp) -> SimulatedSnp:
    """A Genoa whose list is of today: the command uses the clock."""
    return replace(snp, issued=datetime.now(UTC) - RECENTLY)


@pytest.fixture
def report(machine: SimulatedSnp, tmp_path: Path) -> str:
    """A bare report of the machine, in a file, with its root beside it."""
    path = tmp_path / "report.bin"
    path.write_bytes(machine.report(SnpGuest(measurement=b"m" * 48), report_data=bytes(64)))
    write_root(machine.endorsements(), "SIMULATED ARK-Genoa")
    return str(path)


def write_root(endorsements: Endorsements, name: str) -> None:
    """The root's certificate as root.pem, for ``--trust-root``."""
    found = (load_certificate(der, "x") for der in endorsements.certificates)
    root = next(c for c in found if common_name(c.subject) == name)
    Path("root.pem").write_bytes(root.public_bytes(Encoding.PEM))


def verify(path: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the verdict, standard error."""
    out, err = io.StringIO(), io.StringIO()
    named = ("--trust-root", "root.pem", INSECURE, "--json")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["verify", path, *named, *arguments])
    return status, json.loads(out.getvalue() or "{}"), err.getvalue()


def test_nobody_is_asked_unless_the_user_says_so(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """Without --fetch it is told what is not at hand; with it, it is fetched once and kept."""
    as_kds(web, machine)
    status, verdict, err = verify(report, "--kds", web.url)
    assert (status, verdict["authentic"], web.asked) == (1, False, [])
    assert "hint: not at hand: VCEK of chip " in err
    assert "; --fetch asks the vendor's service" in err
    status, verdict, err = verify(report, "--kds", web.url, "--fetch")
    assert (status, verdict["accepted"]) == (0, True)
    assert verdict["revocation"]["unchecked"] == []
    assert len(web.asked) == 3
    assert "not at hand" not in err
    status, verdict, _ = verify(report)
    assert (status, verdict["accepted"], len(web.asked)) == (0, True, 3)


@pytest.mark.slow  # the command tries again, by the clock
def test_a_service_that_is_away_is_another_status_than_a_refusal(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """The chip's certificate cannot be had: try again later, the evidence may be good."""
    as_kds(web, machine)
    web.close()
    status, verdict, err = verify(report, "--fetch", "--kds", web.url)
    assert (status, verdict) == (3, {})
    assert "no connection" in err
    assert "not authentic" not in err


@pytest.mark.slow  # the command tries again, by the clock
def test_a_list_that_cannot_be_had_is_the_policys_business(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """Certificates from the cache, the list's service away: said, and judged by the policy."""
    as_kds(web, machine)
    folder = ("endorsements", "fetch", report, "-o", "amd", "--kds", web.url)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(list(folder)) == 0
    for path in Path("amd").glob("crl-*"):
        path.unlink()
    web.close()
    status, verdict, err = verify(report, "-e", "amd", "--fetch", "--kds", web.url, "--no-cache")
    assert verdict["authentic"]
    assert verdict["revocation"]["unchecked"] == ["SIMULATED ARK-Genoa: no CRL given"]
    assert status == 0
    assert "; what only policy asks for is missing" in err


@pytest.mark.slow  # the command tries again, by the clock
def test_broken_evidence_is_refused_whoever_is_away(
    report: str, machine: SimulatedSnp, web: Web, as_kds: Callable[..., Endorsements]
) -> None:
    """Attack: an outage of the list's service must not turn a refusal into "try again"."""
    as_kds(web, machine)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["endorsements", "fetch", report, "-o", "amd", "--kds", web.url]) == 0
    for path in Path("amd").glob("crl-*"):
        path.unlink()
    web.close()
    damaged = bytearray(Path(report).read_bytes())
    damaged[0x90] ^= 1
    Path("damaged.bin").write_bytes(damaged)
    options = ("-e", "amd", "--fetch", "--kds", web.url, "--no-cache")
    status, verdict, err = verify("damaged.bin", *options)
    assert (status, verdict["error"]["step"]) == (1, "report signature")
    assert "damaged.bin: not authentic: report signature" in err


def test_a_quotes_collateral_is_fetched(
    web: Web, tdx: SimulatedTdx, as_pcs: Callable[..., Endorsements]
) -> None:
    """TCB info, QE identity and both lists, from a caching service."""
    today = replace(tdx, machine=replace(tdx.machine, issued=datetime.now(UTC) - RECENTLY))
    Path("quote.bin").write_bytes(today.quote(TdGuest(mr_td=b"m" * 48), report_data=bytes(64)))
    write_root(today.endorsements(), "SIMULATED Intel SGX Root CA")
    as_pcs(web, today)
    status, verdict, _ = verify("quote.bin", "--fetch", "--pccs", web.url)
    assert (status, verdict["tcb"]["status"]) == (0, "UpToDate")
    assert len(web.asked) == 4
