"""The launch message for the runtime, made of what the envelope held.

Every blob and secret goes through a file in memory that only the two processes of this keep ever
hold.  The host's cache of compiled code is not used: compiled code is the application.
"""

from __future__ import annotations

import os

from enarx import frames
from enarx.protocol.launch import MAX_FRAME, Blob, Launch, Secret, encode_launch, encode_spilled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.keep.agent.runtime import Runtime
    from enarx.package.manifest import Package


def launch(
    runtime: Runtime,
    package: Package,
    *,
    args: tuple[str, ...],
    env: tuple[tuple[str, str], ...],
    secrets: Mapping[str, bytes],
    not_before_s: int,
) -> None:
    """Tell *runtime* what to run; the files are its own from then on.

    Raises:
        OSError: the runtime is gone, or the system is out of descriptors or memory.
    """
    opened: list[int] = []

    def file(name: str, data: bytes) -> int:
        opened.append(os.memfd_create(name, os.MFD_CLOEXEC))
        _write(opened[-1], data)
        return opened[-1]

    if runtime.theirs is None:
        raise TypeError("the runtime was launched before")
    try:
        message = Launch(
            manifest=package.manifest.decode(),
            blobs=tuple(
                Blob(blob.digest.removeprefix("sha256:"), len(blob.data), file("blob", blob.data))
                for blob in package.blobs
            ),
            stdio=runtime.theirs,
            args=args,
            env=env,
            aot=False,
            attested=True,
            not_before_s=not_before_s,
            secrets=tuple(
                Secret(name, len(data), file("secret", data)) for name, data in secrets.items()
            ),
        )
        data, fds = encode_launch(message)
        if len(data) > MAX_FRAME:
            fds = (*fds, file("launch", data))
            data = encode_spilled(len(data), len(fds) - 1)
        frames.send(runtime.link, data, fds)
    finally:
        for fd in opened:
            os.close(fd)
    runtime.launched()


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
