"""``enarx log`` against a web server, and against a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click import UsageError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Engine
from tests.steward.log.conftest import Keep, Kept, Serve

from enarx.cli.exit import status_of
from enarx.cli.transparency import command
from enarx.errors import EnarxError, MalformedError, MisconfiguredError, UnavailableError
from enarx.pki import issue
from enarx.pki.signing import HeldKey
from enarx.steward.log.export import export
from enarx.steward.records.database import open_engine
from enarx.transparency.leaf import Entry, salted
from enarx.transparency.proof import check

Enarx = Callable[..., str]
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def entry_of(number: int, word: str = "") -> bytes:
    """An entry as the Steward writes it."""
    digest = salted(bytes(32), word.encode())
    subject = f"serial {number}{word}"
    return Entry(
        kind="decision", time=1_800_000_000 + number, subject=subject, salted_sha256=digest
    ).encode()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's checkpoints are remembered."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "enarx" / "checkpoints"


@pytest.fixture
def enarx(state: Path, kept: Kept, capsys: pytest.CaptureFixture[str]) -> Enarx:
    """Runs a command with the log's key; what it printed."""
    assert not state.exists()

    def run(*arguments: str, key: str = str(kept.log.verifier)) -> str:
        capsys.readouterr()
        command.main([*arguments, "--key", key], standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.fixture
def other(keep: Keep, tmp_path: Path) -> Iterator[Kept]:
    """Another log with the same name and key: what a log that lies shows somebody else."""
    engine = open_engine(f"sqlite:///{tmp_path}/other.sqlite")
    yield keep(engine)
    engine.dispose()


def exit_of(enarx: Enarx, *arguments: str) -> int:
    """The exit status with which a command fails."""
    with pytest.raises(EnarxError) as error:
        enarx(*arguments)
    return status_of(error.value)


def test_a_log_that_grows_is_verified(
    kept: Kept, serve: Serve, enarx: Enarx, state: Path, tmp_path: Path
) -> None:
    """From a server and from files; each time it continues what was seen."""
    kept.append(*map(entry_of, range(300)))
    url = serve(kept)
    assert "300 entries" in enarx("verify", url)
    (remembered,) = state.iterdir()
    assert remembered.read_bytes() == kept.log.checkpoint()
    kept.append(*map(entry_of, range(300, 310)))
    assert "the 300 entries seen before are among them" in enarx("verify", f"{url}/checkpoint")
    export(kept.log, tmp_path / "log")
    assert "the 310 entries seen before are among them" in enarx("verify", str(tmp_path / "log"))


def test_a_fork_is_shown_to_two_clients(
    kept: Kept, other: Kept, serve: Serve, enarx: Enarx, state: Path
) -> None:
    """Attack: the log shows somebody else other entries; whoever sees both has proof of it."""
    for log, word in ((kept, "a"), (other, "b")):
        log.append(*(entry_of(n, word) for n in range(5)))
    honest, lying = serve(kept), serve(other)
    enarx("verify", honest)
    other.append(entry_of(5))
    for arguments in (("verify",), ("watch", "--once"), ("prove", "--index", "0")):
        assert exit_of(enarx, *arguments, lying) == 1
    notes = {path.read_bytes() for path in state.glob("*.fork-*")}
    assert notes == {kept.log.checkpoint(), other.log.checkpoint()}
    (remembered,) = state.glob("*.checkpoint")
    assert remembered.read_bytes() == kept.log.checkpoint()
    assert "5 entries" in enarx("verify", honest)


def test_a_log_that_was_put_back(kept: Kept, serve: Serve, enarx: Enarx, tmp_path: Path) -> None:
    """A smaller log than the one that was seen is refused, though it is one that was true."""
    kept.append(*map(entry_of, range(5)))
    export(kept.log, tmp_path / "old")
    kept.append(entry_of(5))
    enarx("verify", serve(kept))
    assert exit_of(enarx, "verify", str(tmp_path / "old")) == 1
    assert exit_of(enarx, "watch", "--once", str(tmp_path / "old")) == 1


def test_what_is_new_is_printed_once(kept: Kept, serve: Serve, enarx: Enarx) -> None:
    """Number, time, kind and subject; entries of another make by their digest."""
    kept.append(entry_of(0))
    url = serve(kept)
    assert not enarx("watch", "--once", url)
    kept.append(entry_of(1, "\x1b[31m"), b"not ours")
    lines = enarx("watch", "--once", url).splitlines()
    assert lines[0] == "1 2027-01-15T08:00:01Z decision serial 1\\x1b[31m"
    assert lines[1].startswith("2 - unknown sha256:")
    assert not enarx("watch", "--once", url)


def test_a_proof_is_made(kept: Kept, serve: Serve, enarx: Enarx, tmp_path: Path) -> None:
    """On standard output or in a file; it needs no log any more."""
    kept.append(*map(entry_of, range(300)))
    url = serve(kept)
    data = enarx("prove", url, "--index", "257").encode()
    check(entry_of(257), data, kept.log.origin, (kept.log.verifier,))
    enarx("prove", url, "--index", "0", "-o", str(tmp_path / "proof"))
    proof = (tmp_path / "proof").read_bytes()
    check(entry_of(0), proof, kept.log.origin, (kept.log.verifier,))
    with pytest.raises(MisconfiguredError, match="less than 300"):
        enarx("prove", url, "--index", "300")


def certificate_with(proof: bytes) -> bytes:
    """A keep's certificate that carries *proof*, DER."""
    root_key = ec.generate_private_key(ec.SECP384R1())
    signer = HeldKey(root_key)
    times = {"not_before": BEGIN, "not_after": END}
    root = issue.root(
        issue.Authority(name="root", serial=1, trust_domain="example.org", path_length=0, **times),
        signer,
    )
    spki = root_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wanted = issue.Leaf(
        spki=spki, serial=2, spiffe_id="spiffe://example.org/workload/x", proof=proof, **times
    )
    return issue.leaf(wanted, x509.load_der_x509_certificate(root), signer)


def test_the_proof_in_a_certificate(
    kept: Kept, serve: Serve, enarx: Enarx, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is checked against the log; without one, it is said that it was not."""
    kept.append(*map(entry_of, range(3)))
    (proof,) = kept.log.proofs([1])
    der = certificate_with(proof)
    pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    kept.append(*map(entry_of, range(3, 9)))
    for name, data in (("der", der), ("pem", pem + pem)):
        (tmp_path / name).write_bytes(data)
        got = enarx("prove", serve(kept), "--certificate", str(tmp_path / name))
        assert got.encode() == proof
    command.main(
        ["prove", "--certificate", str(tmp_path / "der"), "--key", str(kept.log.verifier)],
        standalone_mode=False,
    )
    assert "was not checked: give the SOURCE" in capsys.readouterr().err


def test_a_certificate_of_a_log_that_was_hidden(
    kept: Kept, other: Kept, serve: Serve, enarx: Enarx, tmp_path: Path
) -> None:
    """Attack: the proof in a certificate is of a log that nobody else is shown."""
    kept.append(entry_of(0), entry_of(1))
    other.append(entry_of(0), entry_of(1, "hidden"))
    (proof,) = other.log.proofs([1])
    (tmp_path / "der").write_bytes(certificate_with(proof))
    assert exit_of(enarx, "prove", serve(kept), "--certificate", str(tmp_path / "der")) == 1
    assert len(list(tmp_path.rglob("*.fork-*"))) == 2


def test_a_file_that_carries_no_proof(enarx: Enarx, tmp_path: Path) -> None:
    """Another file, or a certificate without one."""
    (tmp_path / "file").write_bytes(b"0\x03abc")
    with pytest.raises(MalformedError, match="no certificate"):
        enarx("prove", "--certificate", str(tmp_path / "file"))
    (tmp_path / "file").write_bytes(certificate_with(b""))
    with pytest.raises(MalformedError, match="carries no proof"):
        enarx("prove", "--certificate", str(tmp_path / "file"))


def test_options_that_do_not_fit(enarx: Enarx, tmp_path: Path) -> None:
    """Either an index or a certificate, and a place where the log is."""
    for arguments in (
        ("prove",),
        ("prove", "--index", "1"),
        ("prove", "x", "--index", "1", "--certificate", "y"),
    ):
        with pytest.raises(UsageError):
            enarx(*arguments)
    with pytest.raises(MisconfiguredError, match="want a URL or a directory"):
        enarx("verify", str(tmp_path / "missing"))
    with pytest.raises(MisconfiguredError, match="--key"):
        enarx("verify", str(tmp_path), key="nothing")
    with pytest.raises(UnavailableError, match="is not there"):
        enarx("verify", str(tmp_path))


def test_a_key_that_was_replaced(kept: Kept, serve: Serve, enarx: Enarx, engine: Engine) -> None:
    """What was remembered was signed by another: that is for the user to decide."""
    from enarx.steward.log.log import Log

    kept.append(entry_of(0))
    enarx("verify", serve(kept))
    renewed = Kept(engine, Log(engine, kept.log.origin, Ed25519PrivateKey.generate()))
    with pytest.raises(MisconfiguredError, match="was remembered"):
        enarx("verify", serve(renewed), key=str(renewed.log.verifier))


def test_partial_tiles_that_are_no_longer_kept(kept: Kept, enarx: Enarx, tmp_path: Path) -> None:
    """C2SP tlog-tiles allows a log to have whole ones only, once they are full."""
    kept.append(*map(entry_of, range(200)))
    export(kept.log, tmp_path / "log")
    enarx("verify", str(tmp_path / "log"))
    old = kept.log.checkpoint()
    kept.append(*map(entry_of, range(200, 256)))
    export(kept.log, tmp_path / "log")
    (tmp_path / "log" / "checkpoint").write_bytes(old)
    for path in (tmp_path / "log" / "tile").rglob("000.p/*"):
        path.unlink()
    assert "200 entries" in enarx("verify", str(tmp_path / "log"))
