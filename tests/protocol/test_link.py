"""Requests, replies and events have one shape each."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol import link
from enarx.protocol.launch import MAX_FRAME
from enarx.protocol.link import Answer, Event, Reply, Request

KEY = "ab" * 32 + "-01"
REQUESTS = [
    Request("cached", id=1, key=KEY),
    Request("store", id=2, key=KEY, sha256="cd" * 32, size=9),
    Request("listen", id=3, name="web", host="::", port=443),
    Request("connect", id=4, host="example.com", port=443, timeout_s=2.5),
    Request("resolve", id=5, host="example.com"),
    Request("prove", id=6, spki=b"key", nonce=bytes(32)),
    Request(
        "vouch", id=7, spki=b"key", nonce=bytes(32), suites={"b": b"1", "a": b"2"},
        names=("db-password", "x"),
    ),
]  # fmt: skip


def shown(value: object) -> dict[str, object]:
    """All attributes, for comparison."""
    return {name: getattr(value, name) for name in type(value).__slots__}


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.op)
def test_a_request_survives_the_round_trip(request_: Request) -> None:
    """Both ends mean the same by every request."""
    got = link.decode_message(link.encode_request(request_), 1 if request_.op == "store" else 0)
    assert shown(got) == shown(request_)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.op)
def test_a_request_has_its_descriptors_and_no_others(request_: Request) -> None:
    """Only ``store`` brings a descriptor, and exactly one."""
    for wrong in {0, 1, 2} - {1 if request_.op == "store" else 0}:
        with pytest.raises(MalformedError, match="descriptors"):
            link.decode_message(link.encode_request(request_), wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 0},
        {"id": "4"},
        {"op": "bind"},
        {"host": ""},
        {"host": "a" * 300},
        {"host": "a\0"},
        {"port": -1},
        {"port": 65536},
        {"timeout_s": 0},
        {"timeout_s": 1e9},
        {"name": "x"},
        {"event": "running"},
    ],
)
def test_a_request_of_another_shape_is_refused(change: dict[str, object]) -> None:
    """Values outside their range and fields of other requests are refused."""
    data = {**json.loads(link.encode_request(REQUESTS[3])), **change}
    with pytest.raises(MalformedError):
        link.decode_message(json.dumps(data).encode(), 0)


@pytest.mark.parametrize(
    "change",
    [{"spki": ""}, {"spki": "0"}, {"spki": "AB"}, {"spki": "ab" * 2049}, {"nonce": "00" * 31}],
)
def test_a_proof_is_asked_for_a_key_and_a_nonce(change: dict[str, object]) -> None:
    """In one spelling, and of bounded size."""
    data = {**json.loads(link.encode_request(REQUESTS[5])), **change}
    with pytest.raises(MalformedError):
        link.decode_message(json.dumps(data).encode(), 0)


SUITE = {"kem": "x25519", "public_key": "00"}


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "00" * 31},
        {"spki": "AB"},
        {"names": []},
        {"names": [""]},
        {"names": ["a", "a"]},
        {"names": ["a" * 129]},
        {"names": [str(n) for n in range(65)]},
        {"names": [1]},
        {"suites": []},
        {"suites": {}},
        {"suites": [SUITE, SUITE]},
        {"suites": [{**SUITE, "kem": str(n)} for n in range(5)]},
        {"suites": [{**SUITE, "kem": ""}]},
        {"suites": [{**SUITE, "kem": "k" * 65}]},
        {"suites": [{**SUITE, "public_key": "0"}]},
        {"suites": [{**SUITE, "public_key": "00" * 4097}]},
        {"suites": [{**SUITE, "more": 1}]},
        {"workload_digest": "sha256:" + "00" * 32},
        {"report_data": "00" * 64},
    ],
)
def test_nobody_vouches_for_what_is_no_claim(change: dict[str, object]) -> None:
    """Keys and names in one spelling and of bounded size; neither a workload nor report data."""
    data = {**json.loads(link.encode_request(REQUESTS[6])), **change}
    with pytest.raises(MalformedError):
        link.decode_message(json.dumps(data).encode(), 0)


def test_the_order_of_keys_survives() -> None:
    """The claims have the preferred one first, on both sides."""
    got = link.decode_message(link.encode_request(REQUESTS[6]), 0)
    assert isinstance(got, Request)
    assert list(got.suites) == ["b", "a"]


def test_the_longest_request_fits_a_frame() -> None:
    """Whatever a keep may ask for can be sent."""
    names = tuple(f"{n:0128}" for n in range(64))
    suites = {f"{n:064}": bytes(4096) for n in range(4)}
    request = Request("vouch", id=1 << 52, spki=bytes(2048), nonce=bytes(32), suites=suites,
                      names=names)  # fmt: skip
    assert len(link.encode_request(request)) < MAX_FRAME


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "-" + "a" * 64, "A" * 64, "a" * 201])
def test_a_key_is_a_harmless_file_name(key: str) -> None:
    """A key can be nothing but hexadecimal digits and hyphens, beginning with a digest."""
    data = json.dumps({"id": 1, "op": "cached", "key": key}).encode()
    with pytest.raises(MalformedError):
        link.decode_message(data, 0)


EVENTS: list[tuple[str, dict[str, object]]] = [
    ("certificate", {"pem": "-----BEGIN"}),
    ("ended", {"outcome": {"kind": "exit", "code": 0}}),
    ("log", {"level": "info", "target": "enarx", "text": "hello"}),
    ("running", {}),
    ("running", {"wall_time_s": 2.0}),
    ("sandbox", {"applied": ["landlock", "seccomp"]}),
]


@pytest.mark.parametrize(("name", "fields"), EVENTS)
def test_an_event_survives_the_round_trip(name: str, fields: dict[str, object]) -> None:
    """Both ends mean the same by every event."""
    got = link.decode_message(link.encode_event(name, fields), 0)
    assert isinstance(got, Event)
    assert (
        got.name,
        {k: list(v) if isinstance(v, tuple) else v for k, v in got.fields.items()},
    ) == (
        name,
        fields,
    )


def test_an_unknown_event_is_refused() -> None:
    """There is no event but those of the protocol."""
    with pytest.raises(MalformedError):
        link.decode_message(b'{"event":"party"}', 0)


def test_a_refusal_carries_errno_and_text() -> None:
    """A refused request says why, in both forms, and its text is bounded."""
    got = link.decode_reply(link.encode_reply(Reply(7, errno=98, text="x" * 5000)))
    assert (got.id, got.errno, got.text) == (7, 98, "x" * 1000)


@pytest.mark.parametrize(
    ("op", "ok", "descriptors", "want"),
    [
        ("cached", None, 0, None),
        ("cached", {"sha256": "ab" * 32}, 1, Answer(sha256="ab" * 32)),
        ("store", {}, 0, Answer()),
        ("listen", {"port": 443}, 1, Answer(port=443)),
        ("connect", {"peer": ["::1", 443]}, 1, Answer(peer=("::1", 443))),
        ("resolve", {"addresses": ["::1"]}, 0, Answer(addresses=("::1",))),
        ("prove", {"size": 9}, 1, Answer(size=9)),
        ("vouch", {"size": 9}, 1, Answer(size=9)),
    ],
)
def test_a_good_answer_is_read(op: str, ok: object, descriptors: int, want: Answer | None) -> None:
    """Every request has its answer, with or without a descriptor."""
    reply = link.decode_reply(link.encode_reply(Reply(1, ok)))
    got = link.check_answer(op, reply.ok, descriptors)
    assert (got and shown(got)) == (want and shown(want))


@pytest.mark.parametrize(
    ("op", "ok", "descriptors"),
    [
        ("cached", None, 1),
        ("cached", {"sha256": "ab" * 32}, 0),
        ("cached", {"sha256": "ab"}, 1),
        ("connect", None, 0),
        ("connect", {"peer": ["::1"]}, 1),
        ("connect", {"peer": ["::1", 65536]}, 1),
        ("connect", {"peer": ["::1", True]}, 1),
        ("connect", {"peer": [1, 1]}, 1),
        ("connect", {"peer": ["::1", 1], "more": 1}, 1),
        ("listen", {"port": 0}, 1),
        ("resolve", {"addresses": ["x"] * 100}, 0),
        ("store", {}, 1),
        ("prove", {"size": 9}, 0),
        ("prove", {"size": 0}, 1),
        ("prove", {"size": 2 << 20}, 1),
        ("vouch", {"size": 2 << 20}, 1),
        ("vouch", {"size": 9}, 0),
    ],
)
def test_an_answer_of_another_shape_is_refused(op: str, ok: object, descriptors: int) -> None:
    """A hostile host cannot make a keep take one answer for another."""
    with pytest.raises(MalformedError):
        link.check_answer(op, ok, descriptors)


def test_a_peer_brings_one_socket() -> None:
    """A frame of an accept channel is an address and one descriptor."""
    assert link.decode_peer(link.encode_peer("10.0.0.1", 9), 1) == ("10.0.0.1", 9)
    for wrong in (0, 2):
        with pytest.raises(MalformedError):
            link.decode_peer(link.encode_peer("10.0.0.1", 9), wrong)


@given(st.binary(), st.integers(0, 2))
def test_junk_raises_only_our_error(data: bytes, descriptors: int) -> None:
    """Whatever arrives on either end is a message or MalformedError."""
    for decode in (link.decode_message, link.decode_peer):
        with suppress(MalformedError):
            decode(data, descriptors)
    with suppress(MalformedError):
        link.decode_reply(data)
