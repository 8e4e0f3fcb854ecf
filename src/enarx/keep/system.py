"""All that a guest can reach: what the functions of WASI act on.

One is made for each run by ``boot`` and filled before the guest starts.
"""

from __future__ import annotations

from enarx.keep.clock import Clock
from enarx.keep.net.wait import Background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.component.outgoing import Network
    from enarx.keep.net.listener import Listener
    from enarx.keep.net.tls_listener import TlsListener
    from enarx.keep.vfs.node import Directory
    from enarx.keep.wasi.descriptors import Descriptor, DescriptorTable
    from enarx.keep.wasi.memory import GuestMemory


class Listening:
    """A listening socket of the configuration.

    Attributes:
        host: the address it listens at, as configured.
        is_tls: whether the keep ends TLS on its connections.
        listener: where connections come from.
        port: the port in use.
    """

    __slots__ = ("host", "is_tls", "listener", "port")

    def __init__(
        self, listener: Listener | TlsListener, host: str, port: int, *, is_tls: bool
    ) -> None:
        self.listener, self.host, self.port, self.is_tls = listener, host, port, is_tls


class System:
    """The guest's world.

    Attributes:
        args: argument vector, with argv[0].
        env: environment in order; a name may occur twice.
        descriptors: numbered descriptors: the configuration's files, then pre-opened folders.
        stdio: standard input, output and error, as descriptors (components take them by role).
        preopens: (guest path, folder) of each mounted tree.
        background: connections to look after while the guest waits; None without TLS.
        waiting: where the guest waits for several things: ``background``, or one with no tasks.
        network: what a component may connect to while it runs; None for nothing.
        clock: the wall clock.
        listening: the listening sockets of the configuration, for components.
        log: takes a level and a line, for whoever runs the keep.
        memory: the guest's memory; set when the guest exists.
    """

    def __init__(
        self,
        *,
        args: tuple[bytes, ...],
        env: tuple[tuple[bytes, bytes], ...],
        descriptors: DescriptorTable,
        stdio: tuple[Descriptor, Descriptor, Descriptor],
        preopens: tuple[tuple[bytes, Directory], ...] = (),
        background: Background | None = None,
        network: Network | None = None,
        clock: Clock | None = None,
        listening: tuple[Listening, ...] = (),
        log: Callable[[str, str], None] | None = None,
    ) -> None:
        self.args = args
        self.env = env
        self.descriptors = descriptors
        self.stdio = stdio
        self.preopens = preopens
        self.background = background
        self.waiting = background or Background()
        self.network = network
        self.clock = clock or Clock()
        self.listening = listening
        self.log = log or _unheard
        self.memory: GuestMemory

    def now_ns(self) -> int:
        """Wall-clock time in ns since 1970."""
        return self.clock.now_ns()


def _unheard(_level: str, _line: str) -> None:
    """Where there is nobody to read a log."""
