"""What keep and host say to each other on the link after the launch message.

Pure: bytes in, values out, and back; descriptors travel beside a frame and are only counted here.
Every request has an id, its reply carries the same id; events go one way, keep to host.

    {"id", "op": "cached", "key"}                          -> {"sha256"} + file, or null
    {"id", "op": "store", "key", "sha256", "size"} + file  -> {}
    {"id", "op": "listen", "name", "host", "port"}         -> {"port"} + accept channel
    {"id", "op": "connect", "host", "port", "timeout_s"}   -> {"peer": [host, port]} + socket
    {"id", "op": "resolve", "host"}                        -> {"addresses": [...]}
    {"id", "op": "prove", "spki", "nonce"}                 -> {"size"} + file
    {"id", "op": "vouch", "nonce", "spki", "suites", "names"}  -> {"size"} + file
    every refusal                                          -> {"id", "error": {"errno", "text"}}

``prove`` asks for evidence that a key is the keep's, bound to identity claims with this nonce.
``vouch`` asks for evidence bound to secrets claims: *suites* are one-time keys,
``[{"kem", "public_key"}]``, *spki* is the key that signs the receipt, *names* are 1 to 64 secrets.
Both are answered by the keep's agent, which makes the claims itself and puts into them what it
knows to run; a host never answers them.

On an accept channel the host sends ``{"peer": [host, port]}`` + one connected socket per frame.
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.wire.document import Fields, check_text, dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_OUTSTANDING = 64
"""Most requests a keep may have unanswered; the host reads no further beyond that."""
MAX_TEXT = 1000
NOT_AVAILABLE = "not available: "
"""How a line of the "sandbox" event begins that names what the machine lacks."""
MAX_TIMEOUT_S = 3600.0
MAX_STORED = 2 << 30
"""Largest ahead-of-time file, in bytes; the largest known (CPython with SciPy) has 241 MB."""

MAX_EVIDENCE = 1 << 20
"""Longest evidence with its endorsements, in bytes."""

_MAX_ADDRESSES = 64
_MAX_CERTIFICATE = 32 * 1024
_MAX_HOST = 255
_MAX_ID = (1 << 53) - 1
_MAX_KEY = 200
_MAX_KEM = 64
_MAX_PORT = 65535
_MAX_PUBLIC_KEY = 4096
_MAX_SECRET_NAME = 128
_MAX_SECRETS = 64
_MAX_SPKI = 2048
_MAX_SUITES = 4
_NONCE_DIGITS = 64
_SHA256_DIGITS = 64
_KEY_CHARACTERS = frozenset("0123456789abcdef-")


class Request:
    """One request of a keep; attributes its ``op`` does not have keep their defaults."""

    __slots__ = (
        "host", "id", "key", "name", "names", "nonce", "op", "port", "sha256", "size", "spki",
        "suites", "timeout_s",
    )  # fmt: skip

    def __init__(
        self,
        op: str,
        *,
        id: int = 0,  # noqa: A002 - the protocol's name
        key: str = "",
        sha256: str = "",
        size: int = 0,
        name: str = "",
        host: str = "",
        port: int = 0,
        timeout_s: float = 0.0,
        spki: bytes = b"",
        nonce: bytes = b"",
        suites: Mapping[str, bytes] | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        self.op = op
        self.id = id
        self.key = key
        self.sha256 = sha256
        self.size = size
        self.name = name
        self.host = host
        self.port = port
        self.timeout_s = timeout_s
        self.spki = spki
        self.nonce = nonce
        self.suites: Mapping[str, bytes] = suites or {}
        self.names = names


class Event:
    """One one-way message of a keep: a name and checked fields."""

    __slots__ = ("fields", "name")

    def __init__(self, name: str, fields: dict[str, object]) -> None:
        self.name = name
        self.fields = fields


class Reply:
    """One reply of a host, of which only the envelope is checked; ``Answer`` has the rest."""

    __slots__ = ("errno", "id", "ok", "text")

    def __init__(
        self,
        id: int,  # noqa: A002 - the protocol's name
        ok: object = None,
        *,
        errno: int = 0,
        text: str = "",
    ) -> None:
        self.id = id
        self.ok = ok
        self.errno = errno
        self.text = text


class Answer:
    """The checked content of a good reply; which attribute counts follows from the request."""

    __slots__ = ("addresses", "peer", "port", "sha256", "size")

    def __init__(
        self,
        *,
        sha256: str = "",
        peer: tuple[str, int] = ("", 0),
        port: int = 0,
        addresses: tuple[str, ...] = (),
        size: int = 0,
    ) -> None:
        self.size = size
        self.sha256 = sha256
        self.peer = peer
        self.port = port
        self.addresses = addresses


def encode_request(request: Request) -> bytes:
    """Return the frame that ``decode_message`` reads; ``store`` also needs its file beside it."""
    fields = {field: _plain(getattr(request, field)) for field in _REQUESTS[request.op]}
    return dump({"id": request.id, "op": request.op, **fields})


def encode_event(name: str, fields: dict[str, object]) -> bytes:
    """Return the frame that ``decode_message`` reads."""
    return dump({"event": name, **fields})


def decode_message(data: bytes, descriptors: int) -> Request | Event:
    """Read what a keep sent with *descriptors* descriptors beside it.

    Raises:
        MalformedError: it is neither a request nor an event, or of a wrong shape.
    """
    fields = load(data, "message of the keep")
    if "event" in fields:
        message: Request | Event = _event(fields)
        wanted = 0
    else:
        message = _request(fields)
        wanted = 1 if message.op == "store" else 0
    fields.done()
    if descriptors != wanted:
        fields.refuse("descriptors", f"got {descriptors}, want {wanted}")
    return message


def encode_reply(reply: Reply) -> bytes:
    """Return the frame that ``decode_reply`` reads."""
    if reply.errno:
        error = {"errno": reply.errno, "text": reply.text[:MAX_TEXT]}
        return dump({"id": reply.id, "error": error})
    return dump({"id": reply.id, "ok": reply.ok})


def decode_reply(data: bytes) -> Reply:
    """Read the envelope of a reply; ``check_answer`` reads its content once the request is known.

    Raises:
        MalformedError: it is not a reply.
    """
    fields = load(data, "reply of the host")
    number = fields.integer("id", 1, _MAX_ID)
    if "error" in fields:
        inner = fields.object("error")
        reply = Reply(number, errno=inner.integer("errno", 1, 4095), text=inner.text("text"))
        inner.done()
    else:
        reply = Reply(number, fields.take("ok"))
    fields.done()
    return reply


def check_answer(op: str, ok: object, descriptors: int) -> Answer | None:
    """Read the content of a good reply to *op* with *descriptors* descriptors beside it.

    Raises:
        MalformedError: it is of a wrong shape, or has too few or too many descriptors.
    """
    where = f"reply of the host to {op}"
    if ok is None and op == "cached":
        answer, wanted = None, 0
    else:
        fields = Fields(ok, where)
        answer = _answer(op, fields)
        fields.done()
        wanted = 1 if op in _BRINGS_DESCRIPTOR else 0
    if descriptors != wanted:
        raise MalformedError(where, f"got {descriptors} descriptors, want {wanted}")
    return answer


def encode_peer(host: str, port: int) -> bytes:
    """Return the frame of an accept channel that ``decode_peer`` reads."""
    return dump({"peer": [host, port]})


def decode_peer(data: bytes, descriptors: int) -> tuple[str, int]:
    """Read one frame of an accept channel, which must bring one socket.

    Raises:
        MalformedError: it is of a wrong shape or brings not exactly one descriptor.
    """
    where = "accept channel"
    if descriptors != 1:
        raise MalformedError(where, f"got {descriptors} descriptors, want 1")
    fields = load(data, where)
    peer = _peer(fields)
    fields.done()
    return peer


def _request(fields: Fields) -> Request:
    """Read one request."""
    op = fields.one_of("op", _REQUESTS)
    request = Request(op, id=fields.integer("id", 1, _MAX_ID))
    for field in _REQUESTS[op]:
        setattr(request, field, _FIELDS[field](fields))
    return request


def _event(fields: Fields) -> Event:
    """Read one event."""
    name = fields.one_of("event", _EVENTS)
    return Event(name, _EVENTS[name](fields))


def _answer(op: str, fields: Fields) -> Answer:
    """Read the fields of a good reply to *op*."""
    if op == "cached":
        return Answer(sha256=fields.hexadecimal("sha256", _SHA256_DIGITS))
    if op == "connect":
        return Answer(peer=_peer(fields))
    if op == "listen":
        return Answer(port=fields.integer("port", 1, _MAX_PORT))
    if op in {"prove", "vouch"}:
        return Answer(size=fields.integer("size", 1, MAX_EVIDENCE))
    if op == "resolve":
        return Answer(addresses=fields.texts("addresses", most=_MAX_ADDRESSES, longest=_MAX_HOST))
    return Answer()


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return [{"kem": kem, "public_key": key.hex()} for kem, key in value.items()]
    return value.hex() if isinstance(value, bytes) else value


def _bytes(fields: Fields, key: str, most: int) -> bytes:
    digits = fields.text(key, least=2, most=2 * most)
    if len(digits) % 2 or set(digits) - set("0123456789abcdef"):
        fields.refuse(key, "want lower-case hexadecimal digits, two a byte")
    return bytes.fromhex(digits)


def _suites(fields: Fields) -> dict[str, bytes]:
    """Read public keys by their mechanism, in their order."""
    suites: dict[str, bytes] = {}
    for one in fields.objects("suites", _MAX_SUITES):
        kem = one.text("kem", least=1, most=_MAX_KEM)
        if kem in suites:
            one.refuse("kem", "comes twice")
        suites[kem] = _bytes(one, "public_key", _MAX_PUBLIC_KEY)
        one.done()
    if not suites:
        fields.refuse("suites", "no key")
    return suites


def _names(fields: Fields) -> tuple[str, ...]:
    """Read the names of secrets."""
    names = fields.texts("names", most=_MAX_SECRETS, longest=_MAX_SECRET_NAME)
    if not names or len(set(names)) != len(names) or "" in names:
        fields.refuse("names", "want at least one name, and none twice")
    return names


def _peer(fields: Fields) -> tuple[str, int]:
    """Read ``peer``: a numeric address and a port."""
    where = f"{fields.where}: peer"
    pair = fields.array("peer", 2)
    if len(pair) != 2:  # noqa: PLR2004 - host and port
        raise MalformedError(where, f"got {len(pair)} elements, want 2")
    host, port = pair
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= _MAX_PORT:
        raise MalformedError(where, "want a port from 0 to 65535")
    return check_text(host, where, most=_MAX_HOST), port


def _key(fields: Fields) -> str:
    """Read the key of an ahead-of-time file, which becomes a file name on the host."""
    key = fields.text("key", least=_SHA256_DIGITS, most=_MAX_KEY)
    if not set(key) <= _KEY_CHARACTERS or key.startswith("-"):
        fields.refuse("key", "want lower-case hexadecimal digits and hyphens")
    return key


def _log(fields: Fields) -> dict[str, object]:
    """Read one line of the keep's own log."""
    return {
        "level": fields.one_of("level", ("debug", "error", "info", "trace", "warn")),
        "target": fields.text("target", most=200),
        "text": fields.text("text", most=_MAX_CERTIFICATE, escaped=True),
    }


