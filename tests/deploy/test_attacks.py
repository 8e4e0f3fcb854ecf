"""A hostile host between an owner and a real host agent: every attack is refused, and by whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from enarx.protocol.claims import OfferClaims
from enarx.seal import offer
from enarx.seal.suite import HYBRID, OneTimeKey
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from tests.deploy.conftest import Attacker, Owner

pytestmark = pytest.mark.slow


def created(change: Callable[[offer.Offer], offer.Offer]) -> Callable[[str, str, bytes], bytes]:
    """Another offer in the answer to the creation of a keep."""

    def answer(method: str, path: str, body: bytes) -> bytes:
        if (method, path) != ("POST", "/v1/keeps"):
            return body
        keep = json.loads(body)
        made = change(offer.parse(base64url(keep["offer"], "offer")))
        return json.dumps({**keep, "offer": to_base64url(made.encode())}).encode()

    return answer


def refused(owner: Owner, attacker: Attacker, problem: bytes, *, status: int = 1) -> None:
    """The deploy fails for this reason, and no envelope was sent."""
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert (done.returncode, done.stdout) == (status, b""), done.stderr
    assert problem in done.stderr
    assert not [path for _, path in attacker.asked if path.endswith("/envelope")]
    assert ("DELETE",) in {(method,) for method, _ in attacker.asked}


def test_an_honest_relay_learns_nothing(owner: Owner, attacker: Attacker) -> None:
    """The canary: neither code nor output nor input is in what passes the host's hands."""
    canary = b"canary-91e7-what-the-owner-says"
    done = owner.deploy("echo.wasm", stdin=canary * 10, host=attacker.url)
    assert (done.returncode, done.stdout) == (0, canary * 10)
    carried = b"".join(attacker.seen)
    assert len(carried) > 10_000
    module = (owner.folder / "echo.wasm").read_bytes()
    assert canary not in carried
    assert module[40:80] not in carried


def test_a_replayed_offer_is_refused(owner: Owner, attacker: Attacker) -> None:
    """Attack: an old offer with the evidence that belongs to it."""
    old: list[offer.Offer] = []

    def keep_the_first(made: offer.Offer) -> offer.Offer:
        old.append(made)
        return old[0]

    attacker.answer = created(keep_the_first)
    assert owner.deploy("hello.wasm", host=attacker.url).returncode == 7
    attacker.asked.clear()
    refused(owner, attacker, b"nonce")


def test_keys_of_the_hosts_own_are_refused(owner: Owner, attacker: Attacker) -> None:
    """Attack: genuine evidence beside one-time and channel keys that the host has made."""

    def with_own_keys(made: offer.Offer) -> offer.Offer:
        own = OneTimeKey(HYBRID)
        claims = OfferClaims(made.content.nonce, {HYBRID: own.public}, made.content.channel_spki)
        return offer.Offer(claims.encode(), made.evidence)

    attacker.answer = created(with_own_keys)
    refused(owner, attacker, b"report_data")


def test_evidence_of_another_keep_is_refused(owner: Owner, attacker: Attacker) -> None:
    """Attack: evidence relayed from elsewhere, in front of this keep's claims."""
    others: list[bytes] = []

    def with_others_evidence(made: offer.Offer) -> offer.Offer:
        others.append(made.evidence)
        return offer.Offer(made.claims, others[0])

    attacker.answer = created(with_others_evidence)
    assert owner.deploy("hello.wasm", host=attacker.url).returncode == 7
    attacker.asked.clear()
    refused(owner, attacker, b"report_data")


def test_a_changed_report_is_refused(owner: Owner, attacker: Attacker) -> None:
    """Attack: one bit of the evidence, where it says what it is bound to."""

    def flipped(made: offer.Offer) -> offer.Offer:
        at = made.evidence.find(made.report_data)
        evidence = bytearray(made.evidence)
        evidence[at] ^= 1
        return offer.Offer(made.claims, bytes(evidence))

    attacker.answer = created(flipped)
    refused(owner, attacker, b"not authentic")


@pytest.mark.parametrize("fault", ["bit", "cut", "longer"])
def test_a_damaged_envelope_runs_nothing(owner: Owner, attacker: Attacker, fault: str) -> None:
    """Attack: the keep opens what was sealed, or nothing, and then nothing else."""

    def damaged(method: str, path: str, body: bytes) -> bytes:
        if not path.endswith("/envelope") or method != "POST":
            return body
        return {"bit": body[:-1] + bytes((body[-1] ^ 1,)), "cut": body[:-1], "longer": body + b"x"}[
            fault
        ]

    attacker.ask = damaged
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"cannot-open" in done.stderr or b"malformed" in done.stderr


