"""Two Stewards over one PostgreSQL: one memory of nonces, denials, policies and decisions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from tests.steward.keeps import Keep
from tests.steward.stewards import Serving, start

from enarx.transparency import audit, note
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint
from enarx.transparency.proof import parse as parse_proof

PKCS10 = {"Content-Type": "application/pkcs10"}
DENIED = "sha256:" + "de" * 32


@dataclass(frozen=True)
class Pair:
    """Two Stewards with one authority and one database."""

    both: tuple[Serving, Serving]
    url_file: Path

    def command(self, *arguments: str) -> str:
        """What ``enarx steward`` prints about their database."""
        return self.both[0].command(*arguments, "--database-url-file", str(self.url_file)).stdout


@pytest.fixture(scope="module")
def pair(
    new_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """At work; each has its own copy of the state directory, as two machines would."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    url_file = folders[0] / "database-url"
    url_file.touch(mode=0o600)
    url_file.write_text(new_postgres())
    options = (
        "--insecure-accept-simulated", "--workers", "1", "--database-url-file", str(url_file),
    )  # fmt: skip
    one = start(folders[0], *options)
    shutil.copytree(one.state, folders[1] / "steward")
    two = start(folders[1], *options)
    yield Pair((one, two), url_file)
    for serving in (one, two):
        serving.end()


@pytest.fixture
def clients(pair: Pair) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client of each; one root is enough for both."""
    with pair.both[0].client() as one, pair.both[1].client() as two:
        yield one, two


def certify(client: httpx.Client, data: bytes) -> httpx.Response:
    """Ask for a certificate."""
    return client.post("/v1/certificate", content=data, headers=PKCS10)


def outcome(answer: httpx.Response) -> str:
    """Its serial number's place in the log, or what it is refused for."""
    told = answer.json()
    if answer.status_code == 201:
        return "certified"
    return str(told["failures"][0]["claim"] if told.get("failures") else told["code"])


def head_of(client: httpx.Client, known: Checkpoint | None = None) -> Checkpoint:
    """The head of the log that *client* sees, once every hash in it was computed anew."""
    key = note.parse_verifier(client.get("/v1/ca").json()["log_key"])
    head = open_checkpoint(client.get("/log/checkpoint").content, key.name, (key,))
    audit.recompute(head, lambda tile: client.get(f"/log/{tile.path}").content, known)
    return head


@pytest.mark.slow
def test_a_nonce_is_consumed_once(pair: Pair, clients: tuple[httpx.Client, httpx.Client]) -> None:
    """Attack: one nonce at both at once, of many clients; whichever gave it."""
    for giver in (0, 1):
        nonce = pair.both[giver].nonce(clients[giver])
        requests = [Keep().request(nonce) for _ in range(8)]
        together = Barrier(len(requests))

        def ask(number: int, requests: list[bytes] = requests, all_: Barrier = together) -> str:
            with pair.both[number % 2].client() as client:
                client.get("/v1/health")
                all_.wait()
                return outcome(certify(client, requests[number]))

        with ThreadPoolExecutor(len(requests)) as pool:
            found = sorted(pool.map(ask, range(len(requests))))
        assert found == ["certified"] + ["nonce"] * 7


@pytest.mark.slow
def test_decisions_of_both_are_in_one_log(
    pair: Pair, clients: tuple[httpx.Client, httpx.Client]
) -> None:
    """Every number is given once, and each of the two shows the decisions of both."""
    before = head_of(clients[0])

    def ask(number: int) -> tuple[int, str, str]:
        with pair.both[number % 2].client() as client:
            told = certify(client, Keep().request(pair.both[number % 2].nonce(client))).json()
        index = parse_proof(told["log"]["proof"].encode()).index
        return index, told["decision"], told["token"]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(24)))
    indexes = [index for index, _, _ in found]
    assert sorted(indexes) == list(range(before.size, before.size + 24))
    after = [head_of(client, before) for client in clients]
    assert after[0] == after[1]
    assert after[0].size == before.size + 24
    for number, (index, decision, token) in enumerate(found):
        shown = clients[(number + 1) % 2].get(  # the one that did not decide
            f"/v1/decisions/{decision}", headers={"Authorization": f"Bearer {token}"}
        )
        assert shown.status_code == 200
        assert parse_proof(shown.json()["log"]["proof"].encode()).index == index


@pytest.mark.slow
def test_a_denial_counts_at_both(pair: Pair, clients: tuple[httpx.Client, httpx.Client]) -> None:
    """From the next request on at the one that was not told; and so does its end."""
    one, two = clients
    token = pair.command("token", "create", "--name", "tests").strip()
    operator = {"Authorization": f"Bearer {token}"}
    keep = Keep(workload=DENIED)
    assert outcome(certify(two, keep.request(pair.both[1].nonce(two)))) == "certified"
    waiting = keep.request(pair.both[1].nonce(two))
    body = {"kind": "workload", "value": DENIED, "reason": "leaked"}
    denied = one.post("/v1/denials", json=body, headers=operator)
    assert len(denied.json()["revoked"]) == 1
    assert outcome(certify(two, waiting)) == "workload"
    number = two.get("/v1/denials", headers=operator).json()["denials"][0]["number"]
    assert two.delete(f"/v1/denials/{number}", headers=operator).status_code == 204
    assert outcome(certify(one, keep.request(pair.both[0].nonce(one)))) == "certified"


@pytest.mark.slow
def test_a_policy_counts_at_both(
    pair: Pair, clients: tuple[httpx.Client, httpx.Client], tmp_path: Path
) -> None:
    """What was accepted by both is refused by both from the next request on, and the reverse."""
    accepting = pair.command("policy", "show")
    changed = accepting.replace('simulated = "allowed"', 'simulated = "forbidden"')
    assert changed != accepting

    def outcomes() -> list[str]:
        return [
            outcome(certify(client, Keep().request(serving.nonce(client))))
            for serving, client in zip(pair.both, clients, strict=True)
        ]

    assert outcomes() == ["certified", "certified"]
    file = tmp_path / "policy.toml"
    for text, want in ((changed, "simulated"), (accepting, "certified")):
        file.write_text(text)
        pair.command("policy", "propose", str(file))
        assert outcomes() == [want, want]
