"""The numbers that an operator sees, on both databases."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Engine

from enarx.steward.records.database import reading, writing
from enarx.steward.records.migrations import migrate
from enarx.steward.records.status import Counts, count
from enarx.steward.records.tables import certificates, decisions, denials

NOW = 1_800_000_000


def test_each_row_counts_once(engine: Engine) -> None:
    """A certificate is live, revoked or over; what is lifted is not denied."""
    migrate(engine)
    with writing(engine) as connection:
        for number in range(5):
            connection.execute(
                sa.insert(decisions).values(
                    id=str(number), time=NOW, purpose="test", policy=1, accepted=number < 4,
                    platform="snp", workload="", instance="", salt=b"", payload=b"", verdict=b"",
                    token_sha256=b"", log_index=number,
                )
            )  # fmt: skip
        for serial, end, revoked in (("a", 1, None), ("b", 0, None), ("c", -1, None), ("d", 1, 0)):
            connection.execute(
                sa.insert(certificates).values(
                    serial=serial, decision="0", key="", workload="", instance="",
                    not_before=NOW - 9, not_after=NOW + end, revoked=revoked, reason="",
                )
            )  # fmt: skip
        for lifted in (None, NOW):
            connection.execute(
                sa.insert(denials).values(
                    kind="key", value="", reason="", by="", time=NOW, lifted=lifted
                )
            )
    with reading(engine) as connection:
        found = count(connection, NOW)
    assert found == Counts(live=2, revoked=1, issued=4, accepted=4, refused=1, denied=1)


def test_nothing_is_nothing(engine: Engine) -> None:
    """A new database has zeros."""
    migrate(engine)
    with reading(engine) as connection:
        found = count(connection, NOW)
    assert found == Counts(live=0, revoked=0, issued=0, accepted=0, refused=0, denied=0)
