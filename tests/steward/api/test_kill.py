"""SIGKILL under load: what a client was given is on record, once, and the log goes on."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from tests.steward.keeps import Keep
from tests.steward.stewards import PATIENCE_S, Serving, start

from enarx.steward.records.database import open_engine
from enarx.steward.records.tables import certificates, decisions
from enarx.transparency import audit, leaf, note, proof
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint
from enarx.transparency.tiles import decode_entries, tiles_between

PKCS10 = {"Content-Type": "application/pkcs10"}
SEED = 20261125
KILLS = 6
CLIENTS = 4
MOST_ANSWERS = 16
"""After which a kill comes at the latest."""

OPTIONS = ("--insecure-accept-simulated", "--workers", "2")


@dataclass
class Clients:
    """Those who ask, over all lives of the Steward.

    Args:
        given: what was answered with a certificate.
        unanswered: requests of which nobody knows what became.
    """

    given: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[bytes] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def load(self, serving: Serving, enough: int, over: Event) -> None:
        """Ask until the Steward is gone; say when *enough* was answered."""
        goal = len(self.given) + enough
        with serving.client() as client:
            while True:
                with self.lock:
                    data = self.unanswered.pop() if self.unanswered else b""
                try:
                    self._ask(client, data or Keep().request(serving.nonce(client)), data)
                except httpx.TransportError:
                    over.set()
                    return
                if len(self.given) >= goal:
                    over.set()

    def _ask(self, client: httpx.Client, data: bytes, before: bytes) -> None:
        try:
            answer = client.post("/v1/certificate", content=data, headers=PKCS10)
        except httpx.TransportError:
            with self.lock:
                self.unanswered.append(data)
            raise
        with self.lock:
            if before:
                self.again.append(answer.status_code)
            if answer.status_code == 201:
                self.given.append(answer.json())
            else:
                assert before, answer.text
                assert (answer.status_code, answer.json()["code"]) == (409, "nonce")


def head_of(serving: Serving, known: Checkpoint | None) -> Checkpoint:
    """The head of the whole log, computed anew, which extends *known*."""
    with serving.client() as client:
        key = note.parse_verifier(client.get("/v1/ca").json()["log_key"])
        head = open_checkpoint(client.get("/log/checkpoint").content, key.name, (key,))
        audit.recompute(head, lambda tile: client.get(f"/log/{tile.path}").content, known)
    return head


def killed(serving: Serving, clients: Clients, dice: random.Random) -> None:
    """Kill it at some moment under load."""
    over = Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        enough = dice.randint(1, MOST_ANSWERS)
        asking = [pool.submit(clients.load, serving, enough, over) for _ in range(CLIENTS)]
        assert over.wait(PATIENCE_S)
        Event().wait(dice.uniform(0, 0.03))  # within a request, not after one
        serving.kill()
        for one in asking:
            one.result()


@dataclass(frozen=True)
class Survivor:
    """A Steward after all kills, what clients hold, and the heads that they saw."""

    serving: Serving
    clients: Clients
    heads: list[Checkpoint]


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    """Killed again and again, and started with what was left."""
    folder = tmp_path_factory.mktemp("killed")
    dice = random.Random(SEED)  # noqa: S311 - no secret: it says when to kill
    clients, heads = Clients(), list[Checkpoint]()
    for _ in range(KILLS):
        serving = start(folder, *OPTIONS)
        heads.append(head_of(serving, heads[-1] if heads else None))
        killed(serving, clients, dice)
    serving = start(folder, *OPTIONS)
    heads.append(head_of(serving, heads[-1]))
    yield Survivor(serving, clients, heads)
    serving.end()


def rows(survivor: Survivor, table: sa.Table) -> list[sa.Row[Any]]:
    """All of a table of the records."""
    engine = open_engine(f"sqlite:///{survivor.serving.state}/steward.sqlite")
    with closing(engine.connect()) as connection:
        found = list(connection.execute(sa.select(table)))
    engine.dispose()
    return found


@pytest.mark.slow
def test_what_was_given_is_on_record(survivor: Survivor) -> None:
    """Decision and certificate of each; its proof is of a log that today's extends."""
    assert len(survivor.clients.given) > KILLS
    decided = {row.id: row for row in rows(survivor, decisions)}
    issued = {row.serial: row for row in rows(survivor, certificates)}
    key = _key(survivor)
    with survivor.serving.client() as client:
        for told in survivor.clients.given:
            row = decided[told["decision"]]
            assert row.accepted
            assert row.payload == told["log"]["payload"].encode()
            serial = x509.load_pem_x509_certificate(told["chain"][0].encode()).serial_number
            assert issued[f"{serial:x}"].decision == row.id
            entry = leaf.Entry(
                kind="decision",
                time=row.time,
                subject=row.id,
                salted_sha256=leaf.salted(row.salt, row.payload),
            ).encode()
            seen = proof.check(entry, told["log"]["proof"].encode(), key.name, (key,))
            audit.must_extend(
                seen, survivor.heads[-1], lambda tile: client.get(f"/log/{tile.path}").content
            )


@pytest.mark.slow
def test_nothing_is_decided_twice(survivor: Survivor) -> None:
    """One decision for a nonce, one entry for a decision, one certificate for what it accepts."""
    decided = rows(survivor, decisions)
    nonces = [json.loads(row.payload)["nonce"] for row in decided]
    assert len(set(nonces)) == len(nonces) >= len(survivor.clients.given)
    assert len({row.log_index for row in decided}) == len(decided)
    issued = [row.decision for row in rows(survivor, certificates)]
    assert sorted(issued) == sorted(row.id for row in decided if row.accepted)
    assert set(survivor.clients.again) <= {201, 409}
    assert survivor.clients.again  # some request was cut off, and sent again


@pytest.mark.slow
def test_every_entry_is_that_of_a_decision(survivor: Survivor) -> None:
    """No entry without its record, no record without its entry: they come in one transaction."""
    size = survivor.heads[-1].size
    entries: dict[str, leaf.Entry] = {}
    with survivor.serving.client() as client:
        for tile in tiles_between(0, size):
            if tile.level < 0:
                bundle = client.get(f"/log/{tile.path}").content
                found = (leaf.parse(one) for one in decode_entries(bundle, tile.width, tile.path))
                entries.update((one.subject, one) for one in found if one.kind == "decision")
    decided = rows(survivor, decisions)
    assert entries.keys() == {row.id for row in decided}
    assert all(entries[row.id].opens(row.salt, row.payload) for row in decided)


@pytest.mark.slow
def test_anybody_can_recompute_the_log(survivor: Survivor) -> None:
    """By the command, which knows the key and the authority only."""
    done = subprocess.run(
        [sys.executable, "-m", "enarx", "log", "verify", f"{survivor.serving.url}/log",
         "--key", str(_key(survivor)), "--ca-file", str(survivor.serving.ca_file)],
        env=survivor.serving.environment, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{survivor.heads[-1].size} entries" in done.stdout + done.stderr


def _key(survivor: Survivor) -> note.Verifier:
    with survivor.serving.client() as client:
        return note.parse_verifier(client.get("/v1/ca").json()["log_key"])


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    """When only the process that was started is killed, those that it forked end by themselves."""
    serving = start(tmp_path, *OPTIONS)
    pid = serving.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 2
    alive = {os.pidfd_open(int(child)) for child in children}
    os.kill(pid, signal.SIGKILL)
    serving.process.wait(PATIENCE_S)
    try:
        for fd in alive:
            assert select.select([fd], [], [], PATIENCE_S)[0], "a worker goes on without its parent"
    finally:
        for fd in alive:
            os.close(fd)
