"""Secrets go to judged keeps only, sealed, and never more often than their rules say."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, Engine
from tests.fuzz import seeds

from enarx import attestation
from enarx.appraisal.baseline import baseline
from enarx.errors import (
    MalformedError,
    MisconfiguredError,
    RejectedError,
    UnauthenticError,
    UnavailableError,
)
from enarx.protocol.claims import SecretsClaims, parse_secrets, report_data
from enarx.seal.receipt import Receipt
from enarx.seal.suite import KEMS, OneTimeKey
from enarx.steward.broker import ledger, vault
from enarx.steward.broker.ledger import Release
from enarx.steward.broker.release import PROFILE, Broker, Judged
from enarx.steward.broker.tables import releases, secrets
from enarx.steward.broker.vault import Rules, Vault
from enarx.steward.records import nonces
from enarx.steward.records.database import open_engine, reading, retrying
from enarx.steward.records.migrations import migrate
from enarx.tee.simulated.snp import SnpGuest
from enarx.web.problem import Problem
from enarx.wire.text import to_base64url

NOW = 1_800_000_000
KEY = bytes(range(32))
WORKLOAD = "sha256:" + "cd" * 32
CANARY = b"canary-9f3b1c-value"


def evidence_for(claims: bytes) -> bytes:
    """A report of a simulated processor that is bound to *claims*."""
    guest = SnpGuest(measurement=bytes(48))
    return seeds.snp_machine().report(guest, report_data=report_data(claims))


def judge(evidence: bytes, claims: bytes) -> Judged:
    """Authenticate and appraise, as a Steward does."""
    now = seeds.NOW + timedelta(seconds=1)
    authentic = attestation.authenticate(
        attestation.parse(evidence), seeds.endorsements(), anchors=seeds.root().anchors(), now=now
    )
    attestation.appraise(
        authentic, baseline(accept_simulated=True), now=now, accept_simulated=True,
        report_data=report_data(claims),
    )  # fmt: skip
    workload = parse_secrets(claims).workload_digest
    return Judged(accepted=True, workload_digest=workload, decision="d1")


def accept(_evidence: bytes, claims: bytes) -> Judged:
    """What a judge says of good evidence, for tests of what comes after it."""
    workload = parse_secrets(claims).workload_digest
    return Judged(accepted=True, workload_digest=workload, decision="d1")


def broker(judged_by: Callable[[bytes, bytes], Judged] = judge) -> Broker:
    """One that lets one workload have two secrets."""
    policy = {WORKLOAD: ("db", "other")}
    return Broker(
        Vault(KEY), judge=judged_by, allowed=lambda w: policy.get(w, ()), log=lambda *_: 7
    )


class Keep:
    """A keep that asks once, with keys of its own."""

    def __init__(
        self, nonce: bytes, names: tuple[str, ...] = ("db",), workload: str = WORKLOAD
    ) -> None:
        self.key, self.signer = OneTimeKey(KEMS[0]), ec.generate_private_key(ec.SECP256R1())
        public = self.signer.public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        suites = {self.key.kem: self.key.public}
        self.claims = SecretsClaims(
            nonce, suites, spki, workload_digest=workload, names=names
        ).encode()

    def ask(self, engine: Engine, at: Broker, now: int = NOW) -> Release:
        """Ask *at* for the secrets."""
        request = at.check(self.claims, evidence_for(self.claims))
        return retrying(engine, lambda connection: at.release(connection, request, now))

    def receipt(self, release: Release) -> bytes:
        """The signed receipt for *release*."""
        return Receipt(
            workload_digest=WORKLOAD, claims_sha256=hashlib.sha256(self.claims).digest(),
            envelope_sha256=hashlib.sha256(release.sealed).digest(), time=NOW,
        ).sign(self.signer)  # fmt: skip


def prepare(engine: Engine, rules: Rules, *, challenges: int = 40) -> None:
    """Make tables, one secret, and nonces 0, 1, 2 and so on."""
    migrate(engine)

    def work(connection: Connection) -> None:
        Vault(KEY).put(connection, "db", CANARY, rules=rules, now=NOW)
        for number in range(challenges):
            nonces.issue(connection, nonce(number), now=NOW, expires=NOW + 600)

    retrying(engine, work)


def nonce(number: int) -> bytes:
    """One of the nonces that were issued."""
    return number.to_bytes(32, "big")


def counts(engine: Engine) -> tuple[int, int]:
    """Uses counted, and releases on record."""
    with reading(engine) as connection:
        used = connection.scalar(sa.select(sa.func.sum(secrets.c.used)))
        made = connection.scalar(sa.select(sa.func.count()).select_from(releases))
    return used or 0, made or 0


def test_a_secret_reaches_the_key_that_was_judged(engine: Engine) -> None:
    """Released, opened, confirmed; the same request again gets the same, and counts no more."""
    prepare(engine, Rules(uses=1))
    keep, at = Keep(nonce(0)), broker()
    found = keep.ask(engine, at)
    assert keep.ask(engine, at, now=NOW + 5) == found
    assert counts(engine) == (1, 1)
    opened = keep.key.open(found.sealed, hashlib.sha256(keep.claims).digest())
    want = f'{{"profile":"{PROFILE}","secrets":{{"db":"{to_base64url(CANARY)}"}}}}'
    assert opened.decode() == want
    receipt = keep.receipt(found)
    retrying(engine, lambda c: ledger.receive(c, found.id, receipt, NOW + 1))
    retrying(engine, lambda c: ledger.receive(c, found.id, receipt, NOW + 2))
    with reading(engine) as connection:
        ((version, entry),) = ledger.of_secret(connection, "db")
    assert (version, entry.received, entry.decision, entry.log_index) == (1, NOW + 1, "d1", 7)


def test_receipts_of_others_are_refused(engine: Engine) -> None:
    """Attack: another key signs, or the release is none."""
    prepare(engine, Rules())
    keep = Keep(nonce(0))
    found = keep.ask(engine, broker())
    with pytest.raises(UnauthenticError, match="signature"):
        retrying(engine, lambda c: ledger.receive(c, found.id, Keep(b"").receipt(found), NOW))
    with pytest.raises(Problem, match="not-found"):
        retrying(engine, lambda c: ledger.receive(c, "00", b"", NOW))


def test_threads_never_get_more_than_the_rules_say(engine: Engine) -> None:
    """Sixteen at once ask for what three may have."""
    prepare(engine, Rules(uses=3))
    at = broker(accept)

    def ask(number: int) -> str:
        try:
            return Keep(nonce(number)).ask(engine, at).id
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(32)))
    assert found.count("already-used") == 29
    assert counts(engine) == (3, 3)


PROGRAM = """
import sys
from enarx.steward.records.database import open_engine
from enarx.web.problem import Problem
from tests.steward.broker.test_release import Keep, accept, broker, nonce
engine, first = open_engine(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + 10):
    try:
        print(Keep(nonce(number)).ask(engine, broker(accept)).id, flush=True)
    except Problem:
        pass
