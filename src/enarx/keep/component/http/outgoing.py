"""Requests that a component makes, where ``[network] connect`` allows.

Source: wasi:http 0.2.12, types.wit and handler.wit.
"""

from __future__ import annotations

import errno
import time

from enarx.keep.component.http.bodies import IncomingBody, OutgoingBody
from enarx.keep.component.http.dialing import Dialing
from enarx.keep.component.http.error_code import HTTP_ERROR, CodedError
from enarx.keep.component.http.fields import Fields
from enarx.keep.component.pollable import Pollable
from enarx.keep.component.resource import Resource
from enarx.keep.http.client import ClientExchange
from enarx.keep.http.fields import is_token
from enarx.keep.http.head import is_authority, is_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.http.error_code import Code
    from enarx.keep.component.outgoing import Network
    from enarx.keep.http.head import ResponseHead
    from enarx.keep.http.stream import BodyReader
    from enarx.keep.http.wire import Wire
    from enarx.keep.system import System

_NS_PER_S = 1e9
_CONNECT_S = 30.0
_FIRST_BYTE_S = 600.0
_PORTS = {"HTTP": 80, "HTTPS": 443}


class OutgoingRequest(Resource):
    """``outgoing-request``."""

    wit_name = "outgoing-request"

    def __init__(self, headers: Fields) -> None:
        self.fields = headers
        self.content: OutgoingBody | None = None
        self._method: Code = ("get", None)
        self._target: str | None = None
        self._scheme: Code | None = None
        self._authority: str | None = None

    def body(self) -> OutgoingBody:
        """The body; once."""
        if self.content is not None:
            raise OSError(errno.EBUSY, "the body was taken")
        self.content = OutgoingBody()
        return self.content

    def method(self) -> Code:
        """GET unless set."""
        return self._method

    def set_method(self, method: Code) -> None:
        """A token."""
        case, other = method
        if case == "other" and not (other.isascii() and is_token(other.encode())):
            raise OSError(errno.EINVAL, "not a method")
        self._method = method

    def path_with_query(self) -> str | None:
        """None is "/"."""
        return self._target

    def set_path_with_query(self, target: str | None) -> None:
        """A path that can be asked for."""
        if target and not is_target(target if target[0] != "?" else f"/{target}"):
            raise OSError(errno.EINVAL, "not a path")
        self._target = f"/{target}" if target and target[0] == "?" else target

    def scheme(self) -> Code | None:
        """None is HTTPS."""
        return self._scheme

    def set_scheme(self, scheme: Code | None) -> None:
        """One of the two that are spoken, or another that ``handle`` refuses."""
        self._scheme = scheme

    def authority(self) -> str | None:
        """Whom to ask."""
        return self._authority

    def set_authority(self, authority: str | None) -> None:
        """A host, perhaps with a port."""
        if authority is not None and not is_authority(authority):
            raise OSError(errno.EINVAL, "not an authority")
        self._authority = authority

    def headers(self) -> Fields:
        """What will go."""
        return self.fields.frozen()

    def place(self) -> tuple[str, int, bool]:
        """Host, port, and whether over TLS.

        Raises:
            CodedError: none can be asked.
        """
        scheme = (self._scheme or ("HTTPS", None))[0]
        if scheme not in _PORTS or not self._authority:
            raise CodedError("HTTP-request-URI-invalid")
        host, colon, port = self._authority.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = self._authority, ""
        number = int(port or _PORTS[scheme])
        if not 0 < number <= 65535:
            raise CodedError("HTTP-request-URI-invalid")
        return host, number, scheme == "HTTPS"

    def start(self, wire: Wire, deadline: float) -> ClientExchange:
        """Send the head."""
        case, other = self._method
        return ClientExchange(
            wire,
            other if case == "other" else case.upper(),
            self._authority or "",
            self._target or "/",
            self.fields.all,
            has_body=self.content is not None,
            deadline=deadline,
        )


class RequestOptions(Resource):
    """``request-options``: durations in ns, None for the keep's own."""

    wit_name = "request-options"

    def __init__(self) -> None:
        self._durations: dict[str, int | None] = {}

    def connect_timeout(self) -> int | None:
        """For lookup, connection and handshake."""
        return self._durations.get("connect")

    def set_connect_timeout(self, duration: int | None) -> None:
        """For lookup, connection and handshake."""
        self._durations["connect"] = duration

    def first_byte_timeout(self) -> int | None:
        """From the connection to the response's head."""
        return self._durations.get("first-byte")

    def set_first_byte_timeout(self, duration: int | None) -> None:
        """From the connection to the response's head."""
        self._durations["first-byte"] = duration

    def between_bytes_timeout(self) -> int | None:
        """Never: a body is waited for as long as the component waits."""
        return None

    def set_between_bytes_timeout(self, _duration: int | None) -> None:
        """Refused."""
        raise OSError(errno.ENOTSUP, "no timeout between bytes")


