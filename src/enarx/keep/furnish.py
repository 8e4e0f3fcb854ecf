"""The configuration's files and mounts, as what the guest finds when it starts.

Descriptor *n* is the *n*-th of ``files``, as in Enarx 0.7; pre-opened folders follow.  The keep
opens no socket: it asks the host's broker, and checks what it is given.
"""

from __future__ import annotations

import errno
import os

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.keep.link import CONNECT_TIMEOUT_S
from enarx.keep.net.plain import PlainStream
from enarx.keep.system import Listening
from enarx.keep.wasi.descriptors import FIRST_FREE, MAX_DESCRIPTORS, Descriptor, DescriptorTable
from enarx.keep.wasi.stdio import Null, Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.link import Link
    from enarx.keep.net.wait import Background
    from enarx.keep.secure import Secure
    from enarx.keep.vfs.node import Directory
    from enarx.package.model import Config, File

_STREAMS = ("stdin", "stdout", "stderr")


class Furniture:
    """What ``furnish`` made.

    Attributes:
        descriptors: the table the guest starts with.
        listening: the listening sockets, for components, which have no descriptors.
        stdio: standard input, output and error by role, for components.
        streams: the standard streams that are the host's, by name.
    """

    def __init__(self, config: Config) -> None:
        self.descriptors = DescriptorTable(config.limits.open_files or MAX_DESCRIPTORS)
        self.streams: dict[str, Stdio] = {}
        self.listening: tuple[Listening, ...] = ()
        self.stdio: tuple[Descriptor, Descriptor, Descriptor] = (Null(), Null(), Null())


def furnish(
    config: Config,
    stdio: tuple[int, int, int],
    preopens: tuple[tuple[bytes, Directory], ...],
    link: Link,
    secure: Secure | None,
) -> Furniture:
    """Open everything the configuration names.

    Args:
        config: what to open.
        stdio: the host's descriptors of the standard streams.
        preopens: guest path and folder of each mounted tree.
        link: the way to the broker.
        secure: keys and settings for TLS; None where no socket uses it.

    Raises:
        UnavailableError: a port is in use, a peer unreachable or not who it should be.
    """
    made = Furniture(config)
    for number, file in enumerate(config.files):
        made.descriptors.place(number, _open(file, made, stdio, link, secure))
    for number in range(len(config.files), FIRST_FREE):
        made.descriptors.place(number, Null())
    made.stdio = tuple(made.streams.get(name) or Null() for name in _STREAMS)  # type: ignore[assignment]
    if preopens:
        from enarx.keep.wasi.directories import DirectoryDescriptor

        for number, (path, directory) in enumerate(preopens, max(len(config.files), FIRST_FREE)):
            made.descriptors.place(number, DirectoryDescriptor(directory, preopen=path))
    return made


def uses_tls(config: Config) -> bool:
    """Whether any socket of *config* needs keys."""
    return any(file.prot == "tls" for file in config.files)


def _open(
    file: File, made: Furniture, stdio: tuple[int, int, int], link: Link, secure: Secure | None
) -> Descriptor:
    if file.kind in _STREAMS:
        return _stdio(made, file.kind, stdio)
    if file.kind == "listen":
        return _listen(file, made, link, secure)
    if file.kind == "connect":
        return _connect(file, link, secure)
    return Null()


def _stdio(made: Furniture, name: str, stdio: tuple[int, int, int]) -> Stdio:
    """A stream named twice is the same stream under two numbers."""
    if name in made.streams:
        return made.streams[name]
    number = _STREAMS.index(name)
    try:
        stream = made.streams[name] = Stdio(stdio[number], writable=number > 0)
    except OSError as error:
        raise UnavailableError(
            name, f"the host's descriptor is not usable: {error.strerror}"
        ) from error
    return stream


def _listen(file: File, made: Furniture, link: Link, secure: Secure | None) -> Descriptor:
    from enarx.keep.net.channel import AcceptChannel
    from enarx.keep.net.listener import Listener
    from enarx.keep.wasi.sockets import ListenerDescriptor

    try:
        fd, port = link.listen(file.name, file.addr, file.port)
    except OSError as error:
        raise _cannot("listen on", file.addr, file, error) from error
    channel = AcceptChannel(fd)
    is_tls = file.prot == "tls" and secure is not None
    listener = (
        secure.listener(channel, file.name)
        if is_tls and secure is not None
        else Listener(channel, _background(secure))
    )
    made.listening += (Listening(listener, file.addr, port, is_tls=is_tls),)
    return ListenerDescriptor(listener)


def _connect(file: File, link: Link, secure: Secure | None) -> Descriptor:
    from enarx.keep.wasi.sockets import StreamDescriptor

    try:
        fd, peer = link.connect(file.host, file.port, CONNECT_TIMEOUT_S)
        if file.prot == "tls" and secure is not None:
            return StreamDescriptor(secure.connect(fd, peer, file.name, file.host))
        return StreamDescriptor(PlainStream(fd, peer, _background(secure)))
    except OSError as error:
        raise _cannot("connect to", file.host, file, error) from error


def _background(secure: Secure | None) -> Background | None:
    return secure.background if secure is not None else None


def _cannot(
    verb: str, host: str, file: File, error: OSError
) -> UnavailableError | MisconfiguredError:
    place = f"[{host}]" if ":" in host else host
    problem = error.strerror or os.strerror(error.errno or 0)
    for named in (f"{place}:{file.port}: ", f"{host}: "):  # the host's texts begin with the place
        problem = problem.removeprefix(named)
    return UnavailableError(
        f"socket {file.name!r}",
        f"cannot {verb} {place}:{file.port}: {problem}",
        hints=(_advice(verb, error),),
    )


def _advice(verb: str, error: OSError) -> str:
    if verb == "listen on":
        if error.errno == errno.EADDRINUSE:
            return "another program has the port: stop it, or choose another port in [[files]]"
        if error.errno == errno.EACCES:
            return "ports below 1024 need a privilege: choose another port in [[files]]"
        return "check addr and port of this socket in [[files]]"
    if error.errno == errno.ECONNREFUSED:
        return "nothing listens there: start the server, or check host and port in [[files]]"
    from enarx.keep.net.connecting import advice

    return advice(error) or (
        "check host and port of this socket in [[files]], and the network of this machine"
    )
