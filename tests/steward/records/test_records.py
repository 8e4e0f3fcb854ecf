"""Nonces, the deny list, certificates, tokens and kept evidence, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from enarx.errors import MisconfiguredError
from enarx.steward.records import certificates, denials, evidence, nonces, tokens
from enarx.steward.records.certificates import Issued
from enarx.steward.records.database import reading, retrying, writing
from enarx.steward.records.denials import Subject
from enarx.steward.records.evidence import Kept
from enarx.steward.records.migrations import migrate
from enarx.steward.records.tables import decisions
from enarx.tee.endorsements import Endorsements

NONCE = bytes(range(32))
NOW = 1_800_000_000
KEY = "ab" * 32
WORKLOAD = "sha256:" + "cd" * 32


def decide(connection: Connection, decision: str, *, accepted: bool = True) -> None:
    """Record a decision for others to refer to."""
    connection.execute(
        sa.insert(decisions).values(
            id=decision, time=NOW, purpose="test", policy=1, accepted=accepted, platform="snp",
            workload=WORKLOAD, instance="0a", salt=b"", payload=b"", verdict=b"",
            token_sha256=b"", log_index=0,
        )
    )  # fmt: skip


def issue(connection: Connection, serial: str, *, until: int = NOW + 60) -> None:
    """Record a certificate with its decision."""
    decide(connection, f"d{serial}")
    certificates.insert(
        connection,
        Issued(
            serial=serial,
            decision=f"d{serial}",
            key=KEY,
            workload=WORKLOAD,
            instance="0a",
            not_before=NOW,
            not_after=until,
        ),
    )


def test_a_nonce_is_consumed_once(engine: Engine) -> None:
    """The second use is refused, and the answer says that it was used."""
    migrate(engine)
    retrying(engine, lambda c: nonces.issue(c, NONCE, now=NOW, expires=NOW + 60))
    assert retrying(engine, lambda c: nonces.consume(c, NONCE, NOW + 1)) is None
    again = retrying(engine, lambda c: nonces.consume(c, NONCE, NOW + 1))
    assert again is not None
    assert again.got == "one that was used before"


def test_a_nonce_ends(engine: Engine) -> None:
    """At the end of its time a nonce is refused, though nobody used it."""
    migrate(engine)
    retrying(engine, lambda c: nonces.issue(c, NONCE, now=NOW, expires=NOW + 60))
    late = retrying(engine, lambda c: nonces.consume(c, NONCE, NOW + 60))
    assert late is not None
    assert late.got == "one that has expired"
    assert retrying(engine, lambda c: nonces.consume(c, NONCE, NOW + 59)) is None


def test_a_nonce_of_nobody_is_refused(engine: Engine) -> None:
    """What was never issued cannot be consumed."""
    migrate(engine)
    failure = retrying(engine, lambda c: nonces.consume(c, NONCE, NOW))
    assert failure is not None
    assert failure.got.startswith("one that was never issued")


def test_old_nonces_are_forgotten(engine: Engine) -> None:
    """The table does not grow without end; a used nonce that is forgotten stays useless."""
    migrate(engine)
    retrying(engine, lambda c: nonces.issue(c, NONCE, now=NOW, expires=NOW + 60))
    retrying(engine, lambda c: nonces.consume(c, NONCE, NOW))
    later = NOW + 61 + nonces.FORGET_AFTER_S
    retrying(engine, lambda c: nonces.issue(c, bytes(32), now=later, expires=later + 60))
    with reading(engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM steward_nonces")) == 1
    assert retrying(engine, lambda c: nonces.consume(c, NONCE, later)) is not None


def test_one_of_many_consumes(engine: Engine) -> None:
    """Of many who present the same nonce at once, one gets through."""
    migrate(engine)
    retrying(engine, lambda c: nonces.issue(c, NONCE, now=NOW, expires=NOW + 60))
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(
                lambda _: retrying(engine, lambda c: nonces.consume(c, NONCE, NOW)), range(16)
            )
        )
    assert sum(failure is None for failure in found) == 1


@pytest.mark.parametrize(
    ("kind", "value", "subject"),
    [
        ("workload", WORKLOAD.upper(), Subject(chip="", key="", workload=WORKLOAD)),
        ("chip", "0A:0b", Subject(chip="0a0b", key="", workload="")),
        ("key", KEY, Subject(chip="", key=KEY, workload="")),
    ],
)
def test_what_is_denied_is_found(
    engine: Engine, kind: denials.Kind, value: str, subject: Subject
) -> None:
    """An entry counts for its kind, however it is spelled, until it is lifted."""
    migrate(engine)
    with writing(engine) as connection:
        denials.deny(connection, kind, value, reason="stolen", by="ann", now=NOW)
        ((failure,),) = denials.failures(connection, [subject])
        assert (failure.claim, failure.got) == (kind, "denied: stolen")
        other = Subject(chip="ff", key="ff", workload="ff")
        assert denials.failures(connection, [other]) == ((),)
        (entry,) = denials.every(connection)
        assert denials.lift(connection, entry.number, NOW)
        assert not denials.lift(connection, entry.number, NOW)
        assert denials.failures(connection, [subject]) == ((),)


def test_a_value_counts_for_its_kind_only(engine: Engine) -> None:
    """A key's digest on the list does not deny a chip of the same digits."""
    migrate(engine)
    with writing(engine) as connection:
        denials.deny(connection, "key", KEY, reason="", by="ann", now=NOW)
        assert denials.failures(connection, [Subject(chip=KEY, key="", workload="")]) == ((),)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("certificate", "0a"), ("chip", "0a"), ("key", KEY), ("workload", WORKLOAD)],
)
def test_denying_revokes_what_was_issued(engine: Engine, kind: denials.Kind, value: str) -> None:
    """Certificates of a denied thing are on the list of revoked ones; expired ones need not be."""
    migrate(engine)
    with writing(engine) as connection:
        issue(connection, "a")
        issue(connection, "b", until=NOW - 1)
        assert denials.deny(connection, kind, value, reason="", by="ann", now=NOW) == ("a",)
        (found,) = certificates.revoked(connection, NOW)
    assert (found.serial, found.at) == (10, datetime.fromtimestamp(NOW, UTC))


