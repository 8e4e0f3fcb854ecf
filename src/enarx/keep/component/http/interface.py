"""``wasi:http``: its tables.

Source: wasi:http 0.2.12, types.wit and handler.wit.
"""

from __future__ import annotations

from enarx.keep.component.http.bodies import FutureTrailers, IncomingBody, OutgoingBody
from enarx.keep.component.http.either import Either
from enarx.keep.component.http.error_code import ERROR_CODE, HEADER_ERROR, HTTP_ERROR
from enarx.keep.component.http.fields import Fields
from enarx.keep.component.http.incoming import IncomingRequest, OutgoingResponse, ResponseOutparam
from enarx.keep.component.http.outgoing import (
    FutureIncomingResponse,
    IncomingResponse,
    Outgoing,
    OutgoingRequest,
    RequestOptions,
)
from enarx.keep.component.interface import Interface, func
from enarx.keep.component.pollable import Pollable
from enarx.keep.component.streams import InputStream, IoError, OutputStream
from enarx.keep.component.types import (
    BOOL,
    BYTES,
    STRING,
    U16,
    U64,
    Borrow,
    List,
    Option,
    Own,
    Result,
    Tuple,
    Type,
    Variant,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.http.error_code import Code
    from enarx.keep.component.interface import Func
    from enarx.keep.system import System

_METHOD = Variant(
    get=None, head=None, post=None, put=None, delete=None, connect=None, options=None,
    trace=None, patch=None, other=STRING,
)  # fmt: skip
_SCHEME = Variant(HTTP=None, HTTPS=None, other=STRING)
_FIELDS = Own(Fields)
_ENTRIES = List(Tuple(STRING, BYTES))
_BODY = Result(Own(OutgoingBody))


class _Errors:
    def __init__(self, _system: System) -> None:
        pass

    def http_error_code(self, error: IoError) -> Code:
        return HTTP_ERROR.of(error.error)


def _property(name: str, kind: Type) -> dict[str, Func]:
    return {name: func(returns=kind), f"set-{name}": func(kind, returns=Result())}


_TYPES = Interface(
    "wasi:http/types",
    _Errors,
    functions={"http-error-code": func(Borrow(IoError), returns=Option(ERROR_CODE))},
    methods={
        Fields: {
            "get": func(STRING, returns=List(BYTES)),
            "has": func(STRING, returns=BOOL),
            "set": func(STRING, List(BYTES), returns=Result(None, HEADER_ERROR)),
            "delete": func(STRING, returns=Result(None, HEADER_ERROR)),
            "append": func(STRING, BYTES, returns=Result(None, HEADER_ERROR)),
            "entries": func(returns=_ENTRIES),
            "clone": func(returns=_FIELDS),
        },
        IncomingRequest: {
            "method": func(returns=_METHOD),
            "path-with-query": func(returns=Option(STRING)),
            "scheme": func(returns=Option(_SCHEME)),
            "authority": func(returns=Option(STRING)),
            "headers": func(returns=_FIELDS),
            "consume": func(returns=Result(Own(IncomingBody))),
        },
        OutgoingRequest: {
            "body": func(returns=_BODY),
            "headers": func(returns=_FIELDS),
            **_property("method", _METHOD),
            **_property("path-with-query", Option(STRING)),
            **_property("scheme", Option(_SCHEME)),
            **_property("authority", Option(STRING)),
        },
        RequestOptions: {
            **_property("connect-timeout", Option(U64)),
            **_property("first-byte-timeout", Option(U64)),
            **_property("between-bytes-timeout", Option(U64)),
        },
        ResponseOutparam: {
            "send-informational": func(U16, _FIELDS, returns=Result(None, HTTP_ERROR))
        },
        IncomingResponse: {
            "status": func(returns=U16),
            "headers": func(returns=_FIELDS),
            "consume": func(returns=Result(Own(IncomingBody))),
        },
        IncomingBody: {"stream": func(returns=Result(Own(InputStream)))},
        FutureTrailers: {
            "subscribe": func(returns=Own(Pollable)),
            "get": func(returns=Option(Either(Either(Option(_FIELDS), ERROR_CODE)))),
        },
        OutgoingResponse: {
            "headers": func(returns=_FIELDS),
            "body": func(returns=_BODY),
            **_property("status-code", U16),
        },
        OutgoingBody: {"write": func(returns=Result(Own(OutputStream)))},
        FutureIncomingResponse: {
            "subscribe": func(returns=Own(Pollable)),
            "get": func(returns=Option(Either(Either(Own(IncomingResponse), ERROR_CODE)))),
        },
    },
    statics={
        Fields: {
            "": func(returns=_FIELDS),
            "from-list": func(_ENTRIES, returns=Result(_FIELDS, HEADER_ERROR)),
        },
        OutgoingRequest: {"": func(_FIELDS, returns=Own(OutgoingRequest))},
        RequestOptions: {"": func(returns=Own(RequestOptions))},
        ResponseOutparam: {
            "set": func(Own(ResponseOutparam), Either(Own(OutgoingResponse), ERROR_CODE))
        },
        IncomingBody: {"finish": func(Own(IncomingBody), returns=Own(FutureTrailers))},
        OutgoingResponse: {"": func(_FIELDS, returns=Own(OutgoingResponse))},
        OutgoingBody: {
            "finish": func(Own(OutgoingBody), Option(_FIELDS), returns=Result(None, HTTP_ERROR))
        },
    },
)

INTERFACES = (
    _TYPES,
    Interface(
        "wasi:http/outgoing-handler",
        Outgoing,
        functions={
            "handle": func(
                Own(OutgoingRequest),
                Option(Own(RequestOptions)),
                returns=Result(Own(FutureIncomingResponse), HTTP_ERROR),
            )
        },
    ),
)
