"""Programs of others in C, C++ and Rust: fetched by hash, unchanged, in a keep."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tarfile
import tomllib
from hashlib import file_digest
from pathlib import Path

import pytest
from tests.languages.conftest import PATIENCE_S, Build, Enarx

pytestmark = pytest.mark.slow

SQLITE = (
    "sqlite3@5.1.7",  # of which only the archive of SQLite's own source is used
    "sha512-GGIyOiFaG+TUra3JIfkI/zGP8yZYLPQ0pl1bH+ODjiX57sPhrLU5sQJn1y9bDKZUFYkX1crlrPfSYt0BKKdkog==",
    "package/deps/sqlite-autoconf-3440200.tar.gz",
)
EMULATED = ("signal", "getpid", "process-clocks")
"""What the C library has for programs that ask for what WASI lacks."""

QUERY = """\
create table t(a, b);
insert into t values (1, 'ü'), (2, 'x');
select sum(a), group_concat(b) from t;
select sqlite_version();
"""

LIBSASS = (
    "node-sass@9.0.0",  # of which only the source of LibSass is used
    "sha512-yltEuuLrfH6M7Pq2gAj5B6Zm7m+gdZoG66wTqG6mIZV/zijq3M2OO2HswtT6oBspPyFhHDcaxWpsBm0fRNDHPg==",
    "package/src/libsass/",
)
SASSC = """\
#include <iostream>
#include <iterator>
#include <string>
#include <sass.h>
extern "C" {
#include "src/cencode.c"
}

int main() {
    std::string all(std::istreambuf_iterator<char>(std::cin), {});
    auto data = sass_make_data_context(sass_copy_c_string(all.c_str()));
    int status = sass_compile_data_context(data);
    auto context = sass_data_context_get_context(data);
    std::cout << (status ? sass_context_get_error_message(context)
                         : sass_context_get_output_string(context));
    sass_delete_data_context(data);
    return status;
}
"""
"""LibSass is a library; its own command is a program of its own."""

SHEET = "$a: 1 + 2px;\nul { li { width: $a; &:hover { color: darken(#fff, 20%); } } }\n"
CSS = "ul li {\n  width: 3px; }\n  ul li:hover {\n    color: #cccccc; }\n"

HEXYL = ("0.16.0", "43d56dd04872b6c6d429f18d2e03df95f853feb618c7cd8bf22d0e6851ce5ef8")
DUMP = ("--plain", "--no-characters", "--no-position")


@pytest.mark.needs("npm", "ziglang")
def test_sqlite(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """SQLite's shell, in C."""
    name, pinned, inner = SQLITE
    archive = from_npm(name, pinned, tmp_path)
    app = tmp_path / "sqlite"
    app.mkdir()
    with tarfile.open(archive) as outer, tarfile.open(fileobj=outer.extractfile(inner)) as source:
        for member in source.getmembers():
            if member.name.endswith(("/shell.c", "/sqlite3.c", "/sqlite3.h")):
                member.name = member.name.rpartition("/")[2]
                source.extract(member, app, filter="data")
    emulated = [f"-D_WASI_EMULATED_{name.upper().replace('-', '_')}" for name in EMULATED]
    emulated += [f"-lwasi-emulated-{name}" for name in EMULATED]
    flags = [*emulated, "-DSQLITE_OMIT_POPEN", "-DSQLITE_NOHAVE_SYSTEM"]
    (app / "enarx-build.toml").write_text(f'language = "c"\nwith = "zig"\nflags = {flags}\n')
    build("sqlite")
    done = enarx("run", "sqlite", stdin=QUERY.encode())
    assert (done.returncode, done.stdout.decode()) == (0, "3|ü,x\n3.44.2\n")


@pytest.mark.needs("npm", "ziglang")
def test_libsass(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """LibSass, in C++: its errors are exceptions, and it compiles with file streams."""
    name, pinned, inner = LIBSASS
    archive = from_npm(name, pinned, tmp_path)
    app = tmp_path / "sass"
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            if member.name.startswith((f"{inner}src/", f"{inner}include/")):
                member.name = member.name.removeprefix(inner)
                source.extract(member, app, filter="data")
    (app / "main.cpp").write_text(SASSC)
    flags = ["-std=c++14", "-Iinclude", "-Isrc", "-w", "-O1", '-DLIBSASS_VERSION="3.5.5"']
    (app / "enarx-build.toml").write_text(f'language = "cpp"\nwith = "zig"\nflags = {flags}\n')
    build("sass")
    done = enarx("run", "sass", stdin=SHEET.encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, CSS, b"")
    done = enarx("run", "sass", stdin=b"a { b: $nope; }")
    assert (done.returncode, done.stdout[:32]) == (1, b'Error: Undefined variable: "$nop')


@pytest.mark.needs("cargo")
def test_hexyl(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """hexyl, a crate's binary, with the versions of its own Cargo.lock."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").touch()
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "fetching"\nversion = "0.0.0"\nedition = "2021"\n'
        f'[dependencies]\nhexyl = "={HEXYL[0]}"\n'
    )
    fetched("cargo", "vendor", "--quiet", "vendor", cwd=tmp_path)
    locked = tomllib.loads((tmp_path / "Cargo.lock").read_text())["package"]
    (found,) = (one["checksum"] for one in locked if one["name"] == "hexyl")
    assert found == HEXYL[1]
    shutil.copytree(tmp_path / "vendor" / "hexyl", tmp_path / "hexyl")
    build("hexyl", "--with", "cargo")
    done = enarx("run", "hexyl", *DUMP, stdin="keep ü\n".encode())
    assert (done.returncode, done.stdout.split()) == (0, b"6b 65 65 70 20 c3 bc 0a".split())


def from_npm(name: str, pinned: str, folder: Path) -> Path:
    """The archive of a package of npm, whose hash is checked."""
    fetched("npm", "pack", "--silent", name, cwd=folder)
    (archive,) = folder.glob("*.tgz")
    with archive.open("rb") as file:
        digest = base64.b64encode(file_digest(file, "sha512").digest()).decode()
    assert f"sha512-{digest}" == pinned
    return archive


def fetched(*command: str, cwd: Path) -> None:
    """Run a registry's client; the test is skipped where the registry cannot be reached."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()
        last = said.splitlines()[-1] if said else ""
        pytest.skip(f"not fetched: {' '.join(command[:4])}: {last}")