"""


def test_processes_never_get_more_than_the_rules_say(engine: Engine, database_url: str) -> None:
    """Two instances on one database, of which one is killed after its first release."""
    prepare(engine, Rules(uses=5))
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join((root, os.environ.get("PYTHONPATH", "")))
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, database_url, first],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, cwd=root,
        )
        for first in ("0", "10")
    ]  # fmt: skip
    assert runs[0].stdout is not None
    seen = [runs[0].stdout.readline()]
    runs[0].send_signal(signal.SIGKILL)
    for run in runs:
        seen += run.communicate()[0].splitlines()
    for number in range(20, 30):
        try:
            Keep(nonce(number)).ask(engine, broker(accept))
        except Problem:
            continue
    assert len([line for line in seen if line.strip()]) <= 5
    assert counts(engine) == (5, 5)


@pytest.mark.parametrize(
    ("rules", "now"), [(Rules(not_before=NOW + 9), NOW), (Rules(not_after=NOW), NOW)]
)
def test_outside_of_its_time_nothing_is_released(engine: Engine, rules: Rules, now: int) -> None:
    """Before and after; a refusal leaves no trace, so that the nonce can still be used."""
    prepare(engine, rules)
    with pytest.raises(Problem, match="forbidden"):
        Keep(nonce(0)).ask(engine, broker(accept), now)
    assert counts(engine) == (0, 0)


def test_nonce_and_key_are_used_once(engine: Engine) -> None:
    """Attack: a replay with another key, and a one-time key in a second request."""
    prepare(engine, Rules())
    first, second = Keep(nonce(0)), Keep(nonce(0))
    first.ask(engine, broker(accept))
    with pytest.raises(Problem, match="already-used"):
        second.ask(engine, broker(accept))
    old = parse_secrets(first.claims)
    second.claims = SecretsClaims(
        nonce(1), old.suites, old.spki, workload_digest=WORKLOAD, names=("db",)
    ).encode()
    with pytest.raises(Problem, match="already-used"):
        second.ask(engine, broker(accept))
    assert counts(engine) == (1, 1)


def test_who_may_not_have_a_secret_gets_none() -> None:
    """Another workload, another secret, tampered claims, evidence that was refused."""
    keep, at = Keep(nonce(0)), broker()
    other = Keep(nonce(0), names=("db", "root"))
    with pytest.raises(Problem, match="forbidden"):
        at.check(other.claims, evidence_for(other.claims))
    stranger = Keep(nonce(0), workload="sha256:" + "00" * 32)
    with pytest.raises(Problem, match="forbidden"):
        at.check(stranger.claims, evidence_for(stranger.claims))
    with pytest.raises(RejectedError, match="report_data"):
        at.check(keep.claims, evidence_for(stranger.claims))
    no = Judged(accepted=False, workload_digest=WORKLOAD, decision="d")
    with pytest.raises(Problem, match="forbidden"):
        broker(lambda *_: no).check(keep.claims, b"")
    lie = Judged(accepted=True, workload_digest="sha256:" + "11" * 32, decision="d")
    with pytest.raises(Problem, match="forbidden"):
        broker(lambda *_: lie).check(keep.claims, b"")
    old = parse_secrets(keep.claims)
    unknown = SecretsClaims(
        nonce(0), {"none": b"k"}, old.spki, workload_digest=WORKLOAD, names=("db",)
    ).encode()
    with pytest.raises(Problem, match="malformed"):
        broker(accept).check(unknown, b"")


def test_several_secrets_are_released_together_or_not_at_all(engine: Engine) -> None:
    """The second is not there: the first is not counted."""
    prepare(engine, Rules(uses=1))
    keep = Keep(nonce(0), names=("db", "other"))
    with pytest.raises(Problem, match="not-found"):
        keep.ask(engine, broker(accept))
    assert counts(engine) == (0, 0)


def test_values_are_nowhere_in_the_database(tmp_path: Path) -> None:
    """Neither before a release nor after it, in the database's files or in what is logged."""
    engine = open_engine(f"sqlite:///{tmp_path}/s.sqlite")
    prepare(engine, Rules())
    found = Keep(nonce(0)).ask(engine, broker(accept))
    engine.dispose()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"steward_broker_secrets" in files
    for shown in (files, repr(found).encode(), found.sealed):
        assert CANARY not in shown
        assert to_base64url(CANARY).encode() not in shown