def test_a_revoked_certificate_leaves_the_list_at_its_end(engine: Engine) -> None:
    """A list has what would be valid otherwise, and nothing else (RFC 5280, section 3.3)."""
    migrate(engine)
    with writing(engine) as connection:
        issue(connection, "a")
        assert certificates.revoke(connection, "a", reason="asked", now=NOW)
        assert not certificates.revoke(connection, "a", reason="asked", now=NOW)
        assert not certificates.revoke(connection, "f", reason="asked", now=NOW)
        assert len(certificates.revoked(connection, NOW + 60)) == 1
        assert certificates.revoked(connection, NOW + 61) == ()


@pytest.mark.parametrize(
    ("kind", "value"), [("key", "ab"), ("workload", "sha256:xy"), ("chip", ""), ("chip", "zz")]
)
def test_a_value_of_another_shape_is_refused(kind: denials.Kind, value: str) -> None:
    """A typing mistake is told when the entry is made, not when it fails to count."""
    with pytest.raises(MisconfiguredError, match=f"deny: {kind}: got"):
        denials.check_value(kind, value)


def test_a_token_is_known_by_its_secret(engine: Engine) -> None:
    """Only the whole token names its operator, until it ends or is revoked."""
    migrate(engine)
    with writing(engine) as connection:
        token = tokens.create(connection, "ann", entropy=bytes(38), now=NOW, expires=NOW + 60)
        assert tokens.name_of(connection, token, NOW) == "ann"
        assert tokens.name_of(connection, token[:-1] + "B", NOW) is None
        assert tokens.name_of(connection, "ens_ffffffffffff_x", NOW) is None
        assert tokens.name_of(connection, "", NOW) is None
        assert tokens.name_of(connection, token, NOW + 60) is None
        (record,) = tokens.every(connection)
        assert tokens.revoke(connection, record.id, NOW)
        assert not tokens.revoke(connection, record.id, NOW)
        assert tokens.name_of(connection, token, NOW) is None


@pytest.mark.parametrize("name", ["", "Ann", "a" * 65, "a b"])
def test_a_token_of_no_usable_name_is_refused(engine: Engine, name: str) -> None:
    """Names of operators are lower case and short: they stand in every audit event."""
    migrate(engine)
    with writing(engine) as connection, pytest.raises(MisconfiguredError, match="--name"):
        tokens.create(connection, name, entropy=bytes(38), now=NOW)


def kept(decision: str, time: int, certificate: bytes) -> Kept:
    """Evidence of a decision, with two endorsements."""
    bag = Endorsements(certificates=(b"common", certificate), crls=(b"list",))
    return Kept(
        decision=decision, time=time, technology="snp", evidence=b"evidence", endorsements=bag,
        accepted=True,
    )  # fmt: skip


def test_evidence_comes_back_as_it_was(engine: Engine) -> None:
    """Evidence and its endorsements are the same bytes, in the same order, newest first."""
    migrate(engine)
    one, two = kept("one", NOW, b"1"), kept("two", NOW + 1, b"2")
    with writing(engine) as connection:
        for item in (one, two):
            decide(connection, item.decision)
            evidence.keep(connection, item)
        assert evidence.last(connection, 10) == (two, one)
        assert evidence.last(connection, 1) == (two,)
        count = connection.scalar(sa.text("SELECT count(*) FROM steward_endorsements"))
    assert count == 4


def test_old_evidence_is_forgotten(engine: Engine) -> None:
    """Only the last are kept, with the endorsements that they need."""
    migrate(engine)
    items = [kept(f"d{number}", NOW + number, bytes((number,))) for number in range(5)]
    with writing(engine) as connection:
        for item in items:
            decide(connection, item.decision)
            evidence.keep(connection, item)
        evidence.forget(connection, 5)
        assert len(evidence.last(connection, 10)) == 5
        evidence.forget(connection, 2)
        assert evidence.last(connection, 10) == (items[4], items[3])
        count = connection.scalar(sa.text("SELECT count(*) FROM steward_endorsements"))
    assert count == 4
