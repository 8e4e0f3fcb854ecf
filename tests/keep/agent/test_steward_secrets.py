"""Secrets that a Steward gives a keep before its application starts, and every way it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from tests.keep.agent.parties import Client, Keep, Owner, deliver
from tests.keep.agent.programs import READS_SECRET, TELLS_VARIABLES

from enarx.package import manifest
from enarx.wire import canonical

if TYPE_CHECKING:
    from tests.keep.agent.stewards import FakeSteward, Said

    from enarx.protocol.outcome import Outcome

pytestmark = pytest.mark.slow

CANARY = b"canary-5e0c9a-value"
NEEDED = '[secrets.token]\nfile = "/run/secrets/token"\nfrom = "steward"\n'
SPARE = '[secrets.spare]\nenv = "SPARE"\nfrom = "steward"\noptional = true\n'
OTHER = '[secrets.other]\nenv = "OTHER"\nfrom = "steward"\noptional = true\n'
OWNED = '[secrets.owned]\nenv = "OWNED"\n'
FIRST = ["/v1/challenge", "/v1/certificate"]
ONCE = ["/v1/challenge", "/v1/secrets/release"]
RECEIPT = "/v1/secrets/release/r-1/receipt"

Launch = Callable[..., Client]


@pytest.fixture
def launch(keep: Keep, steward: FakeSteward) -> Iterator[Launch]:
    """Start a program with secrets of *steward*."""
    made: list[Client] = []

    def start(text: str, module: bytes = READS_SECRET, **content: object) -> Client:
        config = f"""
steward = "{steward.url}"
[[files]]
kind = "stdin"
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
{text}
[tls.socket.steward]
trust_anchors = ['''{steward.authority.root_pem}''']
""".encode()
        owner = Owner(**content)
        steward.digest = manifest.build(module, config).digest
        deliver(keep, owner, module, config)
        made.append(keep.connect(owner))
        made[-1].attach()
        return made[-1]

    yield start
    for client in made:
        client.close()


def refusal(client: Client) -> str:
    """The error and the hints that a launch ended with, which tell no value."""
    outcome = client.outcome()
    assert outcome.error is not None, outcome
    assert client.out["stdout"] == b""
    found = "; ".join((outcome.error.message, *outcome.error.hints))
    assert CANARY.decode() not in found + client.out["stderr"].decode()
    return found


def output(client: Client) -> bytes:
    """What the application wrote before its good end."""
    outcome: Outcome = client.outcome()
    assert (outcome.kind, outcome.code) == ("exit", 0), outcome
    return client.out["stdout"]


def problem(status: int, **fields: object) -> Said:
    """A problem document."""
    return status, "application/problem+json", json.dumps(fields).encode()


def test_a_secret_comes_from_the_steward(launch: Launch, keep: Keep, steward: FakeSteward) -> None:
    """With evidence of its own for a nonce of its own, and a receipt; the host sees no value."""
    steward.secrets = {"token": CANARY, "unwanted": b"x"}
    client = launch(NEEDED)
    assert output(client) == CANARY
    assert steward.asked == [*FIRST, *ONCE, RECEIPT]
    assert (steward.asked_for, steward.receipts) == ([("token",)], 1)
    assert len({*keep.quoted}) == 3  # the offer, the certificate, the secrets
    assert not [data for data in keep.seen if CANARY in data]
    assert client.out["stderr"] == b""


def test_each_giver_s_secrets_go_where_they_belong(launch: Launch, steward: FakeSteward) -> None:
    """The owner's beside the Steward's, all of whose are asked for at once."""
    steward.secrets = {"spare": b"s", "other": b""}
    client = launch(SPARE + OTHER + OWNED, TELLS_VARIABLES, secrets={"owned": b"o"})
    told = output(client).split(b"\0")
    assert {b"SPARE=s", b"OTHER=", b"OWNED=o"} <= set(told)
    assert steward.asked_for == [("spare", "other")]


def test_an_optional_secret_may_be_refused(launch: Launch, steward: FakeSteward) -> None:
    """The needed ones come all the same, and the owner learns which did not, and why."""
    steward.secrets = {"token": CANARY, "other": b"x"}
    client = launch(NEEDED + SPARE + OTHER)
    assert output(client) == CANARY
    needed, spare, other = ("token",), ("spare",), ("other",)
    assert steward.asked_for == [needed + spare + other, needed, spare, other]
    assert steward.receipts == 2
    said = client.out["stderr"].decode()
    assert "secrets.spare: none, and it is optional: steward " in said
    assert "refuses with status 404: not allowed; no secret spare" in said
    assert "secrets.other" not in said


def test_none_of_the_optional_ones_is_needed(launch: Launch, steward: FakeSteward) -> None:
    """One that is asked for alone is not asked for twice."""
    client = launch(SPARE, TELLS_VARIABLES)
    assert b"SPARE" not in output(client)
    assert steward.asked_for == [("spare",)]


def test_a_needed_secret_that_is_refused(launch: Launch, steward: FakeSteward) -> None:
    """The application never runs; the Steward's words, and what can be done."""
    steward.secrets = {"spare": CANARY}
    found = refusal(launch(NEEDED + SPARE))
    assert found == (
        f"steward {steward.url}: refuses with status 404: not allowed; no secret token "
        "(asked for token); have it put there, and allowed for this workload: "
        "enarx steward secret, enarx steward policy"
    )
    assert steward.receipts == 0


@pytest.mark.parametrize("text", [NEEDED, SPARE])
def test_a_steward_that_cannot_at_the_moment(
    launch: Launch, steward: FakeSteward, text: str
) -> None:
    """What is optional is not missing because somebody had no time."""
    steward.released = lambda _: problem(503, title="not possible at the moment")
    found = refusal(launch(text))
    assert "refuses with status 503: not possible at the moment; try again later" in found


