"""Many clients in one process of their own: HTTP/1.1 over TLS, as cheap as Python allows."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

CLIENTS = 64
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What the clients saw.

    Attributes:
        seconds: from the first request to the last answer; connections were open before.
        times: of each request, in seconds.
        answers: the bodies, in the order of the requests.
    """

    seconds: float
    times: list[float]
    answers: list[bytes]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.answers) / self.seconds


def load(url: str, ca_file: Path, path: str, media_type: str, bodies: list[bytes]) -> Load:
    """POST every one of *bodies*; each must be answered with 201.

    Raises:
        RuntimeError: one was not.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_load, url, str(ca_file), path, media_type, bodies).result()


def _load(url: str, ca_file: str, path: str, media_type: str, bodies: list[bytes]) -> Load:
    return asyncio.run(_all(url, ca_file, path, media_type, bodies))


async def _all(url: str, ca_file: str, path: str, media_type: str, bodies: list[bytes]) -> Load:
    host, _, port = url.removeprefix("https://").partition(":")
    context = ssl.create_default_context(cafile=ca_file)
    opened = [
        await asyncio.open_connection(host, int(port), ssl=context, limit=1 << 20)
        for _ in range(CLIENTS)
    ]
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{kind}Content-Length: ".encode()
    work = _Work(head, bodies)
    begin = time.perf_counter()
    await asyncio.gather(*(work.do(*one) for one in opened))
    seconds = time.perf_counter() - begin
    for _, writer in opened:
        writer.close()
    return Load(seconds, work.times, work.answers)


class _Work:
    """What the clients share."""

    def __init__(self, head: bytes, bodies: list[bytes]) -> None:
        self.head = head
        self.waiting = iter(enumerate(bodies))
        self.answers, self.times = [b""] * len(bodies), [0.0] * len(bodies)

    async def do(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be one client until nothing waits."""
        for number, body in self.waiting:
            begin = time.perf_counter()
            writer.write(b"%b%d\r\n\r\n%b" % (self.head, len(body), body))
            told = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(told)
            answer = await reader.readexactly(int(length[1])) if length else b""
            self.times[number] = time.perf_counter() - begin
            if not told.startswith(b"HTTP/1.1 201 "):
                raise RuntimeError(f"{told.splitlines()[0].decode()}: {answer.decode()[-500:]}")
            self.answers[number] = answer