class IncomingResponse(Resource):
    """``incoming-response``."""

    wit_name = "incoming-response"

    def __init__(self, head: ResponseHead, reader: BodyReader, exchange: ClientExchange) -> None:
        self._head = head
        self._reader = reader
        self._exchange = exchange
        self._consumed = False

    def status(self) -> int:
        """As it came."""
        return self._head.status

    def headers(self) -> Fields:
        """As they came."""
        return Fields.received(self._head.fields)

    def consume(self) -> IncomingBody:
        """The body; once."""
        if self._consumed:
            raise OSError(errno.EBUSY, "the body was taken")
        self._consumed = True
        return IncomingBody(self._reader, self._exchange.close)

    def close(self) -> None:
        """The connection is the body's, once somebody wants that."""
        if not self._consumed:
            self._exchange.close()


class Asking(Pollable):
    """A request on its way; ready when its response, or a failure, is here."""

    def __init__(self, request: OutgoingRequest, options: RequestOptions, network: Network) -> None:
        host, port, tls = request.place()
        self._request = request
        self._first_byte_s = (options.first_byte_timeout() or 0) / _NS_PER_S or _FIRST_BYTE_S
        connect_s = (options.connect_timeout() or 0) / _NS_PER_S or _CONNECT_S
        self._until = time.monotonic() + connect_s
        self._dialing: Dialing | None = Dialing(network, host, port, tls=tls)
        self._exchange: ClientExchange | None = None
        self.outcome: tuple[bool, IncomingResponse | Code] | None = None
        if request.content is not None:
            request.content.progress = _Connected(self)

    def ready(self) -> bool:
        """Go on; whether there is an outcome."""
        self.advance()
        self.deadline = None if self.outcome else self.deadline_ns()
        return self.outcome is not None

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What the next step waits for."""
        if self._dialing is not None:
            return self._dialing.interest()
        return self._exchange.interest() if self._exchange is not None else ()

    def deadline_ns(self) -> int:
        """When the step must be over."""
        return int(self._until * _NS_PER_S) + 1

    def advance(self) -> None:
        """Go on as far as possible."""
        if self.outcome is not None:
            return
        try:
            self._dial()
            if self._exchange is not None and (found := self._exchange.response()) is not None:
                self.outcome = True, IncomingResponse(*found, self._exchange)
        except OSError as error:
            self.outcome = False, _code(error)
            if self._request.content is not None:
                self._request.content.fail(error)
            self.abandon()

    def connected(self) -> bool:
        """Whether there is a connection, or never will be."""
        return self._dialing is None

    def abandon(self) -> None:
        """Nobody wants it any more."""
        if self._dialing is not None:
            self._dialing.close()
            self._dialing = None
        if self._exchange is not None:
            self._exchange.close()

    def _dial(self) -> None:
        if self._dialing is None:
            return
        wire = self._dialing.wire()
        if wire is None:
            if time.monotonic() >= self._until:
                raise TimeoutError(errno.ETIMEDOUT, "no connection in time")
            return
        self._dialing = None
        self._until = time.monotonic() + self._first_byte_s
        self._exchange = self._request.start(wire, self._until)
        if self._request.content is not None:
            self._request.content.attach(self._exchange.writer)


class _Connected:
    """What a request's body waits for."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def ready(self) -> bool:
        self._asking.advance()
        return self._asking.connected()

    def interest(self) -> tuple[tuple[int, int], ...]:
        return self._asking.interest()

    def deadline_ns(self) -> int | None:
        return self._asking.deadline_ns()


class FutureIncomingResponse(Resource):
    """``future-incoming-response``."""

    wit_name = "future-incoming-response"

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._given = False

    def subscribe(self) -> Pollable:
        """Ready when ``get`` would give it."""
        return self._asking

    def get(self) -> tuple[bool, tuple[bool, IncomingResponse | Code] | None] | None:
        """The response or why there is none, once; an error after that; None before."""
        if not self._asking.ready():
            return None
        if self._given:
            return False, None
        self._given = True
        return True, self._asking.outcome

    def close(self) -> None:
        """A response that nobody took is not waited for."""
        if not self._given:
            self._asking.abandon()


class Outgoing:
    """Answers ``wasi:http/outgoing-handler``."""

    def __init__(self, system: System) -> None:
        self._network = system.network

    def handle(
        self, request: OutgoingRequest, options: RequestOptions | None
    ) -> FutureIncomingResponse:
        """Begin."""
        if self._network is None:
            raise PermissionError(errno.EACCES, "there is no [network] connect")
        return FutureIncomingResponse(Asking(request, options or RequestOptions(), self._network))


def _code(error: OSError) -> Code:
    if isinstance(error, CodedError):
        return error.code
    text = error.strerror or ""
    if error.errno == errno.EPROTO and ("certificate" in text or "trust anchors" in text):
        return "TLS-certificate-error", None
    return HTTP_ERROR.of(error)