def _running(fields: Fields) -> dict[str, object]:
    """Read the wall-time limit, if there is one: the host alone sees that it was hit."""
    if "wall_time_s" not in fields:
        return {}
    return {"wall_time_s": fields.number("wall_time_s", 0, 1e12)}


_BRINGS_DESCRIPTOR = frozenset(("cached", "connect", "listen", "prove", "vouch"))

_REQUESTS: dict[str, tuple[str, ...]] = {
    "cached": ("key",),
    "connect": ("host", "port", "timeout_s"),
    "listen": ("name", "host", "port"),
    "prove": ("spki", "nonce"),
    "resolve": ("host",),
    "store": ("key", "sha256", "size"),
    "vouch": ("nonce", "spki", "suites", "names"),
}

_FIELDS: dict[str, Callable[[Fields], object]] = {
    "host": lambda f: f.text("host", least=1, most=_MAX_HOST),
    "key": _key,
    "name": lambda f: f.text("name", most=MAX_TEXT),
    "names": _names,
    "nonce": lambda f: bytes.fromhex(f.hexadecimal("nonce", _NONCE_DIGITS)),
    "port": lambda f: f.integer("port", 0, _MAX_PORT),
    "sha256": lambda f: f.hexadecimal("sha256", _SHA256_DIGITS),
    "size": lambda f: f.integer("size", 1, MAX_STORED),
    "spki": lambda f: _bytes(f, "spki", _MAX_SPKI),
    "suites": _suites,
    "timeout_s": lambda f: f.number("timeout_s", 0.001, MAX_TIMEOUT_S),
}

_EVENTS: dict[str, Callable[[Fields], dict[str, object]]] = {
    "certificate": lambda f: {"pem": f.text("pem", most=_MAX_CERTIFICATE)},
    "compiling": lambda f: {"size": f.integer("size", 0, MAX_STORED)},
    "ended": lambda f: {"outcome": f.take("outcome")},
    "log": _log,
    "running": _running,
    "sandbox": lambda f: {"applied": f.texts("applied", most=MAX_OUTSTANDING, longest=MAX_TEXT)},
}
