"""Start a zygote's process, and nothing else: the first thing that ``enarx run`` does.

A zygote takes longer to load than its host, so every millisecond before it starts is one of the
whole run.  That is why this module imports so little, and takes its one pair of sockets from the
C module below ``socket``, which first builds enumerations of every constant.
"""

from __future__ import annotations

import os
import signal
import sys
from _socket import AF_UNIX, SOCK_SEQPACKET, socketpair

import enarx
from enarx.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL = 3
"""The descriptor at which a zygote finds its control socket."""

PROGRAM = "from enarx.keep.zygote import main; main({preload!r})"

_TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
"""What the zygote never sees, from its first instruction on."""

_DEPENDENCIES = ("wasmtime", "cryptography", "zstandard", "OpenSSL", "certifi")
_HERE = "process keep"


class Spawned:
    """A zygote's process, and the descriptor of our end of its control socket."""

    __slots__ = ("control", "pid")

    def __init__(self, pid: int, control: int) -> None:
        self.pid = pid
        self.control = control


def spawn(
    *,
    preload: tuple[str, ...] = (),
    program: str = "",
    path: tuple[str, ...] = (),
    stderr: int = 2,
    from_source: bool = False,
) -> Spawned:
    """Start a zygote and return at once; call it from a thread that lives as long as it should.

    The zygote gets an empty environment, only this package and its dependencies to import, and
    of our descriptors only *stderr*, where a fatal error of the interpreter would appear.
    Signals that this process ignores are ignored in its keeps.

    Args:
        preload: what to import beside the engine ("tls").
        program: what it runs instead of keeps' own start, with *path* to import it from.
        path: further directories to import from.
        stderr: descriptor for its last words, and for those of its keeps.
        from_source: read no compiled Python, so that what was measured is what runs; slower.

    Raises:
        UnavailableError: the system is out of processes or descriptors.
    """
    try:
        ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    except OSError as error:
        raise UnavailableError(_HERE, f"cannot make a link: {error.strerror}") from error
    search = [*search_path(), *path]
    # Nothing that is imported is garbage, and looking for some takes milliseconds.
    text = f"import gc, sys; gc.disable(); sys.path += {search!r}; " + (
        program or PROGRAM.format(preload=preload)
    )
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, stderr, 2),
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), CONTROL),
    ]
    compiled = ("-B", "-X", f"pycache_prefix={os.devnull}") if from_source else ()
    argv = [sys.executable, "-I", "-S", "-X", "utf8", *compiled, "-c", text]
    try:
        pid = os.posix_spawn(
            sys.executable, argv, {}, file_actions=actions, setsigmask=_TERMINAL_SIGNALS
        )
    except OSError as error:
        ours.close()
        raise UnavailableError(_HERE, f"{sys.executable}: {error.strerror}") from error
    finally:
        theirs.close()
    return Spawned(pid, ours.detach())


def search_path() -> Sequence[str]:
    """Where a keep imports from: this package's directory and those of its dependencies."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(enarx.__file__)))
    found = [own]
    for entry in sys.path:
        if (
            entry
            and entry not in found
            and any(os.path.isdir(os.path.join(entry, name)) for name in _DEPENDENCIES)
        ):
            found.append(entry)
    return found
