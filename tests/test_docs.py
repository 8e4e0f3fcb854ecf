"""The documentation says what the program does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from enarx.cli import exit as status
from enarx.cli.main import main
from enarx.keep.wasi.preview1 import FUNCTIONS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def first_cells(page: Path) -> set[str]:
    """The first cell of every table row of *page*, without code marks."""
    return {m.strip(" `") for m in re.findall(r"^\|([^|]*)\|", page.read_text(), re.MULTILINE)}


def test_the_command_line_page_is_the_help_text() -> None:
    """docs/reference/cli.md is what the commands print for --help."""
    command = [sys.executable, "docs/cli_reference.py", "--check", "docs/reference/cli.md"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_page_of_languages_is_what_the_registry_says() -> None:
    """docs/reference/languages.md and its plot are made of the registry and the last figures."""
    command = [sys.executable, "docs/language_reference.py", "--check", "docs/reference"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_matrix_of_languages_is_made_of_a_test_run(tmp_path: Path) -> None:
    """A test that passed, one that was skipped, one that failed, and none have a word each."""
    case = '<testcase classname="tests.languages.test_templates" name="test_{}[c]">{}</testcase>'
    cases = (("hello", ""), ("filter", "<skipped/>"), ("http", "<failure/>"))
    results, page = tmp_path / "tests.xml", tmp_path / "README.md"
    results.write_text(f"<testsuite>{''.join(case.format(*one) for one in cases)}</testsuite>")
    page.write_text("a\n<!-- languages: begin -->\nold\n<!-- languages: end -->\nb\n")
    command = [sys.executable, "docs/language_matrix.py", results, page]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (
        "| C | yes | not tried | **fails** | none | none | none | none |"
        in page.read_text().splitlines()
    )
    assert "old" not in page.read_text()


def test_the_wasi_page_lists_every_function() -> None:
    """docs/reference/wasi.md has a row for each of the 46 functions and for no other."""
    rows = first_cells(DOCS / "reference" / "wasi.md")
    named = {row for row in rows if re.fullmatch(r"[a-z]+(_[a-z]+)+", row)}
    assert named == set(FUNCTIONS)


def test_the_exit_code_page_lists_every_code() -> None:
    """docs/reference/exit-codes.md has a row for each number that cli/exit.py defines."""
    rows = first_cells(DOCS / "reference" / "exit-codes.md")
    codes = {v for name, v in vars(status).items() if name.isupper() and type(v) is int}
    codes -= {status.SIGNALLED, status.INTERRUPTED}  # the row 128 + n
    codes -= {status.LARGEST_PORTABLE}  # the application's own
    assert {int(row) for row in rows if row.isdigit()} == codes


def test_decisions_are_numbered_without_gaps() -> None:
    """docs/design/adr has 0001, 0002, …, each page begins with its number, and all are listed."""
    pages = sorted((DOCS / "design" / "adr").glob("0*.md"))
    assert [p.name[:4] for p in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    assert all(p.read_text().startswith(f"# {p.name[:4]} ") for p in pages)
    index = (DOCS / "design" / "adr" / "index.md").read_text()
    assert [p.name for p in pages if f"]({p.name}) " not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_make_target_named_exists(page: Path) -> None:
    """Documentation names no `make` target that the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", page.read_text()))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_path_named_exists(page: Path) -> None:
    """Documentation names no file of the repository that is not there."""
    named = re.findall(
        r"`((?:src|docs|tests|demo|requirements|benchmarks)/[\w./-]+)`", page.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def section(page: Path, title: str) -> str:
    """What stands under the heading *title* of *page*."""
    return page.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def run_commands(text: str) -> list[str]:
    """Run each `enarx` command of *text*; all must succeed, and all are returned."""
    commands = re.findall(r"^\$ enarx (.*)$", text, re.MULTILINE)
    for line in commands:
        assert main(shlex.split(line, comments=True)) == 0, line
    return commands


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of a user whose simulated machines have a root already."""
    simulated = tmp_path / "data" / "enarx" / "simulated"
    simulated.mkdir(parents=True, mode=0o700)
    (simulated / "root.pem").touch(mode=0o600)
    keys = ROOT / "tests" / "tee" / "development-root.pem"
    (simulated / "root.pem").write_bytes(keys.read_bytes())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_commands_of_the_readme_work(machine: Path) -> None:
    """The section about evidence in README.md runs as it is, on any machine."""
    assert len(run_commands(section(ROOT / "README.md", "Verify evidence"))) == 3
    assert (machine / "snp.cmw").exists()


def test_the_guide_to_verification_works(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/guides/verify.md: its commands without hardware, and its program, accept evidence."""
    guide = DOCS / "guides" / "verify.md"
    assert len(run_commands(section(guide, "Without hardware"))) == 2
    out = capsys.readouterr().out
    assert "snp.cmw: accepted by policy baseline (6 checks, 33 left out)\n" in out
    (example,) = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.DOTALL | re.MULTILINE)
    exec(compile(example, str(guide), "exec"), {})  # noqa: S102 - it is ours
    out = capsys.readouterr().out
    assert out.startswith("accepted by baseline {'measurement': ")
    (machine / "snp.cmw").write_bytes(b"{}")
    exec(compile(example, str(guide), "exec"), {})  # noqa: S102 - it is ours
    assert capsys.readouterr().out.startswith("refused: snp.cmw: ")
