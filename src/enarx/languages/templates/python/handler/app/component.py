"""A handler of HTTP requests.

The keep listens and ends TLS.  Each request has a fresh copy of this program, as it was after its
imports: nothing is kept from one to the next.
"""

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

PIECE = 4096  # as much as one write takes


class IncomingHandler(exports.IncomingHandler):
    """The exported interface, wasi:http/incoming-handler."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        """Answer one request."""
        path, _, _ = (request.path_with_query() or "/").partition("?")
        if path == "/":
            reply(response_out, 200, "hello from Python in a keep\n")
        else:
            reply(response_out, 404, "there is only /\n")


def reply(response_out: ResponseOutparam, status: int, text: str) -> None:
    """Send a whole answer."""
    data = text.encode()
    fields = [("content-type", b"text/plain"), ("content-length", str(len(data)).encode())]
    response = OutgoingResponse(Fields.from_list(fields))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    with body.write() as stream:
        for begin in range(0, len(data), PIECE):
            stream.blocking_write_and_flush(data[begin : begin + PIECE])
    OutgoingBody.finish(body, None)
