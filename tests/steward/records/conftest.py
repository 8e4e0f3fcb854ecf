"""A backup to restore, and a database to restore it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.steward.records.backups import dumped, fill

from enarx.steward.records.database import open_engine
from enarx.steward.records.migrations import migrate


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of a full database of SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('full')}/steward.sqlite")
    try:
        return dumped(fill(engine))
    finally:
        engine.dispose()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    """A migrated database of SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path}/empty.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()
