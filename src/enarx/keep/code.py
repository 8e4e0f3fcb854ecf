"""From the application's bytes to runnable code: out of the ahead-of-time cache, or compiled.

The host keeps the cache.  What it offers is native code, so nothing is mapped whose sha256 is
not the one that the owner's cache vouched for, and a file that changed since is compiled anew.
"""

from __future__ import annotations

import os

from enarx.keep.engine.trap import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Engine, Module
    from enarx.keep.link import Link

_PIECE = 1 << 20


def cache_key(engine: Engine, digest: str) -> str:
    """The name of an entry: the application's digest, then the engine's fingerprint, in hex."""
    from hashlib import sha256

    fingerprint = sha256(engine.fingerprint().encode()).hexdigest()
    return f"{digest.removeprefix('sha256:')}-{fingerprint}"


def load_cached(
    link: Link, key: str, engine: Engine, load: Callable[[Engine, str], Module | Component]
) -> Module | Component | None:
    """The compiled application from the host's cache, or None to compile it.

    Args:
        link: where to ask.
        key: from ``cache_key``.
        engine: what compiled it.
        load: its loader for this kind of application.
    """
    found = link.cached(key)
    if found is None:
        return None
    sha256_claimed, fd = found
    try:
        if _digest(fd) != sha256_claimed:
            return None
        return load(engine, f"/proc/self/fd/{fd}")
    except (EngineError, OSError):
        return None  # damaged, or made by another engine than its name says
    finally:
        os.close(fd)


def offer(link: Link, key: str, module: Module | Component) -> None:
    """Give the compiled application to the host's cache; a host that refuses loses nothing."""
    from hashlib import sha256

    data = module.serialize()
    fd = os.memfd_create("enarx-aot", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        link.store(key, sha256(data).hexdigest(), len(data), fd)
    except OSError:
        return
    finally:
        os.close(fd)


def _digest(fd: int) -> str:
    from hashlib import sha256

    digest = sha256()
    offset = 0
    while piece := os.pread(fd, _PIECE, offset):
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()
