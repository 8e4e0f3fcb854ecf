"""Enarx.toml, declared: every key, what it may be, what it means and its default.

The parser and the JSON Schema are both made from this.  Rules that need more than one table
(two mounts at one path, a socket that does not exist) are in ``config``.

Sources: Enarx 0.7, ``enarx-config`` (top level and ``files``); DESIGN section 5 for the rest.
"""

from __future__ import annotations

from enarx.package import network
from enarx.package.model import DEFAULT_LISTEN_ADDR
from enarx.wire.shape import Duration, Many, Named, Shape, Size, Table, Tagged, Text, Truth, Whole

_MIB = 1024 * 1024
_NO_NUL = r"^[^\u0000]*$"
_RELATIVE = r"(?!\.{1,2}(/|$))[^/\u0000]+(/(?!\.{1,2}(/|$))[^/\u0000]+)*"
_HOST_PATTERN = r"^[^\u0000-\u0020/@]+$"

_NAME = Text(
    about="The descriptor's name, as the application finds it in FD_NAMES.",
    pattern=r"^[^:\u0000]*$",
    wanted="a string without ':'",
    problem="file name must not contain ':'",
)
_PROT = Text(
    about="The protocol. TLS begins and ends inside the keep.",
    choices=("tls", "tcp"),
    default="tls",
)
_PORT = Whole(about="The port; 443 for tls and 80 for tcp if missing.", minimum=0, maximum=65535)


def _stream(kind: str, about: str) -> Table:
    return Table(about=about, keys={"kind": Text(choices=(kind,)), "name": _NAME})


_FILES = Tagged(
    about="One descriptor that is open when the application starts; the first is descriptor 0.",
    tag=Text(
        about="What the descriptor is.",
        choices=("null", "stdin", "stdout", "stderr", "listen", "connect"),
    ),
    tag_name="kind",
    variants={
        "null": _stream("null", "Reads nothing, swallows what is written."),
        "stdin": _stream("stdin", "The keep's standard input."),
        "stdout": _stream("stdout", "The keep's standard output."),
        "stderr": _stream("stderr", "The keep's standard error."),
        "listen": Table(
            about="A listening socket, ready for accept.",
            keys={
                "kind": Text(choices=("listen",)),
                "name": _NAME,
                "prot": _PROT,
                "addr": Text(
                    about="The address to listen on.",
                    pattern=_HOST_PATTERN,
                    wanted="an address",
                    default=DEFAULT_LISTEN_ADDR,
                ),
                "port": _PORT,
            },
            required=("name",),
        ),
        "connect": Table(
            about="A connected socket.",
            keys={
                "kind": Text(choices=("connect",)),
                "name": _NAME,
                "prot": _PROT,
                "host": Text(
                    about="The name or address to connect to; also the name if none is given.",
                    pattern=_HOST_PATTERN,
                    wanted="a host name or address",
                ),
                "port": _PORT,
            },
            required=("host",),
        ),
    },
)

_MOUNT_PATH = Text(
    about="Where the application finds the folder.",
    pattern=r"^/$|^(/(?!\.{1,2}(/|$))[^/\u0000]+)+$",
    wanted="an absolute path without '.', '..' or a slash at its end",
    examples=("/data",),
)
_MOUNTS = Tagged(
    about="One folder in the application's name space.",
    tag=Text(
        about="The package's files (read-only), or memory (read-write, gone at the end).",
        choices=("package", "scratch"),
        default="package",
    ),
    tag_name="source",
    variants={
        "package": Table(
            about="Read-only files of the package.",
            keys={
                "path": _MOUNT_PATH,
                "source": Text(choices=("package",)),
                "from": Text(
                    about="The folder of the package's files; all of them if missing.",
                    pattern=rf"^$|^{_RELATIVE}$",
                    wanted="a relative path without '.' or '..'",
                    default="",
                    examples=("assets",),
                ),
            },
            required=("path",),
        ),
        "scratch": Table(
            about="Memory, empty at the start.",
            keys={
                "path": _MOUNT_PATH,
                "source": Text(choices=("scratch",)),
                "size": Size(
                    about="How much it may hold.", minimum=0, maximum=1 << 40, default="64MiB"
                ),
            },
            required=("path", "source"),
        ),
    },
)

_LIMITS = Table(
    about="What the application may use at most. What is missing is not limited.",
    keys={
        "memory": Size(
            about="The application's linear memories together.", minimum=64 * 1024, maximum=1 << 40
        ),
        "wall_time": Duration(about="Time from start to end.", maximum_s=366 * 24 * 3600),
        "fuel": Whole(
            about="WebAssembly instructions, about; counting them slows the application.",
            minimum=1,
            maximum=(1 << 63) - 1,
        ),
        "open_files": Whole(about="Open descriptors at a time.", minimum=3, maximum=4096),
    },
)

_NETWORK = Table(
    about="What the application may reach beyond the sockets in [[files]]. Nothing if missing.",
    keys={
        "connect": Many(
            about="Peers it may connect to, as host:port. The host is a name, *. and a name,"
            " an address, a range, or *; the port a number or *.",
            item=Text(pattern=network.PATTERN, wanted="host:port"),
            examples=(("example.com:443", "*.internal:8080", "10.0.0.0/8:*"),),
        )
    },
)

