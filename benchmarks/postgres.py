"""A PostgreSQL of the benchmarks' own, which keeps what it was told as one in use would."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import Skipped

_BINARIES = Path("/usr/lib/postgresql")  # where Debian puts its versions


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database."""
    versions = sorted(_BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not versions:
        raise Skipped("not installed: postgresql")
    folder = Path(tempfile.mkdtemp(prefix="enarx-pg-"))
    become: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to be root
        shutil.chown(folder, "postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*become, versions[-1].parent / program, *arguments],
            check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    data = str(folder / "data")
    run("initdb", "-D", data, "-A", "trust", "-U", "enarx", "-E", "UTF8")
    options = f"-c listen_addresses='' -k {folder}"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://enarx@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
