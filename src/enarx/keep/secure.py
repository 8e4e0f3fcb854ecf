"""TLS for the sockets of one keep: its identity, and each socket's settings as contexts.

Loaded only when a socket of the configuration uses TLS.  Certificates that the configuration
names by path are files of the package, because what the keep trusts must be what was sealed.
"""

from __future__ import annotations

import time

from enarx.errors import MisconfiguredError
from enarx.keep.clock import Clock
from enarx.keep.identity import make_identity
from enarx.keep.net.connecting import tls_connect
from enarx.keep.net.handshake import Handshake
from enarx.keep.net.settings import MOZILLA, TlsSettings
from enarx.keep.net.tls_context import client_context, server_context
from enarx.keep.net.tls_listener import TlsListener
from enarx.keep.net.tls_names import to_ascii
from enarx.keep.net.wait import Background
from enarx.keep.vfs.node import File
from enarx.keep.vfs.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enarx.keep.certified import Certified
    from enarx.keep.identity import Prove
    from enarx.keep.link import Link
    from enarx.keep.net.channel import AcceptChannel
    from enarx.keep.net.tls import TlsStream
    from enarx.keep.net.tls_context import TlsContext
    from enarx.keep.net.tls_listener import Refused
    from enarx.keep.steward import Steward
    from enarx.keep.vfs.memory import MemoryDirectory
    from enarx.package.model import Config, Secret

STEWARD = "steward"
"""The name by which ``[tls.socket]`` has settings for the Steward."""

_HTTP = ("http/1.1",)
_PEM = "-----BEGIN"
# a bundle of every public authority has 230 KB
_MAX_PEM = 4 << 20