def test_versions_and_removal(engine: Engine) -> None:
    """A new version replaces the one before, counts anew; a removed one is gone, its number too."""
    prepare(engine, Rules(uses=1))

    def work(connection: Connection) -> list[int]:
        first = Vault(KEY).put(connection, "db", b"2", rules=Rules(), now=NOW)
        assert [(e.name, e.version, e.used) for e in vault.entries(connection)] == [("db", 2, 0)]
        assert vault.remove(connection, "db", NOW)
        assert not vault.remove(connection, "db", NOW)
        assert not vault.entries(connection)
        return [first, Vault(KEY).put(connection, "db", b"3", rules=Rules(), now=NOW)]

    assert retrying(engine, work) == [2, 3]
    with reading(engine) as connection:
        row = vault.current(connection, "db")
    assert row is not None
    assert Vault(KEY).open("db", 3, row.sealed) == b"3"
    for key, name, version in ((bytes(32), "db", 3), (KEY, "dc", 3), (KEY, "db", 2)):
        with pytest.raises(UnavailableError, match="cannot be opened"):
            Vault(key).open(name, version, row.sealed)


def test_what_no_secret_is(engine: Engine) -> None:
    """Names, sizes, rules and keys that are refused."""
    migrate(engine)
    for name, value in (("", b""), ("A", b""), ("a/b", b""), ("a" * 129, b""), ("a", b"0" * 65537)):
        with pytest.raises(MalformedError):
            retrying(engine, lambda c, n=name, v=value: put(c, n, v))
    with pytest.raises(MalformedError, match="uses"):
        Rules(uses=0)
    with pytest.raises(MalformedError, match="not_after"):
        Rules(not_before=5, not_after=5)
    with pytest.raises(MisconfiguredError, match="want 32"):
        Vault(b"short")


def put(connection: Connection, name: str, value: bytes) -> int:
    """Put a secret without rules."""
    return Vault(KEY).put(connection, name, value, rules=Rules(), now=NOW)
