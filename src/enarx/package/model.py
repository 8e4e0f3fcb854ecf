"""What an Enarx.toml says, as plain immutable values, and the default when there is none.

Decides nothing about syntax: ``config.parse`` builds these.  A keep loads this module before
every start, so it imports nothing; that is why the classes are written out by hand.

Source: Enarx 0.7, ``enarx-config`` (names, defaults, descriptor order); DESIGN section 5 for
the tables that were added.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.package.network import Rule

ARGV0 = "main.wasm"
"""``argv[0]`` of every application, as in Enarx 0.7."""

DEFAULT_HANDSHAKE_TIMEOUT_S = 10.0
DEFAULT_SCRATCH_BYTES = 64 * 1024 * 1024
DEFAULT_PORTS = {"tcp": 80, "tls": 443}
DEFAULT_LISTEN_ADDR = "::"

SECRETS_DIRECTORY = "/run/secrets"
"""Where the application finds what the owner gives and ``[secrets]`` does not name, by name."""


class Value:
    """An immutable record, equal to another of its class with equal fields.

    What ``_hidden`` names may be secret, and is not in the text of the record.
    """

    __slots__: tuple[str, ...] = ()
    _hidden: tuple[str, ...] = ()

    def _fill(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"{type(self).__name__}.{name} cannot be assigned"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        msg = f"{type(self).__name__}.{name} cannot be deleted"
        raise AttributeError(msg)

    def _key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        fields = ", ".join(
            f"{name}=…" if name in self._hidden else f"{name}={getattr(self, name)!r}"
            for name in self.__slots__
        )
        return f"{type(self).__name__}({fields})"


class File(Value):
    """One pre-opened descriptor: the n-th of ``files`` is descriptor n.

    ``prot``, ``host``, ``addr`` are empty and ``port`` is 0 where the kind has none.
    """

    __slots__ = ("addr", "host", "kind", "name", "port", "prot")
    kind: str
    name: str
    prot: str
    addr: str
    host: str
    port: int

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        prot: str = "",
        addr: str = "",
        host: str = "",
        port: int = 0,
    ) -> None:
        self._fill(kind=kind, name=name, prot=prot, addr=addr, host=host, port=port)


class Mount(Value):
    """A folder in the application's name space.

    Args:
        path: absolute, normalised guest path.
        source: ``package`` (read-only package files) or ``scratch`` (memory, read-write).
        folder: ``from``; sub-folder of the package files, empty for all; ``package`` only.
        size_bytes: quota; ``scratch`` only, 0 otherwise.
    """

    __slots__ = ("folder", "path", "size_bytes", "source")
    path: str
    source: str
    folder: str
    size_bytes: int

    def __init__(self, *, path: str, source: str, folder: str = "", size_bytes: int = 0) -> None:
        self._fill(path=path, source=source, folder=folder, size_bytes=size_bytes)


class Secret(Value):
    """What the application is given in confidence: the *file* or the variable *env* that has it.

    The other of the two is empty.  *origin* is who gives it: ``owner`` or ``steward``.
    """

    __slots__ = ("env", "file", "name", "optional", "origin")
    name: str
    file: str
    env: str
    origin: str
    optional: bool

    def __init__(
        self,
        *,
        name: str,
        file: str = "",
        env: str = "",
        origin: str = "owner",
        optional: bool = False,
    ) -> None:
        self._fill(name=name, file=file, env=env, origin=origin, optional=optional)


class Limits(Value):
    """What the application may use; None is no limit of ours."""

    __slots__ = ("fuel", "memory_bytes", "open_files", "wall_time_s")
    memory_bytes: int | None
    wall_time_s: float | None
    fuel: int | None
    open_files: int | None

    def __init__(
        self,
        *,
        memory_bytes: int | None = None,
        wall_time_s: float | None = None,
        fuel: int | None = None,
        open_files: int | None = None,
    ) -> None:
        self._fill(
            memory_bytes=memory_bytes, wall_time_s=wall_time_s, fuel=fuel, open_files=open_files
        )


class Tls(Value):
    """TLS settings of one socket, defaults and the general table already merged in.

    Args:
        trust_anchors: whom ``connect`` believes: ``mozilla``, inline PEM, or a package path.
        client_auth: ``none``, ``request`` or ``require``; ``listen`` only.
        client_trust_anchors: who issues clients' certificates, like ``trust_anchors``.
        alpn: protocols in order of preference; empty for none.
        server_name: name to ask for and to verify on ``connect``; None for the host's.
        server_names: the only SNI names ``listen`` accepts; empty for all.
        certificate, private_key: package paths instead of the keep's own identity, or both None.
        handshake_timeout_s: seconds a peer has for its handshake.
    """

    __slots__ = (
        "alpn",
        "certificate",
        "client_auth",
        "client_trust_anchors",
        "handshake_timeout_s",
        "private_key",
        "server_name",
        "server_names",
        "trust_anchors",
    )
    _hidden = ("private_key",)
    trust_anchors: tuple[str, ...]
    client_auth: str
    client_trust_anchors: tuple[str, ...]
    alpn: tuple[str, ...]
    server_name: str | None
    server_names: tuple[str, ...]
    certificate: str | None
    private_key: str | None
    handshake_timeout_s: float

    def __init__(
        self,
        *,
        trust_anchors: tuple[str, ...] = ("mozilla",),
        client_auth: str = "none",
        client_trust_anchors: tuple[str, ...] = (),
        alpn: tuple[str, ...] = (),
        server_name: str | None = None,
        server_names: tuple[str, ...] = (),
        certificate: str | None = None,
        private_key: str | None = None,
        handshake_timeout_s: float = DEFAULT_HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._fill(
            trust_anchors=trust_anchors,
            client_auth=client_auth,
            client_trust_anchors=client_trust_anchors,
            alpn=alpn,
            server_name=server_name,
            server_names=server_names,
            certificate=certificate,
            private_key=private_key,
            handshake_timeout_s=handshake_timeout_s,
        )


class Config(Value):
    """A whole Enarx.toml.

    ``network_connect`` holds the parsed rules of ``[network] connect``; ask
    ``network.permits(config.network_connect, …)``.  ``tls_sockets`` are the merged settings of
    the sockets which ``[tls.socket]`` names; ask ``tls_for``.
    """

    __slots__ = (
        "args",
        "env",
        "files",
        "limits",
        "mounts",
        "network_connect",
        "secrets",
        "steward",
        "tls",
        "tls_sockets",
    )
    _hidden = ("env",)
    steward: str | None
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    files: tuple[File, ...]
    mounts: tuple[Mount, ...]
    secrets: tuple[Secret, ...]
    limits: Limits
    network_connect: tuple[Rule, ...]
    tls: Tls
    tls_sockets: tuple[tuple[str, Tls], ...]

    def __init__(
        self,
        *,
        steward: str | None = None,
        args: tuple[str, ...] = (),
        env: tuple[tuple[str, str], ...] = (),
        files: tuple[File, ...] = (),
        mounts: tuple[Mount, ...] = (),
        secrets: tuple[Secret, ...] = (),
        limits: Limits | None = None,
        network_connect: tuple[Rule, ...] = (),
        tls: Tls | None = None,
        tls_sockets: tuple[tuple[str, Tls], ...] = (),
    ) -> None:
        self._fill(
            steward=steward,
            args=args,
            env=env,
            files=files,
            mounts=mounts,
            secrets=secrets,
            limits=limits or Limits(),
            network_connect=network_connect,
            tls=tls or Tls(),
            tls_sockets=tls_sockets,
        )

    def tls_for(self, name: str) -> Tls:
        """The TLS settings of the socket called *name*."""
        for socket, settings in self.tls_sockets:
            if socket == name:
                return settings
        return self.tls


def default_config() -> Config:
    """The configuration of an application without an Enarx.toml: the three standard streams."""
    return Config(files=tuple(File(kind=k, name=k) for k in ("stdin", "stdout", "stderr")))


def secrets_wanted(config: Config) -> tuple[Secret, ...]:
    """The secrets that the steward is to be asked for, optional ones too."""
    return tuple(secret for secret in config.secrets if secret.origin == "steward")


def application_environment(
    config: Config, extra: Iterable[tuple[str, str]] = (), *, fd_variables: bool = True
) -> list[tuple[str, str]]:
    """The application's environment, in order: FD_COUNT, FD_NAMES, ``[env]``, then *extra*.

    A variable of ``[env]`` called FD_COUNT or FD_NAMES comes second, as in Enarx 0.7; one of
    *extra* replaces the one of the same name in ``[env]``.  Without *fd_variables* the first two
    are left out.
    """
    given = dict(extra)
    about_files = [
        ("FD_COUNT", str(len(config.files))),
        ("FD_NAMES", ":".join(file.name for file in config.files)),
    ]
    kept = [(name, value) for name, value in config.env if name not in given]
    return [*(about_files if fd_variables else []), *kept, *given.items()]


def application_arguments(
    config: Config, extra: Iterable[str] = (), *, argv0: str = ARGV0
) -> list[str]:
    """The application's argument vector: *argv0*, ``args``, then *extra*."""
    return [argv0, *config.args, *extra]
