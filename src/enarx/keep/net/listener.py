"""A listening socket without TLS: a connection is ready as soon as the broker hands it over."""

from __future__ import annotations

import select

from enarx.keep.net.plain import PlainStream
from enarx.keep.net.wait import poll_now, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.channel import AcceptChannel
    from enarx.keep.net.wait import Background


class Listener:
    """Plain connections out of the accept channel.

    Args:
        channel: where the broker puts them.
        background: what must go on while the guest blocks; None where no TLS is configured.
    """

    __slots__ = ("_background", "_channel")

    def __init__(self, channel: AcceptChannel, background: Background | None = None) -> None:
        self._channel = channel
        self._background = background

    def accept(self) -> PlainStream:
        """The next connection.

        Raises:
            BlockingIOError: none is waiting.
            OSError: EINVAL when the host has closed the socket.
        """
        while True:
            fd, peer = self._channel.receive()
            try:
                return PlainStream(fd, peer, self._background)
            except OSError:
                continue  # the untrusted host sent something that is no stream socket

    def ready(self) -> bool:
        """Whether `accept` is worth calling."""
        return self._channel.ended or bool(poll_now(self._channel.fileno(), select.POLLIN))

    def known(self) -> bool:
        """Whether `accept` is worth calling, without asking the kernel."""
        return self._channel.ended

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for when `ready` said no."""
        return () if self._channel.ended else ((self._channel.fileno(), select.POLLIN),)

    def wait(self, deadline: float | None = None) -> None:
        """Sleep until `accept` is worth calling, or *deadline*."""
        if self._background is None:
            wait(self._channel.fileno(), select.POLLIN, deadline)
        else:
            self._background.wait(self.interest(), deadline)

    def close(self) -> None:
        """Stop listening."""
        self._channel.close()
