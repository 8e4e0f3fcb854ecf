"""Requests that come, and the responses to them.

Source: wasi:http 0.2.12, types.wit.
"""

from __future__ import annotations

import errno

from enarx.keep.component.http.bodies import IncomingBody, OutgoingBody
from enarx.keep.component.http.fields import Fields
from enarx.keep.component.resource import Resource
from enarx.keep.engine.trap import Trap
from enarx.keep.http.fields import HttpError, values_of
from enarx.keep.http.head import has_no_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.component.http.error_code import Code
    from enarx.keep.http.connection import Exchange

METHODS = frozenset(("get", "head", "post", "put", "delete", "options", "trace", "patch"))
_SWITCHING, _FIRST_FINAL, _LAST = 101, 200, 599
_FIRST = 100


class IncomingRequest(Resource):
    """``incoming-request``."""

    wit_name = "incoming-request"

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head = exchange.head
        self._consumed = False

    def method(self) -> Code:
        """As it was asked; a name that only looks like a usual one is another."""
        name = self._head.method
        usual = name.lower()
        return (usual, None) if usual in METHODS and name.isupper() else ("other", name)

    def path_with_query(self) -> str:
        """The target."""
        return self._head.target

    def scheme(self) -> Code:
        """By the socket, not by what the client says."""
        return "HTTPS" if self._exchange.is_tls else "HTTP", None

    def authority(self) -> str | None:
        """The target's or Host's."""
        return self._head.authority or None

    def headers(self) -> Fields:
        """What came."""
        return Fields.received(self._head.fields)

    def consume(self) -> IncomingBody:
        """The body; once."""
        if self._consumed:
            raise OSError(errno.EBUSY, "the body was taken")
        self._consumed = True
        return IncomingBody(self._exchange.body)


class OutgoingResponse(Resource):
    """``outgoing-response``."""

    wit_name = "outgoing-response"

    def __init__(self, headers: Fields) -> None:
        self.fields = headers
        self.status = 200
        self.content: OutgoingBody | None = None

    def status_code(self) -> int:
        """200 unless set."""
        return self.status

    def set_status_code(self, status: int) -> None:
        """A final one."""
        if not _FIRST_FINAL <= status <= _LAST:
            raise OSError(errno.EINVAL, "no status of a response")
        self.status = status

    def headers(self) -> Fields:
        """What will go."""
        return self.fields.frozen()

    def body(self) -> OutgoingBody:
        """The body; once."""
        if self.content is not None:
            raise OSError(errno.EBUSY, "the body was taken")
        self.content = OutgoingBody()
        return self.content


class ResponseOutparam(Resource):
    """``response-outparam``: where the one response goes.

    Attributes:
        error: what the component said instead of a response; None if it said nothing such.
    """

    wit_name = "response-outparam"

    def __init__(self, exchange: Exchange, date: Callable[[], bytes]) -> None:
        self._exchange = exchange
        self._date = date
        self.error: str | None = None

    def send_informational(self, status: int, headers: Fields) -> None:
        """An interim response; none that changes the protocol."""
        if not _FIRST <= status < _FIRST_FINAL or status == _SWITCHING:
            raise OSError(errno.EINVAL, "no status of an interim response")
        self._exchange.inform(status, headers.all)

    def set(self, response: tuple[bool, OutgoingResponse | Code]) -> None:
        """Begin the response, or say why there is none."""
        ok, given = response
        if not ok or not isinstance(given, OutgoingResponse):
            self.error = given[0] if isinstance(given, tuple) else "internal-error"
            return
        fields = given.fields.all
        if not values_of(fields, "date"):
            fields = (("date", self._date()), *fields)
        if has_no_body(given.status):
            fields = tuple(each for each in fields if each[0] != "content-length")
        try:
            writer = self._exchange.respond(given.status, fields)
        except HttpError as error:
            raise Trap(f"the response's {error.problem}") from error
        if given.content is None:
            given.content = OutgoingBody()
            given.content.finish(None)
        given.content.attach(writer)
