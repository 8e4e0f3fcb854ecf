"""What ``enarx host`` and ``enarx up`` share: the state directory, and how its processes start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from enarx.adapters.private_files import OTHERS, base_directory, open_directory
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.host.keeper.messages import LOCK, LOG

if TYPE_CHECKING:
    from collections.abc import Callable

API_LOCK = "api.lock"
DEFAULT_PORT = 9180

_END_S = 30.0
_POLL_S = 0.01

_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


def state_directory(chosen: str, *, role: str = "host") -> str:
    """The absolute state directory of a *role*, private; made if need be.

    Raises:
        MisconfiguredError: others may read or change it.
        UnavailableError: it cannot be used.
    """
    base = base_directory(os.environ, "XDG_STATE_HOME", ".local/state")
    path = str(Path(chosen or f"{base}/enarx/{role}").absolute())
    try:
        os.close(open_directory(path, OTHERS))
    except PermissionError as error:
        hint = f"only you may have access to it: chmod 700 {path}"
        raise MisconfiguredError(path, "not private", hints=(hint,)) from error
    except OSError as error:
        raise UnavailableError(path, str(error.strerror).lower()) from error
    return path


def listen(address: str, port: int, *, secure: bool, insecure: bool) -> socket.socket:
    """A listening socket; one that other machines reach only if it is *secure*, or *insecure*.

    Raises:
        MisconfiguredError: it would be neither.
        UnavailableError: the address cannot be had.
    """
    if address not in _LOOPBACK and not (secure or insecure):
        raise MisconfiguredError(
            "--listen",
            f"got {address}, which other machines reach, without TLS",
            hints=("give --tls-certificate and --tls-key", "or listen on 127.0.0.1"),
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, asyncio sends small messages at once (TCP_NODELAY).
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        problem = str(error.strerror or error).lower()
        raise UnavailableError(f"{address}:{port}", problem) from error
    return sock


def url_of(sock: socket.socket, *, secure: bool) -> str:
    """What clients call the socket."""
    host, port = sock.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{name}:{port}"


class KeeperStarter:
    """Starts a keeper for *directory* when there is none.

    It takes the keeper's lock and hands it on, so that a keeper which is still starting is
    there for everyone who asks.
    """

    def __init__(self, directory: str, arguments: tuple[str, ...] = ()) -> None:
        self._directory = directory
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Start one, unless one is there."""
        from enarx.host.lock import Lock, take

        if self._process is not None:
            self._process.poll()  # no zombie of the last one
        lock = take(f"{self._directory}/{LOCK}")
        if lock is None:
            return
        log = os.open(
            f"{self._directory}/{LOG}",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "enarx", "host", "keeper",
                    "--state", self._directory, "--lock-fd", str(lock), *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )  # fmt: skip
            Lock(lock).note(f"process {self._process.pid}")
        finally:
            os.close(log)
            os.close(lock)


def end_processes(directory: str, say: Callable[[str], None]) -> None:
    """Ask the API, then the keeper of *directory* to end, and wait until they have.

    Both may be gone already.  The API first: it starts keepers.

    Raises:
        UnavailableError: one is still there after half a minute.
    """
    for name, lock in (("API", API_LOCK), ("keeper", LOCK)):
        _end(f"{directory}/{lock}", name, say)


def _end(path: str, name: str, say: Callable[[str], None]) -> None:
    import signal
    import time

    from enarx.host.lock import is_held, read_note

    told: set[str] = set()
    deadline = time.monotonic() + _END_S
    while is_held(path):
        note = read_note(path).partition(" ")[2].partition(",")[0]
        if note.isdecimal() and note not in told:
            told.add(note)
            with suppress(ProcessLookupError):  # the note of one before, not yet replaced
                os.kill(int(note), signal.SIGTERM)
                say(f"{name}: process {note} was told to end")
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"{name}: process {note}", "does not end", hints=(f"kill -9 {note}",)
            )
        time.sleep(_POLL_S)
