"""What a host and a keep's agent say to each other, on a link that neither trusts.

Pure: frames in, values out, and back; what is large travels in a file, whose descriptor is beside
the frame and whose size is in it.  Requests of both sides have an id, the reply carries the same.

    host -> keep   {"id", "op": "offer", "nonce"}             -> {"size"} + file (an offer)
                   {"id", "op": "envelope", "size"} + file    -> {"size"} + file (a receipt)
                   {"id", "op": "channel"} + connected socket -> {}
                   {"id", "op": "stop", "grace_s"}            -> {}
                   {"id", "op": "status"}                     -> {"state", "workload_digest"}
    keep -> host   {"id", "op": "quote", "report_data"}       -> {"size"} + file (a wrapper, CMW)
                   {"event": "state", "state", "workload_digest"}
    every refusal                                             -> {"id", "error": {"kind", "text"}}

The host learns the state and the workload's digest, which is public; never an exit code, output or
the reason of a failure inside the application.
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.protocol.claims import NONCE_BYTES, check_digest
from enarx.protocol.states import STATES
from enarx.wire.document import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from enarx.protocol.states import State
    from enarx.wire.document import Fields

    Kind: TypeAlias = Literal["malformed", "out-of-order", "cannot-open", "unavailable", "bug"]

KINDS: tuple[Kind, ...] = ("malformed", "out-of-order", "cannot-open", "unavailable", "bug")
"""Why something is refused: the host's API makes a status of it."""

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_GRACE_S = 3600.0
REPORT_DATA_BYTES = 64

_MAX_ID = (1 << 53) - 1
_MAX_TEXT = 1000
_FROM_HOST = ("channel", "envelope", "offer", "status", "stop")
_FROM_KEEP = ("quote",)
_BRINGS_FILE = frozenset(("channel", "envelope"))
_ANSWERED_WITH_FILE = frozenset(("envelope", "offer", "quote"))


class Request:
    """One request; attributes that its ``op`` does not have keep their defaults."""

    __slots__ = ("grace_s", "id", "nonce", "op", "report_data", "size")

    def __init__(
        self,
        op: str,
        *,
        id: int = 0,  # noqa: A002 - the protocol's name
        nonce: bytes = b"",
        size: int = 0,
        grace_s: float = 0.0,
        report_data: bytes = b"",
    ) -> None:
        self.op, self.id = op, id
        self.nonce, self.size = nonce, size
        self.grace_s, self.report_data = grace_s, report_data


class StateEvent:
    """What a keep says of itself unasked: its state, and the workload's digest once it has one."""

    __slots__ = ("state", "workload_digest")

    def __init__(self, state: State, workload_digest: str) -> None:
        self.state = state
        self.workload_digest = workload_digest


class Reply:
    """One reply: of ``kind`` and ``text`` for a refusal, else with what the request asked for."""

    __slots__ = ("id", "kind", "size", "state", "text", "workload_digest")

    def __init__(
        self,
        id: int,  # noqa: A002 - the protocol's name
        *,
        size: int = 0,
        state: State | None = None,
        workload_digest: str = "",
        kind: Kind | None = None,
        text: str = "",
    ) -> None:
        self.id = id
        self.size = size
        self.state = state
        self.workload_digest = workload_digest
        self.kind = kind
        self.text = text


def encode_request(request: Request) -> bytes:
    """The frame of *request*."""
    fields: dict[str, object] = {"id": request.id, "op": request.op}
    if request.op == "offer":
        fields["nonce"] = request.nonce.hex()
    elif request.op == "envelope":
        fields["size"] = request.size
    elif request.op == "stop":
        fields["grace_s"] = request.grace_s
    elif request.op == "quote":
        fields["report_data"] = request.report_data.hex()
    return dump(fields)


def encode_state(event: StateEvent) -> bytes:
    """The frame of *event*."""
    digest = event.workload_digest or None
    return dump({"event": "state", "state": event.state, "workload_digest": digest})


