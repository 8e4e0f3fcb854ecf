"""``enarx verify`` on what transcripts cannot hold: keys, other roots, recorded evidence."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from enarx.cli.main import main
from enarx.evidence import cmw
from enarx.evidence.container import MAX_BYTES
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.x509 import common_name, load_certificate

INSECURE = "--insecure-accept-simulated"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a development root, in an empty folder."""
    keys = Path(__file__).parent.parent / "tee" / "development-root.pem"
    folder = tmp_path / "data" / "enarx" / "simulated"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "root.pem").touch(mode=0o600)
    (folder / "root.pem").write_bytes(keys.read_bytes())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return status, out.getvalue(), err.getvalue()


def verify(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and the verdict as JSON; empty if there is none."""
    status, out, _ = run("verify", *arguments, "--json")
    return status, json.loads(out) if out else {}


@pytest.fixture
def evidence(home: Path) -> str:
    """Simulated evidence of this user's."""
    assert run("evidence", "simulate", "snp", "-o", "snp.cmw")[0] == 0
    return str(home / "snp.cmw")


def pem(key: Any) -> bytes:  # noqa: ANN401 - private keys have no common base
    """*key* as a file."""
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


# ── results for other programs ───────────────────────────────────────────────────────────────────

KEYS: dict[str, Callable[[], Any]] = {
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("accepted", [True, False])
def test_a_result_is_signed_for_accepted_and_for_refused_evidence(
    evidence: str, algorithm: str, *, accepted: bool
) -> None:
    """PyJWT verifies it; a simulation is never affirming, and a refusal names the failed claims."""
    key = KEYS[algorithm]()
    Path("key.pem").write_bytes(pem(key))
    bound = ("--report-data", "00" if accepted else "01")
    status, out, _ = run(
        "verify", evidence, INSECURE, *bound,
        "--ear", "result.jwt", "--ear-key", "key.pem", "--ear-nonce", "12345678",
    )  # fmt: skip
    assert status == (0 if accepted else 1)
    assert out.startswith(f"{evidence}: {'accepted' if accepted else 'refused'} by policy baseline")
    token = Path("result.jwt").read_text().strip()
    claims = jwt.decode(token, key.public_key(), algorithms=[algorithm])
    assert claims["eat_nonce"] == "12345678"
    result = claims["submods"]["cpu0"]
    assert result["ear.status"] != "affirming"
    assert result["ear.enarx.failed"] == ([] if accepted else ["report_data"])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, KEYS[algorithm]().public_key(), algorithms=[algorithm])


def test_no_result_is_written_over_another(evidence: str) -> None:
    """Nor is one made for what is not authentic: nothing is known about it."""
    Path("key.pem").write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    Path("old.jwt").write_text("old")
    status, _, err = run("verify", evidence, INSECURE, "--ear", "old.jwt", "--ear-key", "key.pem")
    assert (status, Path("old.jwt").read_text()) == (4, "old")
    assert "old.jwt: does already exist" in err
    assert run("verify", evidence, "--ear", "new.jwt", "--ear-key", "key.pem")[0] == 1
    assert not Path("new.jwt").exists()


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "want a key of P-384 or Ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "want a key of P-384 or Ed25519"),
    ],
    ids=["P-256", "RSA"],
)
def test_only_two_kinds_of_key_sign(evidence: str, key: Callable[[], Any], problem: str) -> None:
    """Others are refused before anything is verified, and the hint makes one that does."""
    Path("key.pem").write_bytes(pem(key()))
    status, out, err = run("verify", evidence, "--ear", "r.jwt", "--ear-key", "key.pem")
    assert (status, out) == (4, "")
    assert problem in err
    assert "openssl genpkey -algorithm ed25519" in err
    assert "not authentic" not in err


# ── other roots ──────────────────────────────────────────────────────────────────────────────────


