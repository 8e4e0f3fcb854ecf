"""What the API answers to those who do it wrong: a problem document (RFC 9457), always."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest
from tests.host.api.hosts import ENVELOPE, NONCE, Host

from enarx.cli.host import make_token
from enarx.host.records import tokens
from enarx.host.records.database import open_database
from enarx.web.problem import CODES, MEDIA_TYPE

pytestmark = pytest.mark.slow  # each starts processes

UNKNOWN = "a" * 26


def is_problem(answer: httpx.Response, code: str) -> None:
    """Check the document, and that it shows nothing of the inside."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    found = answer.json()
    status, title = CODES[code]
    assert (answer.status_code, found["status"], found["title"]) == (status, status, title)
    assert found["code"] == code
    assert found["instance"].endswith(answer.headers["x-request-id"])
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text


JSON_CASES: list[tuple[bytes, str]] = [
    (b"", "malformed"),
    (b"{", "malformed"),
    (b"[]", "malformed"),
    (b"\xff\xfe", "malformed"),
    (b'{"platform":"snp","platform":"snp"}', "malformed"),
    (b'{"platform":1}', "malformed"),
    (b'{"platform":"vax"}', "malformed"),
    (b'{"platform":"snp","extra":1}', "malformed"),
    (b'{"platform":"snp","nonce":"short"}', "malformed"),
    (b'{"platform":"snp","nonce":null}', "malformed"),
    (b'{"platform":"snp","name":"a\\nb"}', "malformed"),
    (b'{"platform":"snp","name":"%s"}' % (b"a" * 65), "malformed"),
    (b'{"platform":"snp","image":"other/1"}', "malformed"),
    (b"[" * 10_000, "malformed"),
    (b'{"platform":"' + b"a" * 20_000 + b'"}', "too-large"),
]


@pytest.mark.parametrize(("body", "code"), JSON_CASES)
def test_a_wrong_body_makes_no_keep(host: Host, body: bytes, code: str) -> None:
    """Whatever is not exactly the one JSON object that is wanted is refused."""
    with host.client() as client:
        before = len(client.get("/v1/keeps").json()["keeps"])
        headers = {"Content-Type": "application/json"}
        is_problem(client.post("/v1/keeps", content=body, headers=headers), code)
        assert len(client.get("/v1/keeps").json()["keeps"]) == before


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", "not-found"),
        ("GET", "/v1/keeps/", "not-found"),
        ("GET", "/v2/keeps", "not-found"),
        ("GET", "/v1/keeps/../../etc/passwd", "not-found"),
        ("GET", f"/v1/keeps/{UNKNOWN}", "not-found"),
        ("GET", "/v1/keeps/%00", "not-found"),
        ("DELETE", f"/v1/keeps/{UNKNOWN}", "not-found"),
        ("GET", f"/v1/keeps/{UNKNOWN}/receipt", "not-found"),
        ("PUT", "/v1/keeps", "method-not-allowed"),
        ("PATCH", f"/v1/keeps/{UNKNOWN}", "method-not-allowed"),
        ("OPTIONS", "/v1/keeps", "method-not-allowed"),
        ("BREW", "/v1/health", "method-not-allowed"),
        ("GET", "/v1/keeps?limit=0", "malformed"),
        ("GET", "/v1/keeps?limit=1e9", "malformed"),
        ("GET", "/v1/keeps?limit=%D9%A3", "malformed"),
        ("GET", "/v1/keeps?after='--", "malformed"),
        ("GET", "/v1/keeps?colour=red", "malformed"),
    ],
)
def test_a_wrong_path_or_method_is_a_problem(host: Host, method: str, path: str, code: str) -> None:
    """Unknown paths, unknown keeps, wrong methods and wrong queries are told apart."""
    with host.client() as client:
        is_problem(client.request(method, path), code)


def test_a_wrong_method_names_the_right_ones(host: Host) -> None:
    """405 comes with Allow."""
    with host.client() as client:
        assert "POST" in client.put("/v1/keeps").headers["allow"]


def test_a_wrong_media_type_is_refused(host: Host) -> None:
    """Bodies must say what they are."""
    keep, _ = host.create()
    with host.client() as client:
        is_problem(client.post("/v1/keeps", content=b"{}"), "unsupported-media-type")
        path = f"/v1/keeps/{keep}/envelope"
        is_problem(client.post(path, json={}), "unsupported-media-type")


@pytest.mark.parametrize("junk", [b"", b"\x00", b"junk" * 100, b"\xa4\x01\x01"])
def test_what_is_no_envelope_is_refused_before_the_keep_sees_it(host: Host, junk: bytes) -> None:
    """Junk does not use the one-time key up."""
    keep, _ = host.create()
    is_problem(host.provision(keep, junk), "malformed")
    assert host.keep(keep)["state"] == "offering"


