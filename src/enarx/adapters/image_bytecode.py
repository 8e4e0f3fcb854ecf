"""Compile a keep image's Python with the interpreter that is in the image.

Which bytes a module becomes depends on the interpreter's release, so the builder's own would not
do.  The image's is unpacked into a temporary folder and run from there through its own loader, in
an empty environment, with the sources on its standard input: names, hashes and memory addresses of
the machine that builds have no part in the result.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from enarx.errors import UnavailableError
from enarx.image import recipe
from enarx.image.archive import File

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.image.archive import Link

    Compile = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]

_PROGRAM = """
import importlib._bootstrap_external as external, importlib.util as util, sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
while head := sys.stdin.buffer.readline():
    size, name = head.decode().rstrip("\\n").split(" ", 1)
    source = read(int(size))
    code = compile(source, "/" + name, "exec", dont_inherit=True, optimize=0)
    made = external._code_to_hash_pyc(code, util.source_hash(source), False)
    write(b"%d\\n" % len(made) + made)
"""
"""A pyc whose source is not looked for (PEP 552, unchecked hash)."""

_TIMEOUT_S = 300.0


def compiler(interpreter: Mapping[str, File | Link]) -> Compile:
    """What compiles with *interpreter*, the files of one below the root of their system."""

    def compile_all(sources: Mapping[str, bytes]) -> Mapping[str, bytes]:
        with tempfile.TemporaryDirectory(prefix="enarx-") as folder:
            for name, file in interpreter.items():
                if isinstance(file, File):
                    place = Path(folder, name)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(file.data)
                    place.chmod(0o700)
            return _run(Path(folder), sources)

    return compile_all


def _run(root: Path, sources: Mapping[str, bytes]) -> Mapping[str, bytes]:
    names = sorted(sources)
    sent = b"".join(b"%d %s\n%s" % (len(sources[n]), n.encode(), sources[n]) for n in names)
    command = [
        os.fspath(root / recipe.LOADER), "--library-path", os.fspath(root / recipe.LIBRARY_FOLDER),
        os.fspath(root / recipe.INTERPRETER), "-ISB", "-X", "utf8", "-c", _PROGRAM,
    ]  # fmt: skip
    environment = {"PYTHONHOME": os.fspath(root / "usr"), "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            command, input=sent, env=environment, capture_output=True, check=False,
            timeout=_TIMEOUT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        hint = "an image is built on Linux on x86-64"
        raise UnavailableError("the image's interpreter", str(error), hints=(hint,)) from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise UnavailableError("the image's interpreter", lines[-1])
    return _parts(done.stdout, names)


def _parts(data: bytes, names: list[str]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    for name in names:
        end = data.index(b"\n", at)
        size = int(data[at:end])
        found[name] = data[end + 1 : end + 1 + size]
        at = end + 1 + size
    return found