@pytest.mark.parametrize("answers", [1, 2])
def test_a_steward_that_cannot_any_more(launch: Launch, steward: FakeSteward, answers: int) -> None:
    """Also after it refused everything at once, for what is needed and for what is not."""
    steward.secrets = {"token": CANARY}
    said: list[Said] = []

    def tire(answer: Said) -> Said:
        said.append(answer)
        return answer if len(said) <= answers else problem(503, title="not possible")

    steward.released = tire
    found = refusal(launch(NEEDED + SPARE))
    assert "refuses with status 503: not possible; try again later" in found
    assert len(said) == answers + 1


def test_a_missing_secret_of_the_owner_s_costs_no_use(launch: Launch, steward: FakeSteward) -> None:
    """A launch that is going to fail asks for nothing."""
    steward.secrets = {"token": CANARY}
    assert "secrets.owned: the owner gave none" in refusal(launch(NEEDED + OWNED))
    assert steward.asked == FIRST


def test_an_answer_that_is_lost_is_asked_for_again(launch: Launch, steward: FakeSteward) -> None:
    """With the same words, for which the Steward counts one release."""
    steward.secrets = {"token": CANARY}
    lost: list[Said] = []

    def lose(said: Said) -> Said | bytes:
        lost.append(said)
        return said if len(lost) > 1 else b"HTTP/1.1 201 Created\r\nContent-Le"

    steward.released = lose
    assert output(launch(NEEDED)) == CANARY
    assert steward.asked == [*FIRST, *ONCE, ONCE[1], RECEIPT]
    assert (lost[0], steward.asked_for) == (lost[1], [("token",)])


def test_a_receipt_that_is_not_taken(launch: Launch, steward: FakeSteward) -> None:
    """Is a line in the log; the keep has what it needs."""
    steward.secrets = {"token": CANARY}
    steward.taken = lambda _: problem(403, title="not allowed")
    client = launch(NEEDED)
    assert output(client) == CANARY
    assert b"the receipt for release r-1 was not taken" in client.out["stderr"]


def test_secrets_of_the_largest_size(launch: Launch, steward: FakeSteward) -> None:
    """As many and as large as a Steward keeps them."""
    names = [f"s{n}" for n in range(63)]
    steward.secrets = {name: bytes(65536) for name in names} | {"token": CANARY}
    more = "".join(f'[secrets.{name}]\nfile = "/s/{name}"\nfrom = "steward"\n' for name in names)
    assert output(launch(NEEDED + more)) == CANARY
    assert len(steward.asked_for[0]) == 64


def test_no_evidence_for_secrets(launch: Launch, keep: Keep, steward: FakeSteward) -> None:
    """Nothing is asked without."""
    steward.secrets = {"token": CANARY}

    def certified(said: Said) -> Said:
        keep.quote = lambda _: None
        return said

    steward.certificate = certified
    assert "wants evidence, and there is none: no evidence was given" in refusal(launch(NEEDED))
    assert steward.asked == [*FIRST, ONCE[0]]


def held(**changed: object) -> Callable[[bytes], bytes]:
    """Other fields in what is sealed."""
    return lambda content: canonical.encode(json.loads(content) | changed)


BAD_CONTENT: dict[str, Callable[[bytes], bytes]] = {
    "another profile": held(profile=CANARY.decode()),
    "more keys": held(more=CANARY.decode()),
    "another name": held(secrets={CANARY.decode(): "eA"}),
    "more names": held(secrets={"token": "eA", CANARY.decode(): "eA"}),
    "no names": held(secrets={}),
    "no text": held(secrets={"token": [CANARY.decode()]}),
    "no base64url": held(secrets={"token": f"{CANARY.decode()}!"}),
    "no object": lambda _: CANARY,
    "white space": lambda content: content + b" ",
    "not UTF-8": lambda _: b"\xff" + CANARY,
}


@pytest.mark.parametrize("name", BAD_CONTENT)
def test_bad_content(launch: Launch, steward: FakeSteward, name: str) -> None:
    """What was sealed is exactly what was asked for; what else it is, is not told."""
    steward.secrets = {"token": CANARY}
    steward.content = BAD_CONTENT[name]
    found = refusal(launch(NEEDED))
    assert "its answer cannot be used: sealed secrets: do not hold exactly token" in found
    assert steward.receipts == 0


def changed(**fields: object) -> Callable[[Said], Said]:
    """Another answer."""
    return lambda said: (said[0], said[1], json.dumps(json.loads(said[2]) | fields).encode())


BAD_ANSWERS: dict[str, tuple[Callable[[Said], Said], str]] = {
    "for another key": (changed(kem="x25519"), "cannot be opened with this keep's key"),
    "unknown key": (changed(kem="x448"), "kem: got 'x448', want one of"),
    "changed": (changed(sealed="AAAA"), "cannot be opened with this keep's key"),
    "no base64url": (changed(sealed="="), "answer to /v1/secrets/release: sealed"),
    "a path": (changed(release="../../challenge?"), "release: want 1 to 64 of"),
    "a header": (changed(release="r HTTP/1.1\r\nA: b"), "release: want 1 to 64 of"),
    "nothing": (lambda said: (said[0], said[1], b"{}"), "key 'release' is missing"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answers(launch: Launch, steward: FakeSteward, name: str) -> None:
    """An answer that another keep could open, or nobody, is none."""
    steward.secrets = {"token": CANARY}
    steward.released, message = BAD_ANSWERS[name]
    found = refusal(launch(NEEDED))
    assert "its answer cannot be used: " in found
    assert message in found
    assert steward.receipts == 0