def test_an_oversized_envelope_is_refused_before_it_is_sent(host: Host) -> None:
    """By its Content-Length, and without one by what arrives."""
    keep, _ = host.create()
    is_problem(host.provision(keep, bytes((1 << 20) + 1)), "too-large")
    with host.client() as client:
        pieces = (bytes(1 << 16) for _ in range(17))
        path = f"/v1/keeps/{keep}/envelope"
        is_problem(client.post(path, content=pieces, headers=ENVELOPE), "too-large")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer enx_000000000000_AAAA", "Bearer é"]
)
def test_without_a_token_nothing_is_told(host: Host, header: str) -> None:
    """No token, a wrong scheme, an unknown token: 401 for everything but health and OpenAPI."""
    headers = {"Authorization": header.encode()} if header else {}
    for path in ("/v1/keeps", "/v1/platforms", "/metrics", f"/v1/keeps/{UNKNOWN}"):
        answer = httpx.get(f"{host.url}{path}", headers=headers)
        is_problem(answer, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert httpx.get(f"{host.url}/v1/health").status_code == 200


def test_an_expired_and_a_revoked_token_end_at_once(host: Host) -> None:
    """Expiry and revocation count at the next request, without a restart."""
    connection = open_database(str(host.directory))
    entropy = bytes(range(tokens.ID_BYTES + tokens.SECRET_BYTES))
    expired = tokens.create(connection, "first", entropy=entropy, now=1.0, expires=2.0)
    good = make_token(str(host.directory), "first")
    with host.client(expired) as client:
        is_problem(client.get("/v1/keeps"), "unauthorized")
    with host.client(good) as client:
        assert client.get("/v1/keeps").status_code == 200
        assert tokens.revoke(connection, good.split("_")[1], time.time())
        is_problem(client.get("/v1/keeps"), "unauthorized")
    connection.close()


def test_a_secret_with_one_changed_digit_is_no_token(host: Host) -> None:
    """The identifier alone proves nothing."""
    changed = host.token[:-2] + ("AA" if host.token[-2:] != "AA" else "BB")
    with host.client(changed) as client:
        is_problem(client.get("/v1/keeps"), "unauthorized")


def test_another_tenants_keep_is_not_there(host: Host) -> None:
    """Every path of a foreign keep answers like one that never was."""
    keep, _ = host.create()
    with host.client(make_token(str(host.directory), "second")) as client:
        for path in ("", "/receipt"):
            is_problem(client.get(f"/v1/keeps/{keep}{path}"), "not-found")
        is_problem(client.delete(f"/v1/keeps/{keep}"), "not-found")
        is_problem(client.post(f"/v1/keeps/{keep}/stop", json={}), "not-found")
        is_problem(client.post(f"/v1/keeps/{keep}/offer", json={"nonce": NONCE}), "not-found")
        path = f"/v1/keeps/{keep}/envelope"
        is_problem(client.post(path, content=b"x", headers=ENVELOPE), "not-found")
        assert client.get("/v1/keeps").json()["keeps"] == []
    assert host.keep(keep)["state"] == "offering"


def test_a_body_that_does_not_come_is_not_waited_for(host: Host) -> None:
    """A request that stops in the middle of its body gets 408, then the connection is closed."""
    head = (
        f"POST /v1/keeps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    assert refusal(host, head.encode())["code"] == "timeout"


@pytest.mark.parametrize("head", [b"", b"GET /v1/health HT", b"GET / HTTP/1.1\r\nA: b\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(host: Host, head: bytes) -> None:
    """Half-open connections, with nothing or half a head, are ended with 408."""
    assert refusal(host, head)["code"] == "timeout"


@pytest.mark.parametrize(
    "head",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"junk\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9000],
)
def test_what_is_no_http_is_a_problem(host: Host, head: bytes) -> None:
    """TLS to a plain port, junk, and endless heads are refused in the one form."""
    assert refusal(host, head)["code"] == "malformed"


def refusal(host: Host, data: bytes) -> dict[str, object]:
    """What the host answers to raw bytes, until it closes."""
    port = int(host.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(data)
        found = b""
        try:
            while piece := sock.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
    head, _, body = found.partition(b"\r\n\r\n")
    assert MEDIA_TYPE.encode() in head
    answer: dict[str, object] = json.loads(body)
    return answer


def test_a_channel_is_refused_before_the_upgrade(host: Host) -> None:
    """Without token, without subprotocol, from a web page, or too early: problems, no upgrade."""
    keep, _ = host.create()
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    named = {**upgrade, "Sec-WebSocket-Protocol": "enarx.channel.v1"}
    path = f"/v1/keeps/{keep}/channel"
    with host.client() as client:
        is_problem(client.get(path, headers=upgrade), "malformed")
        is_problem(client.get(path, headers={**named, "Origin": "http://x"}), "forbidden")
        is_problem(client.get(path, headers=named), "out-of-order")
        is_problem(client.get(path.replace(keep, UNKNOWN), headers=named), "not-found")
    with host.client("none") as client:
        is_problem(client.get(path, headers=named), "unauthorized")
