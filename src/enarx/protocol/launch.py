"""The launch message: what a host hands to a keep, once, before anything else.

Pure: bytes and numbers of descriptors in, values out, and back.  The descriptors travel beside the
message (``SCM_RIGHTS``); inside it they are indices, and each one sent must be named exactly once.
That the blobs have the digests they claim is not decided here: the keep hashes them.

    {"v": 1, "manifest": "<json text>", "blobs": [{"digest", "size", "fd"}], "name", "argv0",
     "args": [], "env": {}, "config_name", "stdio": [fd, fd, fd],
     "mounts": [{"path", "fd", "writable"}], "aot": true, "fd_variables": true,
     "secrets": [{"name", "size", "fd"}]}

(``secrets`` is left out where there are none, ``"attested": true`` where nobody gives evidence,
``"not_before_s"`` where nobody says how late it is.)

A message longer than a frame is put in a file, and in its place goes

    {"v": 1, "spilled": {"fd", "size"}}
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.wire.document import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.wire.document import Fields

VERSION = 1
MAX_FRAME = 64 * 1024
"""Longest frame on a link, in bytes."""
MAX_DESCRIPTORS = 128
"""Most descriptors beside one message; the kernel's own limit (SCM_MAX_FD) is 253."""
MAX_SPILLED = 16 << 20
"""Longest launch message in a file, in bytes: room for a full command line (2 MiB on Linux)."""
MAX_SECRETS = 64
MAX_INSTANT_S = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""
MAX_SECRET = 1 << 20
"""Largest secret, in bytes."""

_WHERE = "launch message"
_MAX_BLOB = 1 << 40
_MAX_BLOBS = 16
_MAX_MOUNTS = 64
_MAX_NAME = 255
_MAX_STRINGS = 1 << 16
_MAX_PATH = 4096
_DIGEST_DIGITS = 64


class Blob:
    """One blob of the package: its claimed sha256, its size in bytes and where its bytes are."""

    __slots__ = ("digest", "fd", "size")

    def __init__(self, digest: str, size: int, fd: int) -> None:
        self.digest = digest
        self.size = size
        self.fd = fd


class Mount:
    """One host directory, as an open directory descriptor, and where the application sees it."""

    __slots__ = ("fd", "path", "writable")

    def __init__(self, path: str, fd: int, *, writable: bool) -> None:
        self.path = path
        self.fd = fd
        self.writable = writable


class Secret:
    """One file for the application alone: its name, its size in bytes and where its bytes are."""

    __slots__ = ("fd", "name", "size")

    def __init__(self, name: str, size: int, fd: int) -> None:
        self.name = name
        self.size = size
        self.fd = fd


class Launch:
    """Everything a keep is told at its start; descriptors are the holder's own numbers.

    *attested*: the link's other end gives evidence ("prove").  *not_before_s*: it is at least this
    late, in seconds since 1970.
    *name* and *config_name* are what messages call the application and its Enarx.toml; *argv0* is
    what the application is told its own name is.
    """

    __slots__ = (
        "aot", "args", "argv0", "attested", "blobs", "config_name", "env", "fd_variables",
        "manifest", "mounts", "name", "not_before_s", "secrets", "stdio",
    )  # fmt: skip

    def __init__(
        self,
        *,
        manifest: str,
        blobs: tuple[Blob, ...],
        stdio: tuple[int, int, int],
        name: str = "main.wasm",
        argv0: str = "main.wasm",
        args: tuple[str, ...] = (),
        env: tuple[tuple[str, str], ...] = (),
        config_name: str = "Enarx.toml",
        mounts: tuple[Mount, ...] = (),
        aot: bool = True,
        fd_variables: bool = True,
        secrets: tuple[Secret, ...] = (),
        attested: bool = False,
        not_before_s: int = 0,
    ) -> None:
        self.not_before_s = not_before_s
        self.attested = attested
        self.manifest = manifest
        self.blobs = blobs
        self.name = name
        self.argv0 = argv0
        self.args = args
        self.env = env
        self.config_name = config_name
        self.stdio = stdio
        self.mounts = mounts
        self.aot = aot
        self.fd_variables = fd_variables
        self.secrets = secrets


def encode_launch(launch: Launch) -> tuple[bytes, tuple[int, ...]]:
    """Return the message and the descriptors to send beside it, in order.

    The caller must spill a message longer than ``MAX_FRAME`` (``encode_spilled``).
    """
    sent: list[int] = []

    def index(fd: int) -> int:
        sent.append(fd)
        return len(sent) - 1

    message: dict[str, object] = {
        "v": VERSION,
        "manifest": launch.manifest,
        "blobs": [
            {"digest": blob.digest, "size": blob.size, "fd": index(blob.fd)}
            for blob in launch.blobs
        ],
        "name": launch.name,
        "argv0": launch.argv0,
        "args": list(launch.args),
        "env": dict(launch.env),
        "config_name": launch.config_name,
        "stdio": [index(fd) for fd in launch.stdio],
        "mounts": [
            {"path": mount.path, "fd": index(mount.fd), "writable": mount.writable}
            for mount in launch.mounts
        ],
        "aot": launch.aot,
        "fd_variables": launch.fd_variables,
    }
    if launch.secrets:
        message["secrets"] = [
            {"name": secret.name, "size": secret.size, "fd": index(secret.fd)}
            for secret in launch.secrets
        ]
    if launch.attested:
        message["attested"] = True
    if launch.not_before_s:
        message["not_before_s"] = launch.not_before_s
    return dump(message), tuple(sent)


