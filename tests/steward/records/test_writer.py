"""Writes that share a transaction share nothing else."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from enarx.steward.records import nonces
from enarx.steward.records.database import reading
from enarx.steward.records.migrations import migrate
from enarx.steward.records.writer import Writer


def commits(engine: Engine) -> list[None]:
    """Grows by one with each commit of *engine*."""
    seen: list[None] = []
    sa.event.listen(engine, "commit", lambda _connection: seen.append(None))
    return seen


def test_many_writes_are_few_commits(engine: Engine) -> None:
    """What is asked for while a transaction runs is written by the next, together."""
    migrate(engine)
    writer, begun, go_on = Writer(engine), threading.Event(), threading.Event()

    def slow(_connection: Connection) -> None:
        begun.set()
        go_on.wait(10)

    first = writer.write(slow)
    begun.wait(10)
    seen = commits(engine)
    others = [
        writer.write(lambda c, n=n: nonces.issue(c, bytes((n,)) * 32, now=0, expires=9))  # type: ignore[misc]
        for n in range(20)
    ]
    go_on.set()
    for future in (first, *others):
        future.result(10)
    writer.close()
    assert len(seen) == 2
    with reading(engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM steward_nonces")) == 20


def test_a_failure_is_its_own(engine: Engine) -> None:
    """A work that raises undoes what it wrote; those beside it are committed."""
    migrate(engine)
    writer, begun, go_on = Writer(engine), threading.Event(), threading.Event()

    def slow(_connection: Connection) -> None:
        begun.set()
        go_on.wait(10)

    def broken(connection: Connection) -> None:
        nonces.issue(connection, b"b" * 32, now=0, expires=9)
        raise KeyError

    first = writer.write(slow)
    begun.wait(10)
    futures = [
        writer.write(lambda c: nonces.issue(c, b"a" * 32, now=0, expires=9)),
        writer.write(broken),
        writer.write(lambda c: nonces.issue(c, b"c" * 32, now=0, expires=9)),
    ]
    go_on.set()
    first.result(10)
    futures[0].result(10)
    futures[2].result(10)
    with pytest.raises(KeyError):
        futures[1].result(10)
    writer.close()
    with reading(engine) as connection:
        found = connection.scalars(sa.text("SELECT nonce FROM steward_nonces")).all()
    assert sorted(bytes(nonce) for nonce in found) == [b"a" * 32, b"c" * 32]


def test_closing_finishes_what_was_asked_for(engine: Engine) -> None:
    """Nothing that was asked for before is lost by an orderly end."""
    migrate(engine)
    writer = Writer(engine)
    futures = [
        writer.write(lambda c, n=n: nonces.issue(c, n.to_bytes(32, "big"), now=0, expires=9))  # type: ignore[misc]
        for n in range(200)
    ]
    writer.close()
    assert all(future.done() for future in futures)
    with reading(engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM steward_nonces")) == 200
