"""What guests say, read strictly; and what their evidence must then be bound to."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import httpx
import pytest
from tests.fuzz.mutations import damaged
from tests.steward.broker.kbs.guests import Guest

from enarx.errors import MalformedError
from enarx.steward.broker.kbs.messages import (
    InitData,
    read_attestation,
    read_hello,
    read_init_data,
    workload_of,
)
from enarx.wire import canonical

INIT_DATA = 'version = "0.1.0"\nalgorithm = "sha-384"\n[data]\n"aa.toml" = "x"\n'
BODY = INIT_DATA.encode()
DAMAGES = 1000


def guest(tee: str = "snp") -> Guest:
    """One that was challenged and asks nobody."""

    def ask(method: str, path: str, **more: object) -> httpx.Response:
        raise AssertionError((method, path, more))

    made = Guest(ask, tee, INIT_DATA)
    made.nonce = "AAAA"
    return made


def test_canonical_json_is_hashed_as_trustee_hashes_it() -> None:
    """The digest that Trustee's own test expects (attestation-service/src/lib.rs)."""
    digest = hashlib.sha384(canonical.encode({"b": 1, "a": "test", "c": {"d": "e"}})).hexdigest()
    assert digest == (
        "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c"
        "4597480a186427c813ca941da78870c3"
    )


@pytest.mark.parametrize(("name", "size"), [("sha256", 32), ("sha384", 48), ("sha512", 64)])
def test_report_data_are_a_digest_and_zeros(name: str, size: int) -> None:
    """Of the runtime data and the additional evidence, with the hash of the session."""
    sent = guest().attestation()
    found = read_attestation(json.dumps(sent).encode(), "snp")
    key, nonce = sent["runtime-data"]["tee-pubkey"], sent["runtime-data"]["nonce"]
    members = ",".join(f'"{name}":"{key[name]}"' for name in ("alg", "crv", "kty", "x", "y"))
    text = f'{{"additional-evidence":"","nonce":"{nonce}","tee-pubkey":{{{members}}}}}'
    digest = hashlib.new(name, text.encode()).digest()
    assert found.report_data(name) == digest + bytes(64 - size)


@pytest.mark.parametrize("tee", ["snp", "tdx"])
def test_damage_ends_in_our_error_or_success(tee: str) -> None:
    """A fixed number of damaged attestations raises nothing but that they are malformed."""
    seeds = [json.dumps(guest(tee).attestation()).encode()]
    read_attestation(seeds[0], tee)
    accepted = 0
    for data in damaged(seeds, DAMAGES, seed=1):
        with suppress(MalformedError):
            read_attestation(data, tee)
            accepted += 1
    assert accepted < DAMAGES


def test_damaged_requests_end_in_our_error_or_success() -> None:
    """Likewise."""
    extra = {"supported-hash-algorithms": ["sha256", "sha384"]}
    seeds = [json.dumps({"version": "0.4.0", "tee": "snp", "extra-params": extra}).encode()]
    assert read_hello(seeds[0]).told
    accepted = 0
    for data in damaged(seeds, DAMAGES, seed=1):
        with suppress(MalformedError):
            read_hello(data)
            accepted += 1
    assert accepted < DAMAGES


@pytest.mark.parametrize(
    "sent",
    [
        {"format": "json", "body": "{}"},
        {"format": "toml", "body": "="},
        {"format": "toml", "body": "a = " + "[" * 5000},
        {"format": "toml", "body": INIT_DATA.replace("0.1.0", "0.2.0")},
        {"format": "toml", "body": INIT_DATA.replace("sha-384", "sm3")},
        {"format": "toml", "body": INIT_DATA.replace('"x"', "1")},
        {"format": "toml", "body": "more = 1\n" + INIT_DATA},
        {"format": "toml", "body": INIT_DATA.partition("[data]")[0]},
        {"format": "toml", "body": INIT_DATA, "more": 1},
        "text",
    ],
)
def test_other_init_data_are_refused(sent: object) -> None:
    """Another format, version or hash, or not as their specification says."""
    with pytest.raises(MalformedError):
        read_init_data(sent)


@pytest.mark.parametrize(("name", "size"), [("sha256", 48), ("sha384", 32), ("sha512", 64)])
def test_a_workload_is_its_init_data(name: str, size: int) -> None:
    """Padded or cut to the register, as the specification says; their SHA-256 names it."""
    register = hashlib.new(name, BODY).digest().ljust(size, b"\0")[:size]
    found = workload_of(InitData(body=BODY, hash=name), register)
    assert found == "sha256:" + hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize(
    "register",
    [b"", bytes(32), hashlib.sha384(BODY).digest()[:16], hashlib.sha256(BODY).digest()],
)
def test_a_register_that_holds_something_else(register: bytes) -> None:
    """No register, an empty or short one, and another hash's digest."""
    with pytest.raises(MalformedError, match="launched with others"):
        workload_of(InitData(body=BODY, hash="sha384"), register)


def test_without_init_data_there_is_no_workload() -> None:
    """Whatever the register holds, since nobody said what it is the digest of."""
    assert workload_of(None, hashlib.sha256(BODY).digest()) == ""
