"""From the application's bytes to runnable code: out of the ahead-of-time cache, or compiled.

The host keeps the cache.  What it offers is native code, so nothing is mapped whose sha256 is
not the one that the owner's cache vouched for, and a file that changed since is compiled anew.

Compiling is done by a child process in a sandbox of its own.  It needs threads, and half a
gigabyte for a large application; the keep that runs the result never starts a thread, may be
forbidden to, and keeps none of that memory.
"""

from __future__ import annotations

import fcntl
import json
import os

from enarx.errors import EnarxError, UnavailableError
from enarx.keep.engine.trap import EngineError
from enarx.keep.sandbox.lockdown import lock_down
from enarx.keep.sandbox.prctl import end_with_parent
from enarx.protocol import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Engine, Module
    from enarx.keep.link import Link

_PIECE = 1 << 20
_REFUSED, _BUG = 1, 2  # exit statuses of the compiler
_MAX_REFUSAL = 1 << 16
_RESULT = 3  # the compiler's only descriptor beside the zygote's three
_LAST_DESCRIPTOR = 0x7FFF_FFFF
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


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


def compile_apart(compile_code: Callable[[], Module | Component]) -> int:
    """Compile in a child process; the descriptor of the compiled code, a sealed file in memory.

    The caller has started no thread.

    Raises:
        MalformedError: the application cannot be compiled.
        UnavailableError: the child was killed.
    """
    fd = os.memfd_create("enarx-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_compiler(compile_code, fd, parent)
    _, status = os.waitpid(pid, 0)
    if status:
        try:
            raise _failure(fd, status)
        finally:
            os.close(fd)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def offer(link: Link, key: str, fd: int) -> None:
    """Give the compiled application to the host's cache; a host that refuses loses nothing."""
    try:
        link.store(key, _digest(fd), os.fstat(fd).st_size, fd)
    except OSError:
        return


def _be_compiler(compile_code: Callable[[], Module | Component], fd: int, parent: int) -> NoReturn:
    """The child: compile, write code or error to *fd*, end.  Nothing may return from here."""
    status = _BUG
    try:
        end_with_parent(parent)
        # not the link, not the streams: what compiles a hostile application can reach nobody
        fd = os.dup2(fd, _RESULT)
        os.closerange(_RESULT + 1, _LAST_DESCRIPTOR)
        lock_down((), allow_threads=True)
        try:
            _write(fd, compile_code().serialize())
            status = 0
        except EnarxError as error:
            _write(fd, json.dumps(outcome.failed(error).encode()).encode())
            status = _REFUSED
    finally:
        os._exit(status)


def _failure(fd: int, status: int) -> EnarxError:
    """What a child that ended with wait status *status* has to say."""
    if os.WIFSIGNALED(status):
        return UnavailableError(
            "compiler",
            f"was killed by signal {os.WTERMSIG(status)}",
            hints=("it may have run out of memory: close other programs, or use a larger machine",),
        )
    if os.WEXITSTATUS(status) == _REFUSED:
        error = outcome.decode(json.loads(os.pread(fd, _MAX_REFUSAL, 0))).error
        if error is not None:
            return error
    return UnavailableError("compiler", f"ended with exit status {os.WEXITSTATUS(status)}")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _digest(fd: int) -> str:
    from hashlib import sha256

    digest = sha256()
    offset = 0
    while piece := os.pread(fd, _PIECE, offset):
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()
