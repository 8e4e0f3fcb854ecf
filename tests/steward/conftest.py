"""The databases that a Steward may stand on: SQLite, and a PostgreSQL that the tests start."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from enarx.steward.records.database import open_engine

BINARIES = Path("/usr/lib/postgresql")
"""Where Debian puts its versions of PostgreSQL."""

_numbers = itertools.count()


def _programs() -> Path:
    versions = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not versions:
        pytest.skip("not installed: postgresql")
    return versions[-1].parent


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The directory of the Unix socket of a PostgreSQL that nobody else reaches.

    It forgets what it was told when the machine stops (fsync is off), not when it is killed.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="enarx-pg-"))
    become: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to be root
        shutil.chown(folder, "postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*become, programs / program, *arguments],
            check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    data = str(folder / "data")
    run("initdb", "-D", data, "-A", "trust", "-U", "enarx", "--no-sync", "-E", "UTF8")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=200"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield str(folder)
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(cluster: str) -> Callable[[], str]:
    """Makes a database in the cluster and says its URL."""

    def make() -> str:
        name = f"t{os.getpid()}_{next(_numbers)}"
        admin = create_engine(
            f"postgresql+psycopg://enarx@/postgres?host={cluster}", isolation_level="AUTOCOMMIT"
        )
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return f"postgresql+psycopg://enarx@/{name}?host={cluster}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/steward.sqlite"
    url: str = request.getfixturevalue("new_postgres")()
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database, once of each kind; nothing is migrated yet."""
    made = open_engine(database_url)
    yield made
    made.dispose()
