"""A log, and a web server of this process that hands it out."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
import structlog
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import Engine
from starlette.routing import Router

from enarx.steward.log.log import Log
from enarx.steward.log.routes import routes
from enarx.steward.records.database import retrying
from enarx.steward.records.migrations import migrate
from enarx.web import counters
from enarx.web.edge import Edge
from enarx.web.server import Server

ORIGIN = "steward.example/log"


@dataclass(frozen=True)
class Counted:
    """What the server counts."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        object.__setattr__(self, "requests", counters.requests("test", self.registry))
        object.__setattr__(self, "seconds", counters.seconds("test", self.registry))

    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)


@dataclass(frozen=True)
class Kept:
    """A log with its database."""

    engine: Engine
    log: Log

    def append(self, *entries: bytes) -> list[int]:
        """Append in a transaction of its own."""
        return list(retrying(self.engine, lambda connection: self.log.append(connection, entries)))


Keep = Callable[[Engine], Kept]
Serve = Callable[[Kept], str]


@pytest.fixture
def key() -> Ed25519PrivateKey:
    """The key of the log."""
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def keep(key: Ed25519PrivateKey) -> Keep:
    """Makes the log in a database; another database gives another log of the same name and key."""

    def make(engine: Engine) -> Kept:
        migrate(engine)
        return Kept(engine, Log(engine, ORIGIN, key))

    return make


@pytest.fixture
def kept(engine: Engine, keep: Keep) -> Kept:
    """An empty log."""
    return keep(engine)


@pytest.fixture
def counted() -> Counted:
    """What the servers of a test count."""
    return Counted()


@pytest.fixture
def serve(counted: Counted) -> Iterator[Serve]:
    """Serves a log until the test ends; its URL."""
    with ExitStack() as stack:
        yield lambda kept: stack.enter_context(_served(kept.log, counted))


@contextmanager
def _served(log: Log, counted: Counted) -> Iterator[str]:
    router = Router(routes(log, asyncio.to_thread), redirect_slashes=False)
    logger = structlog.wrap_logger(structlog.PrintLogger(file=None), processors=[_drop])
    app = Edge(router, metrics=counted, log=logger, monotonic=time.monotonic)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listens = threading.Event()
    server = Server(uvicorn.Config(app, log_config=None, lifespan="off"), listens.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert listens.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/log"
    finally:
        server.stop()
        thread.join()
        listener.close()


def _drop(*_: object) -> str:
    raise structlog.DropEvent
