"""``fields``: headers and trailers as a component holds them.

What belongs to the connection is the keep's: a component neither sees nor sets it.

Source: wasi:http 0.2.12, types.wit; RFC 9110, section 7.6.1.
"""

from __future__ import annotations

from enarx.keep.component.http.error_code import FieldsError
from enarx.keep.component.resource import Resource
from enarx.keep.http.fields import MAX_FIELDS, MAX_HEAD, is_token, is_value, values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.http import fields as http

FORBIDDEN = frozenset(
    (
        "connection", "host", "http2-settings", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Of the connection; ``host`` is the ``authority`` of a request."""


class Fields(Resource):
    """``fields``; ``headers`` and ``trailers`` are other names of it."""

    wit_name = "fields"

    def __init__(self, entries: http.Fields = (), *, immutable: bool = False) -> None:
        self.all: http.Fields = entries
        self._immutable = immutable

    @classmethod
    def from_list(cls, entries: Sequence[tuple[str, bytes]]) -> Fields:
        """New fields with *entries*."""
        made = cls()
        for name, value in entries:
            made.append(name, value)
        return made

    @classmethod
    def received(cls, entries: http.Fields) -> Fields:
        """What came, without what belongs to the connection."""
        return cls(tuple(e for e in entries if e[0] not in FORBIDDEN), immutable=True)

    def get(self, name: str) -> list[bytes]:
        """Every value of *name*."""
        return values_of(self.all, name.lower())

    def has(self, name: str) -> bool:
        """Whether there is any."""
        return bool(self.get(name))

    def set(self, name: str, values: Sequence[bytes]) -> None:
        """Replace every value of *name*."""
        name = self._settable(name, values)
        kept = tuple(entry for entry in self.all if entry[0] != name)
        self._replace((*kept, *((name, value) for value in values)))

    def delete(self, name: str) -> None:
        """Remove every value of *name*."""
        name = self._settable(name, ())
        self.all = tuple(entry for entry in self.all if entry[0] != name)

    def append(self, name: str, value: bytes) -> None:
        """Add one value."""
        name = self._settable(name, (value,))
        self._replace((*self.all, (name, value)))

    def entries(self) -> http.Fields:
        """Names and values, in order."""
        return self.all

    def clone(self) -> Fields:
        """A copy that can be changed."""
        return Fields(self.all)

    def frozen(self) -> Fields:
        """A copy that cannot."""
        return Fields(self.all, immutable=True)

    def _settable(self, name: str, values: Sequence[bytes]) -> str:
        if self._immutable:
            raise FieldsError("immutable")
        if not name.isascii() or not is_token(name.encode()) or not all(map(is_value, values)):
            raise FieldsError("invalid-syntax")
        if name.lower() in FORBIDDEN:
            raise FieldsError("forbidden")
        return name.lower()

    def _replace(self, entries: http.Fields) -> None:
        """A head as long as this could not be read by anybody: the keep does not write it."""
        if len(entries) > MAX_FIELDS or sum(len(n) + len(v) + 4 for n, v in entries) > MAX_HEAD:
            raise FieldsError("forbidden")
        self.all = entries
