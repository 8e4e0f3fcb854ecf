"""Keys, releases and packages are in the log once, and whoever has them finds them."""

from __future__ import annotations

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from enarx.steward.log import announcing
from enarx.steward.log.log import Log
from enarx.steward.log.tables import announced
from enarx.steward.parts import import_tables
from enarx.steward.records.database import reading, writing
from enarx.steward.records.migrations import migrate
from enarx.transparency import leaf

DIGEST = "sha256:" + "ab" * 32


def test_a_release_is_in_the_log_once(engine: Engine) -> None:
    """The same one again is the same entry; what was said about it opens the entry."""
    import_tables()
    migrate(engine)
    log = Log(engine, "tests.example/log", Ed25519PrivateKey.generate())
    one = announcing.of_thing("release", "enarx 0.8.0", DIGEST)
    numbers = []
    for salt in (b"1" * 32, b"2" * 32):
        with writing(engine) as connection:
            numbers.append(announcing.announce(connection, one, log.append, now=7, salt=salt))
    assert numbers == [0, 0]
    entry = leaf.parse(log.entry(0))
    assert (entry.kind, entry.time, entry.subject) == ("release", 7, f"enarx 0.8.0 {DIGEST}")
    with reading(engine) as connection:
        row = connection.execute(sa.select(announced)).one()
    assert entry.opens(row.salt, row.payload)
