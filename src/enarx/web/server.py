"""How our services run: uvicorn that leaves signals to us, one JSON object per line of log."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from enarx.web.connections import protocol

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp
    from structlog.typing import FilteringBoundLogger

    from enarx.web.bounds import ServerBounds

_GRACE_S = 3


class Server(uvicorn.Server):
    """Leaves signals to its caller, and says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: whoever runs the loop does."""
        yield

    def stop(self) -> None:
        """End, giving answers that are under way some time."""
        self.should_exit = True


def configured(
    app: ASGIApp,
    bounds: ServerBounds,
    context: ssl.SSLContext | None,
    **more: Any,  # noqa: ANN401 - uvicorn's own
) -> uvicorn.Config:
    """How uvicorn is to serve *app*.

    Args:
        context: for TLS; None for none.
        more: settings of uvicorn that differ; by default it speaks no WebSocket.
    """
    settings: dict[str, Any] = {
        "http": protocol(bounds),
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "off",
        "log_config": None,
        "log_level": logging.CRITICAL,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": int(bounds.idle_s),
        "timeout_graceful_shutdown": _GRACE_S,
        "h11_max_incomplete_event_size": bounds.head_bytes,
    }
    if context is not None:
        settings["ssl_certfile"] = "in the context"  # any word: uvicorn asks whether there is TLS
        settings["ssl_context_factory"] = lambda _config, _default: context
    return uvicorn.Config(app, **(settings | more))


def json_log() -> FilteringBoundLogger:
    """One JSON object per line on standard error; a traceback is one string in it."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    log: FilteringBoundLogger = structlog.get_logger()
    return log
