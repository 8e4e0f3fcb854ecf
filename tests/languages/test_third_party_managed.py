"""Programs of others in managed languages: fetched by hash, unchanged, in a keep."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha256, sha512
from pathlib import Path

import pytest
from tests.languages.conftest import PATIENCE_S, Build, Enarx

pytestmark = pytest.mark.slow

TABLE = "select a,b from t where x=1 and y=2"
FORMATTED = "SELECT a,\n       b\nFROM t\nWHERE x=1\n  AND y=2"
MARKDOWN = "# hi\n\n* a\n* b **c** ü\n"
HTML = "<h1>hi</h1>\n<ul>\n<li>a</li>\n<li>b <strong>c</strong> ü</li>\n</ul>\n"

GOJQ = ("github.com/itchyny/gojq@v0.12.17", "h1:8av8eGduDb5+rvEdaOO+zQUjA04MS0m3Ps8HiD+fceg=")
SQLPARSE = "sqlparse==0.5.3", "cf2196ed3418f3ba5de6af7e82c694a9fbdbfecccdfc72e281548517081f16ca"
MARKED = (
    "marked@15.0.7",
    "sha512-dgLIeKGLx5FwziAnsk4ONoGwHwGPJzselimvlVskE9XLN4Orv9u2VA3GWw/lYUqjfA0rUT/6fqKwfZJapP9BEg==",
)
BASE64 = (
    "as-base64@0.2.0",
    "sha512-j6JxprAVN4SXUcZiSChuMBf0JJOCdh5OfrHAepluxmFWuDZZm+YjmfNSk8djUHRPEB+Ui5HGvrz46GLvTJf3ig==",
)
TXTMARK = (
    "com.github.rjeschke:txtmark:0.13",
    "c0266f44d62dedb532f03ccb29afb1b8061adfbadc6743899d4d02fba0f0b068",
)

OKIO = (
    "com.squareup.okio:okio-wasm-wasi:3.17.0:klib",
    "7adf9c167ea3a0304b50a25380986da5245951416539bb49634135aafc444dd3",
)

WITH_OKIO = """\
import enarx.wasi.standardInput
import okio.Buffer
import okio.ByteString.Companion.decodeHex

fun main() {
    val buffer = Buffer().write(standardInput.readAll())
    println(buffer.sha256().hex())
    println(buffer.readUtf8LineStrict())
    println("c3bc".decodeHex().utf8() + buffer.readByteString().base64())
}
"""

ON_STANDARD_INPUT = """\
import com.github.rjeschke.txtmark.Processor;

final class Main {
    public static void main(String[] arguments) throws java.io.IOException {
        System.out.print(Processor.process(System.in));
    }
}
"""
"""txtmark's own command starts other processes, which is more than TeaVM has."""

THERE_AND_BACK = """\
import { decode, encode } from "./base64";

const input = new ArrayBuffer(65536);
const got = process.stdin.read(input);
const text = encode(Uint8Array.wrap(input, 0, got));
process.stdout.write(text + "\\n");
process.stdout.write(decode(text).buffer);
"""


