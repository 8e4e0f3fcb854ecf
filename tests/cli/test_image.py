"""``enarx image reference-values``: a policy made of them accepts this installation's keep only."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

from enarx import __version__
from enarx.adapters.keep_image import NAME
from enarx.cli.main import main
from enarx.measure.process import NAMES

ROOT_KEYS = Path(__file__).parent.parent / "tee" / "development-root.pem"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a development root, in an empty folder."""
    folder = tmp_path / "data" / "enarx" / "simulated"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "root.pem").touch(mode=0o600)
    (folder / "root.pem").write_bytes(ROOT_KEYS.read_bytes())
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


def policy(platform: str) -> str:
    """A policy for simulated keeps of this installation, as a beginner makes one."""
    assert run("policy", "init", "--platform", platform, "policy.toml")[0] == 0
    lines = Path("policy.toml").read_text().splitlines()
    image = f'image = [{{ name = "{NAME}", version = "{__version__}" }}]'
    changes = {
        "image = ": f'{image}\nreference_value_files = ["reference.toml"]',
        "simulated = ": 'simulated = "allowed"',
    }
    for at, line in enumerate(lines):
        for begin, new in changes.items():
            if line.startswith(begin):
                lines[at] = new
    Path("policy.toml").write_text("\n".join(lines))
    status, out, err = run("policy", "check")
    assert status == 0, err
    assert "no image is checked" not in out
    return "policy.toml"


@pytest.mark.parametrize("platform", NAMES)
def test_a_policy_accepts_this_keep_and_no_other(platform: str) -> None:
    """Attack: a keep of which one byte was changed measures otherwise, and is refused by name."""
    status, _, err = run("image", "reference-values", "-o", "reference.toml")
    assert (status, err) == (0, "")
    values = json.loads(run("image", "reference-values", "--json")[1])
    good = values["platforms"][platform][NAMES[platform]]  # type: ignore[index]
    other = good[:-1] + ("0" if good[-1] != "0" else "1")
    rules = ("--policy", policy(platform), "--report-data", "01", "--insecure-accept-simulated")
    for digest, accepted in ((good, True), (other, False)):
        Path("evidence.cmw").unlink(missing_ok=True)
        bound = ("--measurement", digest, "--report-data", "01")
        assert run("evidence", "simulate", platform, "-o", "evidence.cmw", *bound)[0] == 0
        status, out, _ = run("verify", "evidence.cmw", *rules, "--json")
        verdict = json.loads(out)
        assert verdict["accepted"] is accepted
        failed = [check["claim"] for check in verdict["checks"] if check["outcome"] == "failed"]
        assert failed == ([] if accepted else [f"image.{NAMES[platform]}"])  # type: ignore[index]
        assert status == (0 if accepted else 1)


def test_what_it_prints() -> None:
    """TOML for a policy's file, of all platforms or of those that are named; nothing twice."""
    status, out, err = run("image", "reference-values")
    assert (status, err) == (0, "")
    assert out.startswith(f"# Reference values of enarx-keep {__version__}, a process keep")
    assert [line for line in out.splitlines() if line.startswith("platform")] == [
        'platform = "snp"',
        'platform = "tdx"',
        'platform = "sgx"',
    ]
    one = run("image", "reference-values", "--platform", "tdx", "--platform", "tdx")[1]
    assert one.count("[[reference_values]]") == 1
    values = json.loads(run("image", "reference-values", "--json")[1])
    assert (values["name"], values["version"]) == ("enarx-keep", __version__)


def test_no_file_is_written_over() -> None:
    """What an operator wrote stays."""
    Path("mine.toml").write_text("mine")
    status, _, err = run("image", "reference-values", "-o", "mine.toml")
    assert status == 4
    assert "mine.toml: does already exist" in err
    assert Path("mine.toml").read_text() == "mine"
    assert run("image", "reference-values", "--platform", "vm")[0] == 2
