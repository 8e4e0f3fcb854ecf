"""What opens the keys of an authority: the secret of its files, and the PIN of its module."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.steward.authority.directory import PrivateDirectory, read_private
from enarx.steward.authority.wrapping import MAX_PASSPHRASE, Passphrase
from enarx.wire import text

if TYPE_CHECKING:
    from enarx.steward.authority.pkcs11 import Token
    from enarx.steward.authority.state import Module
    from enarx.steward.authority.wrapping import Wrapping

PASSPHRASE_FILE = "authority.passphrase"  # noqa: S105 - the name of a file
"""Beside the state: what an authority is encrypted with if nobody says anything else."""

_RANDOM = 32
_MAX_PIN = 255


class Opener:
    """What opens keys; safe to share between threads, and keeps one login to each module.

    Args:
        wrapping: of the files.
        pin: of the module, empty if there is none.
    """

    def __init__(self, wrapping: Wrapping, *, pin: str = "") -> None:
        self.wrapping = wrapping
        self._pin = pin
        self._tokens: dict[Module, Token] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Opener({self.wrapping.kind})"

    def token(self, module: Module) -> Token:
        """The token of *module*, logged in.

        Raises:
            MisconfiguredError: there is no PIN, or the token cannot be had with it.
        """
        if not self._pin:
            raise MisconfiguredError("PIN of the token", "not given", hints=("give --pin-file",))
        try:
            from enarx.steward.authority.pkcs11 import Token
        except ModuleNotFoundError as error:
            hint = "pip install 'enarx[steward]'"
            raise MisconfiguredError("python-pkcs11", "not installed", hints=(hint,)) from error
        with self._lock:
            if module not in self._tokens:
                self._tokens[module] = Token(module, self._pin)
            return self._tokens[module]


def opener_from_files(directory: str, *, passphrase_file: str = "", pin_file: str = "") -> Opener:
    """What opens the authority in *directory*; by default with the passphrase beside it.

    Raises:
        MisconfiguredError: a file is not there, not private, or holds no such thing.
    """
    path = passphrase_file
    if not path:
        place = PrivateDirectory(directory)
        path = place.place(PASSPHRASE_FILE)
        if PASSPHRASE_FILE not in place:
            hint = "give --passphrase-file, as when the authority was made"
            raise MisconfiguredError(path, "not there", hints=(hint,))
    pin = _line(pin_file, _MAX_PIN).decode("utf-8", "replace") if pin_file else ""
    return Opener(Passphrase(_line(path, MAX_PASSPHRASE)), pin=pin)


def make_passphrase(directory: str) -> None:
    """Put a random passphrase beside the state, unless there is one."""
    place = PrivateDirectory(directory)
    with place.locked():
        if PASSPHRASE_FILE not in place:
            secret = text.to_base64url(os.urandom(_RANDOM))
            place.put(PASSPHRASE_FILE, f"{secret}\n".encode("ascii"))


def _line(path: str, most: int) -> bytes:
    """The content of a file without its line's end."""
    return read_private(path, most=most + 2).removesuffix(b"\n").removesuffix(b"\r")
