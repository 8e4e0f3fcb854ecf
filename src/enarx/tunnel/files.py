"""Files beside a frame: their content goes before the frame is delivered, into a sealed memfd."""

from __future__ import annotations

import fcntl
import os

from enarx.errors import UnavailableError
from enarx.tunnel.records import PIECE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.tunnel.carrier import Carrier
    from enarx.tunnel.channel import Channel
    from enarx.tunnel.frame_link import FramesEnd

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class FileOut:
    """Sends the content of a file from its beginning, as much as was announced.

    Args:
        fd: the file, owned from here on.
    """

    __slots__ = ("_carrier", "_fd", "channel", "queued")

    def __init__(self, carrier: Carrier, channel: Channel, fd: int) -> None:
        self.channel = channel
        self.queued = False
        self._carrier = carrier
        self._fd = fd
        carrier.wake(self)

    def pull(self) -> bool:
        """Send the next piece; whether there is more.

        Raises:
            UnavailableError: the file is shorter than it was.
        """
        channel = self.channel
        if not channel.left:
            self.abort()
            return False
        data = os.pread(self._fd, min(channel.left, PIECE), channel.size - channel.left)
        if not data:
            problem = f"is shorter than the {channel.size} bytes that were announced"
            raise UnavailableError("a file beside a frame", problem)
        self._carrier.tunnel.data(channel, data)
        return True

    def far_end(self) -> None:
        """The other side has it: nothing is left to do."""
        self._carrier.forget_end(self)

    def abort(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def push(self, _data: memoryview) -> None:
        """Nothing comes here, as the state machine sees to."""

    def flush(self) -> None:
        """Nothing waits here."""


class FileIn:
    """Takes the content of a file, and has *link* deliver its frame when it is whole.

    Raises:
        OSError: there is no descriptor or no memory for it.
    """

    __slots__ = ("_at", "_carrier", "_fd", "_link", "channel", "queued")

    def __init__(self, carrier: Carrier, channel: Channel, link: FramesEnd) -> None:
        self.channel = channel
        self.queued = False
        self._carrier = carrier
        self._link = link
        self._at = 0
        self._fd = os.memfd_create("tunnel", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        if not channel.left:
            self._seal()

    def push(self, data: memoryview) -> None:
        """Take the next piece."""
        while data:
            written = os.pwrite(self._fd, data, self._at)
            self._at += written
            data = data[written:]
        if not self.channel.left:
            self._seal()
            self._link.flush()

    def detach(self) -> int:
        """The whole file, sealed and at its beginning; the caller's from here on."""
        fd, self._fd = self._fd, -1
        self._carrier.forget_end(self)
        return fd

    def abort(self) -> None:
        """Throw it away."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._carrier.forget_end(self)

    def pull(self) -> bool:
        """Nothing is sent."""
        return False

    def far_end(self) -> None:
        """Nobody says so of a file that came from there."""

    def flush(self) -> None:
        """Nothing waits here."""

    def _seal(self) -> None:
        """Let nobody change it any more, once it is whole."""
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALS)
