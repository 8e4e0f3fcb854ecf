"""The rules of the layout, checked by machine: imports, purity, budgets, names, mints.

What a keep imports when it starts is held in ``test_keep_imports.py``.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "enarx"
TEMPLATES = SRC / "languages" / "templates"
CODE = ("src", "tests", "demo", "docs", "benchmarks")

MAX_FILE = 400
MAX_BODY = 40
EXEMPT = "# exempt from the line budget:"
"""Stands, with a reason, in the first lines of a file that is a table or is generated."""

NO_IDEA = {"common", "handler", "handlers", "helper", "helpers", "manager", "misc", "util", "utils"}
CORE = (
    "appraisal", "attestation.py", "errors.py", "evidence", "languages", "measure", "package",
    "pki", "protocol", "seal", "tee", "transparency", "wire",
)  # fmt: skip
WORLD = {"breakpoint", "compile", "eval", "exec", "input", "open", "print"}
MINTS = {"Accepted": "appraisal/appraise.py", "Authentic": "tee/*/verify.py"}
"""Where each proof may be made; a mint is added here before its first call is written."""

KEEP_MAY_IMPORT = ("errors", "frames", "keep", "package", "pki", "protocol", "seal", "wire")
KEEP_THIRD_PARTY = {"OpenSSL", "certifi", "cryptography", "zstandard"}


def files(*folders: str) -> list[Path]:
    """Every Python file under *folders* of the repository, but what ``enarx new`` copies."""
    return sorted(
        p for f in folders for p in (ROOT / f).rglob("*.py") if not p.is_relative_to(TEMPLATES)
    )


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(), str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of *path*, nested ones too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> Iterator[str]:
    """Dotted name of every module that *path* imports anywhere, for types only included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "enarx":
            yield from (f"enarx.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def short(path: Path) -> str:
    """The path as one reads it in a message."""
    return str(path.relative_to(ROOT))


def test_imports_go_one_way() -> None:
    """The import contracts of pyproject.toml hold."""
    tool = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_core_touches_nothing() -> None:
    """No function of the core opens, prints, asks or evaluates."""
    found = [
        f"{short(path)}:{node.lineno}: {node.func.id}()"
        for path in files("src")
        if path.relative_to(SRC).parts[0] in CORE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLD
    ]
    assert found == []


@pytest.mark.parametrize("path", files(*CODE), ids=short)
def test_files_and_functions_are_short(path: Path) -> None:
    """A file has at most 400 lines, a function body at most 40."""
    lines = path.read_text().splitlines()
    exempt = any(line.startswith(EXEMPT) for line in lines[:30])
    assert exempt or len(lines) <= MAX_FILE, f"{len(lines)} lines"
    long = {f.name: body_lines(f) for f in functions(path) if body_lines(f) > MAX_BODY}
    assert long == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_files_are_named_for_an_idea() -> None:
    """No file or folder is called utils, helpers, common, misc, manager or handler."""
    named = [short(p) for p in files(*CODE) if {*p.parent.parts, p.stem} & NO_IDEA]
    assert named == []


def test_proofs_are_minted_in_one_place() -> None:
    """Only a technology's verify module makes Authentic, only appraise makes Accepted."""
    strays = [s for path in files("src") for s in minted(tree(path), path.relative_to(SRC))]
    assert strays == []


def test_a_stray_mint_is_found() -> None:
    """The check above sees a proof that is made elsewhere, and passes the one made at home."""
    made = ast.parse("proof = Authentic(evidence)")
    assert minted(made, Path("cli/verify.py")) == ["cli/verify.py:1: Authentic"]
    assert minted(made, Path("tee/snp/verify.py")) == []


def minted(module: ast.Module, path: Path) -> list[str]:
    """Every call in *module* that makes a proof away from its home."""
    return [
        f"{path}:{node.lineno}: {node.func.id}"
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in MINTS
        and not path.match(MINTS[node.func.id])
    ]


@pytest.mark.parametrize("path", files("src/enarx/keep"), ids=short)
def test_keep_imports_its_own(path: Path) -> None:
    """What runs in a keep imports the keep, the core, and four libraries; no host, no CLI."""
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "enarx":
            assert rest.partition(".")[0] in KEEP_MAY_IMPORT, name
        else:
            assert top in sys.stdlib_module_names or top in KEEP_THIRD_PARTY, name


def test_only_the_engine_binds_wasmtime() -> None:
    """No module imports the wasmtime package; only engine and component call its C interface."""
    users = set()
    for path in files("src"):
        assert "wasmtime" not in {name.partition(".")[0] for name in imported(path)}, short(path)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr.startswith(("wasm_", "wasmtime_")):
                users.add(path.parent.relative_to(SRC))
    assert users <= {Path("keep/engine"), Path("keep/component")}


def test_dependencies_are_the_declared_ones() -> None:
    """The base package imports what it declares, and declares what it uses: no role's extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {requirement_name(line) for line in project["dependencies"]}
    web, api = set(files("src/enarx/web")), set(files("src/enarx/host/api"))
    steward = {*files("src/enarx/steward"), *(SRC / "cli").glob("steward*.py")}
    # wasmtime is loaded as a C library, from its package's folder
    base = third_party(set(files("src")) - web - api - steward)
    assert base | {"wasmtime"} == declared
    # h11 is part of what uvicorn's protocol classes promise, psycopg is named in a URL
    for role, paths, unseen in (
        ("host", api, set()),
        ("steward", steward, {"psycopg", "python-pkcs11"}),
    ):
        extra = {requirement_name(line) for line in project["optional-dependencies"][role]}
        assert (third_party(web | paths) | unseen) - declared - {"h11"} == extra


def third_party(paths: Iterable[Path]) -> set[str]:
    """The projects of others that *paths* import."""
    used = {name.partition(".")[0] for path in paths for name in imported(path)}
    foreign = {n.lower() for n in used - set(sys.stdlib_module_names) - {"enarx", "_typeshed"}}
    renamed = {
        "openssl": "pyopenssl",
        "prometheus_client": "prometheus-client",
        "pkcs11": "python-pkcs11",
    }
    return {renamed.get(n, n) for n in foreign}


def requirement_name(line: str) -> str:
    """The project that a requirement names."""
    for sign in "=<>!~ ;[":
        line = line.partition(sign)[0]
    return line.lower()


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=short)
def test_requirements_are_pinned_without_addresses(path: Path) -> None:
    """Every pinned file holds exact versions with hashes and no place to download them from."""
    lines = path.read_text().splitlines()
    pins = [n for n, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert pins
    for n in pins:
        assert "==" in lines[n]
        assert lines[n].endswith("\\")
        assert lines[n + 1].strip().startswith("--hash=sha256:")
    assert not any("://" in line or "--index" in line or "--find-links" in line for line in lines)


@pytest.mark.parametrize("path", files("tests"), ids=short)
def test_tests_say_what_they_establish(path: Path) -> None:
    """Every test has a docstring whose first line is a sentence."""
    silent = [f.name for f in functions(path) if f.name.startswith("test_") and not sentence(f)]
    assert silent == []


def sentence(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The docstring, empty where it is missing."""
    return ast.get_docstring(function) or ""


def test_bytes_are_taken_apart_in_one_place() -> None:
    """The verifiers unpack structures and integers only through ``wire``."""
    found = [
        f"{short(path)}:{node.lineno}: {name}"
        for path in files("src")
        if path.relative_to(SRC).parts[0] in ("tee", "evidence", "appraisal")
        for node in ast.walk(tree(path))
        for name in [taken_apart(node)]
        if name
    ]
    assert found == []


def taken_apart(node: ast.AST) -> str:
    """How *node* unpacks bytes by itself, empty if it does not."""
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if alias.name == "struct"), "")
    if isinstance(node, ast.Attribute) and node.attr == "from_bytes":
        return "from_bytes"
    return ""


def test_unpacking_elsewhere_is_found() -> None:
    """The check above sees both ways of unpacking."""
    found = [
        taken_apart(node) for node in ast.walk(ast.parse("import struct\nint.from_bytes(b'')"))
    ]
    assert sorted(filter(None, found)) == ["from_bytes", "struct"]
