"""The life of keeps as their owner sees it, across the deaths of the host's processes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.host.api.conftest import NewHost
from tests.host.api.hosts import NONCE, Host, sealed, until

from enarx.host.records import ledger
from enarx.seal import receipt
from enarx.seal.envelope import digest as digest_of

pytestmark = pytest.mark.slow  # each starts processes

STORM = 25
"""Kills of one part; each takes about half a second."""

PARTS = range(int(os.environ.get("ENARX_STORM_PARTS", "2")))
"""40 for a thousand kills."""

STUCK = """SELECT count(*) FROM keeps WHERE ended IS NULL AND (state = 'provisioned'
    OR state = 'offering' AND id IN (SELECT keep FROM consumed))"""
"""Keeps that an envelope was consumed for, and that neither run nor have ended."""


def refusals(host: Host) -> list[str]:
    """Why envelopes were refused."""
    connection = sqlite3.connect(host.directory / "host.sqlite")
    try:
        return [why for *_, why in ledger.refusals(connection)]
    finally:
        connection.close()


def test_an_application_runs_and_leaves_a_receipt(host: Host, short: bytes) -> None:
    """Create, seal, hand in: it exits, and the receipt can be had again."""
    keep, made = host.create()
    envelope = sealed(made, short)
    answer = host.provision(keep, envelope)
    assert answer.status_code == 200, answer.text
    until(lambda: host.keep(keep)["state"] == "exited")
    with host.client() as client:
        assert client.get(f"/v1/keeps/{keep}/receipt").content == answer.content
    digest = str(host.keep(keep)["workload_digest"])
    receipt.verify(
        answer.content,
        made.content.channel_spki,
        workload_digest=digest,
        claims_sha256=made.sha256,
        envelope_sha256=digest_of(envelope),
    )


def test_a_replayed_envelope_is_refused_and_recorded(host: Host, short: bytes) -> None:
    """The same envelope again, to the same keep and to another, is refused by the ledger."""
    keep, made = host.create()
    other, _ = host.create()
    envelope = sealed(made, short)
    assert host.provision(keep, envelope).status_code == 200
    before = len(refusals(host))
    for target in (keep, other):
        again = host.provision(target, envelope)
        assert again.status_code == 409
        assert again.json()["code"] == "already-used"
    assert refusals(host)[before:] == ["envelope-used", "envelope-used"]
    assert host.keep(other)["state"] == "offering"


def test_a_replay_to_an_ended_keep_is_recorded_too(host: Host, short: bytes) -> None:
    """That the keep is gone does not hide the attempt."""
    keep, made = host.create()
    envelope = sealed(made, short)
    assert host.provision(keep, envelope).status_code == 200
    os.kill(host.keeper_pid, signal.SIGKILL)
    until(lambda: host.keep(keep)["ended"] is not None)
    before = len(refusals(host))
    assert host.provision(keep, envelope).json()["code"] == "already-used"
    assert refusals(host)[before:] == ["envelope-used"]


def test_a_second_envelope_for_a_used_key_is_refused(host: Host, short: bytes) -> None:
    """Another envelope to a keep that had one never reaches it."""
    keep, made = host.create()
    assert host.provision(keep, sealed(made, short)).status_code == 200
    second = host.provision(keep, sealed(made, short))
    assert (second.status_code, second.json()["code"]) == (409, "already-used")


def test_an_envelope_for_an_older_offer_does_not_burn_the_keep(host: Host, short: bytes) -> None:
    """Only the newest offer can be used; a superseded one is refused before the keep sees it."""
    keep, made = host.create()
    with host.client() as client:
        nonce = NONCE[:-1] + ("A" if NONCE[-1] != "A" else "E")
        assert client.post(f"/v1/keeps/{keep}/offer", json={"nonce": nonce}).status_code == 200
    refused = host.provision(keep, sealed(made, short))
    assert (refused.status_code, refused.json()["code"]) == (409, "out-of-order")
    assert host.keep(keep)["state"] == "offering"


def test_keeps_outlive_the_api(new_host: NewHost, endless: bytes) -> None:
    """After kill -9 of the API the next one finds the keep running, and refuses a replay."""
    host = new_host()
    keep, made = host.create()
    envelope = sealed(made, endless)
    assert host.provision(keep, envelope).status_code == 200
    until(lambda: host.keep(keep)["state"] == "running")
    keeper = host.keeper_pid
    host.kill_api()
    host.start()
    assert host.keeper_pid == keeper
    assert host.keep(keep)["state"] == "running"
    assert host.provision(keep, envelope).json()["code"] == "already-used"
    with host.client() as client:
        assert client.delete(f"/v1/keeps/{keep}").status_code == 204
        assert client.get(f"/v1/keeps/{keep}").status_code == 404


def test_what_ends_while_the_api_is_away_is_recorded(new_host: NewHost, endless: bytes) -> None:
    """A keep that dies without an API is found dead by the next one; its receipt is kept."""
    host = new_host()
    keep, made = host.create()
    answer = host.provision(keep, sealed(made, endless))
    host.kill_api()
    host.kill_keeper()
    host.start()
    until(lambda: host.keep(keep)["ended"] is not None)
    assert host.keep(keep)["reason"] == "lost"
    with host.client() as client:
        assert client.get(f"/v1/keeps/{keep}/receipt").content == answer.content


def test_a_keepers_death_is_told_and_healed(new_host: NewHost, short: bytes) -> None:
    """After kill -9 of the keeper its keeps have failed as lost, and new ones can be made."""
    host = new_host()
    keep, _ = host.create()
    host.kill_keeper()
    until(lambda: host.keep(keep)["state"] == "failed")
    assert host.keep(keep)["reason"] == "lost"
    again, made = host.create()
    assert host.provision(again, sealed(made, short)).status_code == 200


def test_an_envelope_that_got_lost_on_the_way_ends_its_keep(new_host: NewHost) -> None:
    """Consumed in the ledger but never handed over: after the restart the keep is ended."""
    host = new_host()
    keep, made = host.create()
    host.kill_api()
    connection = sqlite3.connect(host.directory / "host.sqlite", isolation_level=None)
    verdict = ledger.consume(
        connection,
        keep,
        tenant="first",
        envelope_sha256=bytes(32),
        claims_sha256=made.sha256,
        now=0.0,
    )
    connection.close()
    assert verdict == "consumed"
    host.start()
    until(lambda: host.keep(keep)["ended"] is not None)
    assert host.keep(keep)["reason"] == "interrupted"


def storm(host: Host, module: bytes, chance: random.Random) -> None:
    """Kill one or the other process at random points of deploys, and look at what is left."""
    spent: list[tuple[str, bytes, bool]] = []
    for _ in range(STORM):
        with suppress(httpx.TransportError, AssertionError):  # cut off: what follows counts
            deploy(host, module, spent, chance)
        host.kill_api()
        if chance.random() < 0.1:
            host.kill_keeper()
        host.start()
    for keep, envelope, arrived in spent:
        codes = [host.provision(keep, envelope).status_code for _ in range(2)]
        assert codes[1] == 409, "an envelope was taken twice"
        assert not (arrived and codes[0] == 200), "an envelope was taken twice"
    connection = sqlite3.connect(host.directory / "host.sqlite")
    until(lambda: not connection.execute(STUCK).fetchone()[0])
    used = connection.execute("SELECT count(*), count(DISTINCT keep) FROM consumed").fetchone()
    connection.close()
    assert used[0] == used[1]
    keep, made = host.create()
    assert host.provision(keep, sealed(made, module)).status_code == 200


def deploy(
    host: Host, module: bytes, spent: list[tuple[str, bytes, bool]], chance: random.Random
) -> None:
    """One deploy, with a process that kills the API while it is under way."""
    pid = host.api_pid
    child = os.fork()
    if child == 0:  # after a moment, whatever is happening then
        time.sleep(chance.random() * chance.choice((0.03, 0.3)))
        os.kill(pid, 9)
        os._exit(0)
    try:
        keep, made = host.create()
        envelope = sealed(made, module)
        spent.append((keep, envelope, False))
        host.provision(keep, envelope)
        spent[-1] = (keep, envelope, True)
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("part", PARTS)
def test_a_storm_loses_nothing(new_host: NewHost, short: bytes, part: int) -> None:
    """Kills at random points: no envelope is used twice, no keep is stuck."""
    storm(new_host(creations=1_000_000, keeps=10_000), short, random.Random(part))  # noqa: S311


def test_state_is_private(host: Host) -> None:
    """Nobody but the user can read records, locks, log or socket."""
    modes = {path.name: path.stat().st_mode & 0o077 for path in Path(host.directory).iterdir()}
    assert host.directory.stat().st_mode & 0o077 == 0
    assert set(modes.values()) == {0}, modes