def encode_reply(reply: Reply, op: str) -> bytes:
    """The frame of *reply* to a request of *op*."""
    if reply.kind is not None:
        return dump({"id": reply.id, "error": {"kind": reply.kind, "text": reply.text[:_MAX_TEXT]}})
    ok: dict[str, object] = {}
    if op in _ANSWERED_WITH_FILE:
        ok["size"] = reply.size
    elif op == "status":
        ok = {"state": reply.state, "workload_digest": reply.workload_digest or None}
    return dump({"id": reply.id, "ok": ok})


def decode_from_host(data: bytes, descriptors: int) -> Request | Reply:
    """What a host sent with *descriptors* descriptors: a request, or the reply to a quote's.

    Raises:
        MalformedError: it is neither, or of a wrong shape.
    """
    fields = load(data, "message of the host")
    if "op" in fields:
        return _request(fields, _FROM_HOST, descriptors)
    return _reply(fields, "quote", descriptors)


def is_request(data: bytes) -> bool:
    """Whether a frame of a keep is a request or an event, and no reply to one of ours.

    Raises:
        MalformedError: it is no JSON object.
    """
    fields = load(data, "message of the keep")
    return "op" in fields or "event" in fields


def decode_from_keep(data: bytes, descriptors: int) -> Request | StateEvent:
    """What a keep sent that is no reply.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(data, "message of the keep")
    if "op" in fields:
        return _request(fields, _FROM_KEEP, descriptors)
    fields.one_of("event", ("state",))
    state, digest = _state(fields), _digest(fields)
    fields.done()
    _must_bring(fields, descriptors, 0)
    return StateEvent(state, digest)


def reply_id(data: bytes) -> int:
    """Which request a keep's reply is for.

    Raises:
        MalformedError: it is no reply.
    """
    return load(data, "reply of the keep").integer("id", 1, _MAX_ID)


def decode_reply(data: bytes, op: str, descriptors: int) -> Reply:
    """A keep's reply to a request of *op*.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    return _reply(load(data, f"reply of the keep to {op}"), op, descriptors)


def _request(fields: Fields, ops: tuple[str, ...], descriptors: int) -> Request:
    op = fields.one_of("op", ops)
    request = Request(op, id=fields.integer("id", 1, _MAX_ID))
    if op == "offer":
        request.nonce = bytes.fromhex(fields.hexadecimal("nonce", 2 * NONCE_BYTES))
    elif op == "envelope":
        request.size = fields.integer("size", 1, MAX_FILE_BYTES)
    elif op == "stop":
        request.grace_s = fields.number("grace_s", 0, MAX_GRACE_S)
    elif op == "quote":
        digits = fields.hexadecimal("report_data", 2 * REPORT_DATA_BYTES)
        request.report_data = bytes.fromhex(digits)
    fields.done()
    _must_bring(fields, descriptors, 1 if op in _BRINGS_FILE else 0)
    return request


def _reply(fields: Fields, op: str, descriptors: int) -> Reply:
    reply = Reply(fields.integer("id", 1, _MAX_ID))
    wanted = 0
    if "error" in fields:
        inner = fields.object("error")
        reply.kind = inner.one_of("kind", KINDS)  # type: ignore[assignment]
        reply.text = inner.text("text", most=_MAX_TEXT)
    else:
        inner = fields.object("ok")
        if op in _ANSWERED_WITH_FILE:
            reply.size, wanted = inner.integer("size", 1, MAX_FILE_BYTES), 1
        elif op == "status":
            reply.state, reply.workload_digest = _state(inner), _digest(inner)
    inner.done()
    fields.done()
    _must_bring(fields, descriptors, wanted)
    return reply


def _state(fields: Fields) -> State:
    found = fields.one_of("state", STATES)
    return next(state for state in STATES if state == found)


def _digest(fields: Fields) -> str:
    value = fields.take("workload_digest")
    if value is None:
        return ""
    where = f"{fields.where}: workload_digest"
    if not isinstance(value, str):
        raise MalformedError(where, "want a text or null")
    return check_digest(value, where)


def _must_bring(fields: Fields, descriptors: int, wanted: int) -> None:
    if descriptors != wanted:
        fields.refuse("descriptors", f"got {descriptors}, want {wanted}")