def test_an_envelope_is_not_taken_twice(owner: Owner, attacker: Attacker) -> None:
    """Attacks: the same envelope for another keep, and a second one for this keep."""
    envelopes: list[bytes] = []

    def first_again(method: str, path: str, body: bytes) -> bytes:
        if not path.endswith("/envelope") or method != "POST":
            return body
        envelopes.append(body)
        return envelopes[0]

    attacker.ask = first_again
    assert owner.deploy("hello.wasm", host=attacker.url).returncode == 7
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"already-used" in done.stderr or b"cannot-open" in done.stderr


@pytest.mark.parametrize("fault", ["of another deploy", "changed", "none"])
def test_a_false_receipt_is_refused(owner: Owner, attacker: Attacker, fault: str) -> None:
    """Attack: the host says that the keep has the package; the keep did not say so."""
    receipts: list[bytes] = []

    def false(method: str, path: str, body: bytes) -> bytes:
        if not path.endswith("/envelope") or method != "POST":
            return body
        receipts.append(body)
        return {"of another deploy": receipts[0], "changed": body.replace(b"A", b"B"), "none": b""}[
            fault
        ]

    if fault == "of another deploy":
        attacker.answer = false
        assert owner.deploy("hello.wasm", host=attacker.url).returncode == 7
    attacker.answer = false
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr


def test_a_swapped_keep_does_not_answer_for_another(owner: Owner, attacker: Attacker) -> None:
    """Attack: the channel leads to another keep of the same image and owner."""
    other = owner.deploy("--detach", "hello.wasm").stdout.decode().strip()

    def elsewhere(path: str) -> str:
        return f"/v1/keeps/{other}/channel" if path.endswith("/channel") else path

    attacker.path = elsewhere
    done = owner.deploy("echo.wasm", host=attacker.url)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"channel key" in done.stderr
    assert owner.run("keep", "delete", other).returncode == 0


def test_a_host_cannot_lie_about_the_end(owner: Owner, attacker: Attacker) -> None:
    """Attack: the host tells that all went well; the exit code comes from the keep."""

    def all_is_well(_method: str, path: str, body: bytes) -> bytes:
        if not path.startswith("/v1/keeps/") or not body.startswith(b"{"):
            return body
        return json.dumps({**json.loads(body), "state": "exited", "reason": "", "code": 0}).encode()

    keep = owner.deploy("--detach", "hello.wasm").stdout.decode().strip()
    attacker.answer = all_is_well
    done = owner.run("keep", "wait", keep, "--insecure-accept-simulated", host=attacker.url)
    assert done.returncode == 7
    assert owner.run("keep", "delete", keep).returncode == 0


@pytest.mark.parametrize("cut", [0, 1, 100, 300, 1_000, 3_000, 6_000, 12_000])
def test_a_channel_that_is_cut_is_said(owner: Owner, attacker: Attacker, cut: int) -> None:
    """Attack: at every message; it is an outage, and never taken for an end."""
    attacker.cut = cut
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert done.returncode in (3, 7), done.stderr
    assert done.returncode == 3 or cut > 6_000
    assert (b"enarx keep attach" in done.stderr) is (done.returncode == 3)
    assert b"Traceback" not in done.stderr


MESSAGES = {
    "platforms": ("GET", "/v1/platforms"),
    "creation": ("POST", "/v1/keeps"),
    "envelope": ("POST", "/envelope"),
    "deletion": ("DELETE", ""),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_an_answer_that_is_cut_off_is_said(owner: Owner, attacker: Attacker, message: str) -> None:
    """Attack: at every message before the channel; an outage, and no keep that nobody ends."""
    method, end = MESSAGES[message]
    attacker.drop = lambda asked, path: asked == method and path.endswith(end)
    done = owner.deploy("hello.wasm", host=attacker.url)
    assert b"Traceback" not in done.stderr
    assert done.returncode == (7 if message == "deletion" else 3), done.stderr
    assert done.stdout == (b"hello\n" if message == "deletion" else b"")
    attacker.drop = lambda _method, _path: False
    if message == "envelope":  # the keep has the package; the client, who does not know, ended it
        assert b"whether the keep has the package is unknown" in done.stderr
    if message in ("creation", "envelope"):
        made = [path for asked, path in attacker.asked if asked == "DELETE"]
        assert bool(made) is (message == "envelope")
