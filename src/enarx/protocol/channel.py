"""What an owner and a keep say inside the attested channel.

TLS 1.3 ends in the keep.  Inside it, a frame is

    type (1 byte)   length (4 bytes, big-endian)   body (at most 64 KiB)

    0  control: a JSON object        3  stdout
    1  stdin                         4  stderr
    2  the end of stdin, empty       5  evidence: a part of what "attest" asked for

First the client asks for evidence over *this* connection, with a nonce of its own: the keep quotes
the digest of ``claims.ChannelClaims`` with the exporter value of the connection, so that evidence
of another connection is of no use.  Nothing of the output may be believed, and no input sent,
before that evidence was appraised.

    client -> keep   {"op": "attest", "id", "nonce"}        -> parts, then {"evidence": id, "size"}
                     {"op": "attach", "id", "stdin", "from": {"stdout", "stderr"}}  -> {"ok": id}
                     {"op": "credit", "stream", "bytes"}
                     {"op": "status", "id"}      -> {"status": id, "state", "workload_digest",
                                                     "outcome"}
                     {"op": "stop", "id", "grace_s"}        -> {"ok": id}
    keep -> client   {"credit": bytes}                       of stdin
                     {"lost": stream, "bytes"}               output that fell out of the bounded log
                     {"exit": outcome}                       as of ``protocol.outcome``
                     {"refused": id, "text"}

A sender has ``WINDOW`` bytes of credit for each stream when it begins, and no more until it is
granted.  Positions in an output stream are counted in bytes from its beginning, so that a client
that comes back goes on where it was.

Source: DESIGN section 8; RFC 8446, section 7.5 (exporters); docs/design/formats/channel.md.
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.protocol.claims import NONCE_BYTES, check_digest
from enarx.protocol.states import STATES
from enarx.wire.document import dump, load
from enarx.wire.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.protocol.states import State
    from enarx.wire.document import Fields

EXPORTER_LABEL = b"EXPORTER-enarx-channel"
"""Of the TLS exporter; without a context, 32 bytes."""

CONTROL, STDIN, STDIN_END, STDOUT, STDERR, EVIDENCE = range(6)
STREAMS = ("stdout", "stderr")
MAX_BODY = 64 * 1024
HEADER_BYTES = 5
WINDOW = 256 * 1024
MAX_EVIDENCE_BYTES = 1024 * 1024
MAX_GRACE_S = 3600.0

_MAX_POSITION = (1 << 53) - 1
_MAX_TEXT = 1000
_WHERE = "channel"


class Frame:
    """One frame."""

    __slots__ = ("body", "kind")

    def __init__(self, kind: int, body: bytes) -> None:
        self.kind, self.body = kind, body


class Splitter:
    """Puts the frames of a byte stream together again, whatever pieces it comes in."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Every frame that is whole now.

        Raises:
            MalformedError: a type that there is not, or a frame that is too long.
        """
        self._waiting += data
        while len(self._waiting) >= HEADER_BYTES:
            kind, size = self._waiting[0], _size(self._waiting)
            if kind > EVIDENCE or size > MAX_BODY:
                raise MalformedError(_WHERE, f"got a frame of type {kind} with {size} bytes")
            end = HEADER_BYTES + size
            if len(self._waiting) < end:
                return
            body = bytes(self._waiting[HEADER_BYTES:end])
            del self._waiting[:end]
            yield Frame(kind, body)

    @property
    def is_between(self) -> bool:
        """Whether the stream may end here."""
        return not self._waiting


def frame(kind: int, body: bytes = b"") -> bytes:
    """The bytes of one frame; *body* has at most ``MAX_BODY``."""
    if len(body) > MAX_BODY:
        raise ValueError(f"body: need at most {MAX_BODY} bytes, got {len(body)}")
    return bytes((kind,)) + len(body).to_bytes(4, "big") + body


def control(**fields: object) -> bytes:
    """The bytes of a control frame."""
    return frame(CONTROL, dump(fields))


class Command:
    """What a client asks for; attributes that its ``op`` does not have keep their defaults."""

    __slots__ = ("amount", "grace_s", "id", "nonce", "op", "positions", "stdin", "stream")

    def __init__(self, op: str) -> None:
        self.op = op
        self.id = 0
        self.nonce = b""
        self.stdin = False
        self.positions: dict[str, int] = {}
        self.stream = ""
        self.amount = 0
        self.grace_s = 0.0


def attest(number: int, nonce: bytes) -> bytes:
    """Ask for evidence over this connection."""
    return control(op="attest", id=number, nonce=nonce.hex())


def attach(number: int, *, stdin: bool, stdout: int, stderr: int) -> bytes:
    """Ask for output from these positions on, and perhaps to be the one who sends input."""
    positions = {"stdout": stdout, "stderr": stderr}
    return frame(CONTROL, dump({"op": "attach", "id": number, "stdin": stdin, "from": positions}))


def decode_command(body: bytes) -> Command:
    """The control frame *body* of a client.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(body, "command")
    command = Command(fields.one_of("op", ("attach", "attest", "credit", "status", "stop")))
    if command.op == "credit":
        command.stream = fields.one_of("stream", STREAMS)
        command.amount = fields.integer("bytes", 1, WINDOW)
    else:
        command.id = fields.integer("id", 1, _MAX_POSITION)
    if command.op == "attest":
        command.nonce = bytes.fromhex(fields.hexadecimal("nonce", 2 * NONCE_BYTES))
    elif command.op == "attach":
        command.stdin = fields.boolean("stdin")
        inner = fields.object("from")
        command.positions = {s: inner.integer(s, 0, _MAX_POSITION) for s in STREAMS}
        inner.done()
    elif command.op == "stop":
        command.grace_s = fields.number("grace_s", 0, MAX_GRACE_S)
    fields.done()
    return command