def test_another_machines_root_is_believed_only_when_it_is_named(
    home: Path, elsewhere: SimulatedRoot
) -> None:
    """And then it still counts as a simulation, which needs its own permission."""
    snp = SimulatedSnp(root=elsewhere, issued=now())
    report = snp.report(SnpGuest(measurement=bytes(48)), report_data=bytes(64))
    path = home / "other.cmw"
    path.write_bytes(cmw.wrap(report, "snp", snp.endorsements(), "json"))
    status, _, err = run("verify", str(path), INSECURE)
    assert status == 1
    assert "hint: a simulated machine of another user or computer made this" in err
    root = next(
        der
        for der in snp.endorsements().certificates
        if common_name(load_certificate(der, "x").subject) == "SIMULATED ARK-Genoa"
    )
    certificate = load_certificate(root, "x")
    Path("root.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    named = ("--trust-root", "root.pem")
    status, verdict = verify(str(path), *named)
    assert (status, verdict["authentic"], verdict["accepted"]) == (1, True, False)
    assert [c["claim"] for c in verdict["checks"] if c["outcome"] == "failed"] == ["simulated"]
    status, verdict = verify(str(path), *named, INSECURE)
    assert (status, verdict["accepted"], verdict["simulated"]) == (0, True, True)
    assert (
        "note: SIMULATED ARK-Genoa is believed, key sha256" in run("verify", str(path), *named)[2]
    )


@pytest.mark.parametrize("blocks", [0, 2])
def test_a_root_is_one_certificate(evidence: str, blocks: int) -> None:
    """No block and two are no root; neither is a key where certificates are expected."""
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    public = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    Path("root.pem").write_bytes(public * blocks)
    status, _, err = run("verify", evidence, "--trust-root", "root.pem")
    assert status == 4
    assert f"--trust-root: root.pem: got {blocks} PEM blocks, want 1" in err
    Path("root.pem").write_bytes(public)
    status, _, err = run("verify", evidence, "--trust-root", "root.pem")
    assert status == 4
    assert "got root.pem with a public key, which is no root of amd's" in err


# ── input ────────────────────────────────────────────────────────────────────────────────────────


def test_evidence_comes_on_standard_input(evidence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for it."""
    with Path(evidence).open("rb") as data:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
        status, verdict = verify("-", INSECURE)
    assert (status, verdict["evidence"]["path"]) == (0, "-")


def test_huge_input_is_refused_by_its_size(home: Path) -> None:
    """A sparse file of a terabyte is not read."""
    with (home / "huge").open("wb") as file:
        file.truncate(1 << 40)
    status, out, err = run("verify", "huge")
    assert (status, out) == (1, "")
    assert f"huge: too large (want at most {MAX_BYTES} bytes)" in err


def test_a_damaged_cache_does_not_decide(evidence: str, home: Path) -> None:
    """Whatever the cache holds is only endorsements: junk there is no verdict."""
    assert verify(evidence, INSECURE)[0] == 0
    (home / "cache" / "enarx").mkdir(parents=True, exist_ok=True)
    (home / "cache" / "enarx" / "endorsements").write_bytes(b"junk")
    assert verify(evidence, INSECURE)[0] == 0


# ── recorded evidence ────────────────────────────────────────────────────────────────────────────


def test_recorded_evidence_gets_its_verdict_at_the_command_line(shared: Path) -> None:
    """With its endorsements as files in a folder, as of its time: the recorded status."""
    count = 0
    for path in sorted((shared / "vectors").glob("[st][gd]x/*/manifest.json")):
        expected = json.loads(path.read_text())["expected"]
        for want in expected["evaluations"]:
            status, verdict = verify(
                str(path.parent / "quote.bin"),
                *("-e", str(path.parent / want["collateral"])),
                *("--at", want["valid_at"], "--no-cache"),
            )
            where = f"{path.parent.name} {want['collateral']}"
            assert verdict["authentic"], where
            assert verdict["tcb"]["status"] == (want["final_status"] or "TcbNotSupported"), where
            assert sorted(verdict["tcb"]["advisories"]) == sorted(want["advisory_ids"]), where
            assert verdict["accepted"] is (status == 0), where
            good = want["final_status"] in ("UpToDate", "SWHardeningNeeded")
            current = good and want["complete"]
            assert current or not verdict["accepted"], where
            assert not (verdict["debug"] and verdict["accepted"]), where
            count += 1
    print(f"{count} evaluations of recorded quotes at the command line")  # noqa: T201 - asked for
    assert count >= 74


def test_recorded_reports_get_their_verdict_at_the_command_line(shared: Path) -> None:
    """SNP reports with the certificates beside them, or none."""
    authentic = refused = 0
    for path in sorted((shared / "vectors/snp").glob("*/manifest.json")):
        expected = json.loads(path.read_text())["expected"]
        at = (expected.get("valid_at") or {}).get("suggested", "2026-05-01")
        folder = str(path.parent)
        status, verdict = verify(f"{folder}/report.bin", "-e", folder, "--at", at, "--no-cache")
        if expected["verdict"] == "signature_and_chain_valid":
            assert verdict["authentic"], folder
            assert verdict["measurements"]["measurement"] == expected["report"]["measurement"]
            assert not (verdict["debug"] and verdict["accepted"]), folder
            authentic += 1
        else:
            assert (status, verdict["authentic"], verdict["accepted"]) == (1, False, False), folder
            refused += 1
    print(f"{authentic} SNP reports authentic, {refused} refused")  # noqa: T201 - asked for
    assert authentic >= 20
    assert refused >= 4


def test_intels_sample_root_is_believed_only_when_it_is_named(shared: Path) -> None:
    """A complete set under a root that is not Intel's production root."""
    folder = shared / "vectors/intel-sample-root/sgx"
    at = json.loads((folder / "manifest.json").read_text())["expected"]["valid_at"]
    arguments = (str(folder / "quote.dat"), "-e", str(folder), "--at", at, "--no-cache")
    status, verdict = verify(*arguments)
    assert (status, verdict["authentic"]) == (1, False)
    _, verdict = verify(*arguments, "--trust-root", str(folder / "trustedRootCaCert.pem"))
    assert verdict["authentic"]
    assert not verdict["simulated"]


def now() -> datetime:
    """This second: the command uses the clock, so what it verifies is of today."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def elsewhere() -> SimulatedRoot:
    """The development root of another user: the same keys make another seed."""
    keys = Path(__file__).parent.parent / "tee" / "development-root.pem"
    mine = SimulatedRoot.from_bytes(keys.read_bytes())
    return SimulatedRoot(bytes(32), mine.ask_key, mine.ark_key)