@pytest.mark.needs("go")
def test_a_command_in_go(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """gojq, with its own go.mod and go.sum, which pins what it imports."""
    name, pinned = GOJQ
    found = json.loads(fetched("go", "mod", "download", "-json", name, cwd=tmp_path))
    assert found["Sum"] == pinned
    app = tmp_path / "gojq"
    shutil.copytree(found["Dir"], app, copy_function=shutil.copyfile)
    for folder in (app, *(path for path in app.rglob("*") if path.is_dir())):
        folder.chmod(0o755)  # Go's store is read-only
    (app / "enarx-build.toml").write_text('flags = ["./cmd/gojq"]\n')
    build("gojq")
    query = ".a[2].b, (.a[0:2] | add)"
    done = enarx("run", "gojq", "-c", query, stdin='{"a": [1, 2, {"b": "ü"}]}'.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, '"ü"\n3\n', b"")


def test_a_tool_in_python(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """sqlparse, as pip installs it, run as a module."""
    new(enarx, "python")
    config = tmp_path / "app" / "Enarx.toml"
    config.write_text(config.read_text().replace('["/app/main.py"]', '["-m", "sqlparse"]'))
    build("app")
    (tmp_path / "pins.txt").write_text("{} --hash=sha256:{}\n".format(*SQLPARSE))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    to = ("--no-deps", "--no-compile", "--target", "app/app/lib")
    fetched(*pip, "--require-hashes", *to, "-r", "pins.txt", cwd=tmp_path)
    build("app")
    done = enarx("run", "app", "-r", "-k", "upper", "-", stdin=TABLE.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, FORMATTED, b"")


@pytest.mark.needs("mvn")
def test_a_jar(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """txtmark, whose jar is compiled with a Main of six lines that calls it."""
    name, pinned = TXTMARK
    app = tmp_path / "app"
    new(enarx, "java")
    (app / "Main.java").write_text(ON_STANDARD_INPUT)
    copy = ("dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={app}/lib")
    fetched("mvn", "--batch-mode", "--quiet", *copy, cwd=tmp_path)
    (jar,) = (app / "lib").iterdir()
    assert sha256(jar.read_bytes()).hexdigest() == pinned
    build("app")
    done = enarx("run", "app", stdin=MARKDOWN.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, HTML, b"")


@pytest.mark.needs("mvn")
def test_a_library_in_kotlin(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """Okio, a library for WASI: hashes, text and base64, by a Main of nine lines."""
    name, pinned = OKIO
    app = tmp_path / "app"
    new(enarx, "kotlin")
    (app / "Main.kt").write_text(WITH_OKIO)
    copy = ("dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={app}/lib")
    fetched("mvn", "--batch-mode", "--quiet", *copy, cwd=tmp_path)
    (library,) = (app / "lib").iterdir()
    assert sha256(library.read_bytes()).hexdigest() == pinned
    build("app")
    data = MARKDOWN.encode()
    done = enarx("run", "app", stdin=data)
    rest = base64.b64encode(data.partition(b"\n")[2]).decode()
    said = f"{sha256(data).hexdigest()}\n# hi\nü{rest}\n"
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, said, b"")


@pytest.mark.needs("npm")
def test_a_package_from_npm(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """marked: the one file of its build as an ES module."""
    app = tmp_path / "app"
    new(enarx, "javascript")
    module = from_npm(MARKED, "package/lib/marked.esm.js", tmp_path)
    (app / "app" / "marked.js").write_bytes(module)
    (app / "app" / "main.js").write_text(
        'import * as std from "qjs:std";\n'
        'import { marked } from "./marked.js";\n'
        "std.out.puts(marked.parse(std.in.readAsString()));\n"
    )
    build("app")
    done = enarx("run", "app", stdin=MARKDOWN.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, HTML, b"")


@pytest.mark.needs("npm")
def test_a_module_in_assemblyscript(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """as-base64, imported by a program that encodes and decodes its standard input."""
    app = tmp_path / "app"
    new(enarx, "assemblyscript")
    module = from_npm(BASE64, "package/assembly/index.ts", tmp_path)
    (app / "assembly" / "base64.ts").write_bytes(module)
    (app / "assembly" / "index.ts").write_text(THERE_AND_BACK)
    build("app")
    done = enarx("run", "app", stdin="keep ü\n".encode())
    expected = "a2VlcCDDvAo=\nkeep ü\n"
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, expected, b"")


def from_npm(package: tuple[str, str], file: str, folder: Path) -> bytes:
    """One file of a package of npm, whose hash is checked."""
    name, pinned = package
    fetched("npm", "pack", "--silent", name, cwd=folder)
    (archive,) = folder.glob("*.tgz")
    digest = base64.b64encode(sha512(archive.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == pinned
    with tarfile.open(archive) as packed:
        member = packed.extractfile(file)
        assert member is not None
        return member.read()


def new(enarx: Enarx, language: str) -> None:
    """The project "app"."""
    assert enarx("new", "--lang", language, "app").returncode == 0


def fetched(*command: str, cwd: Path) -> bytes:
    """What a registry's client says; the test is skipped where the registry cannot be reached."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()
        assert "DO NOT MATCH THE HASHES" not in said
        pytest.skip(
            f"not fetched: {' '.join(command[:4])}: {said.splitlines()[-1] if said else ''}"
        )
    return done.stdout