class Notice:
    """What a keep says; ``name`` says which attributes mean something."""

    __slots__ = ("amount", "id", "name", "outcome", "state", "stream", "text", "workload_digest")

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = 0
        self.amount = 0
        self.stream = ""
        self.text = ""
        self.state: State = "booting"
        self.workload_digest = ""
        self.outcome: object = None


def decode_notice(body: bytes) -> Notice:
    """The control frame *body* of a keep; an outcome is decoded by ``protocol.outcome``.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(body, "notice of the keep")
    name = next((one for one in _NOTICES if one in fields), "")
    if not name:
        raise MalformedError(fields.where, f"is none of {', '.join(_NOTICES)}")
    notice = Notice(name)
    if name in ("evidence", "ok", "refused", "status"):
        notice.id = fields.integer(name, 1, _MAX_POSITION)
    if name == "evidence":
        notice.amount = fields.integer("size", 1, MAX_EVIDENCE_BYTES)
    elif name == "credit":
        notice.amount = fields.integer("credit", 1, WINDOW)
    elif name == "lost":
        notice.stream = fields.one_of("lost", STREAMS)
        notice.amount = fields.integer("bytes", 1, _MAX_POSITION)
    elif name == "refused":
        notice.text = fields.text("text", most=_MAX_TEXT)
    elif name == "exit":
        notice.outcome = fields.take("exit")
    elif name == "status":
        _status(fields, notice)
    fields.done()
    return notice


_NOTICES = ("evidence", "ok", "credit", "lost", "exit", "refused", "status")


def _status(fields: Fields, notice: Notice) -> None:
    state = fields.one_of("state", STATES)
    notice.state = next(one for one in STATES if one == state)
    digest = fields.take("workload_digest")
    if digest is not None:
        where = f"{fields.where}: workload_digest"
        if not isinstance(digest, str):
            raise MalformedError(where, "want a text or null")
        notice.workload_digest = check_digest(digest, where)
    notice.outcome = fields.take("outcome")


def _size(header: bytearray) -> int:
    return Reader(bytes(header[1:HEADER_BYTES]), _WHERE, "big").uint(4, "length")
