"""``enarx steward policy``: what an operator and two approvers see, from a file to a version."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enarx.cli.steward_policy import command
from enarx.errors import EnarxError
from enarx.steward.authority import making
from enarx.steward.authority.opener import make_passphrase, opener_from_files
from enarx.steward.policies.document import parse
from enarx.steward.policies.starter import starter

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with an authority, to be copied."""
    folder = tmp_path_factory.mktemp("authority")
    folder.chmod(0o700)
    make_passphrase(str(folder))
    opener = opener_from_files(str(folder))
    wanted = making.Wanted(trust_domain="steward.test")
    making.initialise(str(folder), opener, wanted, now=datetime.now(UTC).replace(microsecond=0))
    return folder


@pytest.fixture
def state(authority: Path, tmp_path: Path) -> Path:
    """The same for one test."""
    folder = tmp_path / "state" / "enarx" / "steward"
    folder.mkdir(parents=True, mode=0o700)
    for path in authority.iterdir():
        if path.is_file():
            (folder / path.name).touch(mode=0o600)
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def run(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of the group in a folder with a policy, for a user with this state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state.parents[1]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.toml").write_text(starter(("snp",), "one"))
    (tmp_path / "two.toml").write_text(starter(("snp",), "two"))

    def invoke(*arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(command, arguments, input=answer)

    return invoke


@pytest.fixture
def agreed(run: Run) -> Run:
    """The same where the first policy counts, and two of three must approve the next."""
    public = [
        done(run, "approver", "new", name, "-o", f"{name}.pem") for name in ("ada", "bob", "eve")
    ]
    listed = [line.strip() for line in public]
    done(run, "approver", "list", *listed, "--threshold", "2", "-o", "approvers.json")
    done(run, "install", "policy.toml", "--approvers", "approvers.json")
    return run


def done(run: Run, *arguments: str, answer: str = "") -> str:
    """What a command that must succeed prints."""
    result = run(*arguments, answer=answer)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.stdout


def refused(run: Run, *arguments: str, answer: str = "") -> str:
    """What a command that must fail says, with its hints."""
    result = run(*arguments, answer=answer)
    assert isinstance(result.exception, EnarxError), (result.output, result.exception)
    return "; ".join((str(result.exception), *result.exception.hints))


def test_init_writes_what_passes_the_check(run: Run) -> None:
    """And does not write over what is there."""
    done(run, "init", "mine.toml", "--platform", "snp", "--any-workload")
    said = done(run, "check", "mine.toml")
    assert said == "mine.toml: valid; accepts snp; certificates for 12 h; any workload\n"
    assert "already exist" in refused(run, "init", "mine.toml")


def test_check_lists_every_problem(run: Run, tmp_path: Path) -> None:
    """On lines, or as JSON; and says where nothing would be issued."""
    assert "until a [[workload]] is listed" in done(run, "check")
    text = (
        (tmp_path / "two.toml")
        .read_text()
        .replace('"12h"', '"8d"')
        .replace('debug = "', 'debug = "x')
    )
    (tmp_path / "bad.toml").write_text(text)
    result = run("check", "bad.toml")
    assert len(result.stdout.splitlines()) == 2
    assert "2 problems" in str(result.exception)
    found = json.loads(run("check", "bad.toml", "--json").stdout)
    assert {one["path"] for one in found["problems"]} == {"debug", "issue.lifetime"}
    assert json.loads(done(run, "check", "two.toml", "--json"))["policy"]["name"] == "two"


def test_flatten_makes_one_document(run: Run, tmp_path: Path) -> None:
    """Of a policy that includes another."""
    base = (tmp_path / "policy.toml").read_text().partition("## What the Steward")[0]
    (tmp_path / "base.toml").write_text(base)
    (tmp_path / "root.toml").write_text('version = 1\nname = "root"\ninclude = ["base.toml"]\n')
    assert parse(done(run, "flatten", "root.toml").encode()).appraisal.name == "root"
    done(run, "flatten", "root.toml", "-o", "one.toml")
    assert "root.toml: valid" in done(run, "check", "root.toml")
    (tmp_path / "root.toml").write_text('version = 1\nname = "x"\ninclude = ["none.toml"]\n')
    assert "none.toml" in refused(run, "flatten", "root.toml")


def test_a_policy_of_07_is_imported(run: Run, tmp_path: Path) -> None:
    """With its differences told, and as a document that counts here."""
    (tmp_path / "steward.toml").write_text(f'[snp]\nsigner = ["{"aa" * 48}"]\npolicy_flags = []\n')
    result = run("import-07", "steward.toml", "--dns-name", "a.example", "-o", "new.toml")
    assert result.exit_code == 0
    assert "never checked; it is demanded now" in result.stderr
    assert parse((tmp_path / "new.toml").read_bytes()).issue.dns_names == ("a.example",)
    (tmp_path / "steward.toml").write_text("[snp]\n")
    assert "one of `signer`" in refused(run, "import-07", "steward.toml")


def test_a_change_is_proposed_looked_at_and_approved(agreed: Run, tmp_path: Path) -> None:
    """Each approver sees the difference, and the second one's yes makes it count."""
    assert done(agreed, "propose", "two.toml", "--note", "stricter") == "3\n"
    assert "policy proposal 3" in done(agreed, "proposals")
    result = agreed("approve", "3", "--name", "ada", "--key", "ada.pem", answer="y\n")
    assert '-name = "one"' in result.stderr
    assert '+name = "two"' in result.stderr
    assert "waits for approvals (1 so far)" in result.stderr
    assert done(agreed, "show") == (tmp_path / "policy.toml").read_text()
    result = agreed("approve", "3", "--name", "bob", "--key", "bob.pem", "--yes")
    assert "policy version 2 counts" in result.stderr
    assert done(agreed, "show") == (tmp_path / "two.toml").read_text()
    assert done(agreed, "show", "--version", "1") == (tmp_path / "policy.toml").read_text()
    newest, oldest = done(agreed, "history").splitlines()
    assert "policy version 2" in newest
    assert "approved by ada, bob; stricter" in newest
    assert "UNAPPROVED" in oldest
    found = json.loads(done(agreed, "history", "--json"))
    assert [one["version"] for one in found] == [2, 1]
    assert "already" in refused(
        agreed, "approve", "3", "--name", "eve", "--key", "eve.pem", "--yes"
    )


def test_whoever_says_no_does_not_approve(agreed: Run) -> None:
    """Nothing is signed."""
    done(agreed, "propose", "two.toml")
    assert agreed("approve", "3", "--name", "ada", "--key", "ada.pem", answer="n\n").exit_code == 1
    assert json.loads(done(agreed, "proposals", "--json"))[0]["approvals"] == []


def test_a_key_elsewhere_signs_a_statement(agreed: Run, tmp_path: Path) -> None:
    """Statement and document go there, a signature comes back; other documents are refused."""
    done(agreed, "propose", "two.toml")
    (tmp_path / "statement").write_text(done(agreed, "statement", "3"))
    there = ("approve", "--statement", "statement", "--key", "ada.pem")
    assert "look at what you sign" in refused(agreed, *there)
    assert "want sha256:" in refused(agreed, *there, "--document", "policy.toml")
    assert "previous" in refused(agreed, *there, "--document", "two.toml", "--previous", "two.toml")
    looked = (*there, "--document", "two.toml", "--previous", "policy.toml")
    result = agreed(*looked, answer="y\n")
    assert "version 2 of steward.test/log?" in result.stderr
    signature = result.stdout.strip()
    assert "signature" in refused(agreed, "approve", "3", "--name", "bob", "--signature", signature)
    done(agreed, "approve", "3", "--name", "ada", "--signature", signature)
    done(agreed, "approve", "3", "--name", "bob", "--key", "bob.pem", "--yes")
    assert done(agreed, "show") == (tmp_path / "two.toml").read_text()


def test_approvers_are_changed_in_the_same_way(agreed: Run) -> None:
    """Their document is proposed and approved by those who approve now."""
    public = done(agreed, "approver", "new", "dan", "-o", "dan.pem").strip()
    done(agreed, "approver", "list", public, "--threshold", "1", "-o", "next.json")
    done(agreed, "propose", "--kind", "approvers", "next.json")
    for name in ("ada", "eve"):
        done(agreed, "approve", "3", "--name", name, "--key", f"{name}.pem", "--yes")
    assert json.loads(done(agreed, "show", "--kind", "approvers"))["threshold"] == 1
    done(agreed, "propose", "two.toml")
    assert "approver" in refused(
        agreed, "approve", "4", "--name", "ada", "--key", "ada.pem", "--yes"
    )
    done(agreed, "approve", "4", "--name", "dan", "--key", "dan.pem", "--yes")


def test_without_approvers_a_change_counts_and_is_called_so(run: Run, tmp_path: Path) -> None:
    """That nobody approves must be said at the beginning, and is said every time."""
    assert "--approvers" in refused(run, "install", "policy.toml")
    assert "UNAPPROVED" in run("install", "policy.toml", "--nobody-approves").stderr
    assert "UNAPPROVED: policy version 2 counts" in run("propose", "two.toml").stderr
    assert done(run, "show") == (tmp_path / "two.toml").read_text()
    assert "already" in refused(run, "install", "policy.toml", "--nobody-approves")


def test_keys_are_private_and_may_be_encrypted(run: Run, tmp_path: Path) -> None:
    """Mode 0600, never over another file, and opened with the right passphrase only."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery\n")
    new = ("approver", "new", "ada", "-o", "ada.pem", "--passphrase-file", "passphrase")
    public = done(run, *new).strip()
    assert stat.S_IMODE((tmp_path / "ada.pem").stat().st_mode) == 0o600
    assert "ENCRYPTED" in (tmp_path / "ada.pem").read_text()
    assert "already exist" in refused(run, *new)
    done(run, "approver", "list", public, "--threshold", "1", "-o", "approvers.json")
    done(run, "install", "policy.toml", "--approvers", "approvers.json")
    done(run, "propose", "two.toml")
    sign = ("approve", "3", "--name", "ada", "--key", "ada.pem", "--yes")
    assert "--key-passphrase-file" in refused(run, *sign)
    assert "passphrase" in refused(run, *sign, "--key-passphrase-file", "wrong")
    (tmp_path / "ada.pem").chmod(0o640)
    assert "others may read it" in refused(run, *sign, "--key-passphrase-file", "passphrase")
    (tmp_path / "ada.pem").chmod(0o600)
    done(run, *sign, "--key-passphrase-file", "passphrase")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("ada",), "want NAME=PUBLIC-KEY"),
        (("ada=AAAA",), "got 3 bytes"),
        (("Ada=x",), "want a name"),
        (("ada=" + "A" * 43,), "everybody can sign"),
    ],
)
def test_what_is_no_list_of_approvers(run: Run, arguments: tuple[str, ...], problem: str) -> None:
    """It is not written."""
    said = refused(run, "approver", "list", *arguments, "--threshold", "1", "-o", "x.json")
    assert problem in said


def test_a_dry_run_over_nothing(agreed: Run) -> None:
    """Says so, in words and as JSON."""
    assert done(agreed, "dry-run", "two.toml").startswith("0 decisions: 0 would be refused")
    assert json.loads(done(agreed, "dry-run", "two.toml", "--json"))["decisions"] == 0


def test_what_is_not_there(agreed: Run) -> None:
    """A version, a proposal, a file: each is named."""
    assert "no version 9" in refused(agreed, "show", "--version", "9")
    assert "no proposal 9" in refused(agreed, "statement", "9")
    assert "no proposal 9" in refused(agreed, "approve", "9", "--name", "ada", "--key", "ada.pem")
    assert "none.toml" in refused(agreed, "propose", "none.toml")
    assert agreed("approve", "3").exit_code == 2
