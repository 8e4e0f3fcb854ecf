"""Guests of Confidential Containers get what the policy lets their workload have, else nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import Connection, Engine
from starlette.applications import Starlette
from tests.fuzz import seeds
from tests.steward.broker.kbs.guests import Guest, jwe
from tests.steward.broker.test_routes import Client, Limits

from enarx import attestation
from enarx.appraisal.baseline import baseline
from enarx.errors import Failure, UnauthenticError
from enarx.steward.broker import ledger
from enarx.steward.broker.kbs import evidence
from enarx.steward.broker.kbs.resources import Resources
from enarx.steward.broker.kbs.routes import ERRORS, Verdicts, routes
from enarx.steward.broker.kbs.session import LIFETIME_S
from enarx.steward.broker.release import Judged
from enarx.steward.broker.vault import Rules, Vault
from enarx.steward.records.database import open_engine, reading, retrying
from enarx.steward.records.migrations import migrate
from enarx.steward.records.writer import Writer

NOW = 1_800_000_000
KEY = bytes(range(32))
NAME, OTHER, GONE = "default/key/disk", "default/key/other", "default/key/gone"
CANARY = b"canary-4417-value"
INIT_DATA = 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"aa.toml" = "x"\n'
WORKLOAD = "sha256:" + hashlib.sha256(INIT_DATA.encode()).hexdigest()
SIGNER = ECKey.generate_key("P-256")


def judge(data: bytes, report_data: bytes) -> Judged:
    """Authenticate and appraise, as a Steward does."""
    now = seeds.NOW + timedelta(seconds=1)
    authentic = attestation.authenticate(
        attestation.parse(data), seeds.endorsements(), anchors=seeds.root().anchors(), now=now
    )
    attestation.appraise(
        authentic, baseline(accept_simulated=True), now=now, accept_simulated=True,
        report_data=report_data,
    )  # fmt: skip
    host_data = evidence.host_data(authentic.claims)
    return Judged(accepted=True, workload_digest="", decision="d1", host_data=host_data)


def issue(judged: Judged, key: Mapping[str, str]) -> str:
    """A token that says both."""
    claims = {"workload": judged.workload_digest, "tee-pubkey": dict(key)}
    return jwt.encode({"alg": "ES256"}, claims, SIGNER)


def verify(token: str) -> tuple[Judged, Mapping[str, str]]:
    """Both again."""
    try:
        claims: dict[str, Any] = jwt.decode(token, SIGNER, ["ES256"]).claims
    except (JoseError, ValueError) as error:
        raise UnauthenticError("token", Failure("signature", want="ours", got="none")) from error
    judged = Judged(accepted=True, workload_digest=claims["workload"], decision="d1")
    return judged, claims["tee-pubkey"]


class Steward:
    """A key broker on *engine*, whose clock can be turned."""

    def __init__(self, engine: Engine) -> None:
        migrate(engine)
        self.engine, self.now, self.writer = engine, NOW, Writer(engine)
        resources = Resources(Vault(KEY), allowed=self._allowed, log=lambda *_: 7)
        served = routes(
            resources, Verdicts(judge=judge, issue=issue, verify=verify), engine=engine,
            writer=self.writer, now=lambda: self.now, limits=Limits(),
        )  # fmt: skip
        self.ask = Client(Starlette(routes=served)).request
        self.put(NAME, Rules(uses=1))
        self.put(OTHER, Rules())

    def put(self, name: str, rules: Rules, value: bytes = CANARY) -> None:
        """Put a version of a secret in."""

        def work(connection: Connection) -> None:
            Vault(KEY).put(connection, name, value, rules=rules, now=self.now)

        retrying(self.engine, work)

    def released(self) -> list[ledger.Release]:
        """What the ledger says of the secret."""
        with reading(self.engine) as connection:
            return [made for _, made in ledger.of_secret(connection, NAME)]

    @staticmethod
    def _allowed(workload: str) -> tuple[str, ...]:
        return (NAME, GONE) if workload == WORKLOAD else ()


@pytest.fixture
def steward(tmp_path: Path) -> Iterator[Steward]:
    """One on SQLite."""
    made = Steward(open_engine(f"sqlite:///{tmp_path}/steward.sqlite"))
    yield made
    made.writer.close()
    made.engine.dispose()


def attested(steward: Steward, tee: str = "snp") -> Guest:
    """A guest that may have the secret."""
    guest = Guest(steward.ask, tee, INIT_DATA)
    assert (guest.auth().status_code, guest.attest().status_code) == (200, 200)
    return guest


def refused(answer: httpx.Response, name: str, status: int = 401) -> str:
    """The detail of a refusal that is the document *name*."""
    assert (answer.status_code, answer.json()["type"]) == (status, ERRORS + name), answer.text
    assert set(answer.json()) == {"type", "detail"}
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("tee", ["snp", "tdx"])
def test_a_guest_attests_and_gets_its_resource(engine: Engine, tee: str) -> None:
    """With the cookie, once; the same bytes again; sealed to its key; on record."""
    steward = Steward(engine)
    guest = attested(steward, tee)
    answer = guest.get(NAME)
    assert (answer.status_code, guest.open(answer.text)) == (200, CANARY)
    assert guest.get(NAME).content == answer.content
    (made,) = steward.released()
    assert (made.workload, made.decision, made.log_index) == (WORKLOAD, "d1", 7)
    assert CANARY not in answer.content
    detail = refused(attested(steward, tee).get(NAME), "PolicyDeny")
    assert detail == f"secret {NAME} has no use left"
    steward.writer.close()


def test_a_token_is_as_good_as_its_session(steward: Steward) -> None:
    """It gets the same bytes, and works when the session has ended; a foreign one does not."""
    guest = Guest(steward.ask, init_data=INIT_DATA)
    guest.auth()
    token = guest.attest().json()["token"]
    first = guest.get(NAME)
    assert guest.get(NAME, token).content == first.content
    steward.now += LIFETIME_S
    refused(guest.get(NAME), "TokenNotFound")
    assert guest.get(NAME, token).content == first.content
    head, payload, _ = token.split(".")
    refused(guest.get(NAME, f"{head}.{payload}.AAAA"), "TokenVerifierError")
    assert len(steward.released()) == 1


def test_a_newer_version_is_another_release(steward: Steward) -> None:
    """What was released of the old one is not handed out for the new one."""
    guest = attested(steward)
    assert guest.open(guest.get(NAME).text) == CANARY
    steward.put(NAME, Rules(not_after=NOW + 9), b"newer")
    assert guest.open(guest.get(NAME).text) == b"newer"
    steward.put(NAME, Rules(not_before=NOW + 9), b"newest")
    assert "not released at this time" in refused(guest.get(NAME), "PolicyDeny")


def test_nothing_is_released_by_default(steward: Steward) -> None:
    """Not without a session, not to another workload, not to one that nothing names."""
    refused(Guest(steward.ask).get(NAME), "TokenNotFound")
    refused(attested(steward).get(OTHER), "PolicyDeny")
    refused(attested(steward).get(GONE), "PluginInternalError", 404)
    other = Guest(steward.ask, init_data=INIT_DATA.replace("x", "y"))
    unknown = Guest(steward.ask)
    unbound = Guest(steward.ask, measured=hashlib.sha256(INIT_DATA.encode()).digest())
    for guest in (other, unknown, unbound):
        assert (guest.auth().status_code, guest.attest().status_code) == (200, 200)
        refused(guest.get(NAME), "PolicyDeny")
    waiting = Guest(steward.ask, init_data=INIT_DATA)
    waiting.auth()
    refused(waiting.get(NAME), "TokenNotFound")
    assert steward.released() == []


def test_guests_that_ask_at_once_do_not_exceed_the_rules(engine: Engine) -> None:
    """Three uses are three releases, however many sessions ask together, and how often."""
    steward = Steward(engine)
    steward.put(NAME, Rules(uses=3))
    guests = [attested(steward) for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda guest: guest.get(NAME), guests * 2))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [401] * 4
    assert len(steward.released()) == 3
    steward.writer.close()


@pytest.mark.parametrize("name", ["default/.key/x", "default/key/" + "x" * 101, "a/b/c d"])
def test_other_names_are_nothing(steward: Steward, name: str) -> None:
    """Guests read the document for that, and do not attest anew."""
    refused(attested(steward).get(name), "InvalidRequestPath", 404)


def test_init_data_must_be_what_it_was_launched_with(steward: Steward) -> None:
    """Another digest, or none, ends the attestation."""
    for measured in (bytes(32), hashlib.sha256(b"other").digest()):
        guest = Guest(steward.ask, init_data=INIT_DATA, measured=measured)
        guest.auth()
        assert "launched with others" in refused(guest.attest(), "AttestationError")


@pytest.mark.parametrize("name", ["sha384", "sha512"])
@pytest.mark.parametrize(("tee", "size"), [("snp", 32), ("tdx", 48)])
def test_init_data_have_their_own_hash(steward: Steward, name: str, tee: str, size: int) -> None:
    """Cut to the register's size; the workload's digest is the SHA-256 all the same."""
    init_data = INIT_DATA.replace("sha256", name)
    measured = hashlib.new(name, init_data.encode()).digest()[:size]
    guest = Guest(steward.ask, tee, init_data, measured)
    assert guest.auth().status_code == 200
    token = guest.attest().json()["token"]
    assert verify(token)[0].workload_digest[7:] == hashlib.sha256(init_data.encode()).hexdigest()


def test_a_challenge_is_answered_once(steward: Steward) -> None:
    """The same answer gets the same token; another one, by whom ever, none."""
    guest = Guest(steward.ask, init_data=INIT_DATA)
    guest.auth()
    body = guest.attestation()
    token = guest.attest(body).json()["token"]
    assert guest.attest(body).json()["token"] == token
    thief = Guest(steward.ask, init_data=INIT_DATA)
    thief.cookie, thief.nonce, thief.hash = guest.cookie, guest.nonce, guest.hash
    assert "answered before" in refused(thief.attest(), "AttestationError")


def test_an_answer_of_another_session_is_refused(steward: Steward) -> None:
    """Its nonce is not the one of this session."""
    first, second = (Guest(steward.ask, init_data=INIT_DATA) for _ in range(2))
    first.auth()
    second.auth()
    assert "nonce" in refused(second.attest(first.attestation()), "AttestationError")
    second.nonce = first.nonce
    assert "nonce" in refused(second.attest(), "AttestationError")


def test_a_session_ends(steward: Steward) -> None:
    """An answer after that is too late, and so is one without a cookie."""
    guest = Guest(steward.ask, init_data=INIT_DATA)
    guest.auth()
    steward.now += LIFETIME_S
    assert "no session" in refused(guest.attest(), "AttestationError")
    guest.cookie = ""
    assert "cookie" in refused(guest.attest(), "AttestationError")


def test_runtime_data_are_bound(steward: Steward) -> None:
    """Another key beside genuine evidence is refused, and so is further evidence."""
    guest, other = (Guest(steward.ask, init_data=INIT_DATA) for _ in range(2))
    guest.auth()
    foreign = other.attestation()["runtime-data"]["tee-pubkey"]
    changed = guest.attestation(**{"tee-pubkey": foreign})
    assert "report_data" in refused(guest.attest(changed), "AttestationError")
    body = guest.attestation()
    body["tee-evidence"]["additional_evidence"] = "{}"
    assert "report_data" in refused(guest.attest(body), "AttestationError")
    body["tee-evidence"]["additional_evidence"] = json.dumps({"nvidia": {}})
    assert "not judged here" in refused(guest.attest(body), "AttestationError")
    refused(guest.attest(guest.attestation(more="x")), "AttestationError")
    assert guest.attest().status_code == 200


def test_a_stranger_cannot_open_what_another_got(steward: Steward) -> None:
    """Who has the cookie gets bytes, and has not the key."""
    guest = attested(steward)
    thief = Guest(steward.ask)
    thief.cookie = guest.cookie
    answer = thief.get(NAME)
    assert answer.status_code == 200
    with pytest.raises(jwe.InvalidJWEData):
        thief.open(answer.text)


@pytest.mark.parametrize(
    "changes",
    [
        {"tee": "sample"},
        {"tee": "sampledevice"},
        {"tee": "se"},
        {"tee": "other"},
        {"tee": 1},
        {"version": "0.3.0"},
        {"version": "0.4.1"},
        {"extra-params": {"supported-hash-algorithms": ["sm3"]}},
        {"extra-params": {"supported-hash-algorithms": "sha384"}},
        {"more": 1},
    ],
)
def test_requests_that_are_not_served(steward: Steward, changes: dict[str, object]) -> None:
    """Above all not the TEE that is none."""
    refused(Guest(steward.ask).auth(**changes), "AttestationError")


@pytest.mark.parametrize(
    ("extra", "hash_"),
    [
        ("", "sha384"),
        ({}, "sha384"),
        (None, "sha384"),
        ({"supported-hash-algorithms": ["SHA512", "sm3"]}, "sha512"),
        ({"supported-hash-algorithms": ["sha256"]}, "sha256"),
    ],
)
def test_the_hash_is_agreed_upon(steward: Steward, extra: object, hash_: str) -> None:
    """SHA-384 unless the guest says that it has others; the guest is then bound with it."""
    guest = Guest(steward.ask, init_data=INIT_DATA)
    guest.auth(**{"extra-params": extra})
    assert guest.hash == hash_
    assert guest.attest().status_code == 200
    assert guest.open(guest.get(NAME).text) == CANARY


def test_the_cookie_is_for_this_protocol_only(steward: Steward) -> None:
    """No script and no other site sees it, and the database has not what continues a session."""
    answer = Guest(steward.ask).auth()
    said = answer.headers["set-cookie"].lower()
    for word in ("httponly", "path=/kbs/v0", f"max-age={LIFETIME_S}", "samesite=strict"):
        assert word in said
    with reading(steward.engine) as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM steward_kbs_sessions").all()
    assert answer.cookies["kbs-session-id"] not in map(str, row)
