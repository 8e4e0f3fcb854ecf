"""What the API and the keeper say to each other on the socket in the state directory.

Pure: frames in, values out, and back.  What is large travels in a file beside its frame.

    API -> keeper  {"id", "op": "hello"}                            -> {"version", "platforms"}
                   {"id", "op": "create", "keep", "platform"}       -> {}
                   {"id", "op": "offer", "keep", "nonce"}           -> {"size"} + file (an offer)
                   {"id", "op": "envelope", "keep", "size"} + file  -> {"size"} + file (a receipt)
                   {"id", "op": "receipt", "keep"}                  -> {"size"} + file
                   {"id", "op": "channel", "keep"} + socket         -> {}
                   {"id", "op": "stop", "keep", "grace_s"}          -> {}
                   {"id", "op": "end", "keep", "reason"}            -> {}
                   {"id", "op": "forget", "keep"}                   -> {}
                   {"id", "op": "list"}                             -> {"size"} + file (statuses)
                   {"id", "op": "shutdown"}                         -> {}
    keeper -> API  {"event": "keep", "keep", "state", ...}          a ``KeepStatus``
    every refusal                                                   -> {"id", "error": {...}}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from enarx.errors import MalformedError
from enarx.protocol.agent_link import KINDS, MAX_FILE_BYTES, MAX_GRACE_S
from enarx.protocol.claims import NONCE_BYTES
from enarx.protocol.states import STATES
from enarx.wire.document import dump, load, load_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.wire.document import Fields

SOCKET = "keeper.sock"
LOCK = "keeper.lock"
LOG = "keeper.log"

REFUSALS = (*KINDS, "unknown-keep", "full")
"""Why the keeper refuses: an agent's reasons, and two of its own."""

MAX_KEEPS = 10_000
KEEP_ID_LENGTH = 26
KEEP_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")

_MAX_ID = (1 << 53) - 1
_MAX_TEXT = 1000
_MAX_WORD = 64
_MAX_DIGEST = 80
_WITH_KEEP = frozenset(
    ("channel", "create", "end", "envelope", "forget", "offer", "receipt", "stop")
)
_OPS = (*_WITH_KEEP, "hello", "list", "shutdown")
_BRINGS_FILE = frozenset(("channel", "envelope"))
ANSWERED_WITH_FILE = frozenset(("envelope", "list", "offer", "receipt"))


@dataclass(slots=True, kw_only=True)
class KeeperRequest:
    """One request; what its *op* does not have keeps its default."""

    op: str
    id: int = 0
    keep: str = ""
    platform: str = ""
    nonce: bytes = b""
    size: int = 0
    grace_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperReply:
    """One reply: of *kind* and *text* for a refusal, else with what the request asked for."""

    id: int
    size: int = 0
    version: str = ""
    platforms: tuple[str, ...] = ()
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepStatus:
    """What the keeper knows of a keep.

    Args:
        given: an envelope was handed to it.
        over: its process has ended, for *reason*, a coarse word, empty for one of its own.
    """

    keep: str
    platform: str
    state: str
    workload_digest: str = ""
    given: bool = False
    over: bool = False
    reason: str = ""


def is_keep_id(text: str) -> bool:
    """Whether *text* has the form of a keep's name."""
    return len(text) == KEEP_ID_LENGTH and not set(text) - KEEP_ID_CHARACTERS


def encode_request(request: KeeperRequest) -> bytes:
    """The frame of *request*."""
    fields: dict[str, object] = {"id": request.id, "op": request.op}
    if request.op in _WITH_KEEP:
        fields["keep"] = request.keep
    if request.op == "create":
        fields["platform"] = request.platform
    elif request.op == "offer":
        fields["nonce"] = request.nonce.hex()
    elif request.op == "envelope":
        fields["size"] = request.size
    elif request.op == "stop":
        fields["grace_s"] = request.grace_s
    elif request.op == "end":
        fields["reason"] = request.reason
    return dump(fields)


