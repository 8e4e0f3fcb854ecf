"""From the options of ``enarx run`` to the launch message: opens what the keep will be given."""

from __future__ import annotations

import os

from enarx.errors import MisconfiguredError
from enarx.protocol.launch import MAX_SECRET, MAX_SECRETS, Blob, Launch, Mount, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.package.manifest import Package

_MODES = {"ro": False, "rw": True}
_STREAM_FLAGS = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)


class Descriptors:
    """What was opened for one launch, closed together."""

    def __init__(self) -> None:
        self._opened: list[int] = []

    def keep(self, fd: int) -> int:
        """Remember *fd*, to be closed."""
        self._opened.append(fd)
        return fd

    def file(self, name: str, data: bytes) -> int:
        """A file in memory with *data* in it."""
        fd = self.keep(os.memfd_create(name, os.MFD_CLOEXEC))
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        return fd

    def stream(self, number: int) -> int:
        """A standard stream of ours, or nothing in its place if it is closed."""
        try:
            os.fstat(number)
        except OSError:
            return self.keep(os.open(os.devnull, _STREAM_FLAGS[number] | os.O_CLOEXEC))
        return number

    def close(self) -> None:
        """Close all."""
        while self._opened:
            os.close(self._opened.pop())


def prepare(  # one argument per option
    package: Package,
    descriptors: Descriptors,
    *,
    name: str,
    config_name: str,
    arguments: tuple[str, ...],
    environment: tuple[str, ...],
    mounts: tuple[str, ...],
    secrets: tuple[str, ...] = (),
    cache: bool,
    fd_variables: bool,
) -> Launch:
    """The launch of *package*.

    Raises:
        MisconfiguredError: a variable, a mount or a secret is not written as it must be, or not
            there.
    """
    return Launch(
        manifest=package.manifest.decode(),
        blobs=tuple(
            Blob(
                blob.digest.removeprefix("sha256:"),
                len(blob.data),
                descriptors.file("blob", blob.data),
            )
            for blob in package.blobs
        ),
        name=name,
        args=arguments,
        env=tuple(variable(text) for text in environment),
        config_name=config_name,
        stdio=(descriptors.stream(0), descriptors.stream(1), descriptors.stream(2)),
        mounts=_mounts(mounts, descriptors),
        secrets=tuple(
            Secret(one, len(data), descriptors.file("secret", data))
            for one, data in (secret_files(secrets) if secrets else {}).items()
        ),
        aot=cache,
        fd_variables=fd_variables,
    )


def variable(text: str) -> tuple[str, str]:
    """The name and value in "NAME=VALUE".

    Raises:
        MisconfiguredError: it is written otherwise.
    """
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise MisconfiguredError(
            "--env", f"got {text!r}, want NAME=VALUE", hints=("to set an empty value, write NAME=",)
        )
    return name, value


def secret_files(texts: tuple[str, ...]) -> dict[str, bytes]:
    """The secrets of "NAME=FILE", by name.

    Raises:
        MisconfiguredError: one is written otherwise or comes twice, or its file is not there.
        MalformedError: it is too large.
    """
    from enarx.adapters.package_files import read_file

    found: dict[str, bytes] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not name or not separator or not path or "/" in name or name in (".", ".."):
            hint = "NAME is that of [secrets] in Enarx.toml, or the file's below /run/secrets"
            raise MisconfiguredError("--secret", "want NAME=FILE", hints=(hint,))
        if name in found:
            raise MisconfiguredError("--secret", f"{name} twice")
        found[name] = read_file(path, MAX_SECRET)
    if len(found) > MAX_SECRETS:
        problem = f"got {len(found)} secrets, want at most {MAX_SECRETS}"
        raise MisconfiguredError("--secret", problem)
    return found


def _mounts(texts: tuple[str, ...], descriptors: Descriptors) -> tuple[Mount, ...]:
    mounts = tuple(_mount(text, descriptors) for text in texts)
    paths = [mount.path for mount in mounts]
    for path in paths:
        if paths.count(path) > 1:
            raise MisconfiguredError(
                "--mount", f"{path} is mounted twice", hints=("give each folder a path of its own",)
            )
    return mounts


def _mount(text: str, descriptors: Descriptors) -> Mount:
    """``DIR:PATH`` or ``DIR:PATH:ro`` or ``DIR:PATH:rw``; DIR may have colons, PATH may not."""
    rest, _, last = text.rpartition(":")
    if last in _MODES:
        writable = _MODES[last]
        folder, _, path = rest.rpartition(":")
    else:
        writable = False
        folder, path = rest, last
    if not folder or not _is_plain(path):
        raise MisconfiguredError(
            "--mount",
            f"got {text!r}, want DIR:PATH, DIR:PATH:ro or DIR:PATH:rw",
            hints=("PATH is where the application sees it: absolute and plain, such as /data",),
        )
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise MisconfiguredError(
            "--mount",
            f"cannot open {folder}: {(error.strerror or str(error)).lower()}",
            hints=("name an existing folder that you may read",),
        ) from error
    return Mount(path, descriptors.keep(fd), writable=writable)


def _is_plain(path: str) -> bool:
    """Absolute, UTF-8, and the only way to write it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return path == "/" or (
        path.startswith("/") and not {"", ".", ".."}.intersection(path[1:].split("/"))
    )
