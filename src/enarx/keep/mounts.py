"""The trees an application sees: package files, scratch memory, and folders of the host.

Host folders exist only for ``run``, and only those the operator named; they come as open
descriptors.  Everything ends up in one namespace, whose pre-opened folders are returned.
"""

from __future__ import annotations

from enarx.errors import MisconfiguredError
from enarx.keep.vfs.namespace import build
from enarx.package.model import SECRETS_DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.delivery import Delivery
    from enarx.keep.vfs.memory import MemoryDirectory
    from enarx.keep.vfs.node import Directory
    from enarx.package.model import Mount
    from enarx.protocol.launch import Mount as HostMount

_ROOT = b"/"


class Mounts:
    """What is mounted.

    Attributes:
        package: the package's files as a read-only tree, or None if it has none.
    """

    def __init__(
        self,
        host: Sequence[HostMount],
        configured: Sequence[Mount],
        files_layer: bytes | None,
        *,
        source: str,
    ) -> None:
        """Mount everything but secrets; *source* is what messages call the configuration.

        Raises:
            MisconfiguredError: a folder that the package does not have, or that is none.
            MalformedError: the package's files are damaged.
        """
        self._source = source
        self.package = _package(files_layer)
        self._mounted = [
            (mount.path.encode(), self._configured(mount, number))
            for number, mount in enumerate(configured)
        ]
        if self.package is not None and not configured:
            self._mounted.append((_ROOT, self.package))
        self._mounted += [(mount.path.encode(), _host(mount)) for mount in host]

    def preopens(self, secrets: Delivery | None) -> tuple[tuple[bytes, Directory], ...]:
        """Guest path and folder of each tree that the application finds open, *secrets* in them.

        Raises:
            MisconfiguredError: two mounts at one place.
        """
        mounted, files = list(self._mounted), []
        if secrets is not None:
            from enarx.keep.vfs.package import flat_tree, loose_files

            files = loose_files(secrets.files)
            if secrets.unnamed:
                mounted.append((SECRETS_DIRECTORY.encode(), flat_tree(secrets.unnamed)))
        return build(mounted, files=files, source=self._source)

    def _configured(self, mount: Mount, number: int) -> Directory:
        if mount.source == "scratch":
            from enarx.keep.vfs.memory import scratch

            return scratch(mount.size_bytes, device=number + 1)
        path = f"mounts[{number}]"
        if self.package is None:
            raise MisconfiguredError(
                self._source,
                "the package has no files",
                path=path,
                hints=('put files beside main.wasm, or use source = "scratch"',),
            )
        from enarx.keep.vfs.package import subdirectory

        found = subdirectory(self.package, mount.folder.encode())
        if found is None:
            raise MisconfiguredError(
                self._source,
                f"the package has no folder {mount.folder!r}",
                path=f"{path}.from",
                hints=("see 'enarx package inspect' for what it has",),
            )
        return found


def _package(files_layer: bytes | None) -> MemoryDirectory | None:
    if files_layer is None:
        return None
    from enarx.keep.vfs.package import package_tree
    from enarx.package.files_layer import unpack

    return package_tree(unpack(files_layer))


def _host(mount: HostMount) -> Directory:
    from enarx.keep.vfs import host

    try:
        return host.mount(mount.fd, writable=mount.writable)
    except OSError as error:
        raise MisconfiguredError(
            "--mount",
            f"cannot be mounted: {(error.strerror or str(error)).lower()}",
            path=mount.path,
            hints=("name a folder on a disk: files of /proc and /sys are refused",),
        ) from error
