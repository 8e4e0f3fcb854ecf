"""How a keep ended: one value with one meaning, which the keep sends and the host completes.

    exit {"code"}                            the application ended itself
    trap {"message", "code", "backtrace"}    WebAssembly stopped it
    limit {"which", "limit"}                 a limit of Enarx.toml stopped it
    failed {"error", "fields", "hints"}      it never ran, or could not go on: one of our errors
    broken_pipe {"stream"}                   nobody reads its output any more
    bug {"trace"}                            our mistake
    link_lost {}, killed {"signal"}          seen by the host only

Pure; what an exit status of the command line follows from it is decided in ``cli``.
"""

from __future__ import annotations

from enarx import errors
from enarx.errors import EnarxError
from enarx.wire.document import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_FRAMES = 64
_MAX_LINE = 2000
_MAX_TRACE = 20_000
_MAX_HINTS = 16
_WHERE = "outcome"


class Outcome:
    """The end of a keep; ``kind`` says which of the other attributes mean something."""

    __slots__ = (
        "backtrace", "code", "error", "kind", "limit", "message", "signal", "stream", "which",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        *,
        code: int | str = 0,
        message: str = "",
        backtrace: tuple[str, ...] = (),
        which: str = "",
        limit: float | None = None,
        stream: str = "",
        error: EnarxError | None = None,
        signal: int = 0,
    ) -> None:
        self.kind = kind
        self.code = code
        self.message = message
        self.backtrace = backtrace
        self.which = which
        self.limit = limit
        self.stream = stream
        self.error = error
        self.signal = signal

    def __repr__(self) -> str:
        return f"Outcome({self.encode()!r})"

    def encode(self) -> dict[str, object]:
        """Return the object that ``decode`` reads."""
        return {"kind": self.kind, **_ENCODERS[self.kind](self)}


def exited(code: int) -> Outcome:
    """The application ended with exit status *code*, 0 to 2**32 - 1 as WASI has it."""
    return Outcome("exit", code=code)


def trapped(message: str, *, code: str, backtrace: tuple[str, ...] = ()) -> Outcome:
    """WebAssembly trapped; *code* is the trap's name."""
    frames = tuple(legible(frame, _MAX_LINE) for frame in backtrace[:_MAX_FRAMES])
    return Outcome("trap", message=legible(message, _MAX_LINE), code=code, backtrace=frames)


def limited(which: str, limit: float | None) -> Outcome:
    """A limit was hit: ``memory`` (bytes), ``fuel``, ``wall_time`` (seconds)."""
    return Outcome("limit", which=which, limit=limit)


def failed(error: EnarxError) -> Outcome:
    """One of our errors, rebuilt on the other side with class, fields and hints."""
    return Outcome("failed", error=error)


def broken_pipe(stream: str) -> Outcome:
    """The reader of *stream* is gone."""
    return Outcome("broken_pipe", stream=stream)


def bug(trace: str) -> Outcome:
    """An exception that is not ours; *trace* says where."""
    return Outcome("bug", message=legible(trace, _MAX_TRACE))


def link_lost() -> Outcome:
    """The keep lost its host, or the host its keep."""
    return Outcome("link_lost")


def killed(signal: int, message: str) -> Outcome:
    """The keep died of *signal* without a word; *message* says what that may mean."""
    return Outcome("killed", signal=signal, message=message)


def legible(text: str, most: int | None = None) -> str:
    """At most *most* characters of *text*, in which others have a say, fit to be sent and shown.

    Whatever a terminal would obey, and what is no character, is escaped; lines stay lines.
    """
    if text.isprintable():
        return text[:most]
    shown = (c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text[:most])
    return "".join(shown)[:most]


def decode(value: object) -> Outcome:
    """Read what ``Outcome.encode`` returned.

    Raises:
        MalformedError: a key is missing, unknown or of the wrong shape.
    """
    fields = Fields(value, _WHERE)
    kind = fields.one_of("kind", _DECODERS)
    outcome = _DECODERS[kind](fields)
    fields.done()
    return outcome


def _decode_error(fields: Fields) -> Outcome:
    """Rebuild one of our errors from its class name and fields."""
    name = fields.one_of("error", _ERROR_FIELDS)
    inner = fields.object("fields")
    hints = fields.texts("hints", most=_MAX_HINTS, longest=_MAX_LINE)
    arguments: dict[str, str | int] = {}
    for field in _ERROR_FIELDS[name]:
        if field != "offset":
            arguments[field] = inner.text(field, most=_MAX_TRACE, escaped=True)
        elif field in inner:
            arguments[field] = inner.integer(field, 0, 1 << 62)
    inner.done()
    return failed(getattr(errors, name)(**arguments, hints=hints))


def _encode_error(outcome: Outcome) -> dict[str, object]:
    """Take the nearest class of the tree that the other side knows how to build."""
    error = outcome.error
    name = next((c.__name__ for c in type(error).__mro__ if c.__name__ in _ERROR_FIELDS), "")
    if not isinstance(error, EnarxError) or not name:
        raise TypeError(type(error).__name__)
    fields = {field: getattr(error, field) for field in _ERROR_FIELDS[name]}
    kept = {
        key: legible(value, _MAX_TRACE) if isinstance(value, str) else value
        for key, value in fields.items()
        if value is not None
    }
    hints = [legible(hint, _MAX_LINE) for hint in error.hints[:_MAX_HINTS]]
    return {"error": name, "fields": kept, "hints": hints}


def _decode_limit(fields: Fields) -> Outcome:
    """Read a limit, whose size may be unknown."""
    which = fields.text("which", most=100)
    return limited(which, fields.number("limit", 0, 1e30) if "limit" in fields else None)


_ERROR_FIELDS = {
    "MalformedError": ("where", "problem", "offset"),
    "MisconfiguredError": ("source", "problem", "path"),
    "UnavailableError": ("what", "problem"),
}

_ENCODERS: dict[str, Callable[[Outcome], dict[str, object]]] = {
    "broken_pipe": lambda o: {"stream": o.stream},
    "bug": lambda o: {"trace": o.message},
    "exit": lambda o: {"code": o.code},
    "failed": _encode_error,
    "killed": lambda o: {"signal": o.signal},
    "limit": lambda o: {"which": o.which} | ({} if o.limit is None else {"limit": o.limit}),
    "link_lost": lambda _: {},
    "trap": lambda o: {"message": o.message, "code": o.code, "backtrace": list(o.backtrace)},
}

_DECODERS: dict[str, Callable[[Fields], Outcome]] = {
    "broken_pipe": lambda f: broken_pipe(f.text("stream", most=100)),
    "bug": lambda f: bug(f.text("trace", most=_MAX_TRACE, escaped=True)),
    "exit": lambda f: exited(f.integer("code", 0, 0xFFFF_FFFF)),
    "failed": _decode_error,
    "limit": _decode_limit,
    "trap": lambda f: trapped(
        f.text("message", most=_MAX_LINE, escaped=True),
        code=f.text("code", most=100),
        backtrace=f.texts("backtrace", most=_MAX_FRAMES, longest=_MAX_LINE, escaped=True),
    ),
}