def decode_launch(data: bytes, fds: Sequence[int]) -> Launch:
    """Return the launch whose message is *data* and whose descriptors arrived as *fds*.

    The caller still owns *fds* when this raises.

    Raises:
        MalformedError: a key is missing, unknown or of the wrong shape; a descriptor is named
            twice or not at all.
    """
    fields = load(data, _WHERE)
    fields.integer("v", VERSION, VERSION)
    names = _Descriptors(fds)
    launch = Launch(
        manifest=fields.text("manifest", least=2),
        blobs=tuple(_blob(one, names) for one in fields.objects("blobs", _MAX_BLOBS)),
        name=fields.text("name", most=_MAX_PATH, escaped=True),
        argv0=fields.text("argv0", most=_MAX_PATH, escaped=True),
        args=fields.texts("args", most=_MAX_STRINGS, escaped=True),
        env=fields.table("env", _MAX_STRINGS),
        config_name=fields.text("config_name", most=_MAX_PATH, escaped=True),
        stdio=_stdio(fields, names),
        mounts=tuple(_mount(one, names) for one in fields.objects("mounts", _MAX_MOUNTS)),
        aot=fields.boolean("aot"),
        fd_variables=fields.boolean("fd_variables"),
        secrets=_secrets(fields, names) if "secrets" in fields else (),
        attested=fields.boolean("attested") if "attested" in fields else False,
        not_before_s=_instant(fields) if "not_before_s" in fields else 0,
    )
    fields.done()
    names.done()
    return launch


def _instant(fields: Fields) -> int:
    return fields.integer("not_before_s", 1, MAX_INSTANT_S)


def encode_spilled(size: int, index: int) -> bytes:
    """Announce a launch message of *size* bytes in the file that is descriptor *index*."""
    return dump({"v": VERSION, "spilled": {"fd": index, "size": size}})


def decode_spilled(data: bytes, fds: Sequence[int]) -> tuple[int, int] | None:
    """Return (descriptor, size) if *data* announces a spilled launch message, else None.

    Raises:
        MalformedError: it announces one, but not as the last descriptor or with a wrong size.
    """
    fields = load(data, _WHERE)
    if "spilled" not in fields:
        return None
    fields.integer("v", VERSION, VERSION)
    inner = fields.object("spilled")
    fields.done()
    index = inner.integer("fd", 0, MAX_DESCRIPTORS)
    size = inner.integer("size", 1, MAX_SPILLED)
    inner.done()
    if index != len(fds) - 1:
        inner.refuse("fd", f"got {index}, want {len(fds) - 1}")
    return fds[index], size


class _Descriptors:
    """Maps indices to descriptors, each at most once, and all of them in the end."""

    __slots__ = ("_left",)

    def __init__(self, fds: Sequence[int]) -> None:
        self._left = dict(enumerate(fds))

    def of(self, fields: Fields, key: str) -> int:
        index = fields.integer(key, 0, MAX_DESCRIPTORS - 1)
        return self.at(index, f"{fields.where}: {key}")

    def at(self, index: int, where: str) -> int:
        try:
            return self._left.pop(index)
        except KeyError:
            raise MalformedError(where, f"descriptor {index} is not there or named twice") from None

    def done(self) -> None:
        if self._left:
            raise MalformedError(_WHERE, f"descriptor {min(self._left)} is not named")


def _blob(fields: Fields, names: _Descriptors) -> Blob:
    """Read one element of ``blobs``."""
    blob = Blob(
        fields.hexadecimal("digest", _DIGEST_DIGITS),
        fields.integer("size", 0, _MAX_BLOB),
        names.of(fields, "fd"),
    )
    fields.done()
    return blob


def _mount(fields: Fields, names: _Descriptors) -> Mount:
    """Read one element of ``mounts``."""
    mount = Mount(
        fields.text("path", least=1, most=_MAX_PATH),
        names.of(fields, "fd"),
        writable=fields.boolean("writable"),
    )
    fields.done()
    return mount


def _secrets(fields: Fields, names: _Descriptors) -> tuple[Secret, ...]:
    """Read ``secrets``: files with names of one component, each once."""
    found: dict[str, Secret] = {}
    for one in fields.objects("secrets", MAX_SECRETS):
        name = one.text("name", least=1, most=_MAX_NAME)
        if name in found or name in {".", ".."} or "/" in name:
            one.refuse("name", f"got {name!r}, want a file name of its own")
        found[name] = Secret(name, one.integer("size", 0, MAX_SECRET), names.of(one, "fd"))
        one.done()
    return tuple(found.values())


def _stdio(fields: Fields, names: _Descriptors) -> tuple[int, int, int]:
    """Read ``stdio``: exactly three descriptors."""
    where = f"{fields.where}: stdio"
    found = []
    for value in fields.array("stdio", 3):
        if not isinstance(value, int) or isinstance(value, bool):
            raise MalformedError(where, "want three indices of descriptors")
        found.append(names.at(value, where))
    if len(found) != 3:  # noqa: PLR2004 - input, output, error
        raise MalformedError(where, f"got {len(found)} descriptors, want 3")
    return found[0], found[1], found[2]