class Secure:
    """Keys and settings.

    Args:
        config: the whole configuration.
        package: the package's files, for certificates named by path.
        source: the configuration's name in messages.
        refused: told of each handshake that failed, with its peer; for the log.
        prove: gives evidence for the keep's key; None where there is none.
        clock: by which certificates are made and judged.

    Attributes:
        background: handshakes and closes that go on while the guest waits.
        certificate: the keep's own certificate, PEM.
        steward: who certifies it, once somebody does.
    """

    def __init__(
        self,
        config: Config,
        package: MemoryDirectory | None,
        source: str,
        refused: Refused,
        *,
        prove: Prove | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._package = package
        self._source = source
        self._refused = refused
        self._clock = clock or Clock()
        self._identity = make_identity(self._clock.now_s(), prove)
        self.background = Background()
        self.certificate = self._identity.pem()
        self._certified: Certified | None = None
        self.steward: Steward | None = None
        self._outgoing: TlsContext | None = None
        self._log: Callable[[str, str], None]

    def certify(
        self, url: str, link: Link, *, workload_digest: str, log: Callable[[str, str], None]
    ) -> None:
        """Have the Steward at *url* certify the keep's key, now and while the keep runs.

        The caller opens sockets after this, so that each shows the certificate.

        Args:
            link: the way there, and to the evidence.
            workload_digest: "sha256:…" of what this keep runs.
            log: takes a level and a text.

        Raises:
            MisconfiguredError: the URL, or the settings of its TLS, cannot be used.
            UnavailableError: it does not certify.
        """
        from enarx.keep.certified import Certified
        from enarx.keep.steward import Steward, Url

        where = Url(url, self._source)
        settings = self._settings(STEWARD, alpn=_HTTP)
        context = client_context(settings, self._identity, self._clock.now_s())
        self.steward = Steward(
            where, link, context, clock=self._clock, workload_digest=workload_digest
        )
        self._certified = Certified(self.steward, self._identity.key, clock=self._clock, log=log)
        self._identity = self._certified.current()
        self.certificate = self._identity.pem()
        self._log = log

    def fetch(self, secrets: Sequence[Secret]) -> dict[str, bytes]:
        """The values of *secrets*, which the Steward has; ``certify`` comes first.

        Raises:
            UnavailableError: it cannot be asked, or refuses one that is not optional.
        """
        if self.steward is None:
            raise TypeError("fetching from no Steward")
        from enarx.keep.release import Wanted

        wanted = Wanted(self.steward, self._identity.key, clock=self._clock, log=self._log)
        return wanted.fetch(secrets)

    def listener(self, channel: AcceptChannel, name: str) -> TlsListener:
        """A listening socket whose connections are TLS.

        Raises:
            MisconfiguredError: its settings cannot be used.
        """
        settings = self._settings(name)
        renewed = None
        if self._certified is not None and settings.certificate is None:
            from enarx.keep.certified import ListenerContexts

            renewed = ListenerContexts(self._certified, settings, self._clock.now_s()).current
            context = renewed()
        else:
            context = server_context(settings, self._identity, self._clock.now_s())
        return TlsListener(
            channel,
            context,
            self.background,
            clock=self._clock.now_s,
            refused=self._refused,
            renewed=renewed,
        )

    def connect(self, fd: int, peer: tuple[str, int], name: str, host: str) -> TlsStream:
        """Make a connected socket TLS, to *host* and nobody else.

        Raises:
            MisconfiguredError: its settings cannot be used.
            OSError: the handshake failed.
        """
        settings = self._settings(name)
        return tls_connect(
            fd,
            peer,
            client_context(settings, self._identity, self._clock.now_s()),
            server_name=host,
            deadline=time.monotonic() + settings.handshake_timeout_s,
            now_s=self._clock.now_s(),
            background=self.background,
        )

    def begin_tls(self, fd: int, peer: tuple[str, int], host: str) -> Handshake:
        """Begin TLS to *host* on a socket that the application had connected, by ``[tls]``.

        Raises:
            OSError: *host* cannot be asked for.
        """
        if self._outgoing is None:
            raise TypeError("nobody prepared for outgoing TLS")
        return Handshake(
            fd,
            peer,
            self._outgoing,
            deadline=time.monotonic() + self._outgoing.settings.handshake_timeout_s,
            now_s=self._clock.now_s(),
            server_name=host,
        )

    def prepare_outgoing(self) -> None:
        """Load what ``begin_tls`` needs, while files can be read.

        Raises:
            MisconfiguredError: the settings cannot be used.
        """
        to_ascii("localhost")  # Python loads the codec of names when it is first used
        settings = self._settings("", alpn=_HTTP)
        self._outgoing = client_context(settings, self._identity, self._clock.now_s())

    def _settings(self, name: str, *, alpn: tuple[str, ...] | None = None) -> TlsSettings:
        """What is configured; *alpn* is for a socket whose protocol is not the application's."""
        tls = self._config.tls_for(name)
        own = any(socket == name for socket, _ in self._config.tls_sockets)
        path = f"tls.socket.{name}" if own else "tls"
        return TlsSettings(
            trust_anchors=self._anchors(tls.trust_anchors, f"{path}.trust_anchors"),
            alpn=tls.alpn if alpn is None else alpn,
            client_auth=tls.client_auth,
            client_trust_anchors=self._anchors(
                tls.client_trust_anchors, f"{path}.client_trust_anchors"
            ),
            server_name=tls.server_name,
            server_names=tls.server_names,
            certificate=self._optional(tls.certificate, f"{path}.certificate"),
            private_key=self._optional(tls.private_key, f"{path}.private_key"),
            handshake_timeout_s=tls.handshake_timeout_s,
            source=self._source,
            path=path,
        )

    def _anchors(self, named: tuple[str, ...], path: str) -> tuple[bytes | str, ...]:
        return tuple(
            anchor if anchor == MOZILLA else self._anchor(anchor, f"{path}[{number}]")
            for number, anchor in enumerate(named)
        )

    def _anchor(self, named: str, path: str) -> bytes:
        """Inline PEM, or the contents of a file of the package."""
        if named.lstrip().startswith(_PEM):
            return named.encode()
        return self._file(named, path)

    def _optional(self, named: str | None, path: str) -> bytes | None:
        return None if named is None else self._file(named, path)

    def _file(self, named: str, path: str) -> bytes:
        node = None
        if self._package is not None:
            try:
                node = resolve(self._package, named.encode().lstrip(b"/"), follow=True).node
            except OSError:
                node = None
        if not isinstance(node, File):
            raise MisconfiguredError(
                self._source,
                "the package has no such file",  # not its name: it may be a key itself, by mistake
                path=path,
                hints=("put the PEM file beside main.wasm, and name it relative to that folder",),
            )
        handle = node.open(read=True, write=False, truncate=False)
        size = handle.size()
        if size > _MAX_PEM:
            raise MisconfiguredError(
                self._source, f"too large (got {size} bytes, want at most {_MAX_PEM})", path=path
            )
        data = bytearray(size)
        handle.read_at([memoryview(data)], 0)
        handle.close()
        return bytes(data)
