"""A handler that does, by the path, what the tests ask of it."""

import asyncio
import hashlib
import sys
from collections.abc import Sequence

import poll_loop
from componentize_py_types import Err, Ok
from poll_loop import PollLoop, Sink, Stream
from wit_world.exports import IncomingHandler as Exported
from wit_world.imports import types
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    Method_Get,
    Method_Post,
    OutgoingBody,
    OutgoingRequest,
    OutgoingResponse,
    ResponseOutparam,
    Scheme_Http,
    Scheme_Https,
)
from wit_world.imports.types import IncomingRequest as Request

Out = ResponseOutparam
Headers = Sequence[tuple[str, bytes]]
SEEN: list[str] = []


class IncomingHandler(Exported):
    """The exported interface."""

    def handle(self, request: Request, response_out: Out) -> None:
        """Answer one request."""
        loop = PollLoop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(answer(request, response_out))


async def answer(request: Request, out: Out) -> None:
    """Find what the path names."""
    path = (request.path_with_query() or "/").partition("?")[0]
    name = path.strip("/").replace("-", "_") or "hello"
    await globals()[f"do_{name}"](request, out)


def begin(out: Out, fields: Headers = (), status: int = 200) -> OutgoingBody:
    """Begin a response; its body."""
    response = OutgoingResponse(Fields.from_list(list(fields)))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(out, Ok(response))
    return body


async def send(out: Out, data: bytes, fields: Headers = (), status: int = 200) -> None:
    """A whole response."""
    sink = Sink(begin(out, fields, status))
    await sink.send(data)
    sink.close()


async def read(request: Request) -> bytes:
    """The whole body."""
    stream, data = Stream(request.consume()), b""
    while (chunk := await stream.next()) is not None:
        data += chunk
    return data


async def do_hello(request: Request, out: Out) -> None:
    """What was asked, and how many requests this guest has seen."""
    SEEN.append("one")
    method = type(request.method()).__name__
    scheme = type(request.scheme()).__name__
    text = f"{method} {scheme} {request.authority()} {request.path_with_query()} {len(SEEN)}\n"
    await send(out, text.encode(), [("content-type", b"text/plain")])


async def do_headers(request: Request, out: Out) -> None:
    """The headers that came."""
    lines = [name.encode() + b"=" + value for name, value in request.headers().entries()]
    await send(out, b"\n".join(lines))


async def do_length(request: Request, out: Out) -> None:
    """A response of a known length."""
    data = await read(request)
    await send(out, data, [("content-length", str(len(data)).encode())])


async def do_echo(request: Request, out: Out) -> None:
    """The body back, chunk by chunk."""
    stream, sink = Stream(request.consume()), Sink(begin(out))
    while (chunk := await stream.next()) is not None:
        await sink.send(chunk)
    sink.close()


async def do_sha(request: Request, out: Out) -> None:
    """The body's digest."""
    digest, stream, size = hashlib.sha256(), Stream(request.consume()), 0
    while (chunk := await stream.next()) is not None:
        digest.update(chunk)
        size += len(chunk)
    await send(out, f"{size} {digest.hexdigest()}".encode())


async def do_big(_request: Request, out: Out) -> None:
    """A megabyte."""
    sink = Sink(begin(out))
    for _ in range(16):
        await sink.send(bytes(65536))
    sink.close()


async def do_endless(_request: Request, out: Out) -> None:
    """Until nobody reads."""
    sink = Sink(begin(out))
    while True:
        await sink.send(bytes(65536))


async def do_ignore(_request: Request, out: Out) -> None:
    """A response that does not wait for the body."""
    await send(out, b"ignored")


async def do_trap(_request: Request, _out: Out) -> None:
    """An error of the program."""
    raise RuntimeError("on purpose")


async def do_late(_request: Request, out: Out) -> None:
    """An error in the middle of the response."""
    sink = Sink(begin(out))
    await sink.send(b"begun")
    raise RuntimeError("on purpose")


async def do_exit(_request: Request, _out: Out) -> None:
    """An end of the program."""
    sys.exit(3)


async def do_nothing(_request: Request, _out: Out) -> None:
    """No response."""


async def do_refuse(_request: Request, out: Out) -> None:
    """An error code for a response."""
    ResponseOutparam.set(out, Err(types.ErrorCode_LoopDetected()))


async def do_short(_request: Request, out: Out) -> None:
    """Fewer bytes than announced."""
    await send(out, b"abc", [("content-length", b"10")])


async def do_no_content(_request: Request, out: Out) -> None:
    """A status without a body."""
    await send(out, b"", [], 204)


async def do_trailers(request: Request, out: Out) -> None:
    """The trailers of the request, and some of our own."""
    body = request.consume()
    with body.stream() as stream:
        while True:
            try:
                stream.blocking_read(65536)
            except Err:
                break
    future = IncomingBody.finish(body)
    got = future.get().value.value
    names = [] if got is None else [name for name, _ in got.entries()]
    answer = begin(out)
    with answer.write() as stream:
        stream.blocking_write_and_flush(",".join(names).encode())
    OutgoingBody.finish(answer, Fields.from_list([("x-after", b"end")]))


async def do_fields(_request: Request, out: Out) -> None:
    """What fields cannot be."""
    problems = []
    for name, value in (("a b", b""), ("a", b"x\r\ny"), ("connection", b"x"), ("a", b"\0")):
        try:
            Fields.from_list([(name, value)])
            problems.append("taken")
        except Err as error:
            problems.append(type(error.value).__name__)
    await send(out, ",".join(problems).encode())


async def do_ask(request: Request, out: Out) -> None:
    """Ask the URL in the query, and pass on the answer."""
    url = request.path_with_query().partition("?")[2]
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    asked = OutgoingRequest(Fields.from_list([("x-from", b"keep")]))
    asked.set_scheme(Scheme_Https() if scheme == "https" else Scheme_Http())
    asked.set_authority(authority)
    asked.set_path_with_query(slash + path)
    asked.set_method(Method_Get())
    data = await read(request)
    if data:
        asked.set_method(Method_Post())
        body = asked.body()
    try:
        sending = asyncio.ensure_future(poll_loop.send(asked))
        if data:
            await asyncio.sleep(0)
            sink = Sink(body)
            await sink.send(data)
            sink.close()
        response = await sending
    except Err as error:
        await send(out, type(error.value).__name__.encode(), [], 502)
        return
    stream, sink = Stream(response.consume()), Sink(begin(out, status=response.status()))
    while (chunk := await stream.next()) is not None:
        await sink.send(chunk)
    sink.close()