_ANCHORS = Text(
    pattern=rf"^-----BEGIN CERTIFICATE-----[\s\S]*$|^{_RELATIVE}$",
    wanted='"mozilla", a path in the package, or PEM certificates',
)
_SERVED_NAME = Text(
    pattern=r"^(\*\.)?[A-Za-z0-9_.-]{1,253}$",
    wanted="a host name, or *. and a name",
    about="A name, or *. and a name for what is one label below it.",
)
_PEM_FILE = rf"^(?!-----BEGIN){_RELATIVE}$"
_TLS_KEYS: dict[str, Shape] = {
    "trust_anchors": Many(
        about='Whom connect believes: "mozilla" (the public authorities), PEM certificates,'
        " or the path of a PEM file in the package.",
        item=_ANCHORS,
        default=("mozilla",),
    ),
    "client_auth": Text(
        about="Whether listen asks clients for a certificate.",
        choices=("none", "request", "require"),
        default="none",
    ),
    "client_trust_anchors": Many(
        about="Who may have issued clients' certificates, like trust_anchors.", item=_ANCHORS
    ),
    "alpn": Many(
        about="Application protocols, the preferred first.",
        item=Text(pattern=r"^[!-~]{1,255}$", wanted="1 to 255 visible ASCII characters"),
        examples=(("h2", "http/1.1"),),
    ),
    "server_name": Text(
        about="The name connect asks for and verifies, instead of the host.",
        pattern=r"^[A-Za-z0-9_.:-]{1,253}$",
        wanted="a host name or address",
    ),
    "server_names": Many(
        about="The only names listen answers to; all if missing.", item=_SERVED_NAME
    ),
    "certificate": Text(
        about="A PEM chain in the package, instead of the keep's own certificate.",
        pattern=_PEM_FILE,
        wanted="a path in the package",
    ),
    "private_key": Text(
        about="The PEM private key of the certificate. Whoever has the package can read it.",
        pattern=_PEM_FILE,
        wanted="a path in the package",
        secret=True,
    ),
    "handshake_timeout": Duration(
        about="How long a peer may take to shake hands.", maximum_s=3600, default="10s"
    ),
}
_PAIR = (("certificate", "private_key"), ("private_key", "certificate"))
_SOCKETS = Named(
    about="Settings of single sockets, by their name in [[files]], or steward; each replaces the"
    " general one.",
    key=_NAME,
    item=Table(about="TLS of one socket.", keys=_TLS_KEYS, requires=_PAIR),
)

_VARIABLE = Text(pattern=r"^[^=\u0000]+$", wanted="a name without '=' and NUL")
_SECRETS = Named(
    about="What the application is given in confidence, by name. Nothing of it is in the package.",
    key=Text(
        pattern=r"^(?!\.{1,2}$)[a-z0-9._-]{1,128}$",
        wanted="1 to 128 of a-z 0-9 . _ - as the name of a secret",
    ),
    item=Table(
        about="One secret: a read-only file, or an environment variable.",
        keys={
            "file": Text(
                about="Where the application finds it as a read-only file.",
                pattern=r"^(/(?!\.{1,2}(/|$))[^/\u0000]+)+$",
                wanted="an absolute path without '.', '..' or a slash at its end",
                examples=("/run/secrets/db-password",),
            ),
            "env": _VARIABLE._replace(about="The environment variable that has it."),
            "from": Text(
                about="Who gives it: the owner with the package, or the steward.",
                choices=("owner", "steward"),
                default="owner",
            ),
            "optional": Truth(about="Whether it may be missing.", default=False),
        },
        one_of=("file", "env"),
    ),
)

ENARX_TOML = Table(
    about="Configuration of an Enarx application: Enarx 0.7's keys, and what was added to them.",
    keys={
        "steward": Text(
            about="The attestation service that certifies the keep. Whom to believe there is in"
            " [tls.socket.steward].",
            pattern=r"^https://[^/?#\s]+([/?#]\S*)?$",
            wanted="an https URL",
        ),
        "args": Many(
            about="Arguments after argv[0], which is main.wasm.",
            item=Text(pattern=_NO_NUL, wanted="a string without NUL"),
        ),
        "env": Named(
            about="Environment variables, after FD_COUNT and FD_NAMES.",
            key=_VARIABLE,
            item=Text(pattern=_NO_NUL, wanted="a string without NUL", secret=True),
        ),
        "files": Many(
            about="The descriptors the application starts with, in order. If the key is missing"
            " there are none: the application then runs silently.",
            item=_FILES,
        ),
        "mounts": Many(
            about="The folders the application sees. If the key is missing, the package's files"
            " are at /.",
            item=_MOUNTS,
        ),
        "secrets": _SECRETS,
        "limits": _LIMITS,
        "network": _NETWORK,
        "tls": Table(
            about="TLS of all sockets, and below [tls.socket.NAME] of one.",
            keys={**_TLS_KEYS, "socket": _SOCKETS},
            requires=_PAIR,
        ),
    },
)

MAX_BYTES = 1_000_000
"""As Enarx 0.7 bounded a fetched Enarx.toml."""