def decode_request(data: bytes, descriptors: int) -> KeeperRequest:
    """A request that came with *descriptors* descriptors.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(data, "request to the keeper")
    op = fields.one_of("op", _OPS)
    request = KeeperRequest(op=op, id=fields.integer("id", 1, _MAX_ID))
    if op in _WITH_KEEP:
        request.keep = _keep_id(fields)
    if op == "create":
        request.platform = fields.text("platform", least=1, most=_MAX_WORD)
    elif op == "offer":
        request.nonce = bytes.fromhex(fields.hexadecimal("nonce", 2 * NONCE_BYTES))
    elif op == "envelope":
        request.size = fields.integer("size", 1, MAX_FILE_BYTES)
    elif op == "stop":
        request.grace_s = fields.number("grace_s", 0, MAX_GRACE_S)
    elif op == "end":
        request.reason = fields.text("reason", most=_MAX_WORD)
    fields.done()
    _must_bring(fields, descriptors, 1 if op in _BRINGS_FILE else 0)
    return request


def encode_reply(reply: KeeperReply, op: str) -> bytes:
    """The frame of *reply* to a request of *op*."""
    if reply.kind:
        return dump({"id": reply.id, "error": {"kind": reply.kind, "text": reply.text[:_MAX_TEXT]}})
    ok: dict[str, object] = {}
    if op in ANSWERED_WITH_FILE:
        ok["size"] = reply.size
    elif op == "hello":
        ok = {"version": reply.version, "platforms": list(reply.platforms)}
    return dump({"id": reply.id, "ok": ok})


def encode_status(status: KeepStatus) -> bytes:
    """The frame of an event."""
    return dump({"event": "keep", **asdict(status)})


def encode_statuses(statuses: Iterable[KeepStatus]) -> bytes:
    """The file that answers "list"."""
    return dump([asdict(status) for status in statuses])


def decode_statuses(data: bytes) -> tuple[KeepStatus, ...]:
    """The statuses in the file that answers "list".

    Raises:
        MalformedError: it is something else.
    """
    return tuple(
        _status(fields) for fields in load_list(data, "keeps of the keeper", most=MAX_KEEPS)
    )


def decode_status(data: bytes) -> KeepStatus | None:
    """The event in a frame of the keeper; None if it is a reply.

    Raises:
        MalformedError: it is neither.
    """
    fields = load(data, "message of the keeper")
    if "event" not in fields:
        return None
    fields.one_of("event", ("keep",))
    return _status(fields)


def reply_id(data: bytes) -> int:
    """Which request a reply is for.

    Raises:
        MalformedError: it is no reply.
    """
    return load(data, "reply of the keeper").integer("id", 1, _MAX_ID)


def decode_reply(data: bytes, op: str, descriptors: int) -> KeeperReply:
    """The keeper's reply to a request of *op*.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(data, f"reply of the keeper to {op}")
    number = fields.integer("id", 1, _MAX_ID)
    wanted = 0
    if "error" in fields:
        inner = fields.object("error")
        reply = KeeperReply(
            id=number, kind=inner.one_of("kind", REFUSALS), text=inner.text("text", most=_MAX_TEXT)
        )
    else:
        inner = fields.object("ok")
        if op in ANSWERED_WITH_FILE:
            reply, wanted = (
                KeeperReply(id=number, size=inner.integer("size", 1, MAX_FILE_BYTES)),
                1,
            )
        elif op == "hello":
            reply = KeeperReply(
                id=number,
                version=inner.text("version", most=_MAX_WORD),
                platforms=inner.texts("platforms", most=16, longest=_MAX_WORD),
            )
        else:
            reply = KeeperReply(id=number)
    inner.done()
    fields.done()
    _must_bring(fields, descriptors, wanted)
    return reply


def _status(fields: Fields) -> KeepStatus:
    status = KeepStatus(
        keep=_keep_id(fields),
        platform=fields.text("platform", most=_MAX_WORD),
        state=fields.one_of("state", STATES),
        workload_digest=fields.text("workload_digest", most=_MAX_DIGEST),
        given=fields.boolean("given"),
        over=fields.boolean("over"),
        reason=fields.text("reason", most=_MAX_WORD),
    )
    fields.done()
    return status


def _keep_id(fields: Fields) -> str:
    found = fields.text("keep", most=_MAX_WORD)
    if not is_keep_id(found):
        fields.refuse("keep", "is no keep's name")
    return found


def _must_bring(fields: Fields, descriptors: int, wanted: int) -> None:
    if descriptors != wanted:
        raise MalformedError(fields.where, f"got {descriptors} descriptors, want {wanted}")
